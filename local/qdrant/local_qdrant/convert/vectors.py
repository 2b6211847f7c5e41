"""Vectors, checked against the collection before the engine sees them.

The engine logs a batch before it checks it: a batch that it refuses would come back at the next start. A sparse vector
with more indices than values would even make the shard unloadable.
"""

import math
from collections.abc import Sequence

import qdrant_edge as engine
from grpc import StatusCode
from qdrant_client import grpc as pb

from local_qdrant.errors import RequestError, bad_input, invalid_field, unimplemented
from local_qdrant.store.collection import Collection

EngineVector = list[float] | engine.SparseVector


def named_vectors(collection: Collection, vectors: pb.Vectors) -> dict[str, EngineVector]:
    """Returns the vectors of a point by name."""
    match vectors.WhichOneof("vectors_options"):
        case "vector":
            named = {"": vectors.vector}
        case "vectors":
            named = vectors.vectors.vectors
        case _:
            raise RequestError(StatusCode.INVALID_ARGUMENT, "Expected some vectors")
    return {name: _vector(collection, name, vector) for name, vector in named.items()}


def query_vector(collection: Collection, name: str, value: pb.VectorInput) -> EngineVector:
    """Returns the vector of a query."""
    match value.WhichOneof("variant"):
        case "dense":
            return _dense(collection, name, value.dense.data)
        case "sparse":
            return _sparse(collection, name, value.sparse.indices, value.sparse.values)
        case variant:
            raise unimplemented(f"VectorInput.{variant}")


def to_message(vector: object) -> pb.VectorsOutput | None:
    """Returns the vectors of a point in an answer."""
    if not vector:
        return None
    if not isinstance(vector, dict):
        return pb.VectorsOutput(vector=_output(vector))
    named = {name: _output(value) for name, value in vector.items()}
    return pb.VectorsOutput(vectors=pb.NamedVectorsOutput(vectors=named))


def _vector(collection: Collection, name: str, vector: pb.Vector) -> EngineVector:
    match vector.WhichOneof("vector"):
        case "dense":
            return _dense(collection, name, vector.dense.data)
        case "sparse":
            return _sparse(collection, name, vector.sparse.indices, vector.sparse.values)
        case None if vector.HasField("indices"):  # clients before 1.16
            return _sparse(collection, name, vector.indices.data, vector.data)
        case None:
            return _dense(collection, name, vector.data)
        case variant:
            raise unimplemented(f"Vector.{variant}")


def _dense(collection: Collection, name: str, data: Sequence[float]) -> list[float]:
    if name in collection.sparse:
        raise bad_input("Conversion between sparse and regular vectors failed")
    if name not in collection.dense:
        raise bad_input(f"Not existing vector name error: {name}")
    expected = collection.dense[name].size
    if len(data) != expected:
        raise bad_input(f"Vector dimension error: expected dim: {expected}, got {len(data)}")
    _check_finite(name, data)
    return list(data)


def _sparse(collection: Collection, name: str, indices: Sequence[int], values: Sequence[float]) -> engine.SparseVector:
    if name in collection.dense:
        raise bad_input("Conversion between sparse and regular vectors failed")
    if name not in collection.sparse:
        raise bad_input(f"Not existing vector name error: {name}")
    if len(indices) != len(values):
        raise invalid_field(f"vectors.{name}.values", "must be the same length as indices")
    if len(set(indices)) != len(indices):
        raise invalid_field(f"vectors.{name}.indices", "must be unique")
    _check_finite(name, values)
    return engine.SparseVector(list(indices), list(values))


def _check_finite(name: str, values: Sequence[float]) -> None:
    if not all(map(math.isfinite, values)):
        raise invalid_field(f"vectors.{name}", "a number must be finite")


def _output(vector: object) -> pb.VectorOutput:
    if isinstance(vector, engine.SparseVector):
        return pb.VectorOutput(sparse=pb.SparseVector(indices=vector.indices, values=vector.values))
    return pb.VectorOutput(dense=pb.DenseVector(data=vector))
