"""All collections of a data folder."""

import shutil
import threading
import uuid
from pathlib import Path

from local_qdrant.errors import bad_input, collection_exists, collection_not_found
from local_qdrant.store.catalog import Catalog, Entry
from local_qdrant.store.collection import Collection

# How much log a restart may have to replay; the interval of a Qdrant server.
FLUSH_INTERVAL_SECONDS = 5


class Store:
    """The collections by name. `lock` is held for changes of the catalog, and taken before the lock of a collection."""

    def __init__(self, data: Path) -> None:
        self.catalog = Catalog(data)
        self.lock = threading.RLock()
        self._folder = data / "collections"
        self._folder.mkdir(exist_ok=True)
        self._remove_remainders()
        self._collections = {
            name: Collection.load(self._folder / entry.folder, entry) for name, entry in self.catalog.state.collections.items()
        }
        self._stop = threading.Event()
        self._flusher = threading.Thread(target=self._flush_periodically, name="flush", daemon=True)
        self._flusher.start()

    def names(self) -> list[str]:
        return sorted(self._collections)

    def exists(self, name: str) -> bool:
        return self.catalog.state.aliases.get(name, name) in self._collections

    def get(self, name: str) -> Collection:
        """Returns the collection with this name or alias."""
        found = self._collections.get(self.catalog.state.aliases.get(name, name))
        if found is None:
            raise collection_not_found(name)
        return found

    def create(self, name: str, config: dict) -> None:
        with self.lock:
            if name in self._collections:
                raise collection_exists(name)
            if name in self.catalog.state.aliases:
                raise bad_input(f"Can't create collection with name {name}. Alias with the same name already exists")
            entry = Entry(folder=uuid.uuid4().hex, config=config)
            path = self._folder / entry.folder
            try:
                created = Collection.create(path, entry)
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
            with self.catalog.change() as state:
                state.collections[name] = entry
            self._collections[name] = created

    def change(self, name: str, changed: Entry) -> None:
        """Replaces the configuration of a collection."""
        with self.lock:
            name = self.catalog.state.aliases.get(name, name)
            with self.catalog.change() as state:
                state.collections[name] = changed
            self._collections[name].configure(changed)

    def entry(self, name: str) -> Entry:
        """Returns the catalog's entry; the caller holds `lock` if it changes it."""
        self.get(name)
        return self.catalog.state.collections[self.catalog.state.aliases.get(name, name)]

    def delete(self, name: str) -> bool:
        """Deletes the collection and its aliases; returns whether it existed. An alias is no collection here."""
        with self.lock:
            if name not in self._collections:
                return False
            with self.catalog.change() as state:
                del state.collections[name]
                state.aliases = {alias: target for alias, target in state.aliases.items() if target != name}
            removed = self._collections.pop(name)
        removed.close()
        shutil.rmtree(removed.path, ignore_errors=True)  # what remains is removed at the next start
        return True

    def close(self) -> None:
        """Flushes and closes all collections."""
        self._stop.set()
        self._flusher.join()
        for collection in self._collections.values():
            collection.flush()
            collection.close()

    def _remove_remainders(self) -> None:
        known = {entry.folder for entry in self.catalog.state.collections.values()}
        for path in self._folder.iterdir():
            if path.name not in known:
                shutil.rmtree(path)

    def _flush_periodically(self) -> None:
        while not self._stop.wait(FLUSH_INTERVAL_SECONDS):
            for collection in list(self._collections.values()):
                try:
                    collection.flush()
                except BaseException as error:  # a panic of the engine is no Exception; all are flushed again in the next turn
                    if collection in self._collections.values():  # and not deleted meanwhile
                        print(f"local_qdrant: failed to flush {collection.path.name}: {error!r}", flush=True)
