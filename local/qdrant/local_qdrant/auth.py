"""The API key, checked before a request is read."""

import hmac
from collections.abc import Callable

import grpc

# Probes have no key, as with a Qdrant server.
_OPEN_METHODS = ("/grpc.health.v1.Health/Check", "/qdrant.Qdrant/HealthCheck")


class ApiKeyInterceptor(grpc.ServerInterceptor):
    """Refuses requests without the key."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key.encode()

    def intercept_service(self, continuation: Callable, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method in _OPEN_METHODS:
            return continuation(details)
        key = key_of(dict(details.invocation_metadata))
        if key is None:
            return _refuse("Must provide an API key or an Authorization bearer token")
        if not hmac.compare_digest(key.encode(), self._api_key):
            return _refuse("Invalid API key or JWT")
        return continuation(details)


def key_of(metadata: dict[str, str]) -> str | None:
    if "api-key" in metadata:
        return metadata["api-key"]
    scheme, _, token = metadata.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else None


def _refuse(message: str) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(lambda _, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, message))
