"""Which scopes may be named, what is open of them, and where an id lies."""

import copy
import time
import unicodedata
from collections.abc import Callable, Sequence
from typing import Self

from ..embedding.embedder import Embedder
from ..embedding.lazy import LazyEmbedder
from ..errors import NotFound
from ..memory import Memory
from ..settings import Settings
from ..storage.ids import bare, tag_of
from ..storage.registry import Registry, check_scope
from ..text.tokens import TokenCounter
from .chain import read_chain
from .opened import Opened


class NamedScopes:
    """Finds the memory of a name or id among those that may be named.

    Thread-safe. Nothing is opened before it is needed.

    Args:
        settings: ``data_dir``, ``scope`` (the default one), ``chain``, ``allow_scope`` and the
            rest.
        embedder: an embedder instead of the one ``settings.embedder`` names.

    Attributes:
        default: the scope that calls write to when they name none.
        chain: the scopes that calls read when they name none, nearest first.
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
        self.chain = read_chain(self.default, [*map(check_scope, self.settings.chain)])
        self.folder = self.settings.data_path()
        self.counter = TokenCounter.load(self.settings.token_counter)
        self.clock = clock
        self.embedder = LazyEmbedder.of(embedder or self.settings.embedder)
        self._opened = Opened(self.folder, self.settings, self.embedder, clock, self.counter)
        self._root: Self | None = None
        self._granted: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _limited(self, granted: Sequence[str]) -> Self:
        view = copy.copy(self)
        view._root = self
        view._granted = tuple(granted)
        view.default = next((name for name in granted if not name.endswith("*")), self.default)
        view.chain = read_chain(view.default, [name for name in self.chain if view.allows(name)])
        return view

    def open(self, scope: str = "") -> Memory:
        """The memory of a scope, the default one for "". Opened once, closed with `close`.

        Raises:
            InvalidScope: the name is malformed.
            NotFound: the name is not on the allow-list (the answer for "not there" is the same).
            DamagedFile: the file was no database; it was set aside, the next call starts anew.
            StorageError: the file cannot be used.
        """
        return self._opened.get(self._allowed(scope))

    def look(self, scope: str = "") -> Memory:
        """The memory of a scope for reading: one that nobody wrote to yet leaves no file.

        Raises:
            InvalidScope, NotFound, DamagedFile, StorageError: as for `open`.
        """
        name = self._allowed(scope)
        return self._opened.get(name) if self._opened.has(name) else self._opened.blank(name)

    def _allowed(self, scope: str) -> str:
        name = check_scope(scope or self.default)
        if not self.allows(name):
            others = ", ".join(self._granted or self.settings.allow_scope)
            raise NotFound(
                f"No scope {name!r} here. Leave scope empty for {self.default!r}, this server's "
                f"own, or name one of: {others}."
            )
        return name

    def allows(self, scope: str) -> bool:
        """Whether a scope may be named: those of the chain always, others by the allow-list."""
        if self._root is not None:
            return self._root.allows(scope) and _named(scope, self._granted)
        patterns = self.settings.allow_scope
        return not patterns or scope in self.chain or _named(scope, patterns)

    def names(self) -> list[str]:
        """Every scope of the folder that may be named."""
        if not self.folder.exists():
            return []
        return [scope for scope in self.registry.scopes() if self.allows(scope)]

    @property
    def registry(self) -> Registry:
        """Which scopes the folder holds."""
        return self._opened.registry

    def locate(self, ref: str, scope: str = "") -> Memory:
        """The memory an id belongs to; a key, or an unknown id, belongs to ``scope``."""
        tag = None if scope or not self.folder.exists() else tag_of(ref)
        owner = self._owner(ref, tag) if tag else None
        return self.look(owner if owner and self.allows(owner) else scope)

    def _owner(self, ref: str, tag: str) -> str | None:
        return self.registry.moved_to(bare(ref).lower()) or self.registry.scope_of(tag)

    def by_scope(self, refs: Sequence[str], scope: str = "") -> list[tuple[Memory, list[str]]]:
        """Ids and keys grouped by the memory they belong to, in order of first mention."""
        groups: dict[str, tuple[Memory, list[str]]] = {}
        for ref in refs:
            memory = self.locate(ref, scope)
            groups.setdefault(memory.scope, (memory, []))[1].append(ref)
        return list(groups.values())

    def reads_chain(self, scope: str) -> bool:
        """Whether a call that names this scope reads several."""
        return not scope and len(self.chain) > 1

    def sweep(self) -> list[str]:
        """Look after every session of the folder, opened or not; returns those that are empty."""
        return self._opened.sweep()

    def close(self) -> None:
        """Close every open scope."""
        if self._root is None:
            self._opened.close()


def _named(scope: str, patterns: Sequence[str]) -> bool:
    """Whether a checked name is among the patterns, however their accents were typed."""
    whole = (unicodedata.normalize("NFC", pattern) for pattern in patterns)
    return any(scope == p or (p.endswith("*") and scope.startswith(p[:-1])) for p in whole)
