"""Payloads and metadata."""

import math
from collections.abc import Mapping

from qdrant_client import grpc as pb

from local_qdrant.errors import invalid_field


def to_engine(payload: Mapping[str, pb.Value]) -> dict[str, object]:
    return {key: _value(value, key) for key, value in payload.items()}


def to_message(payload: Mapping[str, object] | None) -> dict[str, pb.Value]:
    return {key: _message(value) for key, value in (payload or {}).items()}


def _value(value: pb.Value, key: str) -> object:
    match value.WhichOneof("kind"):
        case "struct_value":
            return to_engine(value.struct_value.fields)
        case "list_value":
            return [_value(item, key) for item in value.list_value.values]
        case "double_value" if not math.isfinite(value.double_value):
            raise invalid_field(f"payload.{key}", "a number must be finite")
        case None | "null_value":
            return None
        case kind:
            return getattr(value, kind)


def _message(value: object) -> pb.Value:
    match value:
        case None:
            return pb.Value(null_value=0)
        case bool():
            return pb.Value(bool_value=value)
        case int() if -(2**63) <= value < 2**63:
            return pb.Value(integer_value=value)
        case int() | float():
            return pb.Value(double_value=value)
        case str():
            return pb.Value(string_value=value)
        case list():
            return pb.Value(list_value=pb.ListValue(values=[_message(item) for item in value]))
        case dict():
            return pb.Value(struct_value=pb.Struct(fields=to_message(value)))
        case _:
            raise TypeError(f"the engine returned a payload value of type {type(value).__name__}")
