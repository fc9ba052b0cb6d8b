"""Letting out what is held, or destroying it: a person's decisions."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..errors import Conflict
from ..factbook import FactBook
from ..ledger import Ledger
from ..records import Item, Receipt
from ..remembering import Remembering
from ..sealed import unpacked, unpacked_fact
from ..storage.contract import Held, Store
from .entries import Entries


class Release:
    """Puts back or purges an entry with all that is held with it."""

    def __init__(
        self,
        store: Store,
        entries: Entries,
        remembering: Remembering,
        facts: FactBook,
        ledger: Ledger,
    ) -> None:
        self._store = store
        self._entries = entries
        self._remembering = remembering
        self._facts = facts
        self._ledger = ledger

    def release(self, ref: str) -> list[Receipt]:
        """Put back what is held, and what is held with it. Only for a person's answer.

        Raises:
            NotFound: the id was never held.
            Conflict: it is not held any more, or it is held with something else.
            StorageError: the key is gone; it can only be purged.
        """
        thread = self._thread(ref)
        opened = [(held, self._entries.opened(held)) for held in thread]
        items = {held.id: self._item(held, said) for held, said in opened if "item" in said}
        cut = {id: self._remembering.cut(item) for id, item in items.items()}
        receipts = []
        with self._store.atomic():
            for held, said in opened:
                now = self._store.held(held.id)
                if now is None or (now.state, now.version) != ("held", held.version):
                    raise Conflict(f"{held.id} was released or purged in this moment.")
                if "item" in said:
                    item = items[held.id]
                    stated = said.get("stated", ())
                    receipts.append(self._put_back(item, cut[held.id], said["replaces"], stated))
                    if said.get("sources"):
                        self._store.link(held.id, said["sources"])
                else:
                    receipts.append(self._restate(held, said))
                self._store.hold(replace(held, state="released", sealed=None))
                self._entries.note("quarantine:release", held)
            self._ledger.flush()
        return receipts

    def purge(self, ref: str) -> list[str]:
        """Destroy what is held, and what is held with it. Needs no key. Only for a person's answer.

        Raises:
            NotFound, Conflict: as for `release`.
        """
        with self._store.atomic():
            thread = self._thread(ref)
            for held in thread:
                self._store.hold(replace(held, state="purged", sealed=None, mark=b""))
                self._entries.note("quarantine:purge", held)
            self._ledger.flush()
        return [held.id for held in thread]

    def _item(self, held: Held, said: Mapping[str, Any]) -> Item:
        """The item under its id; one that was held before it was stored is measured now."""
        item = replace(unpacked(said["item"]), id=held.id)
        return item if item.tokens else self._remembering.measured(item)

    def _put_back(self, item: Item, chunks: Any, replaces: str, stated: Collection[str]) -> Receipt:
        if item.key and self._store.find(item.key) and not replaces:
            item = replace(item, key="")  # the name was given to something else meanwhile
        target = replaces if replaces and self._store.find(replaces) else ""
        return self._remembering.place(item, chunks, None, target, stated)

    def _restate(self, held: Held, said: Mapping[str, Any]) -> Receipt:
        facts = [unpacked_fact(fact) for fact in said["facts"]]
        key = facts[-1].key
        if said["restate"] or self._store.facts([key]):
            for fact in facts:
                if fact.retired_at is None:
                    self._facts.assert_again(fact)
        else:
            for fact in facts:
                self._store.add_fact(replace(fact, row=0))
        return Receipt(key, "restored", self._store.scope, 0, 0)

    def _thread(self, ref: str) -> list[Held]:
        """An entry and what is held with it."""
        first = self._entries.get(ref)
        if first.part_of and self._entries.has(first.part_of):
            raise Conflict(f"{first.id} is held with {first.part_of}: name that.")
        return [first, *(held for held in self._store.all_held() if held.part_of == first.id)]
