"""Deletes a collection."""

from qdrant_client import grpc as pb

from local_qdrant.store.store import Store


def delete(store: Store, request: pb.DeleteCollection) -> pb.CollectionOperationResponse:
    return pb.CollectionOperationResponse(result=store.delete(request.collection_name))
