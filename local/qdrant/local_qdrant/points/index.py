"""Creates and deletes indexes of payload fields."""

from dataclasses import replace

import qdrant_edge as engine
from google.protobuf.json_format import MessageToDict
from grpc import StatusCode
from qdrant_client import grpc as pb

from local_qdrant.errors import RequestError, invalid_field, refuse_fields, unimplemented
from local_qdrant.points.upsert import completed
from local_qdrant.store.store import Store

_TYPES = ("Keyword", "Integer", "Float", "Geo", "Text", "Bool", "Datetime", "Uuid")
_TOKENIZERS = {name: getattr(engine.TokenizerType, name) for name in ("Prefix", "Whitespace", "Word", "Multilingual", "Code")}


def create(store: Store, request: pb.CreateFieldIndexCollection) -> pb.PointsOperationResponse:
    if not request.field_name:
        raise invalid_field("field_name", "value has an invalid length, must be 1 or larger")
    schema = _schema(request)
    operation = engine.UpdateOperation.create_field_index(request.field_name, _engine_params(schema))
    with store.lock:
        collection, entry = store.get(request.collection_name), store.entry(request.collection_name)
        with collection.lock:
            collection.update(operation)
        store.change(request.collection_name, replace(entry, indexes={**entry.indexes, request.field_name: MessageToDict(schema)}))
    return completed()


def delete(store: Store, request: pb.DeleteFieldIndexCollection) -> pb.PointsOperationResponse:
    with store.lock:
        collection, entry = store.get(request.collection_name), store.entry(request.collection_name)
        remaining = {name: schema for name, schema in entry.indexes.items() if name != request.field_name}
        store.change(request.collection_name, replace(entry, indexes=remaining))
        with collection.lock:
            collection.update(engine.UpdateOperation.delete_field_index(request.field_name))
    return completed()


def _schema(request: pb.CreateFieldIndexCollection) -> pb.PayloadSchemaInfo:
    chosen = request.field_index_params.WhichOneof("index_params")
    if chosen is not None:
        name = chosen.removesuffix("_index_params").capitalize()
        return pb.PayloadSchemaInfo(data_type=getattr(pb.PayloadSchemaType, name), params=request.field_index_params)
    if not request.HasField("field_type"):
        raise RequestError(StatusCode.INVALID_ARGUMENT, "Missing field type or index parameters")
    return pb.PayloadSchemaInfo(data_type=getattr(pb.PayloadSchemaType, _TYPES[request.field_type]))


def _engine_params(schema: pb.PayloadSchemaInfo) -> object:
    name = pb.PayloadSchemaType.Name(schema.data_type)
    if not schema.HasField("params"):
        return getattr(engine.PayloadSchemaType, name)
    params = getattr(schema.params, f"{name.lower()}_index_params")
    refuse_fields(params, "nested")
    # Where an index is placed does not matter here.
    values = {field.name: value for field, value in params.ListFields() if field.name not in ("on_disk", "memory")}
    if "tokenizer" in values:
        values["tokenizer"] = _TOKENIZERS[pb.TokenizerType.Name(values["tokenizer"])]
    for field in ("stopwords", "stemmer", "scoring", "prefix"):
        if field in values:
            raise unimplemented(f"{type(params).__name__}.{field}")
    return getattr(engine, f"{name}IndexParams")(**values)
