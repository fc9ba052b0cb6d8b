"""Items and their chunks."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...lifecycle.plan import Subject
from ...records import Chunk, Filter, Item
from .vectors import Float16s


class Items(Protocol):
    """Items and the chunks they are cut into."""

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

    def containing(self, text: str) -> list[Item]:
        """The items in whose text or summary this text stands, oldest first."""
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

    def released(self) -> list[int]:
        """Rows of the items whose every copy was released."""
        ...

    def archived(self) -> list[int]:
        """Rows of the archived items."""
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

    def new_id(self) -> str:
        """An id that nothing else has or will have."""
        ...

    def keep_ids(self, ids: Sequence[str]) -> None:
        """Never give out these ids, which came from outside, nor those counted before them."""
        ...
