"""Creates a collection."""

from google.protobuf.json_format import MessageToDict
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.errors import bad_input, invalid_field, refuse_fields, unimplemented
from local_qdrant.store.collection import dense_vectors
from local_qdrant.store.store import Store

MAX_VECTOR_SIZE = 65536
MAX_NAME_LENGTH = 255
_INVALID_NAME_CHARACTERS = '<>:"/\\|?*\0\x1f'
_DATATYPES = (pb.Datatype.Default, pb.Datatype.Float32)

# The defaults of a Qdrant server.
_HNSW = pb.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10000, max_indexing_threads=0, on_disk=False)
_OPTIMIZERS = pb.OptimizersConfigDiff(
    deleted_threshold=0.2, vacuum_min_vector_number=1000, default_segment_number=0, indexing_threshold=10000, flush_interval_sec=5
)
_WAL = pb.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0, wal_retain_closed=1)


def create(store: Store, request: pb.CreateCollection) -> pb.CollectionOperationResponse:
    check_name(request.collection_name)
    config = _config(request)
    _check_vectors(config.params)
    strict_mode.check_config(config.strict_mode_config)
    store.create(request.collection_name, MessageToDict(config))
    return pb.CollectionOperationResponse(result=True)


def check_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise invalid_field("collection_name", f"value has an invalid length, must be from 1 to {MAX_NAME_LENGTH} characters")
    for character in _INVALID_NAME_CHARACTERS:
        if character in name:
            raise invalid_field("collection_name", f'collection name cannot contain "{character}" char')


def _config(request: pb.CreateCollection) -> pb.CollectionConfig:
    refuse_fields(request, "quantization_config")
    if request.sharding_method == pb.ShardingMethod.Custom:
        raise unimplemented("CreateCollection.sharding_method")
    params = pb.CollectionParams(
        shard_number=request.shard_number or 1,
        replication_factor=request.replication_factor or 1,
        write_consistency_factor=request.write_consistency_factor or 1,
        on_disk_payload=request.on_disk_payload if request.HasField("on_disk_payload") else True,
    )
    for field in ("vectors_config", "sparse_vectors_config", "payload", "id_tracker"):
        if request.HasField(field):
            getattr(params, field).CopyFrom(getattr(request, field))
    config = pb.CollectionConfig(params=params, hnsw_config=_HNSW, optimizer_config=_OPTIMIZERS, wal_config=_WAL)
    config.hnsw_config.MergeFrom(request.hnsw_config)
    config.optimizer_config.MergeFrom(request.optimizers_config)
    config.wal_config.MergeFrom(request.wal_config)
    if request.HasField("strict_mode_config"):
        config.strict_mode_config.CopyFrom(request.strict_mode_config)
    for key, value in request.metadata.items():
        config.metadata[key].CopyFrom(value)
    return config


def _check_vectors(params: pb.CollectionParams) -> None:
    dense, sparse = dense_vectors(params), params.sparse_vectors_config.map
    for name, vector in dense.items():
        refuse_fields(vector, "quantization_config", "multivector_config")
        if vector.datatype not in _DATATYPES:
            raise unimplemented("VectorParams.datatype")
        if not 1 <= vector.size <= MAX_VECTOR_SIZE:
            raise invalid_field(f"vectors_config.{name}.size", f"value {vector.size} invalid, must be from 1 to {MAX_VECTOR_SIZE}")
        if vector.distance == pb.Distance.UnknownDistance:
            raise bad_input("Malformed distance parameter, cannot parse it")
    for name, vector in sparse.items():
        if not name:
            raise bad_input("Sparse vector name cannot be empty")
        if name in dense:
            raise bad_input(f"Dense and sparse vector names must be unique - duplicate found with '{name}'")
        if vector.index.datatype not in _DATATYPES:
            raise unimplemented("SparseIndexConfig.datatype")
