"""Changes what can be changed of a collection: parameters, strict mode, metadata."""

from dataclasses import replace

from google.protobuf.json_format import MessageToDict
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.errors import bad_input, refuse_fields
from local_qdrant.store.collection import dense_vectors, parse_config
from local_qdrant.store.store import Store


def update(store: Store, request: pb.UpdateCollection) -> pb.CollectionOperationResponse:
    refuse_fields(request, "quantization_config", "sparse_vectors_config")
    with store.lock:
        entry = store.entry(request.collection_name)
        config = parse_config(entry)
        config.hnsw_config.MergeFrom(request.hnsw_config)
        config.optimizer_config.MergeFrom(request.optimizers_config)
        _merge_vectors(config.params, request.vectors_config)
        for field, value in request.params.ListFields():
            setattr(config.params, field.name, value)
        if request.HasField("strict_mode_config"):
            config.strict_mode_config.MergeFrom(request.strict_mode_config)
            strict_mode.check_config(config.strict_mode_config)
        _merge_metadata(config, request)
        store.change(request.collection_name, replace(entry, config=MessageToDict(config)))
    return pb.CollectionOperationResponse(result=True)


def _merge_vectors(params: pb.CollectionParams, changes: pb.VectorsConfigDiff) -> None:
    named = {"": changes.params} if changes.HasField("params") else changes.params_map.map
    vectors = dense_vectors(params)
    for name, change in named.items():
        refuse_fields(change, "quantization_config")
        if name not in vectors:
            raise bad_input(f"Not existing vector name error: {name}")
        vectors[name].hnsw_config.MergeFrom(change.hnsw_config)


def _merge_metadata(config: pb.CollectionConfig, request: pb.UpdateCollection) -> None:
    """Adds and replaces keys; a null removes its key."""
    for key, value in request.metadata.items():
        if value.WhichOneof("kind") in (None, "null_value"):
            config.metadata.pop(key, None)
        else:
            config.metadata[key].CopyFrom(value)
