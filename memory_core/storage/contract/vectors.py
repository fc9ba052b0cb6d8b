"""Vectors, and what an index must read to keep up with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...records import Chunk, Item

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

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Which have a direction, bool ``(n,)``: finite and not zero, as changed bytes may be."""
        finite = np.isfinite(self.vectors).all(axis=1) & self.vectors.any(axis=1)
        return np.asarray(finite, np.bool_)

    def only(self, chosen: NDArray[np.bool_]) -> "StoredVectors":
        """Some of them: bool ``(n,)``."""
        return StoredVectors(
            self.chunks[chosen], self.items[chosen], self.archived[chosen], self.vectors[chosen]
        )


class Vectors(Protocol):
    """Vectors and token codes of chunks, vectors of questions, and the change log."""

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

    def token_codes(self, chunks: Sequence[int]) -> dict[int, bytes]:
        """Token codes by chunk, one word piece after the other; chunks without are left out."""
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

    def changes(self, since: int) -> Changes:
        """What happened after position ``since``."""
        ...
