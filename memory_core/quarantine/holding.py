"""Taking in: what is held lies sealed and in no index, and is looked at by a person."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ..draft import short
from ..errors import InvalidArgument, NotFound, Withheld
from ..factbook import FactBook
from ..ledger import Ledger
from ..lifecycle.reasons import told
from ..records import Erasure, Fact, FactChange, Item, Quarantined, Receipt
from ..remembering import Remembering
from ..sealed import packed
from ..storage.contract import Held, Store
from ..storage.ids import bare
from ..storage.vault import Vault
from ..text.identity import clean
from ..withdrawal import wake_sources
from .entries import Entries
from .release import Release

#: Shortest content that is also looked for inside of other texts, characters.
TELLING = 8
#: Most items one content takes along.
MOST = 50


class Quarantine:
    """What is held of one scope. The payload is bound to its id, scope and version.

    Args:
        erase_log: erases what was taken out from the log and every copy.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        remembering: Remembering,
        facts: FactBook,
        ledger: Ledger,
        erase_log: Callable[[], Erasure],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._vault = vault
        self._remembering = remembering
        self._facts = facts
        self._ledger = ledger
        self._erase_log = erase_log
        self._clock = clock
        self._entries = Entries(store, vault, ledger, clock)
        self._release = Release(store, self._entries, remembering, facts, ledger)

    def withheld(
        self, refused: Withheld, replaces: str = "", stated: Collection[str] = ()
    ) -> Quarantined:
        """Hold what was refused on its way in; the same again is the same entry.

        Args:
            replaces: id of what it was to replace.
            stated: fields the caller named, so that their defaults are meant too.

        Raises:
            StorageError: there is no place for a key; nothing was kept.
        """
        draft = refused.draft
        if isinstance(draft, Item):
            named = self._store.find(draft.key) if draft.key and not replaces else None
            target = named.id if named else replaces
            payload = {"item": packed(draft), "replaces": target, "stated": [*stated]}
            return self._held(
                "memory", refused.known_as, payload, refused.found, origin=draft.origin
            )
        assert isinstance(draft, Fact)
        stated = {"facts": [asdict(draft)], "restate": True}
        return self._held("fact", refused.known_as, stated, refused.found, origin=draft.source)

    def receipt(self, refused: Withheld, replaces: str, stated: Collection[str]) -> Receipt:
        """Hold an item that was refused on its way in, and say so; see `withheld`."""
        held = self.withheld(refused, replaces, stated)
        tokens = refused.draft.tokens if isinstance(refused.draft, Item) else 0
        note = held_note(held)
        return Receipt(held.id, "held", self._store.scope, tokens, 0, note=note)

    def fact_change(self, refused: Withheld) -> FactChange:
        """Hold a fact that was refused on its way in, and say so without its value."""
        held = self.withheld(refused)
        key = told(refused.draft.key, "") if isinstance(refused.draft, Fact) else ""
        blank = Fact(key, None, 0.0, held.origin, held.at, None, held.at, id=held.id)
        return FactChange(blank, None, "held", held_note(held))

    def take(
        self, ids: Sequence[str], content: str, reason: str, context_type: str
    ) -> list[Quarantined]:
        """Take items and facts out of the scope; see `Memory.quarantine`."""
        said = clean(content).strip()
        if not said and not any(map(str.strip, ids)):
            raise InvalidArgument("Name ids, or pass the content to hold.")
        items, keys, before = self._named(ids, said)
        reason = short("reason", " ".join(reason.split()))
        kind = kind_of(context_type)
        self._entries.ready()  # may ask the system's keyring: not while the writer lock is held
        taken: list[Held] = []
        with self._store.atomic():
            for id in items:
                if now := self._store.find(id):
                    taken += self._taken(now, reason, kind, part_of="")
            for key in keys:
                if statements := self._store.facts([key]):
                    taken.append(self._take_facts(statements, reason, kind, part_of=""))
            for held in taken:
                self._entries.note("quarantine", held)
            self._ledger.flush()
        done = [self._entries.told(held) for held in taken]
        if taken:
            erased = self._erase_log()
            done = [replace(d, erasure=erased.word, left_in=erased.left_in) for d in done]
        if said and not any(held.mark == self._entries.mark(said) for held in taken):
            done.append(self._text(said, reason, kind))
        return [*before, *done]

    def _named(
        self, ids: Sequence[str], content: str
    ) -> tuple[list[str], list[str], list[Quarantined]]:
        """Ids of items and keys of facts that are meant, and what of it is held already.

        Raises:
            NotFound: an id names nothing; nothing was changed.
        """
        items: dict[str, None] = {}
        keys: dict[str, None] = {}
        before: list[Quarantined] = []
        unknown = []
        for ref in filter(None, map(bare, ids)):
            if item := self._store.find(ref):
                items[item.id] = None
            elif self._entries.has(ref):
                before.append(self._entries.told(self._entries.get(ref)))
            elif key := self._facts.key_of(ref):
                keys[key] = None
            else:
                unknown.append(repr(ref[:40]))
        if unknown:
            raise NotFound(
                f"No memory or fact {', '.join(unknown[:5])}. Nothing was changed. Find ids with "
                "recall, keys of facts with get_facts."
            )
        if content:
            long = len(content) >= TELLING
            found = self._store.containing(content) if long else self._store.holding(content)
            items |= dict.fromkeys(item.id for item in found[:MOST])
            for fact in self._store.facts():
                value = fact.value_text
                if value == content or (long and content in value):
                    keys[fact.key] = None
        return list(items), list(keys), before

    def _text(self, said: str, reason: str, context_type: str) -> Quarantined:
        """Hold a text that is not stored, so that it does not come in another time either."""
        draft = {"item": packed(self._remembering.plain(said)), "replaces": ""}
        why = told(reason, said)
        return self._held("text", said, draft, why, context_type=context_type, origin="assistant")

    def _taken(self, item: Item, reason: str, context_type: str, part_of: str) -> list[Held]:
        """Take out an item, the summaries that hold words of it, and the facts made from it."""
        whole = part_of or item.id
        also: list[Held] = []
        for id in self._store.derived([item.id]).get(item.id, ()):
            if made := self._store.find(id):
                also += self._taken(made, reason, context_type, whole)
        made_from = dict.fromkeys(f.key for f in self._store.facts() if f.item == item.id)
        for key in made_from:
            statements = self._store.facts([key])
            also.append(self._take_facts(statements, reason, context_type, whole))
        sources = self._store.sources([item.id]).get(item.id, ())
        payload = {"item": packed(item), "replaces": "", "sources": sources}
        held = self._entries.draw_up(
            item.id, "memory", item.text, payload, told(reason, item.text), context_type,
            item.origin, part_of,
        )  # fmt: skip
        wake_sources(self._store, item, self._clock())
        self._store.erase(item.row)
        self._store.drop_queries()  # one of them may have been asked in the words of this text
        self._store.forget_details(item.id)
        self._store.hold(held)
        return [held, *also]

    def _take_facts(
        self, statements: Sequence[Fact], reason: str, context_type: str, part_of: str
    ) -> Held:
        newest = statements[-1]
        payload = {"facts": [asdict(fact) for fact in statements], "restate": False}
        everything = " ".join([newest.key, *(json.dumps(fact.value) for fact in statements)])
        why = told(reason, everything)
        held = self._entries.draw_up(
            newest.id,
            "fact",
            newest.value_text,
            payload,
            why,
            context_type,
            newest.source,
            part_of,
        )
        for fact in statements:
            self._store.erase_fact(fact.row)
        self._store.hold(held)
        return held

    def _held(
        self,
        what: str,
        said: str,
        payload: Mapping[str, Any],
        reason: str,
        *,
        origin: str,
        context_type: str = "sensitive",
    ) -> Quarantined:
        self._entries.ready()  # may ask the system's keyring: not while the writer lock is held
        with self._store.atomic():
            held = self._entries.same(said)
            if held is None:
                held = self._entries.draw_up(
                    self._store.new_id(), what, said, payload, reason, context_type, origin, ""
                )
                self._store.hold(held)
                self._entries.note("quarantine", held)
            self._ledger.flush()
        return self._entries.told(held)

    def knows(self, said: str) -> bool:
        """Whether a text is held; the key is only asked for where anything is."""
        return self._entries.same(said) is not None

    def all(self) -> list[Quarantined]:
        """What is held, oldest first: ids and reasons, never content."""
        return [self._entries.told(held) for held in self._store.all_held()]

    def get(self, ref: str) -> Quarantined:
        """What is held under an id.

        Raises:
            NotFound, Conflict: it is not held.
        """
        return self._entries.told(self._entries.get(ref))

    def check_known(self, refs: Sequence[str]) -> None:
        """Raise unless every one names an item, a fact, or what is held.

        Raises:
            NotFound: naming those that do not.
        """
        self._named(refs, "")

    def has(self, ref: str) -> bool:
        """Whether an id is held at this moment."""
        return self._entries.has(ref)

    def show(self, ref: str) -> str:
        """The content, for a person's eyes.

        Raises:
            NotFound, Conflict: it is not held.
            StorageError: the key is gone.
        """
        said = self._entries.opened(self._entries.get(ref))
        if "item" in said:
            return str(said["item"]["text"])
        return "\n".join(f"{fact['key']}: {json.dumps(fact['value'])}" for fact in said["facts"])

    def release(self, ref: str) -> list[Receipt]:
        """Put back what is held, and what is held with it. Only for a person's answer.

        Raises:
            NotFound: the id was never held.
            Conflict: it is not held any more, or it is held with something else.
            StorageError: the key is gone; it can only be purged.
        """
        done = self._release.release(ref)
        self._erase_log()  # the sealed copy, from backups too; retried later where it has to wait
        return done

    def purge(self, ref: str) -> list[str]:
        """Destroy what is held, and what is held with it. Needs no key. Only for a person's answer.

        No sealed copy is left in any file of ours, backups included, as soon as no reader is in
        the way.

        Raises:
            NotFound, Conflict: as for `release`.
        """
        done = self._release.purge(ref)
        self._erase_log()
        return done

    def recovery(self) -> str:
        """The key as text, to be kept where it is safe: without it, nothing held can be opened.

        Raises:
            StorageError: there is none yet.
        """
        return self._vault.recovery()

    def recover(self, lines: str) -> int:
        """Take in the keys of `recovery`; returns how many were new.

        Raises:
            StorageError: a line is no key, or there is no place to keep them.
        """
        return self._vault.recover(lines)


def held_note(held: Quarantined) -> str:
    """Why a text is held and who can release it, for the model that wrote it."""
    return (
        f"Not stored, held in quarantine: {held.reason}. Only a person can release it: routemem "
        f"vault release {held.id}. Leave that out to store the rest."
    )


def kind_of(context_type: str) -> str:
    """A content type as it is stored: one short word or two.

    Raises:
        InvalidArgument: it is longer.
    """
    said = " ".join(context_type.split()).casefold() or "sensitive"
    if len(said) > 40:
        raise InvalidArgument(
            "context_type is longer than 40 characters: name the kind of content."
        )
    return told(said, "")
