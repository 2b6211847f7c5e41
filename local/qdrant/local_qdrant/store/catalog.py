"""The catalog: one JSON file that says which collections, indexes and aliases exist.

The engine keeps points. All else is here, in one file that is replaced atomically, so that a change of several
aliases happens as a whole and a folder without an entry is the remainder of an interrupted change.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path


class DataFolderInUse(Exception):
    """Another process serves the folder."""


@dataclass
class Entry:
    """One collection. Messages are in the JSON form of Protocol Buffers."""

    folder: str
    config: dict
    indexes: dict[str, dict] = field(default_factory=dict)


@dataclass
class State:
    """Everything in the catalog."""

    collections: dict[str, Entry] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)


class Catalog:
    """The catalog of a data folder, which the process locks until it ends."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._lock = (data / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderInUse(f"another process serves {data}") from error
        self._file = data / "catalog.json"
        self.state = self._read()

    @contextmanager
    def change(self) -> Iterator[State]:
        """Yields a copy to change. When the block ends, the copy is on disk and replaces the state; an error discards it."""
        changed = deepcopy(self.state)
        yield changed
        self._write(changed)
        self.state = changed

    def _read(self) -> State:
        if not self._file.exists():
            return State()
        raw = json.loads(self._file.read_text(encoding="utf-8"))
        return State({name: Entry(**entry) for name, entry in raw["collections"].items()}, raw["aliases"])

    def _write(self, state: State) -> None:
        beside = self._file.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(state), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
