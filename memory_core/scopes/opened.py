"""The scope files of a data folder that are open, each once; no question of who may name them."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..embedding.embedder import Embedder
from ..errors import StorageError
from ..memory import Memory
from ..settings import Settings
from ..storage.data_folder import make_private
from ..storage.opening import open_store
from ..storage.registry import Registry, file_name
from ..storage.sqlite import SqliteStore
from ..text.tokens import TokenCounter
from .emptying import discard, expire
from .moving import finish, under_way
from .shelf import Shelf

log = logging.getLogger("routemem")

#: Seconds after which an open scope is looked after again.
MINDED = 60.0
#: Scopes kept open, five file handles each, and seconds after which one is out of use.
MOST, IDLE = 150, 300.0
#: The same of scopes that are read but were never written to: half a megabyte each.
MOST_BLANK, IDLE_BLANK = 64, 30.0


class Opened:
    """Opens scopes by name, keeps them open and looks after them. Thread-safe.

    The folder is made (mode 0700) on first use; nothing is opened before it is needed.

    Args:
        embedder: gives the embedding model, loading it on first use.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        embedder: Callable[[], Embedder],
        clock: Callable[[], float],
        counter: TokenCounter,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._embedder = embedder
        self._clock = clock
        self._counter = counter
        self._guard = threading.RLock()
        self._open = Shelf(MOST, IDLE)
        self._blank = Shelf(MOST_BLANK, IDLE_BLANK)
        self._opening: dict[str, threading.Lock] = {}
        self._minded: dict[str, float] = {}
        self._registry: Registry | None = None

    def get(self, name: str) -> Memory:
        """The memory of a scope, opened if it is not.

        Raises:
            DamagedFile: the file was no database; it was set aside, the next call starts anew.
            TooManyScopes: so many are in use that no other can be opened now.
            StorageError: the file cannot be used.
        """
        memory = self._open.get(name)
        if memory is None or not _usable(memory):
            memory = self._open_anew(name)
        self._mind(memory)
        return memory

    def has(self, name: str) -> bool:
        """Whether there is a file of this scope."""
        return name in self._open or (self._folder / file_name(name)).exists()

    def blank(self, name: str) -> Memory:
        """An empty memory of this name that leaves no file.

        Raises:
            TooManyScopes: as for `get`.
        """
        with self._guard:
            if memory := self._blank.get(name):
                return memory
            for unused in self._blank.make_room():
                _close(unused)
            nothing = SqliteStore(None, name, "", now=self._clock())
            return self._blank.put(name, self._memory(nothing, read_only=True))

    def _open_anew(self, name: str) -> Memory:
        with self._guard:
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:  # only those who want this scope wait for its file
            memory, doubts = self._open.get(name), ""
            if memory is not None and not _usable(memory):
                doubts = memory.store.db.doubts if isinstance(memory.store, SqliteStore) else ""
                self._open.pop(name)
                _close(memory)
                memory = None
            if memory is None:
                for unused in self._open.make_room():
                    _close(unused)
                memory = self._open.put(name, self._memory(self._store(name, doubts)))
                self._minded.pop(name, None)
            return memory

    def _mind(self, memory: Memory) -> None:
        """Finish a move that was cut short, and empty a session that is over."""
        now = self._clock()
        last = self._minded.get(memory.scope)
        if self._settings.read_only or (last is not None and abs(now - last) < MINDED):
            return
        self._minded[memory.scope] = now
        if cut_short := under_way(memory):
            finish(memory, self.get(cut_short[0]), lambda: self.registry)
        expire(memory, now)

    def sweep(self) -> list[str]:
        """Look after every session of the folder, opened or not; returns those that are empty.

        Those that are over are emptied; once nothing of them can be brought back any more, their
        files are removed.
        """
        if not self._folder.exists() or self._settings.read_only:
            return []
        names = [name for name in self.registry.scopes() if name.startswith("session:")]
        empty = [n for n in filter(self.has, names) if not self.get(n).store.last_write()]
        for name in empty:
            if discard(self.get(name), self._clock()):
                self._let_go(name)
        return empty

    def _let_go(self, name: str) -> None:
        """Close a scope whose file was removed, and forget it."""
        if memory := self._open.pop(name):
            _close(memory)
        self.registry.drop(name)

    @property
    def registry(self) -> Registry:
        """Which scopes the folder holds."""
        with self._guard:
            if self._registry is not None and not self._registry.in_place():
                self._registry.close()
                self._registry = None
            if self._registry is None:
                make_private(self._folder)
                self._registry = Registry(self._folder, deadline=self._settings.write_deadline)
            return self._registry

    def close(self) -> None:
        """Close every open scope."""
        with self._guard:
            for memory in (*self._open.empty(), *self._blank.empty()):
                _close(memory)
                self._judge(memory)
            if self._registry is not None:
                self._registry.close()
                self._registry = None

    def _store(self, scope: str, doubts: str) -> SqliteStore:
        return open_store(
            self._folder,
            self.registry,
            scope,
            now=self._clock(),
            deadline=self._settings.write_deadline,
            doubts=doubts,
        )

    def _judge(self, memory: Memory) -> None:
        """Set a file aside that was found damaged while it was open, for those who come next."""
        if isinstance(memory.store, SqliteStore) and memory.store.db.doubts:
            try:
                self._store(memory.scope, memory.store.db.doubts).close()
            except StorageError as error:
                log.warning("%s", error)

    def _memory(self, store: SqliteStore, *, read_only: bool = False) -> Memory:
        settings = replace(self._settings, read_only=True) if read_only else self._settings
        return Memory(
            store, self._embedder, settings=settings, clock=self._clock, counter=self._counter
        )


def _usable(memory: Memory) -> bool:
    """Whether the memory's file is still the one it opened, and nothing in it is damaged."""
    store = memory.store
    return not isinstance(store, SqliteStore) or (store.db.in_place() and not store.db.doubts)


def _close(memory: Memory) -> None:
    """Close it even if what waits in RAM, which may be lost, cannot be written."""
    try:
        memory.close()
    except StorageError as error:
        log.warning("closed without its access counts: %s", error)
        memory.store.close()
