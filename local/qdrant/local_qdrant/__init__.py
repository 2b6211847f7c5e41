"""A server that speaks Qdrant's gRPC protocol on the engine of `qdrant-edge-py`, for one machine and for tests."""

import importlib.util
import sys
import types


def _import_messages_alone() -> None:
    """Makes `qdrant_client.grpc` importable without the client, which takes seconds to import and is not used here."""
    found = importlib.util.find_spec("qdrant_client")
    if found is None or "qdrant_client" in sys.modules:
        return
    package = types.ModuleType("qdrant_client")
    package.__path__ = list(found.submodule_search_locations or [])
    sys.modules["qdrant_client"] = package


_import_messages_alone()
