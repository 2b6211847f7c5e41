"""Deletes points, by ids or by a filter."""

import qdrant_edge as engine
from qdrant_client import grpc as pb

from local_qdrant.errors import refuse_fields
from local_qdrant.points.selector import selected
from local_qdrant.points.upsert import completed
from local_qdrant.store.store import Store


def delete(store: Store, request: pb.DeletePoints) -> pb.PointsOperationResponse:
    refuse_fields(request, "shard_key_selector")
    collection = store.get(request.collection_name)
    points = selected(collection, request.points)
    by_ids, by_filter = engine.UpdateOperation.delete_points, engine.UpdateOperation.delete_points_by_filter
    with collection.lock:
        collection.update(by_ids(points) if isinstance(points, list) else by_filter(points))
    return completed()
