"""Scopes: a data folder, its scope files, and who may name which."""

import copy
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from .briefing import Briefing
from .chain import Chain
from .embedding.embedder import Embedder
from .embedding.lazy import LazyEmbedder
from .emptying import Emptied, clear, confirmation, discard, expire
from .errors import InvalidArgument, NotFound, StorageError
from .lifecycle.actions import Action, Unread
from .memory import Memory
from .moving import Moved, finish, move, under_way
from .question import ask
from .records import Compressed, Context, Fact, Forgotten, Hit, Logged, Quarantined, Recall, Trust
from .reviewing import Outcome
from .settings import Settings
from .storage.ids import bare, tag_of
from .storage.opening import open_store
from .storage.registry import Registry, check_scope, file_name
from .storage.sqlite import SqliteStore
from .text.times import iso
from .text.tokens import TokenCounter
from .transfer import Exported, Imported
from .transfer.bundle import check
from .transfer.files import ENDING, free_name, read_from, write_new

log = logging.getLogger("routemem")

#: Seconds after which an open scope is looked after again.
MINDED = 60.0


class Scopes:
    """Opens scopes of one data folder and finds the scope of an id. Thread-safe.

    The folder is made (mode 0700) on first use; nothing is opened before it is needed.

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
        self._guard = threading.RLock()
        self._open: dict[str, Memory] = {}
        self._blank: dict[str, Memory] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._minded: dict[str, float] = {}
        self._registry: Registry | None = None
        self._root: Scopes | None = None
        self._granted: tuple[str, ...] = ()
        self._shelf = ""

    def __enter__(self) -> "Scopes":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def seen_by(self, granted: Sequence[str], shelf: str) -> "Scopes":
        """These scopes as far as somebody may name them; what is open is shared.

        Calls that name no scope use the first granted by its name, or the default one. The chain
        keeps what is granted. Nothing needs to be closed.

        Args:
            granted: scopes; a trailing ``*`` matches any ending.
            shelf: folder of its own, under ``exports``: bundles of others are not seen.
        """
        view = copy.copy(self)
        view._root = self
        view._granted = tuple(granted)
        view._shelf = shelf
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
        return self._get(self._allowed(scope))

    def _get(self, name: str) -> Memory:
        memory = self._open.get(name)
        if memory is None or not _usable(memory):
            memory = self._open_anew(name)
        self._mind(memory)
        return memory

    def _open_anew(self, name: str) -> Memory:
        with self._guard:
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:  # only those who want this scope wait for its file
            memory, doubts = self._open.get(name), ""
            if memory is not None and not _usable(memory):
                doubts = memory.store.db.doubts if isinstance(memory.store, SqliteStore) else ""
                _close(self._open.pop(name))
            if name not in self._open:
                self._open[name] = self._memory(self._store(name, doubts))
                self._minded.pop(name, None)
            return self._open[name]

    def _mind(self, memory: Memory) -> None:
        """Finish a move that was cut short, and empty a session that is over."""
        now = self.clock()
        last = self._minded.get(memory.scope)
        if self.settings.read_only or (last is not None and abs(now - last) < MINDED):
            return
        self._minded[memory.scope] = now
        if cut_short := under_way(memory):
            finish(memory, self._get(cut_short[0]), lambda: self.registry)
        expire(memory, now)

    def sweep(self) -> list[str]:
        """Look after every session of the folder, opened or not; returns those that are empty.

        Those that are over are emptied; once nothing of them can be brought back any more, their
        files are removed.
        """
        if not self.folder.exists() or self.settings.read_only:
            return []
        names = [name for name in self.registry.scopes() if name.startswith("session:")]
        there = [name for name in names if (self.folder / file_name(name)).exists()]
        empty = [name for name in there if not self._get(name).store.last_write()]
        for name in empty:
            if discard(self._get(name), self.clock()):
                self._let_go(name)
        return empty

    def _let_go(self, name: str) -> None:
        """Close a scope whose file was removed, and forget it."""
        with self._guard:
            memory = self._open.pop(name, None)
        if memory is not None:
            _close(memory)
        self.registry.drop(name)

    def look(self, scope: str = "") -> Memory:
        """The memory of a scope for reading: one that nobody wrote to yet leaves no file.

        Raises:
            InvalidScope, NotFound, DamagedFile, StorageError: as for `open`.
        """
        name = self._allowed(scope)
        if name in self._open or (self.folder / file_name(name)).exists():
            return self.open(name)
        with self._guard:
            if name not in self._blank:
                nothing = SqliteStore(None, name, "", now=self.clock())
                self._blank[name] = self._memory(nothing)
            return self._blank[name]

    def _allowed(self, scope: str) -> str:
        name = check_scope(scope or self.default)
        if not self.allows(name):
            others = ", ".join(self._granted or self.settings.allow_scope)
            raise NotFound(
                f"No scope {name!r} here. Leave scope empty for {self.default!r}, this server's "
                f"own, or name one of: {others}."
            )
        return name

    def locate(self, ref: str, scope: str = "") -> Memory:
        """The memory an id belongs to; a key, or an unknown id, belongs to ``scope``."""
        tag = None if scope or not self.folder.exists() else tag_of(ref)
        owner = self._owner(ref, tag) if tag else None
        return self.look(owner if owner and self.allows(owner) else scope)

    def _owner(self, ref: str, tag: str) -> str | None:
        return self.registry.moved_to(bare(ref).lower()) or self.registry.scope_of(tag)

    def move(self, refs: Sequence[str], to: str, *, scope: str = "") -> list[Moved]:
        """Move memories, cards and facts into another scope; they keep their ids.

        Args:
            refs: ids wherever they are, and keys in ``scope``.
            to: the other scope.

        Raises:
            InvalidArgument: no id, or they are there already.
            NotFound: an id, key or scope is not there; nothing was moved.
        """
        groups = self.by_scope(refs, scope)
        if not groups:
            raise InvalidArgument("ids is empty: name what to move.")
        target = self.open(to)
        return [move(memory, target, found, lambda: self.registry) for memory, found in groups]

    def promote(self, scope: str, to: str) -> Moved:
        """Move everything a scope holds into another, as at the end of a session worth keeping.

        Raises:
            InvalidArgument: both are the same.
            NotFound: there is no such scope.
        """
        return move(self.look(scope), self.open(to), [], lambda: self.registry)

    def export(self, scope: str = "", path: Path | None = None) -> tuple[Path, Exported]:
        """Write a scope as a bundle to a file that is not there yet.

        Args:
            path: None for one in the folder ``exports`` of the data folder, named by scope and
                time.

        Raises:
            InvalidArgument: the file is there already.
            NotFound: there is no such scope.
            StorageError: it cannot be written.
        """
        memory = self.look(scope)
        if path is None:
            make_private(self.exports)
            stamp = iso(self.clock())[:19].replace(":", "").replace("-", "")
            name = f"{Path(file_name(memory.scope)).stem}-{stamp}{ENDING}"
            path = free_name(self.exports / name)
        return path, write_new(path, memory.transfer.export)

    def import_(self, path: Path, scope: str = "", *, trust: Trust = "verified") -> Imported:
        """Take a bundle into a scope; see `Transfer.restore`.

        Raises:
            InvalidBundle: the file is no whole bundle; nothing was changed.
            NotFound: there is no such file or scope.
        """
        head = read_from(path, check)
        memory = self.open(scope)
        if memory.store.meta("last_id") is None and self.registry.scope_of(head.tag) is None:
            tag = self.registry.settle(memory.scope, head.tag)  # then ids can stay as they are
            with memory.store.atomic():
                memory.store.set_meta("tag", tag)
        return read_from(path, lambda file: memory.transfer.restore(file, trust=trust))

    @property
    def exports(self) -> Path:
        """The folder that exports go to, and that a model may import from."""
        return self.folder / "exports" / self._shelf

    def clear(self, scope: str, confirm: str = "") -> tuple[str, Emptied | None]:
        """Empty a scope, in two steps.

        Args:
            confirm: nothing, or what the first call returned.

        Returns:
            The word that confirms it, with nothing done; or "" and what was done.

        Raises:
            Conflict: the word does not fit; nothing was changed.
            NotFound: there is no such scope.
        """
        memory = self.look(scope)
        if not confirm:
            return confirmation(memory), None
        return "", clear(memory, confirm)

    def _holder(self, ref: str, scope: str) -> Memory:
        """Where an id or key is read: an unnamed key in the nearest scope of the chain with it."""
        home = self.locate(ref, scope)
        if self.reads_chain(scope) and home.find(ref) is None:
            chain = (self.look(name) for name in self.chain)
            return next((memory for memory in chain if memory.find(ref)), home)
        return home

    def by_scope(self, refs: Sequence[str], scope: str = "") -> list[tuple[Memory, list[str]]]:
        """Ids and keys grouped by the memory they belong to, in order of first mention."""
        groups: dict[str, tuple[Memory, list[str]]] = {}
        for ref in refs:
            memory = self.locate(ref, scope)
            groups.setdefault(memory.scope, (memory, []))[1].append(ref)
        return list(groups.values())

    def recall(
        self,
        query: str = "",
        *,
        ids: Sequence[str] = (),
        scope: str = "",
        cost: Callable[[Hit], int] | None = None,
        **options: Any,
    ) -> Recall:
        """`Memory.recall` on one scope or, without one, on the chain.

        Ids and keys are read wherever they are. Over a chain all hits are ranked together.

        Raises:
            InvalidArgument: an argument is outside what is accepted.
            NotFound: there is no such scope.
        """
        if not ids and self.reads_chain(scope):
            asked = ask(query, scope=" ".join(self.chain), **options)
            return self._chained().recall(asked, cost)
        home = self.look(scope)
        if not ids:
            return home.recall(query, cost=cost, **options)
        asked = ask(query, ids=ids, scope=home.scope, **options)
        found = [
            (ref, self._holder(ref, scope).reading.whole(ref, full=asked.full)) for ref in asked.ids
        ]
        return home.reading.pages(asked, found, cost)

    def log_turn(
        self, user: str, assistant: str = "", *, scope: str = "", **options: Any
    ) -> Logged:
        """`Memory.log_turn` in one scope; what it recalls comes from the chain if none is named.

        Raises:
            InvalidArgument: the user said nothing, or a text is too long.
            NotFound: there is no such scope.
        """
        home = self.open(scope)
        return home.log_turn(user, assistant, recall=partial(self.recall, scope=scope), **options)

    def get_context(
        self,
        query: str = "",
        *,
        max_tokens: int = 3000,
        model: str = "",
        include: Sequence[str] = (),
        cost: Callable[[str], int] | None = None,
        scope: str = "",
    ) -> Context:
        """`Memory.get_context` on one scope or, without one, on the chain.

        Raises:
            InvalidArgument: an argument is outside what is accepted.
            NotFound: there is no such scope.
        """
        home = self.look(scope)
        if not self.reads_chain(scope):
            return home.get_context(
                query, max_tokens=max_tokens, model=model, include=include, cost=cost
            )
        reader, note = home.reader(model)
        memories = [self.look(name) for name in self.chain]
        briefing = Briefing(memories, self.get_facts, self._chained().found, self.counter)
        return replace(briefing.context(query, max_tokens, reader, include, cost), note=note)

    def get_facts(
        self,
        keys: Sequence[str] = (),
        *,
        history: bool = False,
        as_of: str | float | None = None,
        known_at: str | float | None = None,
        scope: str = "",
    ) -> list[Fact]:
        """`Memory.get_facts` on one scope or, without one, on the chain: the nearer scope wins."""
        if self.reads_chain(scope):
            return self._chained().get_facts(keys, history=history, as_of=as_of, known_at=known_at)
        return self.look(scope).get_facts(keys, history=history, as_of=as_of, known_at=known_at)

    def reads_chain(self, scope: str) -> bool:
        """Whether a call that names this scope reads several."""
        return not scope and len(self.chain) > 1

    def _chained(self) -> Chain:
        memories = [self.look(scope) for scope in self.chain]
        return Chain(memories, self.counter, lexical_weight=self.settings.lexical_weight)

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

    def compress(
        self, refs: Sequence[str], *, summary: str = "", strategy: str = "balanced", scope: str = ""
    ) -> list[Compressed]:
        """`Memory.compress` wherever the ids are; an id that will not do changes nothing anywhere.

        Raises:
            InvalidArgument: no id, a summary no shorter, or one for items of several scopes.
            NotFound: an id names nothing.
            Conflict: an item is pinned or archived.
        """
        groups = self.by_scope(refs, scope)
        if not groups:
            raise InvalidArgument("ids is empty: name the memories to compress.")
        if summary.strip() and len(groups) > 1:
            raise InvalidArgument("One summary cannot stand for memories of several scopes.")
        for memory, found in groups:
            memory.check_compressible(found)
        return [
            one
            for memory, found in groups
            for one in memory.compress(found, summary=summary, strategy=strategy)
        ]

    def quarantine(
        self,
        refs: Sequence[str] = (),
        *,
        content: str = "",
        reason: str,
        context_type: str = "sensitive",
        scope: str = "",
    ) -> tuple[Memory, list[Quarantined]]:
        """`Memory.quarantine` wherever the ids are; an unknown id anywhere changes nothing.

        Returns:
            The memory the content belongs to, or the first that was named; what is held.

        Raises:
            InvalidArgument: neither ids nor content.
            NotFound: an id names nothing.
        """
        groups = self.by_scope([ref for ref in refs if ref.strip()], scope)
        home = self.open(scope) if content.strip() or not groups else groups[0][0]
        if content.strip() and all(memory is not home for memory, _ in groups):
            groups.append((home, []))
        for memory, found in groups:
            memory.vault.check_known(found)
        held = [
            one
            for memory, found in groups or [(home, [])]
            for one in memory.quarantine(
                found,
                content=content if memory is home else "",
                reason=reason,
                context_type=context_type,
            )
        ]
        return home, held

    def held(self, scope: str = "") -> list[Quarantined]:
        """What is held in a scope, or with "" in every scope that may be named."""
        names = [scope] if scope else self.names()
        return [one for name in names for one in self.look(name).vault.all()]

    def apply_review(
        self,
        token: str,
        actions: Sequence[Action | Unread],
        *,
        dry_run: bool = False,
        scope: str = "",
    ) -> list[Outcome]:
        """`Memory.apply_review` in one scope; PROMOTE may move a memory into another.

        Raises:
            Conflict: the token is not known here; nothing was changed.
        """
        return self.look(scope).apply_review(
            token, actions, dry_run=dry_run, move=lambda id, to: self.move([id], to)
        )

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
        if self._root is not None:
            return self._root.registry
        with self._guard:
            if self._registry is not None and not self._registry.in_place():
                self._registry.close()
                self._registry = None
            if self._registry is None:
                make_private(self.folder)
                self._registry = Registry(self.folder, deadline=self.settings.write_deadline)
            return self._registry

    def close(self) -> None:
        """Close every open scope."""
        if self._root is not None:
            return
        with self._guard:
            for memory in (*self._open.values(), *self._blank.values()):
                _close(memory)
                self._judge(memory)
            self._open.clear()
            self._blank.clear()
            if self._registry is not None:
                self._registry.close()
                self._registry = None

    def _store(self, scope: str, doubts: str) -> SqliteStore:
        return open_store(
            self.folder,
            self.registry,
            scope,
            now=self.clock(),
            deadline=self.settings.write_deadline,
            doubts=doubts,
        )

    def _judge(self, memory: Memory) -> None:
        """Set a file aside that was found damaged while it was open, for those who come next."""
        if isinstance(memory.store, SqliteStore) and memory.store.db.doubts:
            try:
                self._store(memory.scope, memory.store.db.doubts).close()
            except StorageError as error:
                log.warning("%s", error)

    def _memory(self, store: SqliteStore) -> Memory:
        return Memory(
            store, self.embedder, settings=self.settings, clock=self.clock, counter=self.counter
        )


def read_chain(default: str, declared: Sequence[str]) -> tuple[str, ...]:
    """The scopes to read, nearest first, each once: what is written to is always among them.

    A default scope that was not declared is read first; ``global``, as the widest, last.
    """
    if not declared or default in declared:
        chain = [*declared] or [default]
    else:
        chain = [*declared, default] if default == "global" else [default, *declared]
    return tuple(dict.fromkeys(chain))


def _named(scope: str, patterns: Sequence[str]) -> bool:
    return any(scope == p or (p.endswith("*") and scope.startswith(p[:-1])) for p in patterns)


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


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter.

    One that was there is made private too if it is empty or holds our files; never one that serves
    other purposes, such as a home folder or ``/tmp``. The files in it are private in any case.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and _is_ours(folder):
            folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"The data folder {folder} cannot be made ({error.strerror}). Choose another with "
            "--data-dir or ROUTEMEM_DATA_DIR."
        ) from error


def _is_ours(folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & stat.S_ISVTX:
        return False
    return (folder / "registry.db").exists() or not any(folder.iterdir())
