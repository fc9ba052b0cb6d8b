"""What a search answers."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from .arrays import F32, I64

#: ``exact``: every item compared. ``filtered``: every allowed item compared. ``routed``: codes of
#: some or all buckets scanned, the best compared exactly. ``estimated``: ranked by codes alone.
Mode: TypeAlias = Literal["exact", "filtered", "routed", "estimated"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One item found.

    Attributes:
        id: the item's key.
        score: cosine or inner product with the query; an estimate if the result is approximate.
        levels: score by level where it was computed: 2 the estimate from the code, 0 the exact one.
    """

    id: int
    score: float
    levels: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signals:
    """How sure the routing of a query was, and what the search looked at.

    Attributes:
        confidence: ``1 / (1 + qerr)``; None, as the next three, without a codebook.
        margin: cosine with the nearest centroid minus that with the second.
        qerr: 1 - cosine with the nearest centroid.
        centroid: the nearest centroid.
        probed: buckets looked into, best first; empty for an exact search.
        scanned: items whose code or vector was looked at.
        reranked: items compared exactly.
        mode: how the search was done.
        approximate: whether the scores are estimates.
    """

    confidence: float | None
    margin: float | None
    qerr: float | None
    centroid: int | None
    probed: tuple[int, ...]
    scanned: int
    reranked: int
    mode: Mode
    approximate: bool


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Items found, best first, equal scores by id.

    Attributes:
        ids: int64 ``(m,)``, keys of at most ``top_k`` items.
        scores: float32 ``(m,)``.
        estimates: float32 ``(m,)``, what their codes promised; NaN where no code was read.
        mode: how the search was done.
        approximate: whether some scores are estimates (``rerank="none"``).
        signals: if asked for, else None.
    """

    ids: I64
    scores: F32
    estimates: F32
    mode: Mode
    approximate: bool = False
    signals: Signals | None = None

    @cached_property
    def hits(self) -> tuple[Hit, ...]:
        """The same as plain Python values, made when first asked for."""
        columns = (self.ids.tolist(), self.scores.tolist(), self.estimates.tolist())
        return tuple(map(self._hit, *columns))

    def __eq__(self, other: object) -> bool:
        """Whether both found the same in the same way."""
        if not isinstance(other, SearchResult):
            return NotImplemented
        return (self.hits, self.mode, self.approximate, self.signals) == (
            other.hits, other.mode, other.approximate, other.signals
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.ids.tobytes(), self.mode))

    def _hit(self, id: int, score: float, estimate: float) -> Hit:
        if estimate != estimate:  # NaN: no code was read
            return Hit(id, score, {0: score})
        return Hit(id, score, {2: score} if self.approximate else {2: estimate, 0: score})


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of an index, counted on its arrays.

    Attributes:
        items: how many there are.
        hot: bytes every query reads: codes, factors, ids, routing table, those of the delta.
        cold: bytes of which a query reads a few rows: level 0, keys, float32 centroids, and the
            delta's coded rows, which lie in memory.
        dense: bytes of the same vectors as a float32 matrix.
        arrays: bytes by array.
    """

    items: int
    hot: int
    cold: int
    dense: int
    arrays: dict[str, int]

    @property
    def hot_per_item(self) -> float:
        """Hot bytes per item; 0 without items."""
        return self.hot / self.items if self.items else 0.0


@dataclass(frozen=True, slots=True)
class IndexReport:
    """The state of an index.

    Attributes:
        items: live items.
        k: centroids; 0 without a codebook.
        gini: imbalance of the packed buckets.
        dead_codes: centroids without packed items.
        delta: live items not yet packed.
        deleted: deleted items that still take room.
        mode: how the next search will be done.
        due: the upkeep that would pay: ``build``, ``merge`` or nothing.
        n_probes: buckets a query opens by itself; 0 in an exact index.
        depth: items it compares exactly.
        recall: recall@10 the calibration measured; None if there was none.
        footprint: bytes.
    """

    items: int
    k: int
    gini: float
    dead_codes: int
    delta: int
    deleted: int
    mode: Mode
    due: Literal["build", "merge", ""]
    n_probes: int
    depth: int
    recall: float | None
    footprint: Footprint
