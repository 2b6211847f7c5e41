"""Searches whose results are grouped by a payload field."""

from qdrant_client import grpc as pb

from local_qdrant.convert import points
from local_qdrant.errors import invalid_field, refuse_fields
from local_qdrant.points.query import DEFAULT_LIMIT, engine_request
from local_qdrant.store.store import Store

DEFAULT_GROUP_SIZE = 3


def query_groups(store: Store, request: pb.QueryPointGroups) -> pb.QueryGroupsResponse:
    refuse_fields(request, "shard_key_selector", "with_lookup")
    if not request.group_by:
        raise invalid_field("group_by", "value has an invalid length, must be 1 or larger")
    collection = store.get(request.collection_name)
    limit = request.limit if request.HasField("limit") else DEFAULT_LIMIT
    size = request.group_size if request.HasField("group_size") else DEFAULT_GROUP_SIZE
    # All points are ranked, so that no group is missed. A search is exact here and computes all scores anyway.
    ranked = collection.shard.query(
        engine_request(
            collection,
            request,
            limit=max(1, collection.shard.info().points_count),
            with_payload=[request.group_by],
            with_vector=False,
        )
    )
    groups = _group(ranked, request.group_by, limit, size)
    details = _details(collection, request, [point.id for hits in groups.values() for point in hits])
    return pb.QueryGroupsResponse(result=pb.GroupsResult(groups=[_message(key, hits, details) for key, hits in groups.items()]))


def _group(ranked: list, key: str, limit: int, size: int) -> dict:
    """Returns the best `size` points of the first `limit` values; a point with several values is in several groups."""
    groups: dict = {}
    for point in ranked:
        value = (point.payload or {}).get(key)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, bool) or not isinstance(one, str | int):
                continue
            if one not in groups and len(groups) >= limit:
                continue
            if len(hits := groups.setdefault(one, [])) < size:
                hits.append(point)
    return groups


def _details(collection: object, request: pb.QueryPointGroups, ids: list) -> dict:
    found = collection.shard.retrieve(ids, points.with_payload(request.with_payload), points.with_vectors(request.with_vectors))
    return {record.id: record for record in found}


def _message(key: str | int, hits: list, details: dict) -> pb.PointGroup:
    group_id = pb.GroupId(string_value=key) if isinstance(key, str) else pb.GroupId(integer_value=key)
    return pb.PointGroup(id=group_id, hits=[_hit(point, details) for point in hits if point.id in details])


def _hit(point: object, details: dict) -> pb.ScoredPoint:
    message, record = points.scored(point), points.retrieved(details[point.id])
    message.payload.clear()
    for key, value in record.payload.items():
        message.payload[key].CopyFrom(value)
    if record.HasField("vectors"):
        message.vectors.CopyFrom(record.vectors)
    return message
