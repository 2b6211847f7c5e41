"""What holds when segments cannot be written to disk."""

import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from local_qdrant.store.catalog import Entry
from local_qdrant.store.collection import Collection
from local_qdrant.store.store import Store

DEADLINE_SECONDS = 60


class Panic(BaseException):
    """A panic of the engine, which is no Exception."""


class FailingShard:
    """A shard whose first writes to disk fail."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.flushed = threading.Event()
        self.flushes = 0

    def flush(self) -> None:
        self.flushes += 1
        if self.failures:
            raise self.failures.pop(0)
        self.flushed.set()


def collection(shard: FailingShard) -> Collection:
    return Collection(Path("orders"), Entry(folder="orders", config={}), shard)


class Flushes(unittest.TestCase):
    def test_what_could_not_be_flushed_is_flushed_by_the_next_call(self):
        for failure in (OSError("disk full"), Panic("engine")):
            shard = FailingShard(failure)
            orders = collection(shard)
            with self.assertRaises(type(failure)):
                orders.flush()
            orders.flush()
            self.assertTrue(shard.flushed.is_set())
            orders.flush()
            self.assertEqual(shard.flushes, 2, "what is flushed is not flushed again")

    def test_a_panic_ends_the_flushes_of_no_collection(self):
        failing, other = FailingShard(Panic("engine"), OSError("disk full")), FailingShard()
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch("local_qdrant.store.store.FLUSH_INTERVAL_SECONDS", 0.01),
            mock.patch("builtins.print"),
        ):
            store = Store(Path(folder))
            try:
                store._collections = {"orders": collection(failing), "others": collection(other)}
                for shard in (other, failing):
                    self.assertTrue(shard.flushed.wait(DEADLINE_SECONDS))
            finally:
                store._stop.set()
                store._flusher.join()
