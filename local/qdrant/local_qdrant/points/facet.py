"""Counts points for each value of a payload field."""

import qdrant_edge as engine
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.convert import filters
from local_qdrant.errors import refuse_fields
from local_qdrant.store.store import Store

DEFAULT_LIMIT = 10


def facet(store: Store, request: pb.FacetCounts) -> pb.FacetResponse:
    refuse_fields(request, "shard_key_selector")
    collection = store.get(request.collection_name)
    limit = request.limit if request.HasField("limit") else DEFAULT_LIMIT
    strict_mode.check_limit(collection, limit)
    strict_mode.check_read_filter(collection, [request.filter])
    found = collection.shard.facet(engine.FacetRequest(request.key, limit, True, filters.optional(request)))
    return pb.FacetResponse(hits=[pb.FacetHit(value=_value(hit.value), count=hit.count) for hit in found.hits])


def _value(value: str | int | bool) -> pb.FacetValue:
    if isinstance(value, bool):
        return pb.FacetValue(bool_value=value)
    return pb.FacetValue(integer_value=value) if isinstance(value, int) else pb.FacetValue(string_value=str(value))
