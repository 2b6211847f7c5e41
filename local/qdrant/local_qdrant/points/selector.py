"""Which points a write concerns."""

import qdrant_edge as engine
from grpc import StatusCode
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.convert import filters, ids
from local_qdrant.errors import RequestError
from local_qdrant.store.collection import Collection

Selected = list[ids.EngineId] | engine.Filter


def selected(collection: Collection, selector: pb.PointsSelector) -> Selected:
    match selector.WhichOneof("points_selector_one_of"):
        case "points":
            return [ids.to_engine(point_id) for point_id in selector.points.ids]
        case "filter":
            strict_mode.check_write_filter(collection, selector.filter)
            return filters.to_engine(selector.filter)
        case _:
            raise RequestError(StatusCode.INVALID_ARGUMENT, "Malformed PointsSelector type")
