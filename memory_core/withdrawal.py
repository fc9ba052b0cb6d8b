"""Take an item out of recall, bring it back, erase it: no plain byte of it is left behind."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from .errors import Conflict, NotFound, StorageError
from .lifecycle.validity import known
from .records import ForgetMode, Forgotten, Item, State
from .sealed import packed, unpacked, unpacked_fact
from .storage.contract import Store, Tombstone
from .storage.vault import Vault

log = logging.getLogger("routemem")
DAY = 86_400.0


class Withdrawal:
    """The four ways of `forget`, for one item.

    Args:
        revive: stores an item again with its chunks, under its old id; returns nothing.
        undo_days: how long a deleted item can be restored.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        revive: Callable[[Item], None],
        clock: Callable[[], float],
        undo_days: float,
    ) -> None:
        self._store = store
        self._vault = vault
        self._revive = revive
        self._clock = clock
        self._undo = undo_days * DAY

    def knows(self, ref: str) -> bool:
        """Whether an id or key names something that can be forgotten or restored."""
        return self._store.find(ref) is not None or self._store.tombstone(ref) is not None

    def forget(self, ref: str, mode: ForgetMode) -> Forgotten:
        """Apply one mode to one item. Inside `atomic()` for archive and restore, or alone."""
        return {
            "archive": self._archive,
            "restore": self._restore,
            "delete": self._delete,
            "purge": self._purge,
        }[mode](ref)

    def _archive(self, ref: str) -> Forgotten:
        with self._store.atomic():
            item = self._store.find(ref)
            if item is None:
                return self._gone(ref)
            if item.state != "archived":
                self._store.amend(replace(item, state="archived", updated_at=self._clock()))
        return Forgotten(item.id, "archived")

    def _restore(self, ref: str) -> Forgotten:
        if self._store.find(ref) is None:
            self._unseal(ref)  # may ask the system's keyring: not while the writer lock is held
        with self._store.atomic():
            item = self._store.find(ref)
            if item is None:
                item, said = self._unseal(ref)
                self._store.unbury(item.id)
                self._revive(replace(item, state="active", accessed_at=self._clock()))
                self._store.link(item.id, said.get("sources", ()))
                self._state_again(said.get("facts", ()))
            elif item.state != "active":
                now = self._clock()  # counts as a read: hygiene must not undo it at once
                self._store.amend(replace(item, state="active", updated_at=now, accessed_at=now))
        return Forgotten(item.id, "active")

    def _delete(self, ref: str) -> Forgotten:
        item = self._store.find(ref)
        also: tuple[str, ...] = ()
        while item is not None:
            ref = item.id  # a key may name another item a moment later
            also += self._derived(ref, self._delete)
            # Sealing may ask the system's keyring: never while the writer lock is held.
            sealed = self._seal(item)
            until = self._clock() + self._undo if sealed else None
            with self._store.atomic():
                now = self._store.find(ref)
                alone = not self._store.derived([ref])
                if now is not None and _unread(now) == _unread(item) and alone:
                    keys = self._erase(now, Tombstone(now.id, "deleted", until, sealed))
                    also, note = also + keys, self._unsaid(keys)
                    return Forgotten(now.id, "deleted", until, "pending", also, note=note)
            item = now  # it was changed meanwhile: the undo copy must be of what is deleted
        return self._gone(ref)

    def _purge(self, ref: str) -> Forgotten:
        with self._store.atomic():
            item = self._store.find(ref)
            if item is None:
                grave = self._grave(ref)
                self._store.bury(replace(grave, state="purged", sealed=None), self._clock())
                return Forgotten(grave.id, "purged", None, "pending")
            also = self._derived(item.id, self._purge)
            keys = self._erase(item, Tombstone(item.id, "purged", None, None))
            note = self._unsaid(keys)
        return Forgotten(item.id, "purged", None, "pending", also + keys, note=note)

    def _derived(self, id: str, forget: Callable[[str], Forgotten]) -> tuple[str, ...]:
        """Erase the summaries that hold words of an item; returns their ids."""
        made = self._store.derived([id]).get(id, ())
        return tuple(each for one in map(forget, made) for each in (one.id, *one.also))

    def _erase(self, item: Item, tombstone: Tombstone) -> tuple[str, ...]:
        """Remove an item and the facts promoted from it; returns the keys of these."""
        facts = [fact for fact in self._store.facts() if fact.item == item.id]
        for fact in facts:
            self._store.erase_fact(fact.row)
        wake_sources(self._store, item, self._clock())
        self._store.erase(item.row)
        self._store.drop_queries()  # one of them may have been asked in the words of this text
        self._store.forget_details(item.id)
        self._store.bury(tombstone, self._clock())
        return tuple(dict.fromkeys(fact.key for fact in facts))

    def _unsaid(self, keys: Sequence[str]) -> str:
        """What to know of keys whose earlier value does not hold again by itself."""
        facts = known(self._store.facts(keys), None) if keys else []
        open_ = {fact.key for fact in facts if fact.valid_to is None}
        ended = sorted({fact.key for fact in facts} - open_)
        if not ended:
            return ""
        return f"The earlier value of {', '.join(ended)} stays ended: set_fact states it again."

    def _state_again(self, statements: Sequence[Mapping[str, Any]]) -> None:
        """Put back what was promoted from an item, where nothing else was said meanwhile."""
        for fact in known([unpacked_fact(said) for said in statements], None):
            begins, ends = fact.valid_from, fact.valid_to
            if not any(
                (ends is None or other.valid_from < ends)
                and (other.valid_to is None or begins < other.valid_to)
                for other in known(self._store.facts([fact.key]), None)
            ):
                self._store.add_fact(replace(fact, row=0))

    # ------------------------------------------------------------------ the sealed copy

    def _seal(self, item: Item) -> bytes | None:
        sources = self._store.sources([item.id]).get(item.id, ())
        facts = [asdict(fact) for fact in self._store.facts() if fact.item == item.id]
        kept = {**packed(item), "sources": sources, "facts": facts}
        plain = json.dumps(kept, ensure_ascii=True)
        try:
            return self._vault.seal(plain.encode(), self._binding(item.id))
        except StorageError as error:
            log.warning("deleted without an undo copy: %s", error)
            return None

    def _unseal(self, ref: str) -> tuple[Item, Mapping[str, Any]]:
        """The item that was deleted, and all that was kept with it.

        Raises:
            Conflict: it cannot come back, or not before what it sums up.
        """
        grave = self._grave(ref)
        if grave.state == "purged":
            raise Conflict(f"{grave.id} was purged: nothing is left that could bring it back.")
        expired = grave.expires_at is None or grave.expires_at <= self._clock()
        if grave.sealed is None or expired:
            raise Conflict(f"{grave.id} was deleted and its undo time is over.")
        said = json.loads(self._vault.open(grave.sealed, self._binding(grave.id)))
        item = unpacked(said)
        # A summary holds words of its sources: it may not outlive one that was taken away.
        if gone := [id for id in said.get("sources", ()) if self._store.find(id) is None]:
            raise Conflict(
                f"{grave.id} sums up {', '.join(gone[:3])}, not here any more: restore what was "
                "deleted of it first, then this. Nothing of it was changed."
            )
        if twin := self._store.twin(item.digest):
            raise Conflict(f"{grave.id} cannot come back: {twin.id} holds the same text now.")
        if item.key and self._store.find(item.key):
            item = replace(item, key="")  # the name was given to something else meanwhile
        return item, said

    def _binding(self, id: str) -> str:
        return f"{self._store.scope}\0{id}"

    def _grave(self, ref: str) -> Tombstone:
        grave = self._store.tombstone(ref)
        if grave is None:
            raise NotFound(f"No memory {ref!r}.")
        return grave

    def _gone(self, ref: str) -> Forgotten:
        """Forgetting what is already gone succeeds: the caller has what it wanted."""
        grave = self._grave(ref)
        state: State = "deleted" if grave.state == "deleted" else "purged"
        return Forgotten(grave.id, state, grave.expires_at)


def _unread(item: Item) -> Item:
    """The item without what reading it changes."""
    return replace(item, access_count=0, accessed_at=0.0)


def wake_sources(store: Store, summary: Item, now: float) -> None:
    """What a summary stood for is shown whole again when the summary goes. Inside `atomic()`."""
    for id in store.sources([summary.id]).get(summary.id, ()):
        source = store.find(id)
        if source and source.state == "compressed" and not source.summary:
            store.amend(replace(source, state="active", updated_at=now))
