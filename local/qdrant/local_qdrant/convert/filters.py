"""Filters."""

import numpy
import qdrant_edge as engine
from google.protobuf.timestamp_pb2 import Timestamp
from qdrant_client import grpc as pb

from local_qdrant.convert import ids
from local_qdrant.errors import bad_input, invalid_field, unimplemented


def to_engine(message: pb.Filter) -> engine.Filter:
    minimum = message.min_should
    if message.HasField("min_should") and minimum.min_count < 1:
        raise invalid_field("filter.min_should.min_count", "min_count must be greater than 0")
    return engine.Filter(
        must=_conditions(message.must),
        should=_conditions(message.should),
        must_not=_conditions(message.must_not),
        min_should=engine.MinShould(_conditions(minimum.conditions) or [], minimum.min_count) if message.HasField("min_should") else None,
    )


def optional(owner: object, field: str = "filter") -> engine.Filter | None:
    """Returns the filter in a field of a message, if it is set."""
    return to_engine(getattr(owner, field)) if owner.HasField(field) else None


def fields(message: pb.Filter) -> list[str]:
    """Returns the payload fields that a filter reads, once for each condition."""
    found = []
    for condition in [*message.must, *message.should, *message.must_not, *message.min_should.conditions]:
        match condition.WhichOneof("condition_one_of"):
            case "field":
                found.append(condition.field.key)
            case "is_empty" | "is_null" as kind:
                found.append(getattr(condition, kind).key)
            case "nested":
                found.extend(f"{condition.nested.key}[].{key}" for key in fields(condition.nested.filter))
            case "filter":
                found.extend(fields(condition.filter))
    return found


def count_conditions(message: pb.Filter) -> int:
    conditions = [*message.must, *message.should, *message.must_not, *message.min_should.conditions]
    nested = [c.filter if c.HasField("filter") else c.nested.filter for c in conditions if c.HasField("filter") or c.HasField("nested")]
    return len(conditions) - len(nested) + sum(map(count_conditions, nested))


def _conditions(messages: list[pb.Condition]) -> list | None:
    return [_condition(message) for message in messages] or None


def _condition(message: pb.Condition) -> object:
    match message.WhichOneof("condition_one_of"):
        case "field":
            return _field(message.field)
        case "filter":
            return to_engine(message.filter)
        case "has_id":
            return engine.HasIdCondition({ids.to_engine(point_id) for point_id in message.has_id.has_id})
        case "is_empty":
            return engine.IsEmptyCondition(message.is_empty.key)
        case "is_null":
            return engine.IsNullCondition(message.is_null.key)
        case "has_vector":
            return engine.HasVectorCondition(message.has_vector.has_vector)
        case "nested":
            return engine.NestedCondition(message.nested.key, to_engine(message.nested.filter))
        case None:
            raise bad_input("Malformed condition")
        case kind:
            raise unimplemented(f"Condition.{kind}")


def _field(message: pb.FieldCondition) -> engine.FieldCondition:
    for name in ("geo_bounding_box", "geo_radius", "geo_polygon"):
        if message.HasField(name):
            raise unimplemented(f"FieldCondition.{name}")
    conditions = {}
    if message.HasField("match"):
        conditions["match"] = _match(message.match)
    if message.HasField("range"):
        conditions["range"] = engine.RangeFloat(**_bounds(message.range))
    if message.HasField("datetime_range"):
        conditions["range"] = engine.RangeDateTime(**{k: _time(v) for k, v in _bounds(message.datetime_range).items()})
    if message.HasField("values_count"):
        conditions["values_count"] = engine.ValuesCount(**_bounds(message.values_count))
    for name in ("is_empty", "is_null"):
        if message.HasField(name):
            conditions[name] = getattr(message, name)
    if not conditions:
        raise bad_input(f"Malformed condition of field {message.key}")
    return engine.FieldCondition(message.key, **conditions)


def _match(message: pb.Match) -> object:
    match message.WhichOneof("match_value"):
        case "keyword":
            return engine.MatchValue(message.keyword)
        case "integer":
            return engine.MatchValue(message.integer)
        case "boolean":
            # A bool of Python is converted to the integer 1, which matches nothing.
            return engine.MatchValue(numpy.bool_(message.boolean))
        case "text":
            return engine.MatchText(message.text)
        case "text_any":
            return engine.MatchTextAny(message.text_any)
        case "phrase":
            return engine.MatchPhrase(message.phrase)
        case "keywords":
            return engine.MatchAny(list(message.keywords.strings))
        case "integers":
            return engine.MatchAny(list(message.integers.integers))
        case "except_keywords":
            return engine.MatchExcept(list(message.except_keywords.strings))
        case "except_integers":
            return engine.MatchExcept(list(message.except_integers.integers))
        case None:
            raise bad_input("Malformed Match condition")
        case kind:
            raise unimplemented(f"Match.{kind}")


def _bounds(message: pb.Range | pb.DatetimeRange | pb.ValuesCount) -> dict:
    return {name: getattr(message, name) for name in ("lt", "gt", "lte", "gte") if message.HasField(name)}


def _time(message: Timestamp) -> str:
    return message.ToJsonString()
