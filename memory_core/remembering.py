"""The steps of `remember` between the caller's words and the row."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Literal

from .draft import draft_item, joined_metadata, joined_tags
from .errors import Conflict, NotFound
from .intake import Intake
from .lifecycle.extractive import summarise
from .meaning import Embedded, Meaning
from .records import TRUST_OF_ORIGIN, TRUST_ORDER, Chunk, Item, Kind, Receipt
from .settings import Settings
from .storage.contract import Store
from .storage.ids import bare
from .succeeding import Related, Succeeding, settling
from .text.chunking import chunk, rough_pieces
from .text.identity import digest
from .text.tokens import TokenCounter

#: Texts longer than this, tokens, get an extractive summary when they are stored.
LONG = 1000
SUMMARY = 200


class Remembering:
    """Draft, recognise, cut and place an item.

    Attributes:
        succeeding: finds the older items that it repeats or may supersede.
    """

    def __init__(
        self,
        store: Store,
        meaning: Meaning,
        settings: Settings,
        counter: TokenCounter,
        clock: Callable[[], float],
        intake: Intake,
    ) -> None:
        self._store = store
        self._meaning = meaning
        self._settings = settings
        self._counter = counter
        self._clock = clock
        self._intake = intake
        self.succeeding = Succeeding(store, meaning)

    def draft(self, content: str, **fields: Any) -> Item:
        """A checked item with its tokens counted and, if it is long, its summary made.

        Raises:
            Withheld: it must not be stored as it is.
        """
        item = draft_item(
            content, now=self._clock(), max_bytes=self._settings.max_content, **fields
        )
        return self.measured(self._passed(self._trusted(item)))

    def plain(self, content: str) -> Item:
        """A note that nobody has looked at yet, for quarantine."""
        item = draft_item(
            content, kind="note", priority=5, tags=(), source="assistant", speaker="", when=None,
            pinned=False, metadata={}, key="", now=self._clock(),
            max_bytes=self._settings.max_content,
        )  # fmt: skip
        return self.measured(item)

    def _passed(self, item: Item) -> Item:
        """The item as it may be stored: itself, or redacted."""
        passed = self._intake.item(item, is_known=lambda: self._store.twin(item.digest) is not None)
        return item if passed is item else replace(passed, digest=digest(passed))

    def _trusted(self, item: Item) -> Item:
        """No more trusted than the same text already is under another kind."""
        if item.trust == "untrusted" or item.kind == "turn":
            return item
        kinds: tuple[Kind, ...] = ("note", "doc", "code", "summary")
        for kind in kinds:
            twin = self._store.twin(digest(replace(item, kind=kind)))
            if twin is not None and twin.trust == "untrusted":
                return replace(item, trust="untrusted")
        return item

    def measured(self, item: Item) -> Item:
        """The item with its tokens counted and, if it is long, its summary made."""
        tokens = self._counter.count(item.text)
        summary = summarise(item.text, SUMMARY, self._counter.count) if tokens > LONG else ""
        if not summary:
            return replace(item, tokens=tokens)
        short = self._counter.count(summary)
        return replace(
            item, tokens=tokens, summary=summary, summary_by="extractive", summary_tokens=short
        )

    def in_place_of(self, item: Item, id: str, stated: Collection[str] = ()) -> Item:
        """The item as it will replace the one of this id or key; as it is when there is none.

        Args:
            stated: fields the caller named, so that their defaults are meant too.

        Raises:
            NotFound: ``id`` names nothing.
        """
        target = self._target(item, id)
        if target is None:
            return item
        placed = replacement(target, item, stated)
        if placed.trust == item.trust:
            return placed
        return self.measured(self._passed(placed))  # it is read as untrusted now

    def known(self, item: Item, id: str) -> Receipt | None:
        """Count a repetition before anything is embedded; None when there is something new."""
        if not self._is_repetition(item, id):
            return None
        with self._store.atomic():
            return self._repeated(item, id) if self._is_repetition(item, id) else None

    def _target(self, item: Item, id: str) -> Item | None:
        """What the item replaces: the one of this id, or of its own key."""
        target = self._store.find(bare(id)) if id else None
        named = self._store.find(item.key) if item.key else None
        if id and target is None:
            raise NotFound(f"No memory {id[:40]!r} to replace. Leave id empty to store a new one.")
        if id and named and target and named.row != target.row:
            raise Conflict(f"The key {item.key!r} belongs to {named.id}: choose another.")
        return target or named

    def _is_repetition(self, item: Item, id: str) -> bool:
        twin = self._store.twin(item.digest)
        target = self._target(item, id)
        return twin is not None and (target is None or target.row == twin.row)

    def _repeated(self, item: Item, id: str) -> Receipt:
        """Take in the same text again: a copy more, unless it is a retry under the same key."""
        twin = self._store.twin(item.digest)
        assert twin is not None
        retried = bool(id) or (item.key != "" and item.key == twin.key)
        revived = twin.state == "archived" and not id
        self._store.amend(
            replace(
                twin,
                copies=twin.copies + (not retried),
                state="active" if revived else twin.state,
                key=twin.key or item.key,
                tags=joined_tags(twin.tags, item.tags),
                metadata=joined_metadata(twin.metadata, item.metadata),
                priority=item.priority if retried else max(twin.priority, item.priority),
                pinned=item.pinned if retried else twin.pinned or item.pinned,
                updated_at=item.updated_at,
                accessed_at=max(twin.accessed_at, item.accessed_at),  # said again is in use
            )
        )
        other = f"Its key is {twin.key!r}." if twin.key and item.key not in ("", twin.key) else ""
        status: Literal["restored", "updated", "known"] = (
            "restored" if revived else "updated" if id else "known"
        )
        n = self._store.chunk_count(twin.row)
        return Receipt(twin.id, status, self._store.scope, twin.tokens, n, note=other)

    def cut(self, item: Item) -> list[Chunk]:
        """The item's chunks; one that is the whole text keeps no copy of it."""
        limit = self._settings.chunk_pieces
        if len(item.text) <= limit:  # a word piece has at least one character
            return [Chunk(0, len(item.text))]
        pieces = self._meaning.pieces(item.text) or rough_pieces(item.text)
        spans = chunk(item.text, pieces, limit=limit, overlap=self._settings.chunk_overlap)
        if len(spans) == 1:
            return [Chunk(0, len(item.text))]
        return [Chunk(start, end, item.text[start:end]) for start, end in spans]

    def place(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        embedded: Embedded | None,
        id: str,
        stated: Collection[str] = (),
        related: Sequence[Related] = (),
    ) -> Receipt:
        """Insert or replace, inside the transaction, against what is stored at this moment.

        Args:
            stated: as for `in_place_of`.
            related: what `Succeeding.related` found for it.
        """
        if embedded is not None and not self._meaning.claim():
            embedded = None  # another model's vectors were first; backfill or reindex will do it
        if self._is_repetition(item, id):  # another caller stored it while this one embedded
            return self._repeated(item, id)
        target = self._target(item, id)
        if target is not None:
            item = replacement(target, item, stated)
        if twin := self._store.twin(item.digest):
            raise Conflict(f"{twin.id} already holds exactly this text: use that id.")
        vectors, codes = (embedded.vectors, embedded.codes) if embedded else (None, ())
        status: Literal["stored", "updated"] = "stored" if target is None else "updated"
        if target is None:
            stored = self._store.insert(item, chunks, vectors, codes)
        else:
            stored = item
            self._store.rewrite(stored, chunks, vectors, codes)
        n = len(chunks)
        pending = n - (0 if vectors is None else len(vectors))
        held = self.succeeding.keep(stored.row, related) if related else []
        note = " ".join(filter(None, [settling(stored.id, held), self._waiting_note(pending, n)]))
        older = [one for one in held if one.older]
        return Receipt(
            stored.id, status, self._store.scope, item.tokens, n, pending, note,
            supersedes=tuple(one.item.id for one in older if one.relation != "repeats"),
            repeats=tuple(one.item.id for one in older if one.relation == "repeats"),
        )  # fmt: skip

    def _waiting_note(self, pending: int, chunks: int) -> str:
        if not pending:
            return ""
        if self._meaning.degraded:
            return "Found by its words only, for now; memory_status says why."
        return (
            f"{chunks - pending} of {chunks} passages are embedded, the rest follows in the "
            "background; all of it is found by its words already."
        )

    def revive(self, item: Item) -> None:
        """Store an item again under its old id; it is embedded later."""
        self._store.insert(item, self.cut(item))


def replacement(old: Item, new: Item, stated: Collection[str] = ()) -> Item:
    """``new`` in the place of ``old``: what the caller left at its default stays as it was."""
    plain = Item(text=new.text)
    kept = {
        name: getattr(old, name)
        for name in _KEPT
        if name not in stated and getattr(new, name) == getattr(plain, name)
    }
    merged = replace(
        new,
        **kept,
        row=old.row,
        id=old.id,
        copies=old.copies,
        created_at=old.created_at,
        accessed_at=old.accessed_at,
        access_count=old.access_count,
    )
    # Correcting a text from outside does not make it trusted.
    trust = min(old.trust, new.trust, TRUST_OF_ORIGIN[merged.origin], key=TRUST_ORDER.index)
    merged = replace(merged, trust=trust)
    return replace(merged, digest=digest(merged))


#: Fields of an item that a correction of its text does not change by leaving them out.
_KEPT = "kind speaker when origin tags metadata priority pinned key".split()
