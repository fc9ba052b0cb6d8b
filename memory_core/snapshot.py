"""What the searches of one scope look at: its index at one moment, whole."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .routing.generation import Generation
from .routing.index import RoutingIndex
from .routing.results import SearchResult, Signals

Rows: TypeAlias = NDArray[np.int64]
Cosines: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An index that has caught up with its store. Never written to.

    While the index goes on to the next moment, which may take seconds, searches look at this one.

    Attributes:
        live: what an ordinary search looks at; None before the first vector.
        archive: what was archived.
        generation: where the packed part of `live` is mapped from.
    """

    live: RoutingIndex | None = None
    archive: RoutingIndex | None = None
    generation: Generation | None = None

    @classmethod
    def of(
        cls,
        live: RoutingIndex | None,
        archive: RoutingIndex | None,
        generation: Generation | None,
    ) -> "Snapshot":
        """This moment of two indexes that are written to."""
        return cls(_moment(live), _moment(archive), generation)

    def __len__(self) -> int:
        return sum(len(index) for index in (self.live, self.archive) if index is not None)

    def search(
        self, question: NDArray[np.float32], limit: int, allowed: Rows | None, *, archived: bool
    ) -> tuple[Rows, Cosines, Signals | None]:
        """The chunks nearest to a question, best first, their cosines, and the routing's signals.

        Nothing is found by a question of another length than the vectors.

        Args:
            allowed: ascending rows of the chunks that take part; None for all.
            archived: whether archived chunks take part too.
        """
        found: list[SearchResult] = []
        signals = None
        for index in (self.live, self.archive if archived else None):
            if index is not None and len(index) and len(question) == index.dim:
                result = index.search(question, limit, allowed=allowed, return_signals=True)
                found.append(result)
                signals = result.signals if index is self.live else signals
        rows = np.concatenate([np.zeros(0, np.int64), *(one.ids for one in found)])
        cosines = np.concatenate([np.zeros(0), *(one.scores for one in found)], dtype=np.float64)
        order = np.lexsort((rows, -cosines))[:limit]
        return rows[order], cosines[order], signals

    def nearest(self, vector: NDArray[np.float32], limit: int) -> list[tuple[int, float]]:
        """The live chunks nearest to a vector, best first; leaves no trace."""
        if self.live is None or not len(self.live) or len(vector) != self.live.dim:
            return []
        found = self.live.search(vector, limit)
        return list(zip(found.ids.tolist(), found.scores.tolist(), strict=True))

    def cosines(self, question: NDArray[np.float32], chunks: Rows) -> Cosines:
        """The cosine of single chunks with a question, ``(n,)``; nan for those without a vector."""
        found = np.full(len(chunks), np.nan)
        for index in (self.live, self.archive):
            left = np.isnan(found)
            if index is not None and len(index) and left.any() and len(question) == index.dim:
                found[left] = index.compare(question, chunks[left])
        return found


def _moment(index: RoutingIndex | None) -> RoutingIndex | None:
    return None if index is None else index.frozen()
