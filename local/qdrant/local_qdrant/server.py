"""The gRPC server: which function answers which method."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from qdrant_client import grpc as pb
from qdrant_client.grpc import collections_service_pb2_grpc, points_service_pb2_grpc, qdrant_pb2_grpc

from local_qdrant import collections, points
from local_qdrant.auth import ApiKeyInterceptor
from local_qdrant.errors import RequestError, from_engine
from local_qdrant.store.store import Store

# Each request occupies a thread; the engine computes outside of Python's lock.
MAX_CONCURRENT_REQUESTS = 16
# The limit of a Qdrant server for a request by HTTP is 32 MiB, and none by gRPC.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

Method = Callable[[Store, object], object]


def create_server(store: Store, address: str, api_key: str | None) -> tuple[grpc.Server, int]:
    """Returns a server that is not yet started, and its port.

    Raises OSError if the address cannot be bound.
    """
    limits = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]
    interceptors = [ApiKeyInterceptor(api_key)] if api_key is not None else []
    server = grpc.server(ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS), interceptors=interceptors, options=limits)
    collections_service_pb2_grpc.add_CollectionsServicer_to_server(
        _service(collections_service_pb2_grpc.CollectionsServicer, collections.METHODS, store), server
    )
    points_service_pb2_grpc.add_PointsServicer_to_server(
        _service(points_service_pb2_grpc.PointsServicer, points.METHODS, store), server
    )
    qdrant_pb2_grpc.add_QdrantServicer_to_server(_service(qdrant_pb2_grpc.QdrantServicer, {"HealthCheck": _health}, store), server)
    server.add_generic_rpc_handlers((_grpc_health(),))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"failed to listen on {address}: {error}") from error
    return server, port


def _service(base: type, methods: dict[str, Method], store: Store) -> object:
    """Returns a servicer whose other methods answer UNIMPLEMENTED."""
    names = [name for name in vars(base) if not name.startswith("_")]
    return type(base.__name__, (base,), {name: _answer(name, methods.get(name), store) for name in names})()


def _answer(name: str, method: Method | None, store: Store) -> Callable:
    def answer(_self: object, request: object, context: grpc.ServicerContext) -> object:
        if method is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name} is not implemented by the Qdrant for one machine")
        started = time.monotonic()
        try:
            response = method(store, request)
        except RequestError as error:
            context.abort(error.code, str(error))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the engine is no Exception
            mapped = from_engine(error)
            if mapped.code == grpc.StatusCode.INTERNAL:
                print(f"local_qdrant: {name}: {error!r}", flush=True)
            context.abort(mapped.code, str(mapped))
        if hasattr(response, "time"):
            response.time = time.monotonic() - started
        return response

    return answer


def _health(_store: Store, _request: pb.HealthCheckRequest) -> pb.HealthCheckReply:
    return pb.HealthCheckReply(title="qdrant - vector search engine", version="1.19.0", commit="qdrant-edge-py")


def _grpc_health() -> grpc.GenericRpcHandler:
    """Returns the service of the gRPC health checking protocol; the answer is the message `{status: SERVING}`."""
    check = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\x08\x01")
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})
