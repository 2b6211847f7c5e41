"""Counts points."""

import qdrant_edge as engine
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.convert import filters
from local_qdrant.errors import refuse_fields
from local_qdrant.store.store import Store


def count(store: Store, request: pb.CountPoints) -> pb.CountResponse:
    refuse_fields(request, "shard_key_selector")
    collection = store.get(request.collection_name)
    strict_mode.check_read_filter(collection, [request.filter])
    found = collection.shard.count(engine.CountRequest(exact=True, filter=filters.optional(request)))
    return pb.CountResponse(result=pb.CountResult(count=found))
