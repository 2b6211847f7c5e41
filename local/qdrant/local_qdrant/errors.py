"""Errors with the codes and messages of a Qdrant server."""

import grpc

# Beginnings of the engine's messages that concern the request. Everything else is an internal error.
_INPUT_ERRORS = (
    "Validation failed",
    "Vector dimension error",
    "Not existing vector name error",
    "No appropriate index for faceting",
    "No range index for `order_by`",
    "Payload type does not match",
    "Wrong usage of",
    "Conversion between",
)


class RequestError(Exception):
    """An error that the caller can fix, with its gRPC code."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def bad_input(message: str) -> RequestError:
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"Wrong input: {message}")


def invalid_field(field: str, message: str) -> RequestError:
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"Validation error in body: [{field}: {message}]")


def strict_mode(message: str, help_text: str) -> RequestError:
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"Bad request: {message}. Help: {help_text}")


def collection_not_found(name: str) -> RequestError:
    return RequestError(grpc.StatusCode.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!")


def collection_exists(name: str) -> RequestError:
    return RequestError(grpc.StatusCode.ALREADY_EXISTS, f"Wrong input: Collection `{name}` already exists!")


def unimplemented(what: str) -> RequestError:
    return RequestError(grpc.StatusCode.UNIMPLEMENTED, f"{what} is not implemented by the Qdrant for one machine")


def refuse_fields(message: object, *fields: str) -> None:
    """Refuses a request that sets one of the fields, instead of ignoring what it asks for."""
    for field in fields:
        if message.HasField(field):
            raise unimplemented(f"{type(message).__name__}.{field}")


def from_engine(error: BaseException) -> RequestError:
    """Returns the error for what the engine raised."""
    message = str(error)
    if message.startswith(_INPUT_ERRORS):
        return bad_input(message)
    return RequestError(grpc.StatusCode.INTERNAL, f"Service internal error: {message}")
