"""The command line: starts the server and stops it at SIGTERM or SIGINT."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from local_qdrant.server import create_server
from local_qdrant.store.catalog import DataFolderInUse
from local_qdrant.store.store import Store

# Requests in progress get this long to complete at a shutdown.
GRACE_SECONDS = 5


def main() -> int:
    options = parse_arguments()
    try:
        api_key = read_api_key(options.api_key_file)
        store = Store(options.data)
    except (OSError, ValueError, DataFolderInUse) as error:
        print(f"local_qdrant: {error}", file=sys.stderr)
        return 1
    server, port = create_server(store, options.listen, api_key)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    print(f"local_qdrant: listening on port {port}, data in {options.data}", flush=True)
    stop.wait()
    server.stop(GRACE_SECONDS).wait()
    store.close()
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m local_qdrant",
        description="A Qdrant for one machine: Qdrant's gRPC protocol on the engine of qdrant-edge-py. Not for production.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections; created if it does not exist")
    parser.add_argument("--listen", default="127.0.0.1:6334", help="HOST:PORT, port 0 for a free one (default: %(default)s)")
    parser.add_argument("--api-key-file", type=Path, help="file with the key that each request must carry; without it, no key is needed")
    return parser.parse_args()


def read_api_key(path: Path | None) -> str | None:
    if path is None:
        return None
    key = path.read_text(encoding="utf-8").strip()
    if not key:
        raise ValueError(f"{path} contains no API key")
    return key


if __name__ == "__main__":
    sys.exit(main())
