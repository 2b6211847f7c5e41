"""The strict mode of a collection: limits that it sets for each request."""

from collections.abc import Iterable

from grpc import StatusCode
from qdrant_client import grpc as pb

from local_qdrant.convert import filters
from local_qdrant.errors import RequestError, invalid_field, strict_mode, unimplemented
from local_qdrant.store.collection import Collection

# Limits that this server enforces. It refuses a configuration with others, instead of not enforcing it.
_ENFORCED = {
    "enabled",
    "max_query_limit",
    "unindexed_filtering_retrieve",
    "unindexed_filtering_update",
    "upsert_max_batchsize",
    "filter_max_conditions",
    "max_points_count",
}


def check_config(config: pb.StrictModeConfig) -> None:
    for field, value in config.ListFields():
        if field.name not in _ENFORCED:
            raise unimplemented(f"StrictModeConfig.{field.name}")
        if field.name.startswith("max_") and value < 1:
            raise invalid_field(f"strict_mode_config.{field.name}", f"value {value} invalid, must be 1 or larger")


def check_limit(collection: Collection, limit: int) -> None:
    _at_most(_limits(collection), "max_query_limit", limit, "limit")


def check_read_filter(collection: Collection, messages: Iterable[pb.Filter]) -> None:
    for message in messages:
        _check_filter(collection, message, "unindexed_filtering_retrieve")


def check_write_filter(collection: Collection, message: pb.Filter) -> None:
    _check_filter(collection, message, "unindexed_filtering_update")


def check_upsert(collection: Collection, count: int) -> None:
    limits = _limits(collection)
    _at_most(limits, "upsert_max_batchsize", count, "upsert limit")
    if limits.HasField("max_points_count") and collection.shard.info().points_count >= limits.max_points_count:
        message = f"Bad request: Max points count limit of {limits.max_points_count} reached!"
        raise RequestError(StatusCode.INVALID_ARGUMENT, message)


def _limits(collection: Collection) -> pb.StrictModeConfig:
    """Returns the limits, which are none if the strict mode is not enabled."""
    config = collection.config.strict_mode_config
    return config if config.enabled else pb.StrictModeConfig()


def _at_most(limits: pb.StrictModeConfig, field: str, value: int, name: str) -> None:
    limit = getattr(limits, field)
    if limits.HasField(field) and value > limit:
        raise strict_mode(f'Limit exceeded {value} > {limit} for "{name}"', f'Reduce the "{name}" parameter to or below {limit}.')


def _check_filter(collection: Collection, message: pb.Filter, unindexed: str) -> None:
    limits = _limits(collection)
    if limits.HasField(unindexed) and not getattr(limits, unindexed):
        for key in filters.fields(message):
            if key not in collection.indexes:
                raise strict_mode(f'Index required but not found for "{key}"', "Create an index for this key or use a different filter.")
    count, limit = filters.count_conditions(message), limits.filter_max_conditions
    if limits.HasField("filter_max_conditions") and count > limit:
        raise strict_mode(f"Filter condition limit reached ({count} > {limit})", "Reduce the amount of conditions of your filter.")
