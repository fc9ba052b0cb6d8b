"""What a store must do for a `Memory`: the one seam behind which another database could stand.

`SqliteStore` is the product; a small dict store in the tests passes the same suite. Methods that
write are called inside `atomic()`; methods that read may be called inside `reading()` to see one
snapshot, or alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..lifecycle.plan import Subject
from ..records import Chunk, Fact, Filter, Item, Succession, Usage

Float16s: TypeAlias = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened since a position of the change log.

    Attributes:
        seq: position of the newest change; 0 for an untouched store.
        rows: rows of the items that changed, each once, or None when everything must be read
            again: the log does not reach back that far, or never reached that position, or the
            vectors were all made anew.
        lost: first and last row of chunks that are gone, a pair for each loss.
    """

    seq: int
    rows: list[int] | None
    lost: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class StoredVectors:
    """Vectors as they lie in the store.

    Attributes:
        chunks: int64 ``(n,)``, row of each vector's chunk.
        items: int64 ``(n,)``, row of each vector's item.
        archived: bool ``(n,)``, whether that item is archived.
        vectors: float16 ``(n, dim)``, unit length; ``(0, 0)`` when there are none.
    """

    chunks: NDArray[np.int64]
    items: NDArray[np.int64]
    archived: NDArray[np.bool_]
    vectors: Float16s

    def only(self, chosen: NDArray[np.bool_]) -> "StoredVectors":
        """Some of them: bool ``(n,)``."""
        return StoredVectors(
            self.chunks[chosen], self.items[chosen], self.archived[chosen], self.vectors[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """Everything of some items but what they say.

    Attributes:
        items: int64 ``(n,)``, rows, ascending.
        at: float64 ``(n,)``, event time, else when it was stored; seconds UTC.
        turns: bool ``(n,)``.
        live: bool ``(n,)``, active or compressed.
        archived: bool ``(n,)``.
        traits: int64 ``(n,)``, bits; see ``text.traits``.
        speakers: rows of the items of each speaker.
        chunks: int64 ``(m,)``, rows, ascending.
        owners: int64 ``(m,)``, row of each chunk's item.
        lengths: int64 ``(m,)``, characters.
    """

    items: NDArray[np.int64]
    at: NDArray[np.float64]
    turns: NDArray[np.bool_]
    live: NDArray[np.bool_]
    archived: NDArray[np.bool_]
    traits: NDArray[np.int64]
    speakers: Mapping[str, NDArray[np.int64]]
    chunks: NDArray[np.int64]
    owners: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextHit:
    """A chunk found by its words; ``score`` is BM25, higher is better."""

    chunk: int
    item: int
    score: float


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a deleted item: its id, and a sealed copy until ``expires_at``."""

    id: str
    state: str
    expires_at: float | None
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is held in quarantine: an id, why, and the sealed payload.

    Attributes:
        id: of the item, where one was taken out, else a new one.
        version: how often this id was held; part of what the payload is bound to.
        state: "held", "released" or "purged".
        what: "memory", "fact" or "text" (nothing that was ever stored).
        context_type: kind of content, in the words of who held it.
        reason: why, without a word of the content.
        origin: where the content comes from.
        at: when it was held, seconds UTC.
        part_of: id of what it was derived from and is held with; "" for none.
        mark: keyed hash of the text, by which it is known again.
        sealed: the payload; None once released or purged.
    """

    id: str
    version: int
    state: str
    what: str
    context_type: str
    reason: str
    origin: str
    at: float
    part_of: str
    mark: bytes
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Card:
    """Something on a board: a JSON object with an id; times are seconds UTC."""

    board: str
    body: Mapping[str, Any]
    id: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0


class Store(Protocol):
    """Items, chunks, vectors, words, facts, changes and audit of one scope."""

    @property
    def scope(self) -> str: ...

    @property
    def place(self) -> Path | None:
        """Folder for what is derived from the store; None when nothing may be kept on disk."""
        ...

    def atomic(self) -> AbstractContextManager[None]:
        """One transaction, nesting: everything in it happens, or nothing."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """One snapshot for all reads inside."""
        ...

    def close(self) -> None: ...

    # items --------------------------------------------------------------
    def insert(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> Item:
        """Store a new item; returns it with its row and, unless it brought one, its id.

        Args:
            vectors: float16 ``(k, dim)``, of the first ``k`` chunks; the others wait.
            codes: token codes of the same chunks, or none.
        """
        ...

    def rewrite(
        self,
        item: Item,
        chunks: Sequence[Chunk],
        vectors: Float16s | None = None,
        codes: Sequence[bytes] = (),
    ) -> None:
        """Replace text and all fields of a stored item; its old chunks and vectors go."""
        ...

    def amend(self, item: Item) -> None:
        """Replace all fields but text and speaker."""
        ...

    def erase(self, row: int) -> None:
        """Remove an item with its chunks, words and vectors."""
        ...

    def find(self, ref: str) -> Item | None:
        """The item of an id or of a caller's key."""
        ...

    def twin(self, digest: bytes) -> Item | None:
        """The item with this digest."""
        ...

    def holding(self, text: str) -> list[Item]:
        """The items with exactly this text."""
        ...

    def items(self, rows: Sequence[int]) -> dict[int, Item]:
        """Items by row; rows that are gone are left out."""
        ...

    def chunks(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """Chunks by their row, text filled in."""
        ...

    def chunk_count(self, item: int) -> int:
        """How many chunks an item has."""
        ...

    def count_items(self) -> int:
        """How many items a plain search looks at: those not archived."""
        ...

    def count_archived(self) -> int:
        """How many items a plain search passes over."""
        ...

    def count_facts(self) -> int:
        """How many keys have a believed statement."""
        ...

    def newest(self, where: Filter, limit: int, skip: int) -> list[int]:
        """Rows of matching items, newest event time first."""
        ...

    def neighbours(self, item: Item, n: int) -> list[int]:
        """Rows of up to ``n`` turns before and ``n`` after a turn in its conversation, in order."""
        ...

    def pinned(self, limit: int) -> list[Item]:
        """The pinned items that can be recalled, highest priority first, then the newest."""
        ...

    def recent(self) -> list[tuple[Item, bool]]:
        """The turns of the recent buffer that can be recalled, oldest first; whether shortened."""
        ...

    def set_recent(self, turns: Sequence[tuple[int, bool]]) -> None:
        """Make these the recent buffer: row of each item, whether it is shown shortened."""
        ...

    def all_links(self) -> dict[str, tuple[str, ...]]:
        """For every summary of several items the ids of these, in order."""
        ...

    def link(self, derived: str, sources: Sequence[str]) -> None:
        """Record which items a summary was made of, by id."""
        ...

    def sources(self, derived: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The sources of each of these items that has any, ids in order."""
        ...

    def derived(self, sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """What was made of each of these items, ids in order; nothing: left out."""
        ...

    def add_successions(self, pairs: Sequence[Succession]) -> None:
        """Record which item may have taken the place of which; a pair goes with either item, and
        when the text of either is rewritten.
        """
        ...

    def successions(self, items: Sequence[int]) -> list[Succession]:
        """The pairs that one of these items is part of, by newer, then by older."""
        ...

    def released(self) -> list[int]:
        """Rows of the items whose every copy was released."""
        ...

    def owners(self, chunks: Sequence[int]) -> dict[int, int]:
        """The item of each chunk; chunks that are gone are left out."""
        ...

    def chunks_matching(self, where: Filter) -> NDArray[np.int64]:
        """Rows of the chunks of all matching items, ascending."""
        ...

    def matching(self, where: Filter) -> NDArray[np.int64]:
        """Rows of all matching items, ascending."""
        ...

    def subjects(self, unread_since: float | None) -> list[Subject]:
        """What the lifecycle looks at of the items that are there, without their texts.

        Args:
            unread_since: only those neither read nor stored after this, seconds UTC; None: all.
        """
        ...

    def touch(self, ids: dict[str, tuple[int, float]]) -> None:
        """Add reads to items: ``id -> (how many, time of the last, seconds UTC)``."""
        ...

    # vectors --------------------------------------------------------------
    def put_vectors(
        self, chunks: Sequence[int], vectors: Float16s, codes: Sequence[bytes] = ()
    ) -> int:
        """Store vectors, and token codes if there are any, of chunks that still exist.

        Returns:
            how many did.
        """
        ...

    def pass_over(self, chunks: Sequence[int]) -> None:
        """Let chunks no longer wait, although they have no vector; `drop_vectors` undoes it."""
        ...

    def waiting(self, limit: int) -> list[tuple[Chunk, Item]]:
        """Chunks without a vector, oldest first, text filled in."""
        ...

    def vectors(self, items: Sequence[int] | None) -> StoredVectors:
        """Vectors of these items, or of all."""
        ...

    def all_vectors(self, batch: int) -> Iterator[StoredVectors]:
        """Every vector in order of its chunk, so many at a time, inside one `reading()`."""
        ...

    def drop_vectors(self) -> None:
        """Forget every vector and token code; all chunks wait again."""
        ...

    def add_queries(self, vectors: Float16s, keep: int) -> None:
        """Keep vectors of recent questions, the newest ``keep`` of all; `drop_vectors` drops them.

        Args:
            vectors: float16 ``(n, dim)``, oldest first.
        """
        ...

    def queries(self) -> Float16s:
        """The vectors of questions that are kept, oldest first, ``(n, dim)``; ``(0, 0)``: none."""
        ...

    def drop_queries(self) -> None:
        """Forget the vectors of questions."""
        ...

    def token_codes(self, chunks: Sequence[int]) -> dict[int, bytes]:
        """Token codes by chunk, one word piece after the other; chunks without are left out."""
        ...

    # search --------------------------------------------------------------
    def outlines(self, items: Sequence[int] | None) -> Outlines:
        """Order, time, speaker and size of these items, or of all."""
        ...

    def postings(self, words: Sequence[str], most: int) -> list[NDArray[np.int64] | None]:
        """The rows of the chunks that hold each word; None for a word too common to look up.

        Args:
            most: rows to return in all; the most common words are left out until it fits, never
                all of them.
        """
        ...

    def search_words(
        self, words: Sequence[str], where: Filter, limit: int, postings: int
    ) -> list[TextHit]:
        """Chunks holding any of the words, best BM25 first.

        Args:
            postings: rows the search may touch; the most common words are dropped until it fits,
                never all of them.
        """
        ...

    def stems(self, text: str) -> list[str]:
        """The terms a text is found under, in order; the same in every store of a kind."""
        ...

    def frequencies(self, terms: Sequence[str]) -> tuple[int, dict[str, int]]:
        """How many chunks there are, and in how many of them each term stands."""
        ...

    # changes --------------------------------------------------------------
    def changes(self, since: int) -> Changes:
        """What happened after position ``since``."""
        ...

    # facts --------------------------------------------------------------
    def facts(self, keys: Sequence[str] = ()) -> list[Fact]:
        """Every statement ever recorded, by key, then valid_from, then recorded_at.

        Args:
            keys: these keys; one that ends in ``*`` matches by prefix; none: all.
        """
        ...

    def fact_keys(self, words: Sequence[str]) -> list[str]:
        """Keys with a believed statement that contain any of the words, case ignored."""
        ...

    def add_fact(self, fact: Fact) -> Fact:
        """Store a statement; returns it with its row and id."""
        ...

    def retire_fact(self, row: int, at: float) -> None:
        """Mark a statement as no longer believed."""
        ...

    def erase_fact(self, row: int) -> None:
        """Remove a statement."""
        ...

    # quarantine --------------------------------------------------------------
    def new_id(self) -> str:
        """An id that nothing else has or will have."""
        ...

    def hold(self, held: Held) -> None:
        """Store what is held, or replace the entry of its id."""
        ...

    def held(self, id: str) -> Held | None:
        """The entry of an id, whatever its state."""
        ...

    def any_held(self) -> bool:
        """Whether anything is held."""
        ...

    def held_as(self, mark: bytes) -> Held | None:
        """The entry that is held under this mark."""
        ...

    def all_held(self) -> list[Held]:
        """Entries that are held, oldest first."""
        ...

    def containing(self, text: str) -> list[Item]:
        """The items in whose text or summary this text stands, oldest first."""
        ...

    # boards --------------------------------------------------------------
    def put_card(self, card: Card) -> Card:
        """Store a card, or replace body and time of the one with its id; a new one gets an id."""
        ...

    def card(self, id: str) -> Card | None: ...

    def cards(self, board: str) -> list[Card]:
        """Every card of a board, in order of insertion."""
        ...

    def erase_card(self, id: str) -> None:
        """Remove a card."""
        ...

    def keep_usage(self, usage: Usage) -> bool:
        """Let the usage of a day and model be at least this; False when it was."""
        ...

    def add_usage(self, usage: Usage) -> None:
        """Add to the usage of a day and model."""
        ...

    def calls(self) -> list[tuple[str, int, int, float]]:
        """What the audit rows count: ``(op, how often, how often it failed, ms in all)``."""
        ...

    def usage(self) -> list[Usage]:
        """Usage by day and model, oldest first."""
        ...

    # what was deleted --------------------------------------------------------------
    def bury(self, tombstone: Tombstone, at: float) -> None:
        """Store or replace a tombstone."""
        ...

    def tombstone(self, id: str) -> Tombstone | None: ...

    def unbury(self, id: str) -> None:
        """Remove a tombstone."""
        ...

    def drop_expired(self, now: float) -> int:
        """Drop sealed copies whose time is over; returns how many."""
        ...

    # upkeep --------------------------------------------------------------
    def forget_details(self, id: str) -> None:
        """Blank what the audit rows of an item say beyond the operation."""
        ...

    def note(self, rows: Sequence[tuple[float, str, str, float, bool, str]]) -> None:
        """Append audit rows ``(at, op, id, ms, ok, detail)``, without the detail of what was
        deleted meanwhile.
        """
        ...

    def meta(self, key: str) -> str | None: ...
    def set_meta(self, key: str, value: str) -> None: ...

    def shown(self) -> int:
        """Tokens the packer would show now: facts, items, recent turns. Nothing is scanned."""
        ...

    def counts(self) -> dict[str, int]:
        """Items per state under ``state:<state>``, and ``items``, ``chunks``, ``facts``,
        ``pending``, ``tokens``, ``bytes``; ``shown``: tokens of what is shown of all of them.
        """
        ...

    def flush_log(self) -> bool:
        """Fold the log into the file so that erased bytes are gone; False: try again later."""
        ...

    def erasure_owed(self) -> bool:
        """Whether erased bytes may still lie in the log, this process's or another's."""
        ...

    def keep_ids(self, ids: Sequence[str]) -> None:
        """Never give out these ids, which came from outside, nor those counted before them."""
        ...

    def last_write(self) -> float:
        """When anything was last written, seconds UTC; 0.0 when nothing is there."""
        ...

    def clear(self) -> int:
        """Erase everything but the scope's name, the count of its ids, the bare audit rows, and
        what is sealed.

        Returns:
            How many items there were.
        """
        ...

    def compact(self) -> None:
        """Give free space back."""
        ...
