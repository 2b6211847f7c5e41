"""Describes a collection."""

from qdrant_client import grpc as pb

from local_qdrant.store.store import Store


def get(store: Store, request: pb.GetCollectionInfoRequest) -> pb.GetCollectionInfoResponse:
    collection = store.get(request.collection_name)
    counts = collection.shard.info()
    info = pb.CollectionInfo(
        status=pb.CollectionStatus.Green,
        optimizer_status=pb.OptimizerStatus(ok=True),
        segments_count=counts.segments_count,
        config=collection.config,
        points_count=counts.points_count,
        indexed_vectors_count=counts.indexed_vectors_count,
    )
    for name, index in collection.indexes.items():
        info.payload_schema[name].CopyFrom(index)
    return pb.GetCollectionInfoResponse(result=info)


def exists(store: Store, request: pb.CollectionExistsRequest) -> pb.CollectionExistsResponse:
    return pb.CollectionExistsResponse(result=pb.CollectionExists(exists=store.exists(request.collection_name)))
