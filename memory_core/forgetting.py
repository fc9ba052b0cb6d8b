"""Forgetting: ids, keys and facts in one call, noted, and the log behind them erased."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from .boards import Boards
from .draft import one_of, short
from .errors import Conflict, NotFound
from .factbook import FactBook
from .ledger import Ledger
from .lifecycle.screening import redact, screen
from .records import FORGET_MODES, ForgetMode, Forgotten
from .storage.contract import Store
from .storage.ids import bare
from .upkeep import Upkeep
from .withdrawal import Withdrawal


class Forgetting:
    """What `Memory.forget` does to the items, facts and cards of one scope.

    Args:
        upkeep: erases what the log still holds.
    """

    def __init__(
        self,
        store: Store,
        items: Withdrawal,
        facts: FactBook,
        boards: Boards,
        ledger: Ledger,
        upkeep: Upkeep,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._items = items
        self._facts = facts
        self._boards = boards
        self._ledger = ledger
        self._upkeep = upkeep
        self._clock = clock

    def forget(self, ids: Sequence[str], mode: str, reason: str) -> list[Forgotten]:
        """See `Memory.forget`."""
        one_of("mode", mode, FORGET_MODES)
        reason = short("reason", reason)
        reason = redact(reason, screen(reason, untrusted=False))  # it is kept in the audit
        self.check_known(ids)
        chosen: ForgetMode = mode  # type: ignore[assignment]  # checked above
        # By id from here on: a key is gone with the item it named.
        refs = list(dict.fromkeys(map(self._named, ids)))
        done: list[Forgotten] = []
        try:
            for ref in refs:
                step = partial(self._room_of(ref).forget, ref, chosen)
                done.append(self._upkeep.ballast.forgetting(step))
        finally:  # also when one of several fails: what was erased before it must be gone
            done = self._finished(done, mode, reason)
        return done

    def _room_of(self, ref: str) -> Withdrawal | FactBook | Boards:
        if self._items.knows(ref):
            return self._items
        return self._boards if self._boards.knows(ref) else self._facts

    def _named(self, ref: str) -> str:
        item = self._store.find(bare(ref))
        return bare(ref) if item is None else item.id

    def _finished(self, done: list[Forgotten], mode: str, reason: str) -> list[Forgotten]:
        """Note what was forgotten and erase the log behind it."""
        for one in done:
            kept = reason if mode in ("archive", "restore") else ""  # it may quote the text
            self._ledger.note(f"forget:{mode}", at=self._clock(), id=one.id, detail=kept)
        if not any(one.erasure for one in done):
            return done
        self._ledger.forget_queries()
        erased = self._upkeep.erase_log()
        return [
            replace(one, erasure=erased.word, left_in=erased.left_in) if one.erasure else one
            for one in done
        ]

    def check_known(self, ids: Sequence[str]) -> None:
        """Raise unless every one names an item, an item that was deleted, or a fact.

        Raises:
            NotFound: naming those that do not.
        """
        for ref in map(bare, ids):
            held = self._store.held(ref)
            if held is not None and held.state == "held":
                raise Conflict(
                    f"{held.id} is held in quarantine; nothing was changed. Only a person can let "
                    f"it out or destroy it: routemem vault release {held.id}, or purge."
                )
        unknown = [
            repr(ref[:40])
            for ref in map(bare, ids)
            if not any(room.knows(ref) for room in (self._items, self._facts, self._boards))
        ]
        if unknown:
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise NotFound(
                f"No memory or fact {', '.join(unknown[:5])}{more}. Nothing was changed. Find ids "
                "with recall, keys of facts with get_facts."
            )
