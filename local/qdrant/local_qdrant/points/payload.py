"""Changes the payloads of points."""

import qdrant_edge as engine
from qdrant_client import grpc as pb

from local_qdrant.convert import payload
from local_qdrant.errors import refuse_fields
from local_qdrant.points.selector import selected
from local_qdrant.points.upsert import completed
from local_qdrant.store.store import Store

_Operation = engine.UpdateOperation


def set_payload(store: Store, request: pb.SetPayloadPoints) -> pb.PointsOperationResponse:
    values, key = payload.to_engine(request.payload), request.key or None
    return _write(store, request, request.points_selector, (_Operation.set_payload, _Operation.set_payload_by_filter), values, key)


def overwrite(store: Store, request: pb.SetPayloadPoints) -> pb.PointsOperationResponse:
    values, key = payload.to_engine(request.payload), request.key or None
    operations = (_Operation.overwrite_payload, _Operation.overwrite_payload_by_filter)
    return _write(store, request, request.points_selector, operations, values, key)


def delete(store: Store, request: pb.DeletePayloadPoints) -> pb.PointsOperationResponse:
    operations = (_Operation.delete_payload, _Operation.delete_payload_by_filter)
    return _write(store, request, request.points_selector, operations, list(request.keys))


def clear(store: Store, request: pb.ClearPayloadPoints) -> pb.PointsOperationResponse:
    return _write(store, request, request.points, (_Operation.clear_payload, _Operation.clear_payload_by_filter))


def _write(store: Store, request: object, selector: pb.PointsSelector, operations: tuple, *arguments: object) -> pb.PointsOperationResponse:
    refuse_fields(request, "shard_key_selector")
    collection = store.get(request.collection_name)
    points = selected(collection, selector)
    by_ids, by_filter = operations
    with collection.lock:
        collection.update((by_ids if isinstance(points, list) else by_filter)(points, *arguments))
    return completed()
