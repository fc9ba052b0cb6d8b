"""The calls of a memory on several scopes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

from ..briefing import Briefing
from ..course import ALONE, Course
from ..deciding import Outcome
from ..embedding.embedder import Embedder
from ..errors import InvalidArgument
from ..lifecycle.actions import Action, Unread
from ..memory import Memory
from ..question import ask
from ..records import (
    Compressed,
    Context,
    Fact,
    FactChange,
    Forgotten,
    Hit,
    Logged,
    Quarantined,
    Recall,
)
from ..settings import Settings
from .carrying import Carrying
from .chain import Chain
from .naming import NamedScopes


class Scopes(NamedScopes):
    """The calls of a memory on one scope or several: read as one, or wherever the ids lie.

    Attributes:
        carrying: moving between scopes, export, import, emptying.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        embedder: Embedder | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(settings, embedder=embedder, clock=clock)
        self.carrying = Carrying(self, self.folder / "exports")

    def seen_by(self, granted: Sequence[str], shelf: str) -> Self:
        """These scopes as far as somebody may name them; what is open is shared.

        Calls that name no scope use the first granted by its name, or the default one. The chain
        keeps what is granted. Nothing needs to be closed.

        Args:
            granted: scopes; a trailing ``*`` matches any ending.
            shelf: folder of its own, under ``exports``: bundles of others are not seen.
        """
        view = self._limited(granted)
        view.carrying = Carrying(view, self.carrying.exports / shelf)
        return view

    def _holder(self, ref: str, scope: str) -> Memory:
        """Where an id or key is read: an unnamed key in the nearest scope of the chain with it."""
        home = self.locate(ref, scope)
        if self.reads_chain(scope) and home.find(ref) is None:
            chain = (self.look(name) for name in self.chain)
            return next((memory for memory in chain if memory.find(ref)), home)
        return home

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

    def set_fact(self, key: str, value: Any, *, scope: str = "", **options: Any) -> FactChange:
        """`Memory.set_fact` in one scope; the note says when a nearer one of the chain hides it.

        Raises:
            InvalidArgument: an argument is outside what is accepted.
            NotFound: there is no such scope.
        """
        home = self.open(scope)
        change = home.set_fact(key, value, **options)
        nearer = "" if change.status == "held" else self._shown_instead(change.fact.key, home.scope)
        if not nearer:
            return change
        hidden = (
            f"Written to {home.scope}, but {nearer} has a value of its own, which is read while no "
            f'scope is named: scope="{nearer}" changes that one.'
        )
        return replace(change, note=" ".join(filter(None, [change.note, hidden])))

    def forget(
        self, refs: Sequence[str], *, mode: str = "archive", reason: str = "", scope: str = ""
    ) -> list[Forgotten]:
        """`Memory.forget` wherever the ids are; an unknown id anywhere changes nothing anywhere.

        Raises:
            InvalidArgument: no id.
            NotFound: an id names nothing.
        """
        groups: dict[str, tuple[Memory, list[str]]] = {}
        for ref in refs:
            memory = self._forgets(ref, scope)
            groups.setdefault(memory.scope, (memory, []))[1].append(ref)
        if not groups:
            raise InvalidArgument("ids is empty: name the memories to forget.")
        for memory, found in groups.values():
            memory.check_known(found)
        return [
            replace(one, scope=memory.scope, shows=self._shown_instead(one.id, memory.scope))
            if one.fact and len(self.chain) > 1
            else one
            for memory, found in groups.values()
            for one in memory.forget(found, mode=mode, reason=reason)
        ]

    def _forgets(self, ref: str, scope: str) -> Memory:
        """Where an id or key is forgotten: a key where the chain reads it, the nearest that has it.

        Of a fact that is what is true now before what only was.
        """
        home = self.locate(ref, scope)
        if not self.reads_chain(scope) or not ref.strip() or "*" in ref or home.find(ref):
            return home
        chain = [self.look(name) for name in self.chain]
        true = (memory for memory in chain if memory.get_facts([ref]))
        there = (memory for memory in chain if memory.find(ref))
        was = (memory for memory in chain if memory.get_facts([ref], history=True))
        return next(true, None) or next(there, None) or next(was, home)

    def _shown_instead(self, key: str, scope: str) -> str:
        """The other scope whose value of a key is read while none is named; "" for none."""
        if scope not in self.chain or len(self.chain) == 1:
            return ""
        shown = next((fact.scope for fact in self.get_facts([key])), "")
        return "" if shown == scope else shown

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
