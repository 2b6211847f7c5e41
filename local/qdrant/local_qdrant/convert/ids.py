"""Ids of points."""

import uuid

from grpc import StatusCode
from qdrant_client import grpc as pb

from local_qdrant.errors import RequestError

EngineId = int | uuid.UUID


def to_engine(point_id: pb.PointId) -> EngineId:
    match point_id.WhichOneof("point_id_options"):
        case "num":
            return point_id.num
        case "uuid":
            try:
                return uuid.UUID(point_id.uuid)
            except ValueError as error:
                raise RequestError(StatusCode.INVALID_ARGUMENT, f"Unable to parse UUID: {point_id.uuid}") from error
        case _:
            raise RequestError(StatusCode.INVALID_ARGUMENT, "No ID options provided")


def to_message(point_id: EngineId) -> pb.PointId:
    return pb.PointId(num=point_id) if isinstance(point_id, int) else pb.PointId(uuid=str(point_id))
