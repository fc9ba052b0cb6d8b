"""Scopes: who may name which, where an id lies, and calls that concern several."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .briefing import Briefing
from .carrying import Carrying
from .chain import Chain, read_chain
from .course import ALONE, Course
from .deciding import Outcome
from .embedding.embedder import Embedder
from .embedding.lazy import LazyEmbedder
from .errors import InvalidArgument, NotFound
from .lifecycle.actions import Action, Unread
from .memory import Memory
from .opened import Opened
from .question import ask
from .records import Compressed, Context, Fact, Forgotten, Hit, Logged, Quarantined, Recall
from .settings import Settings
from .storage.ids import bare, tag_of
from .storage.registry import Registry, check_scope
from .text.tokens import TokenCounter


class Scopes:
    """Finds the scope of a name or id among those that may be named, and reads several as one.

    Thread-safe. Nothing is opened before it is needed.

    Args:
        settings: ``data_dir``, ``scope`` (the default one), ``chain``, ``allow_scope`` and the
            rest.
        embedder: an embedder instead of the one ``settings.embedder`` names.

    Attributes:
        default: the scope that calls write to when they name none.
        chain: the scopes that calls read when they name none, nearest first.
        carrying: moving between scopes, export, import, emptying.
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
        self.carrying = Carrying(self, self.folder / "exports")
        self._opened = Opened(self.folder, self.settings, self.embedder, clock, self.counter)
        self._root: Scopes | None = None
        self._granted: tuple[str, ...] = ()

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
        view.carrying = Carrying(view, self.carrying.exports / shelf)
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

    def sweep(self) -> list[str]:
        """Look after every session of the folder, opened or not; returns those that are empty."""
        return self._opened.sweep()

    def close(self) -> None:
        """Close every open scope."""
        if self._root is None:
            self._opened.close()

    def reads_chain(self, scope: str) -> bool:
        """Whether a call that names this scope reads several."""
        return not scope and len(self.chain) > 1

    def _chained(self) -> Chain:
        memories = [self.look(scope) for scope in self.chain]
        return Chain(memories, self.counter)

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
        self,
        refs: Sequence[str],
        *,
        summary: str = "",
        strategy: str = "balanced",
        scope: str = "",
        course: Course = ALONE,
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
            for one in memory.compress(found, summary=summary, strategy=strategy, course=course)
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
            token, actions, dry_run=dry_run, move=lambda id, to: self.carrying.move([id], to)
        )


def _named(scope: str, patterns: Sequence[str]) -> bool:
    return any(scope == p or (p.endswith("*") and scope.startswith(p[:-1])) for p in patterns)
