"""One collection: its configuration and the engine's shard."""

import threading
from pathlib import Path

import qdrant_edge as engine
from google.protobuf.json_format import ParseDict
from qdrant_client import grpc as pb

from local_qdrant.errors import from_engine
from local_qdrant.store.catalog import Entry

_DISTANCES = {
    pb.Distance.Cosine: engine.Distance.Cosine,
    pb.Distance.Euclid: engine.Distance.Euclid,
    pb.Distance.Dot: engine.Distance.Dot,
    pb.Distance.Manhattan: engine.Distance.Manhattan,
}


class Collection:
    """A loaded collection. Reads may overlap; writes hold `lock`, so that what was checked is what is written."""

    def __init__(self, path: Path, entry: Entry, shard: engine.EdgeShard) -> None:
        self.path = path
        self.shard = shard
        self.lock = threading.Lock()
        self.unflushed = True  # the engine may have replayed its log
        self.configure(entry)

    @staticmethod
    def create(path: Path, entry: Entry) -> "Collection":
        """Creates the files of a new collection."""
        config = parse_config(entry)
        shard = engine.EdgeShard.create(str(path), engine_config(config.params))
        return Collection(path, entry, shard)

    @staticmethod
    def load(path: Path, entry: Entry) -> "Collection":
        return Collection(path, entry, engine.EdgeShard.load(str(path)))

    def configure(self, entry: Entry) -> None:
        """Takes over a changed configuration."""
        self.config = parse_config(entry)
        self.indexes = {name: ParseDict(index, pb.PayloadSchemaInfo()) for name, index in entry.indexes.items()}
        self.dense = dense_vectors(self.config.params)
        self.sparse = dict(self.config.params.sparse_vectors_config.map)

    def update(self, operation: engine.UpdateOperation) -> None:
        """Writes. The caller holds `lock` and has checked the content: the engine logs an operation before it checks it."""
        self.unflushed = True
        self.shard.update(operation)

    def flush(self) -> None:
        """Writes segments to disk, which shortens the log. What could not be written is written by the next call."""
        with self.lock:
            if self.unflushed:
                self.shard.flush()
                self.unflushed = False

    def close(self) -> None:
        with self.lock:
            try:
                self.shard.close()
            except BaseException as error:  # a panic of the engine is no Exception
                raise from_engine(error) from error


def parse_config(entry: Entry) -> pb.CollectionConfig:
    return ParseDict(entry.config, pb.CollectionConfig())


def dense_vectors(params: pb.CollectionParams) -> dict[str, pb.VectorParams]:
    """Returns the dense vectors by name; the unnamed one has the name ''."""
    match params.vectors_config.WhichOneof("config"):
        case "params":
            return {"": params.vectors_config.params}
        case "params_map":
            return dict(params.vectors_config.params_map.map)
        case _:
            return {}


def engine_config(params: pb.CollectionParams) -> engine.EdgeConfig:
    """Returns the engine's configuration. It has no HNSW graph: without an optimizer, search is exact."""
    dense = {
        name: engine.EdgeVectorParams(size=vector.size, distance=_DISTANCES[vector.distance])
        for name, vector in dense_vectors(params).items()
    }
    sparse = {
        name: engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf if vector.modifier == pb.Modifier.Idf else None)
        for name, vector in params.sparse_vectors_config.map.items()
    }
    return engine.EdgeConfig(vectors=dense, sparse_vectors=sparse)
