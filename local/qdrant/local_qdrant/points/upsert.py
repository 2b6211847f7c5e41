"""Writes points."""

import qdrant_edge as engine
from grpc import StatusCode
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.convert import filters, ids, payload, vectors
from local_qdrant.errors import RequestError, refuse_fields
from local_qdrant.store.collection import Collection
from local_qdrant.store.store import Store

_MODES = {
    pb.UpdateMode.Upsert: engine.UpdateMode.Upsert,
    pb.UpdateMode.InsertOnly: engine.UpdateMode.InsertOnly,
    pb.UpdateMode.UpdateOnly: engine.UpdateMode.UpdateOnly,
}


def upsert(store: Store, request: pb.UpsertPoints) -> pb.PointsOperationResponse:
    refuse_fields(request, "shard_key_selector")
    collection = store.get(request.collection_name)
    # Of points with the same id the last one counts.
    points = {point.id: point for point in (_point(collection, message) for message in request.points)}
    condition = filters.optional(request, "update_filter")
    with collection.lock:
        strict_mode.check_upsert(collection, len(points))
        if points:
            operation = engine.UpdateOperation.upsert_points(list(points.values()), condition, _MODES[request.update_mode])
            collection.update(operation)
    return completed()


def completed() -> pb.PointsOperationResponse:
    """Returns the answer to a write, which is in the log whether or not the client waits."""
    return pb.PointsOperationResponse(result=pb.UpdateResult(status=pb.UpdateStatus.Completed))


def _point(collection: Collection, message: pb.PointStruct) -> engine.Point:
    if not message.HasField("id"):
        raise RequestError(StatusCode.INVALID_ARGUMENT, "Empty ID is not allowed")
    point_id = ids.to_engine(message.id)
    return engine.Point(point_id, vectors.named_vectors(collection, message.vectors), payload.to_engine(message.payload))
