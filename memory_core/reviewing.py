"""Review: proposals with reasons and a token; then what the model decided, checked and carried out.

Nothing is done that was not proposed under the token, nothing twice, nothing to what is pinned, and
no more deletions in a day than the hygiene may make. All of it can be taken back.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .compressing import Compressing, check_compressible
from .draft import one_of
from .errors import Conflict, InvalidArgument, RoutememError
from .factbook import FactBook
from .forgetting import Forgetting
from .ledger import Ledger
from .lifecycle.actions import Action, Unread
from .lifecycle.budget import policy_of
from .lifecycle.models import Model
from .lifecycle.plan import Policy, Subject, rank
from .lifecycle.review import (
    FOCUSES,
    Entry,
    Proposal,
    by_need,
    factual,
    repeated,
    superseded,
)
from .records import Filter, Item
from .settings import Settings
from .storage.contract import Store
from .storage.ids import bare
from .tending import Tending

#: Reviews that are remembered, and for how long, seconds.
REMEMBERED, VALID = 16, 86_400.0
#: Memories a review by need looks at, and characters below which it reads them.
CONSIDERED, SPOKEN = 200, 200
#: Newest memories compared with each other; without vectors comparing takes longer.
COMPARED, COMPARED_BY_WORDS = 1000, 150
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an action.

    Attributes:
        status: "applied", "possible" (dry run), "rejected" or "unknown" (no such memory).
        why: of a rejection; else what was done, "" when the action says it.
        undo: ids and keys that `forget` takes to undo it, and the mode; "" where there is no need.
    """

    id: str
    action: str
    status: Literal["applied", "possible", "rejected", "unknown"]
    why: str = ""
    undo: str = ""


class Reviewing:
    """What `Memory.review` and `Memory.apply_review` do in one scope."""

    def __init__(
        self,
        store: Store,
        compressing: Compressing,
        forgetting: Forgetting,
        facts: FactBook,
        tending: Tending,
        ledger: Ledger,
        settings: Settings,
        model: Callable[[], Model],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._compressing = compressing
        self._forgetting = forgetting
        self._facts = facts
        self._tending = tending
        self._ledger = ledger
        self._settings = settings
        self._model = model
        self._clock = clock
        self._given: OrderedDict[str, tuple[float, dict[str, bytes]]] = OrderedDict()

    # ------------------------------------------------------------------ propose

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

    def _proposals(self, focus: str) -> list[Proposal]:
        policy, now = policy_of(self._settings, self._model()), self._clock()
        if focus in ("budget", "stale"):
            return by_need(now, self._needy(focus, policy, now), policy, stale=focus == "stale")
        entries, vectors = self._newest(COMPARED)
        if focus == "facts":
            return factual(entries, {fact.key for fact in self._store.facts()})
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

    # ------------------------------------------------------------------ apply

    def apply(
        self,
        token: str,
        actions: Sequence[Action | Unread],
        *,
        dry_run: bool,
        move: Callable[[str, str], object],
    ) -> list[Outcome]:
        """See `Memory.apply_review`.

        Args:
            move: moves an item into another scope.
        """
        digests = self._reviewed(token)
        outcomes: list[Outcome] = []
        named: set[str] = set()
        room = self._tending.allowance()
        for action in actions:
            outcome = self._outcome(action, digests, named, room)
            if outcome.status == "possible" and isinstance(action, Action):
                named.add(outcome.id)
                room -= action.action == "DELETE"
                if not dry_run:
                    outcome = self._do(action, outcome.id, move)
            outcomes.append(outcome)
        return outcomes

    def _reviewed(self, token: str) -> dict[str, bytes]:
        at, digests = self._given.get(token.strip(), (0.0, {}))
        if not at or not 0 <= self._clock() - at <= VALID:
            raise Conflict(
                f"No review {token[:20]!r} is open here (it may be of another day or server). "
                "Nothing was changed: call review_memory again and use its token."
            )
        return digests

    def _outcome(
        self, action: Action | Unread, digests: dict[str, bytes], named: set[str], room: int
    ) -> Outcome:
        if isinstance(action, Unread):
            return Outcome(action.id, "", "rejected", action.why)
        item = self._store.find(bare(action.id))
        if item is None:
            return Outcome(action.id, action.action, "unknown", "no such memory")
        why = self._objection(action, item, digests, named, room)
        return Outcome(item.id, action.action, "rejected" if why else "possible", why)

    def _objection(
        self, action: Action, item: Item, digests: dict[str, bytes], named: set[str], room: int
    ) -> str:
        """Why an action may not be done; "" when it may."""
        if item.id not in digests:
            return "not part of this review"
        if item.digest != digests[item.id]:
            return "its text was changed since the review"
        if item.id in named:
            return "named twice: the first action counts"
        if action.action == "DELETE":
            if item.pinned:
                return "it is pinned"
            if room <= 0:
                return "no more may be deleted today without a person: routemem forget"
        if action.action == "COMPRESS":
            try:
                check_compressible(item)
                self._compressing.check_summary(item, action.summary)
            except RoutememError as error:
                return str(error)
        if action.action == "PROMOTE":
            return self._not_promoted(action, item)
        return ""

    def _not_promoted(self, action: Action, item: Item) -> str:
        if bool(action.fact_key) == bool(action.scope):
            return "say either fact_key with fact_value, or scope"
        if action.fact_key and action.fact_value is None:
            return "fact_value is missing"
        if action.fact_key and item.trust == "untrusted":
            return "it is untrusted: a fact needs the user's own word (set_fact)"
        return ""

    def _do(self, action: Action, id: str, move: Callable[[str, str], object]) -> Outcome:
        done = Outcome(id, action.action, "applied")
        try:
            if action.action == "KEEP":
                self._ledger.touch([id], self._clock())
                self._ledger.note("review:keep", at=self._clock(), id=id)
                return done
            if action.action == "DELETE":
                self._forgetting.forget([id], "delete", action.reason)
                with self._store.atomic():
                    self._tending.count_changes(1)
                return Outcome(id, "DELETE", "applied", undo=f"{id}: restore")
            if action.action == "COMPRESS":
                (short,) = self._compressing.compress([id], action.summary, "balanced")
                if not short.method:
                    return Outcome(id, "COMPRESS", "rejected", short.note)
                saved = f"{short.before} -> {short.after} tokens"
                return Outcome(id, "COMPRESS", "applied", saved, f"{id}: restore")
            if action.fact_key:
                change = self._facts.promote(id, action.fact_key, action.fact_value)
                self._ledger.note("review:promote", at=self._clock(), id=id)
                if change.status == "held":
                    return Outcome(id, "PROMOTE", "rejected", change.note)
                return Outcome(
                    id,
                    "PROMOTE",
                    "applied",
                    f"fact {change.fact.key}",
                    f"{change.fact.key}: archive",
                )
            move(id, action.scope)
            return Outcome(id, "PROMOTE", "applied", f"now in {action.scope}", "")
        except RoutememError as error:
            return Outcome(id, action.action, "rejected", str(error))


def entry_of(item: Item, subject: Subject) -> Entry:
    """An item as a review compares it."""
    when = item.created_at if item.when is None else item.when
    return Entry(subject, item.text[:4000], when)
