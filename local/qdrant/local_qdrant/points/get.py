"""Returns points by id."""

from qdrant_client import grpc as pb

from local_qdrant.convert import ids, points
from local_qdrant.errors import refuse_fields
from local_qdrant.store.store import Store


def get(store: Store, request: pb.GetPoints) -> pb.GetResponse:
    refuse_fields(request, "shard_key_selector")
    shard = store.get(request.collection_name).shard
    wanted = [ids.to_engine(point_id) for point_id in request.ids]
    found = shard.retrieve(wanted, points.with_payload(request.with_payload), points.with_vectors(request.with_vectors))
    return pb.GetResponse(result=[points.retrieved(point) for point in found])
