"""The steps of `remember` between the caller's words and the row."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from .draft import draft_item, moment
from .errors import Conflict, NotFound
from .lifecycle.extractive import summarise
from .meaning import Meaning
from .records import TRUST_OF_ORIGIN, Chunk, Item, Kind, Receipt
from .settings import Settings
from .storage.contract import Float16s, Store
from .text.chunking import chunk, rough_pieces
from .text.identity import clean, digest
from .text.tokens import TokenCounter

#: Texts longer than this, tokens, get an extractive summary when they are stored.
LONG = 1000
SUMMARY = 200


class Remembering:
    """Draft, recognise, cut and place an item."""

    def __init__(
        self,
        store: Store,
        meaning: Meaning,
        settings: Settings,
        counter: TokenCounter,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._meaning = meaning
        self._settings = settings
        self._counter = counter
        self._clock = clock

    def draft(self, content: str, **fields: Any) -> Item:
        """A checked item with its tokens counted and, if it is long, its summary made."""
        item = draft_item(
            content, now=self._clock(), max_bytes=self._settings.max_content, **fields
        )
        tokens = self._counter.count(item.text)
        summary = summarise(item.text, SUMMARY, self._counter.count) if tokens > LONG else ""
        return replace(item, tokens=tokens, summary=summary)

    def in_place_of(self, item: Item, ref: str) -> Item:
        """The item as it will replace the one of this id or key; as it is when there is none."""
        old = self._store.find(ref) if ref else None
        return item if old is None else replacement(old, item)

    def digest_of(self, text: str, kind: str, speaker: str, when: str | float | None) -> bytes:
        """The digest an item with this text would have."""
        return digest(Item(clean(text), kind=cast(Kind, kind), speaker=speaker, when=moment(when)))

    def known(self, item: Item, id: str) -> Receipt | None:
        """Count a repetition; None when there is something new to store."""
        if id or self._store.twin(item.digest) is None:
            return None
        with self._store.atomic():
            twin = self._store.twin(item.digest)
            named = self._store.find(item.key) if item.key else None
            if twin is None or (named and named.row != twin.row):
                return None
            archived = twin.state == "archived"
            self._store.amend(
                replace(
                    twin,
                    copies=twin.copies + 1,
                    state="active" if archived else twin.state,
                    key=twin.key or item.key,
                    tags=tuple(sorted({*twin.tags, *item.tags})),
                    metadata={**twin.metadata, **item.metadata},
                    priority=max(twin.priority, item.priority),
                    pinned=twin.pinned or item.pinned,
                    updated_at=item.updated_at,
                )
            )
            chunks = self._store.chunk_count(twin.row)
        return Receipt(
            twin.id, "restored" if archived else "known", self._store.scope, twin.tokens, chunks
        )

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
        self, item: Item, chunks: Sequence[Chunk], vectors: Float16s | None, id: str
    ) -> Receipt:
        """Insert or replace, inside the transaction, against what is stored at this moment."""
        if vectors is not None and not self._meaning.claim():
            vectors = None  # another model's vectors were first; backfill or reindex will do it
        target = self._store.find(id or item.key) if id or item.key else None
        if id and target is None:
            raise NotFound(f"No memory {id!r} to replace. Leave id empty to store a new one.")
        twin = self._store.twin(item.digest)
        if twin and (target is None or twin.row != target.row):
            raise Conflict(f"{twin.id} already holds exactly this text: use that id.")
        status: Literal["stored", "updated"] = "stored" if target is None else "updated"
        if target is None:
            stored = self._store.insert(item, chunks, vectors)
        else:
            stored = replacement(target, item)
            self._store.rewrite(stored, chunks, vectors)
        n = len(chunks)
        pending = n - (0 if vectors is None else len(vectors))
        note = self._waiting_note(pending, n)
        return Receipt(stored.id, status, self._store.scope, item.tokens, n, pending, note)

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


def replacement(old: Item, new: Item) -> Item:
    """``new`` in the place of ``old``: what the caller left at its default stays as it was."""
    plain = Item(text=new.text)
    kept = {
        name: getattr(old, name) for name in _KEPT if getattr(new, name) == getattr(plain, name)
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
    merged = replace(merged, trust=TRUST_OF_ORIGIN[merged.origin])
    return replace(merged, digest=digest(merged))


#: Fields of an item that a correction of its text does not change by leaving them out.
_KEPT = "kind speaker when origin tags metadata priority pinned key".split()
