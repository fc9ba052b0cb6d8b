"""Exact search: every vector is compared. The floor that the routing index must beat."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Item, one of its chunks, and that chunk's cosine with the question.
Found: TypeAlias = tuple[int, int, float]


class ExactIndex:
    """Unit vectors of chunks in RAM, grouped by item. Not thread-safe: its owner locks.

    The matrix grows by an eighth: doubling it would cost the process its memory budget.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._n = 0
        self._vectors = np.empty((0, dim), np.float32)
        self._chunks = np.empty(0, np.int64)
        self._items = np.empty(0, np.int64)
        self._archived = np.empty(0, np.bool_)

    def __len__(self) -> int:
        return self._n

    def add(
        self,
        items: NDArray[np.int64],
        chunks: NDArray[np.int64],
        archived: NDArray[np.bool_],
        vectors: NDArray[np.float16],
    ) -> None:
        """Append vectors. All arguments have ``n`` rows; ``vectors`` is ``(n, dim)``, unit."""
        n, end = len(items), self._n + len(items)
        self._reserve(end)
        self._items[self._n : end] = items
        self._chunks[self._n : end] = chunks
        self._archived[self._n : end] = archived
        self._vectors[self._n : end] = vectors.reshape(n, self.dim)
        self._n = end

    def remove(self, items: Sequence[int]) -> None:
        """Remove every vector of these items; items that have none are ignored."""
        gone = np.isin(self._items[: self._n], np.asarray(items, np.int64))
        if not gone.any():
            return
        keep = np.flatnonzero(~gone)
        for column in (self._items, self._chunks, self._archived, self._vectors):
            column[: len(keep)] = column[keep]
        self._n = len(keep)

    def search(
        self,
        question: NDArray[np.float32],
        limit: int,
        *,
        allowed: NDArray[np.int64] | None,
        archived: bool,
    ) -> list[Found]:
        """The items nearest to a question, each with its best chunk, best first.

        Args:
            question: float32 ``(dim,)``, unit.
            limit: how many items at the most.
            allowed: ascending rows of the items that take part, or None for all.
            archived: whether archived items take part (only asked when ``allowed`` is None).
        """
        items, chunks = self._items[: self._n], self._chunks[: self._n]
        scores = self._vectors[: self._n] @ question
        mask = self._mask(items, allowed, archived)
        if mask is not None:
            items, chunks, scores = items[mask], chunks[mask], scores[mask]
        first = _best_of_each(items, scores)
        if len(first) > limit:
            first = first[np.argpartition(-scores[first], limit)[:limit]]
        first = first[np.lexsort((items[first], -scores[first]))]
        columns = (items[first], chunks[first], scores[first])
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def cosines(self, question: NDArray[np.float32], chunks: Sequence[int]) -> dict[int, float]:
        """The cosine of single chunks with a question; those without a vector are left out."""
        rows = np.flatnonzero(np.isin(self._chunks[: self._n], np.asarray(chunks, np.int64)))
        scores = self._vectors[rows] @ question
        return dict(zip(self._chunks[rows].tolist(), scores.tolist(), strict=True))

    def _mask(
        self, items: NDArray[np.int64], allowed: NDArray[np.int64] | None, archived: bool
    ) -> NDArray[np.bool_] | None:
        if allowed is not None:
            return np.isin(items, allowed)
        hidden = self._archived[: self._n]
        return ~hidden if not archived and hidden.any() else None

    def _reserve(self, n: int) -> None:
        if n <= len(self._items):
            return
        capacity = n * 9 // 8 + 256
        for name in ("_items", "_chunks", "_archived", "_vectors"):
            old = getattr(self, name)
            new = np.empty((capacity, *old.shape[1:]), old.dtype)
            new[: self._n] = old[: self._n]
            setattr(self, name, new)


def _best_of_each(items: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positions of the best-scoring chunk of each item."""
    if bool((items[1:] > items[:-1]).all()):  # the usual case: one chunk each, in order
        return np.arange(len(items))
    order = np.lexsort((-scores, items))
    ordered = items[order]
    return order[np.r_[True, ordered[1:] != ordered[:-1]]]
