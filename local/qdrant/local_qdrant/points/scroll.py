"""Lists points, in the order of their ids or of a payload field."""

import qdrant_edge as engine
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.convert import filters, ids, points
from local_qdrant.errors import bad_input, invalid_field, refuse_fields, unimplemented
from local_qdrant.store.store import Store

DEFAULT_LIMIT = 10
_DIRECTIONS = {pb.Direction.Asc: engine.Direction.Asc, pb.Direction.Desc: engine.Direction.Desc}


def scroll(store: Store, request: pb.ScrollPoints) -> pb.ScrollResponse:
    refuse_fields(request, "shard_key_selector")
    collection = store.get(request.collection_name)
    limit = request.limit if request.HasField("limit") else DEFAULT_LIMIT
    if limit < 1:
        raise invalid_field("limit", "value 0 invalid, must be 1 or larger")
    strict_mode.check_limit(collection, limit)
    strict_mode.check_read_filter(collection, [request.filter])
    if request.HasField("order_by") and request.HasField("offset"):
        raise bad_input("Cannot use an `offset` when using `order_by`. The alternative for paging is to use `order_by.start_from`")
    records, offset = collection.shard.scroll(
        engine.ScrollRequest(
            offset=ids.to_engine(request.offset) if request.HasField("offset") else None,
            limit=limit,
            filter=filters.optional(request),
            with_payload=points.with_payload(request.with_payload),
            with_vector=points.with_vectors(request.with_vectors),
            order_by=order_by(request.order_by) if request.HasField("order_by") else None,
        )
    )
    next_page = None if offset is None else ids.to_message(offset)
    return pb.ScrollResponse(result=[points.retrieved(record) for record in records], next_page_offset=next_page)


def order_by(message: pb.OrderBy) -> engine.OrderBy:
    match message.start_from.WhichOneof("value"):
        case None:
            start = None
        case "timestamp":
            raise unimplemented("StartFrom.timestamp")
        case kind:
            start = getattr(message.start_from, kind)
    return engine.OrderBy(message.key, _DIRECTIONS[message.direction], start)
