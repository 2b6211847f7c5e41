"""Points in answers, and what of them was asked for."""

import qdrant_edge as engine
from qdrant_client import grpc as pb

from local_qdrant.convert import ids, payload, vectors


def with_payload(selector: pb.WithPayloadSelector) -> bool | list[str] | engine.PayloadSelector:
    match selector.WhichOneof("selector_options"):
        case "include":
            return list(selector.include.fields)
        case "exclude":
            return engine.PayloadSelector.Exclude(list(selector.exclude.fields))
        case _:
            return selector.enable


def with_vectors(selector: pb.WithVectorsSelector) -> bool | list[str]:
    if selector.WhichOneof("selector_options") == "include":
        return list(selector.include.names)
    return selector.enable


def scored(point: engine.ScoredPoint) -> pb.ScoredPoint:
    message = pb.ScoredPoint(id=ids.to_message(point.id), payload=payload.to_message(point.payload), score=point.score, version=point.version)
    return _with_details(message, point)


def retrieved(point: engine.Record) -> pb.RetrievedPoint:
    return _with_details(pb.RetrievedPoint(id=ids.to_message(point.id), payload=payload.to_message(point.payload)), point)


def _with_details(message: object, point: engine.ScoredPoint | engine.Record) -> object:
    found = vectors.to_message(point.vector)
    if found is not None:
        message.vectors.CopyFrom(found)
    if isinstance(point.order_value, int):
        message.order_value.int = point.order_value
    elif point.order_value is not None:
        message.order_value.float = point.order_value
    return message
