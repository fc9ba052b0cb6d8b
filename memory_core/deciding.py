"""What was decided in a review, checked and carried out.

Nothing is done that was not proposed under the token, nothing twice, nothing to what is pinned, and
no more deletions in a day than the hygiene may make. All of it can be taken back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from .compressing import Compressing, check_compressible
from .errors import RoutememError
from .factbook import FactBook
from .forgetting import Forgetting
from .ledger import Ledger
from .lifecycle.actions import Action, Unread
from .records import Item
from .reviewing import Reviewing
from .storage.contract import Store
from .storage.ids import bare
from .tending import Tending


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


class Deciding:
    """What `Memory.apply_review` does in one scope."""

    def __init__(
        self,
        store: Store,
        reviewing: Reviewing,
        compressing: Compressing,
        forgetting: Forgetting,
        facts: FactBook,
        tending: Tending,
        ledger: Ledger,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._reviewing = reviewing
        self._compressing = compressing
        self._forgetting = forgetting
        self._facts = facts
        self._tending = tending
        self._ledger = ledger
        self._clock = clock

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
        digests = self._reviewing.proposed(token)
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
