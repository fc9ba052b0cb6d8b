"""Scopes: a data folder, its scope files, and who may name which."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .embedding.embedder import Embedder
from .embedding.lazy import LazyEmbedder
from .errors import DamagedFile, InvalidArgument, NotFound, StorageError
from .memory import Memory
from .records import Forgotten
from .settings import Settings
from .storage.ids import tag_of
from .storage.registry import Registry, check_scope, file_name
from .storage.sqlite import SqliteStore
from .text.tokens import TokenCounter


class Scopes:
    """Opens scopes of one data folder and finds the scope of an id. Thread-safe.

    The folder is made (mode 0700) on first use; nothing is opened before it is needed.

    Args:
        settings: ``data_dir``, ``scope`` (the default one), ``allow_scope`` and the rest.
        embedder: an embedder instead of the one ``settings.embedder`` names.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        embedder: Embedder | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.default = check_scope(self.settings.scope)
        self.folder = self.settings.data_path()
        self.counter = TokenCounter.load(self.settings.token_counter)
        self.clock = clock
        self.embedder = LazyEmbedder.of(embedder or self.settings.embedder)
        self._guard = threading.RLock()
        self._open: dict[str, Memory] = {}
        self._registry: Registry | None = None

    def __enter__(self) -> "Scopes":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, scope: str = "") -> Memory:
        """The memory of a scope, the default one for "". Opened once, closed with `close`.

        Raises:
            InvalidScope: the name is malformed.
            NotFound: the name is not on the allow-list (the answer for "not there" is the same).
            DamagedFile: the file was no database; it was set aside, the next call starts anew.
            StorageError: the file cannot be used.
        """
        name = check_scope(scope or self.default)
        if not self.allows(name):
            raise NotFound(f"No scope {name!r} here. This server's own scope is {self.default!r}.")
        with self._guard:
            if name not in self._open:
                self._open[name] = self._opened(name)
            return self._open[name]

    def locate(self, ref: str, scope: str = "") -> Memory:
        """The memory an id belongs to; a key, or an unknown id, belongs to ``scope``."""
        tag = tag_of(ref)
        owner = self.registry.scope_of(tag) if tag and not scope else None
        if owner is None or not self.allows(owner):
            return self.open(scope)
        return self.open(owner)

    def by_scope(self, refs: Sequence[str], scope: str = "") -> list[tuple[Memory, list[str]]]:
        """Ids and keys grouped by the memory they belong to, in order of first mention."""
        groups: dict[str, tuple[Memory, list[str]]] = {}
        for ref in refs:
            memory = self.locate(ref, scope)
            groups.setdefault(memory.scope, (memory, []))[1].append(ref)
        return list(groups.values())

    def one_scope(self, refs: Sequence[str], scope: str = "") -> tuple[Memory, list[str]]:
        """The one memory all these ids and keys belong to.

        Raises:
            InvalidArgument: they belong to several.
        """
        groups = self.by_scope(refs, scope)
        if len(groups) == 1:
            return groups[0]
        told = "; ".join(f"{memory.scope}: {', '.join(found)}" for memory, found in groups)
        raise InvalidArgument(f"Name ids of one scope per call, got {told or 'none'}.")

    def forget(
        self, refs: Sequence[str], *, mode: str = "archive", reason: str = "", scope: str = ""
    ) -> list[Forgotten]:
        """`Memory.forget` wherever the ids are; an unknown id anywhere changes nothing anywhere.

        Raises:
            InvalidArgument: no id.
            NotFound: an id names nothing.
        """
        groups = self.by_scope(refs, scope)
        if not groups:
            raise InvalidArgument("ids is empty: name the memories to forget.")
        for memory, found in groups:
            memory.check_known(found)
        return [one for m, found in groups for one in m.forget(found, mode=mode, reason=reason)]

    def allows(self, scope: str) -> bool:
        """Whether a scope may be named: the default one always, others by the allow-list."""
        patterns = self.settings.allow_scope
        return (
            not patterns
            or scope == self.default
            or any(scope == p or (p.endswith("*") and scope.startswith(p[:-1])) for p in patterns)
        )

    def names(self) -> list[str]:
        """Every scope of the folder that may be named."""
        return [scope for scope in self.registry.scopes() if self.allows(scope)]

    @property
    def registry(self) -> Registry:
        """Which scopes the folder holds."""
        with self._guard:
            if self._registry is None:
                make_private(self.folder)
                self._registry = Registry(self.folder, deadline=self.settings.write_deadline)
            return self._registry

    def close(self) -> None:
        """Close every open scope."""
        with self._guard:
            for memory in self._open.values():
                memory.close()
            self._open.clear()
            if self._registry is not None:
                self._registry.close()
                self._registry = None

    def _opened(self, scope: str) -> Memory:
        tag = self.registry.tag(scope)
        path = self.folder / file_name(scope)
        try:
            store = SqliteStore(
                path, scope, tag, now=self.clock(), deadline=self.settings.write_deadline
            )
        except DamagedFile as error:
            raise DamagedFile(path, set_aside(path, self.clock()), error.reason) from error
        return Memory(
            store, self.embedder, settings=self.settings, clock=self.clock, counter=self.counter
        )


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and folder.stat().st_uid == os.getuid():
            folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"The data folder {folder} cannot be made ({error.strerror}). Choose another with "
            "--data-dir or ROUTEMEM_DATA_DIR."
        ) from error


def set_aside(path: Path, now: float) -> Path:
    """Rename a damaged scope file and its log; returns the new name (the old one on failure)."""
    kept = path.with_name(f"{path.name}.damaged-{int(now)}")
    try:
        path.rename(kept)
        for ending in ("-wal", "-shm"):
            log = path.with_name(path.name + ending)
            if log.exists():
                log.rename(kept.with_name(kept.name + ending))
    except OSError:
        return path
    return kept
