"""Review: proposals with reasons, under a token that what is decided has to name.

A token holds in the process that gave it. Kept in the scope's file it would hold in every one, but
a review would then be a write, which waits for other writers and is not there in a server that only
reads; and who decides in another server has not seen the proposals.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .draft import one_of
from .errors import Conflict, InvalidArgument
from .lifecycle.budget import policy_of
from .lifecycle.models import Model
from .lifecycle.plan import Policy, Subject, rank
from .lifecycle.review import (
    Entry,
    Proposal,
    by_need,
    factual,
    repeated,
    superseded,
)
from .lifecycle.validity import known
from .records import FOCUSES, Filter, Item
from .settings import Settings
from .storage.contract import Store

#: Reviews that are remembered, and for how long, seconds.
REMEMBERED, VALID = 16, 86_400.0
#: Memories a review by need looks at, and characters below which it reads them.
CONSIDERED, SPOKEN = 200, 200
#: Newest memories compared with each other; without vectors comparing takes longer.
COMPARED, COMPARED_BY_WORDS = 1000, 500
MOST = 50


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A memory and what could be done with it."""

    proposal: Proposal
    item: Item


@dataclass(frozen=True, slots=True)
class Review:
    """What a review proposes.

    Attributes:
        token: to be given back with the actions.
        left: proposals that did not fit in the limit.
        used: share of the model's context that everything shown would take.
    """

    token: str
    focus: str
    proposals: tuple[Reviewed, ...]
    left: int
    used: float


class Reviewing:
    """What `Memory.review` does in one scope.

    Args:
        model: whose context the budget is measured by.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        model: Callable[[], Model],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._settings = settings
        self._model = model
        self._clock = clock
        self._given: OrderedDict[str, tuple[float, dict[str, bytes]]] = OrderedDict()

    def review(self, focus: str, limit: int) -> Review:
        """See `Memory.review`."""
        one_of("focus", focus, FOCUSES)
        if not 1 <= limit <= MOST:
            raise InvalidArgument(f"limit is {limit}, expected 1 to {MOST}.")
        model = self._model()
        with self._store.reading():
            proposals = self._proposals(focus)
            used = self._store.counts()["shown"] / model.context
            items = [(each, self._store.find(each.id)) for each in proposals[:limit]]
        shown = tuple(Reviewed(each, item) for each, item in items if item is not None)
        token = secrets.token_hex(4)
        self._given[token] = (self._clock(), {one.item.id: one.item.digest for one in shown})
        while len(self._given) > REMEMBERED:
            self._given.popitem(last=False)
        return Review(token, focus, shown, len(proposals) - len(shown), used)

    def proposed(self, token: str) -> dict[str, bytes]:
        """Id -> digest of what was proposed under a token, for a day.

        Raises:
            Conflict: no such review is open here.
        """
        at, digests = self._given.get(token.strip(), (0.0, {}))
        if not at or not 0 <= self._clock() - at <= VALID:
            raise Conflict(
                f"No review {token[:20]!r} is open here (it may be of another day or server). "
                "Nothing was changed: call review_memory again and use its token."
            )
        return digests

    def _proposals(self, focus: str) -> list[Proposal]:
        policy, now = policy_of(self._settings, self._model()), self._clock()
        if focus in ("budget", "stale"):
            return by_need(now, self._needy(focus, policy, now), policy, stale=focus == "stale")
        entries, vectors = self._newest(COMPARED)
        if focus == "facts":
            facts = self._store.facts()
            believed = {fact.key: fact for fact in known(facts, None)}
            return factual(entries, {fact.key: fact for fact in facts} | believed)
        if vectors is None:
            entries = entries[:COMPARED_BY_WORDS]
        if focus == "duplicates":
            return repeated(entries, vectors)
        return superseded(entries, vectors, self._linked())

    def _linked(self) -> list[tuple[Entry, Entry]]:
        """What the newest memories took the place of by what was found when they were stored."""
        rows = self._store.newest(Filter(), COMPARED, 0)
        pairs = [p for p in self._store.successions(rows) if p.relation == "supersedes"]
        items = self._store.items([row for pair in pairs for row in (pair.newer, pair.older)])
        subjects = {subject.id: subject for subject in self._store.subjects(None)}
        live = {
            row: entry_of(item, subjects[item.id])
            for row, item in items.items()
            if item.id in subjects and item.state != "archived"
        }
        return [
            (live[pair.newer], live[pair.older])
            for pair in pairs
            if pair.newer in live and pair.older in live
        ]

    def _needy(self, focus: str, policy: Policy, now: float) -> list[Entry]:
        """What is given up first, with the texts of the short ones, which may be small talk."""
        live = [s for s in self._store.subjects(None) if s.state != "archived" and not s.pinned]
        if focus == "budget":
            active = [subject for subject in live if subject.state == "active"]
            live = sorted(active, key=lambda subject: rank(now, subject, policy))
        else:
            live.sort(key=lambda subject: subject.used_at)
        entries = []
        for subject in live[:CONSIDERED]:
            item = self._store.find(subject.id) if subject.characters < SPOKEN else None
            entries.append(Entry(subject, item.text if item else "", subject.created_at))
        return entries

    def _newest(self, n: int) -> tuple[list[Entry], NDArray[np.float32] | None]:
        """The newest items with the vector of each one's first chunk; None without vectors."""
        rows = self._store.newest(Filter(), n, 0)
        items = self._store.items(rows)
        subjects = {subject.id: subject for subject in self._store.subjects(None)}
        stored = self._store.vectors(rows)
        first: dict[int, int] = {}
        for position, row in enumerate(stored.items.tolist()):
            first.setdefault(row, position)
        kept = [items[row] for row in rows if row in items]
        whole = [item for item in kept if item.row in first] if first else kept
        entries = [entry_of(item, subjects[item.id]) for item in whole if item.id in subjects]
        if not first:
            return entries, None
        chosen = [first[item.row] for item in whole if item.id in subjects]
        return entries, stored.vectors[chosen].astype(np.float32)


def entry_of(item: Item, subject: Subject) -> Entry:
    """An item as a review compares it."""
    when = item.created_at if item.when is None else item.when
    return Entry(subject, item.text[:4000], when, item.trust)
