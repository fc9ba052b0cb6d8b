"""Quarantine: what is held lies sealed and in no index; only a person's answer lets it out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, Literal

from .draft import short
from .errors import Conflict, InvalidArgument, NotFound, StorageError, Withheld
from .factbook import FactBook
from .ledger import Ledger
from .lifecycle.reasons import said_again, told
from .records import Fact, FactChange, Item, Quarantined, Receipt
from .remembering import Remembering
from .sealed import packed, unpacked
from .storage.contract import Held, Store
from .storage.ids import bare
from .storage.vault import Vault
from .text.identity import clean
from .withdrawal import wake_sources

#: Shortest content that is also looked for inside of other texts, characters.
TELLING = 8
#: Most items one content takes along.
MOST = 50


class Quarantine:
    """What is held of one scope. The payload is bound to its id, scope and version.

    Args:
        erase_log: folds away the log behind what was taken out; False when it has to wait.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        remembering: Remembering,
        facts: FactBook,
        ledger: Ledger,
        erase_log: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._vault = vault
        self._remembering = remembering
        self._facts = facts
        self._ledger = ledger
        self._erase_log = erase_log
        self._clock = clock

    # ------------------------------------------------------------------ hold

    def withheld(self, refused: Withheld, replaces: str = "") -> Quarantined:
        """Hold what was refused on its way in; the same again is the same entry.

        Raises:
            StorageError: there is no place for a key; nothing was kept.
        """
        draft = refused.draft
        if isinstance(draft, Item):
            named = self._store.find(draft.key) if draft.key and not replaces else None
            payload = {"item": packed(draft), "replaces": named.id if named else replaces}
            return self._held("memory", draft.text, payload, refused.found, origin=draft.origin)
        assert isinstance(draft, Fact)
        said = draft.value if isinstance(draft.value, str) else json.dumps(draft.value)
        stated = {"facts": [asdict(draft)], "restate": True}
        return self._held("fact", said, stated, refused.found, origin=draft.source)

    def receipt(self, refused: Withheld, replaces: str) -> Receipt:
        """Hold an item that was refused on its way in, and say so."""
        held = self.withheld(refused, replaces)
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
        self._vault.ready()  # may ask the system's keyring: not while the writer lock is held
        taken: list[Held] = []
        with self._store.atomic():
            for id in items:
                if now := self._store.find(id):
                    taken += self._taken(now, reason, kind, part_of="")
            for key in keys:
                if statements := self._store.facts([key]):
                    taken.append(self._take_facts(statements, reason, kind, part_of=""))
            for held in taken:
                self._note("quarantine", held)
            self._ledger.flush()
        erased: Literal["done", "pending", ""] = ""
        if taken:
            erased = "done" if self._erase_log() else "pending"
        done = [replace(self._told(held), erasure=erased) for held in taken]
        if said and not any(held.mark == self._mark(said) for held in taken):
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
            elif self.has(ref):
                before.append(self._told(self._get(ref)))
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
                value = fact.value if isinstance(fact.value, str) else json.dumps(fact.value)
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
        held = self._entry(
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
        said = newest.value if isinstance(newest.value, str) else json.dumps(newest.value)
        payload = {"facts": [asdict(fact) for fact in statements], "restate": False}
        everything = " ".join([newest.key, *(json.dumps(fact.value) for fact in statements)])
        why = told(reason, everything)
        held = self._entry(
            newest.id, "fact", said, payload, why, context_type, newest.source, part_of
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
        self._vault.ready()  # may ask the system's keyring: not while the writer lock is held
        with self._store.atomic():
            held = self._same(said)
            if held is None:
                held = self._entry(
                    self._store.new_id(), what, said, payload, reason, context_type, origin, ""
                )
                self._store.hold(held)
                self._note("quarantine", held)
            self._ledger.flush()
        return self._told(held)

    def _entry(
        self,
        id: str,
        what: str,
        said: str,
        payload: Mapping[str, Any],
        reason: str,
        context_type: str,
        origin: str,
        part_of: str,
    ) -> Held:
        before = self._store.held(id)
        version = 1 if before is None else before.version + 1
        plain = json.dumps(payload, ensure_ascii=True).encode()
        sealed = self._vault.seal(plain, self._binding(id, version))
        mark = self._mark(said)
        return Held(
            id, version, "held", what, context_type, reason, origin, self._clock(), part_of, mark,
            sealed,
        )  # fmt: skip

    # ------------------------------------------------------------------ look

    def knows(self, said: str) -> bool:
        """Whether a text is held; the key is only asked for where anything is."""
        return self._same(said) is not None

    def _same(self, said: str) -> Held | None:
        if not self._store.any_held():
            return None
        try:
            return self._store.held_as(self._mark(said))
        except StorageError:  # the key is gone: nothing can be compared any more
            return None

    def all(self) -> list[Quarantined]:
        """What is held, oldest first: ids and reasons, never content."""
        return [self._told(held) for held in self._store.all_held()]

    def get(self, ref: str) -> Quarantined:
        """What is held under an id.

        Raises:
            NotFound, Conflict: it is not held.
        """
        return self._told(self._get(ref))

    def check_known(self, refs: Sequence[str]) -> None:
        """Raise unless every one names an item, a fact, or what is held.

        Raises:
            NotFound: naming those that do not.
        """
        self._named(refs, "")

    def has(self, ref: str) -> bool:
        """Whether an id is held at this moment."""
        held = self._store.held(bare(ref))
        return held is not None and held.state == "held"

    def show(self, ref: str) -> str:
        """The content, for a person's eyes.

        Raises:
            NotFound, Conflict: it is not held.
            StorageError: the key is gone.
        """
        said = self._opened(self._get(ref))
        if "item" in said:
            return str(said["item"]["text"])
        return "\n".join(f"{fact['key']}: {json.dumps(fact['value'])}" for fact in said["facts"])

    # ------------------------------------------------------------------ let out

    def release(self, ref: str) -> list[Receipt]:
        """Put back what is held, and what is held with it. Only for a person's answer.

        Raises:
            NotFound: the id was never held.
            Conflict: it is not held any more, or it is held with something else.
            StorageError: the key is gone; it can only be purged.
        """
        thread = self._thread(ref)
        opened = [(held, self._opened(held)) for held in thread]
        cut = {
            held.id: self._remembering.cut(unpacked(said["item"]))
            for held, said in opened
            if "item" in said
        }
        receipts = []
        with self._store.atomic():
            for held, said in opened:
                now = self._store.held(held.id)
                if now is None or (now.state, now.version) != ("held", held.version):
                    raise Conflict(f"{held.id} was released or purged in this moment.")
                if "item" in said:
                    item = replace(unpacked(said["item"]), id=held.id)
                    receipts.append(self._put_back(item, cut[held.id], said["replaces"]))
                    if said.get("sources"):
                        self._store.link(held.id, said["sources"])
                else:
                    receipts.append(self._restate(held, said))
                self._store.hold(replace(held, state="released", sealed=None))
                self._note("quarantine:release", held)
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
                self._note("quarantine:purge", held)
            self._ledger.flush()
        return [held.id for held in thread]

    def _put_back(self, item: Item, chunks: Any, replaces: str) -> Receipt:
        if item.key and self._store.find(item.key) and not replaces:
            item = replace(item, key="")  # the name was given to something else meanwhile
        target = replaces if replaces and self._store.find(replaces) else ""
        return self._remembering.place(item, chunks, None, target)

    def _restate(self, held: Held, said: Mapping[str, Any]) -> Receipt:
        facts = [
            Fact(**{spec.name: fact[spec.name] for spec in fields(Fact) if spec.name in fact})
            for fact in said["facts"]
        ]
        key = facts[-1].key
        if said["restate"] or self._store.facts([key]):
            for fact in facts:
                if fact.retired_at is None:
                    self._facts.assert_again(fact)
        else:
            for fact in facts:
                self._store.add_fact(replace(fact, row=0))
        return Receipt(key, "restored", self._store.scope, 0, 0)

    # ------------------------------------------------------------------ the key

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

    # ------------------------------------------------------------------ inside

    def _thread(self, ref: str) -> list[Held]:
        """An entry and what is held with it."""
        first = self._get(ref)
        if first.part_of and self.has(first.part_of):
            raise Conflict(f"{first.id} is held with {first.part_of}: name that.")
        return [first, *(held for held in self._store.all_held() if held.part_of == first.id)]

    def _get(self, ref: str) -> Held:
        held = self._store.held(bare(ref))
        if held is None:
            raise NotFound(f"Nothing is held as {ref[:40]!r}: routemem vault list names what is.")
        if held.state != "held" or held.sealed is None:
            raise Conflict(f"{held.id} is not held any more: it was {held.state}.")
        return held

    def _opened(self, held: Held) -> Any:
        assert held.sealed is not None
        return json.loads(self._vault.open(held.sealed, self._binding(held.id, held.version)))

    def _mark(self, said: str) -> bytes:
        return self._vault.mark(said_again(said))

    def _binding(self, id: str, version: int) -> str:
        return f"{self._store.scope}\0{id}\0quarantine\0{version}"

    def _note(self, op: str, held: Held) -> None:
        self._ledger.note(op, at=self._clock(), id=held.id, detail=held.what)

    def _told(self, held: Held) -> Quarantined:
        return Quarantined(
            held.id, self._store.scope, held.what, held.context_type, held.reason, held.origin,
            held.at, held.part_of,
        )  # fmt: skip


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
