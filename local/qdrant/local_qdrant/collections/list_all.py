"""Lists the collections."""

from qdrant_client import grpc as pb

from local_qdrant.store.store import Store


def list_all(store: Store, _request: pb.ListCollectionsRequest) -> pb.ListCollectionsResponse:
    return pb.ListCollectionsResponse(collections=[pb.CollectionDescription(name=name) for name in store.names()])
