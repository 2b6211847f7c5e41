"""The server under test."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import uuid
from pathlib import Path
from urllib.parse import urlparse

from qdrant_client import QdrantClient, models

FOLDER = Path(__file__).parent.parent
REAL_URL = os.environ.get("QDRANT_URL")
REAL_KEY = os.environ.get("QDRANT_API_KEY")
KEY = "key-of-the-tests"

needs_local = unittest.skipIf(REAL_URL, "stops the server")


class LocalServer:
    """The server as a child process, with data and a key in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="local-qdrant-"))
        (self.folder / "key").write_text(KEY + "\n")
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "local_qdrant", "--data", str(self.folder / "data")]
        command += ["--listen", f"127.0.0.1:{self.port}", "--api-key-file", str(self.folder / "key")]
        self.process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"listening on port (\d+)", line)
        if not found:
            raise RuntimeError(f"the server did not start: {line!r}")
        self.port = int(found[1])

    def kill(self) -> None:
        """Ends the process without any chance to write."""
        self.process.kill()
        self._reap()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        if self._reap() != 0:
            raise RuntimeError("the server did not stop cleanly")

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def client(self, key: str | None = KEY) -> QdrantClient:
        return QdrantClient(host="127.0.0.1", grpc_port=self.port, prefer_grpc=True, https=False, api_key=key, check_compatibility=False)

    def _reap(self) -> int:
        code = self.process.wait(30)
        self.process.stdout.close()
        return code


def real_client(key: str | None = REAL_KEY) -> QdrantClient:
    url = urlparse(REAL_URL)
    return QdrantClient(
        host=url.hostname, grpc_port=url.port or 6334, prefer_grpc=True, https=url.scheme == "https", api_key=key, check_compatibility=False
    )


class ServerTest(unittest.TestCase):
    """Tests that share a server, each with collections of its own."""

    local: LocalServer | None = None
    client: QdrantClient

    @classmethod
    def setUpClass(cls) -> None:
        if not hasattr(ServerTest, "client"):
            ServerTest.start()

    @staticmethod
    def start() -> None:
        """Starts the local server, or connects to the one under test."""
        if REAL_URL:
            ServerTest.client = real_client()
            return
        ServerTest.local = LocalServer()
        ServerTest.client = ServerTest.local.client()
        atexit.register(ServerTest.local.remove)

    @staticmethod
    def restart() -> None:
        """Starts the local server after it was stopped."""
        ServerTest.local.start()
        ServerTest.client = ServerTest.local.client()

    def name(self) -> str:
        """Returns the name of a new collection, which is deleted at the end of the test."""
        name = f"test-{uuid.uuid4().hex}"
        self.addCleanup(lambda: self.client.delete_collection(name))
        return name

    def hybrid(self, **options: object) -> str:
        """Creates a collection with the vectors `dense` (4 dimensions, cosine) and `bm25` (sparse, IDF)."""
        name = self.name()
        self.client.create_collection(
            name,
            vectors_config={"dense": models.VectorParams(size=4, distance=models.Distance.COSINE)},
            sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
            **options,
        )
        return name

    def indexed(self) -> str:
        """Creates such a collection with an index of the tenant."""
        name = self.hybrid()
        schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
        self.client.create_payload_index(name, "tenant", schema)
        return name


def point(number: int, tenant: str, dense: list[float], words: list[int], **payload: object) -> models.PointStruct:
    sparse = models.SparseVector(indices=words, values=[1.0] * len(words))
    return models.PointStruct(id=number, vector={"dense": dense, "bm25": sparse}, payload={"tenant": tenant, **payload})


def of_tenant(tenant: str, *further: models.Condition) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="tenant", match=models.MatchValue(value=tenant)), *further])
