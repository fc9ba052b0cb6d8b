"""Coarse-to-fine search: a cheap level finds candidates, finer levels rank fewer of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from ..errors import Conflict, InvalidArgument
from .arrays import F32, I64, checked_keys, checked_vector, checked_vectors
from .kernel import select
from .levels import Level, Reduction, level_dims, levels_for

#: Vectors a fit looks at.
FIT_SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class LevelHit:
    """One item found by a drill-down.

    Attributes:
        rank: 0 for the best.
        id: the item's key.
        score: similarity at the finest level searched.
        levels: similarity by level, for every level searched.
    """

    rank: int
    id: int
    score: float
    levels: dict[int, float]


class Hierarchy:
    """Vectors at three levels: 0 in full, 1 about a third of its bytes, 2 about a twelfth or less.

    A search goes through the levels asked for from the coarsest to the finest: the coarsest scores
    every item and passes ``top_k * candidate_multiplier`` on, every further level but the last
    passes half of what it got. Not safe for writing from several threads.

    Args:
        dim: numbers per vector.
        reduction: how levels 1 and 2 come about: ``bit`` (int8 rows and 1-bit codes: the default,
            because it finds most), ``pca``, ``random`` projections, ``hgns-global`` (the components
            with the largest mean gradient) or ``hgns`` (each vector's own); see
            `levels.levels_for`.
        candidate_multiplier: candidates per hit.
        min_score: least score of a hit; None for no limit.
        seed: of random projections and rotations.
    """

    def __init__(
        self,
        dim: int,
        *,
        reduction: Reduction = "bit",
        candidate_multiplier: int = 5,
        min_score: float | None = None,
        seed: int = 0,
    ) -> None:
        if dim < 3 or candidate_multiplier < 1:
            raise InvalidArgument(
                "Expected at least 3 dimensions and a candidate_multiplier of at least 1, got "
                f"{dim} and {candidate_multiplier}."
            )
        if reduction not in get_args(Reduction):
            raise InvalidArgument(
                f"Expected a reduction of {', '.join(get_args(Reduction))}, got {reduction!r}."
            )
        self.dim, self.seed = dim, seed
        self.reduction: Reduction = reduction
        self.candidate_multiplier, self.min_score = candidate_multiplier, min_score
        self._keys: I64 = np.empty(0, np.int64)
        self._levels: dict[int, Level] = {}

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def dims(self) -> dict[int, int]:
        """Components by level, where the reduction keeps components."""
        return level_dims(self.dim)

    @property
    def nbytes(self) -> dict[int, int]:
        """Bytes of the items by level."""
        return {number: level.nbytes for number, level in self._levels.items()}

    def fit(self, ids: ArrayLike, vectors: ArrayLike) -> None:
        """Fit the levels to the vectors and hold exactly these.

        Args:
            ids: ``(n,)`` whole numbers, all different; ``n >= 1``.
            vectors: ``(n, dim)``, finite and not zero; scaled to length 1.

        Raises:
            InvalidArgument: bad vectors or ids.
        """
        unit = checked_vectors(vectors, self.dim)
        keys = checked_keys(ids, len(unit))
        if not len(unit):
            raise InvalidArgument("Expected at least 1 vector to fit to, got none.")
        rng = np.random.default_rng(self.seed)
        sample = unit[np.sort(rng.permutation(len(unit))[:FIT_SAMPLE])]
        self._levels = levels_for(self.reduction, sample, self.seed)
        self._keys = np.empty(0, np.int64)
        self._append(keys, unit)

    def add_many(self, ids: ArrayLike, vectors: ArrayLike) -> None:
        """Add items to the levels as they were fitted; the first call fits them.

        Raises:
            InvalidArgument: bad vectors or ids, or an id there already.
        """
        if not self._levels:
            self.fit(ids, vectors)
            return
        unit = checked_vectors(vectors, self.dim)
        keys = checked_keys(ids, len(unit))
        known = np.intersect1d(keys, self._keys)
        if len(known):
            raise InvalidArgument(f"Expected new ids, got {len(known)} known: {known[0]}, …")
        self._append(keys, unit)

    def search(
        self,
        vector: ArrayLike,
        top_k: int = 5,
        levels: Sequence[int] = (2, 1, 0),
        *,
        candidates: int | None = None,
        min_score: float | None = None,
    ) -> tuple[LevelHit, ...]:
        """Drill down to the items nearest to a vector.

        Args:
            vector: ``(dim,)``, finite and not zero.
            top_k: hits at the most.
            levels: any of 0, 1 and 2, in any order; ``(0,)`` is exact.
            candidates: what the coarsest level passes on, instead of the multiple of ``top_k``.
            min_score: instead of the hierarchy's.

        Raises:
            InvalidArgument: a bad vector, no level or an unknown one, or a number below 1.
            Conflict: nothing was added yet.
        """
        query = checked_vector(vector, self.dim)
        order = sorted(set(levels), reverse=True)
        if not order or not set(order) <= {0, 1, 2}:
            raise InvalidArgument(f"Expected levels out of 0, 1 and 2, got {tuple(levels)}.")
        if top_k < 1 or (candidates is not None and candidates < 1):
            raise InvalidArgument(
                f"Expected top_k and candidates of at least 1, got {top_k} and {candidates}."
            )
        if not self._levels:
            raise Conflict("This hierarchy is empty: call fit() or add_many() first.")
        rows, scores = self._drilled(query, top_k, order, candidates)
        least = self.min_score if min_score is None else min_score
        best = np.lexsort((self._keys[rows], -scores[order[-1]]))[:top_k]
        if least is not None:
            best = best[scores[order[-1]][best] >= least]
        return tuple(
            LevelHit(
                rank,
                int(self._keys[rows[place]]),
                float(scores[order[-1]][place]),
                {level: float(scores[level][place]) for level in order},
            )
            for rank, place in enumerate(best)
        )

    def _drilled(
        self, query: F32, top_k: int, order: list[int], candidates: int | None
    ) -> tuple[I64, dict[int, F32]]:
        """Rows that reached the last level, and their scores by level."""
        most = candidates or top_k * self.candidate_multiplier
        rows = np.arange(len(self))
        scores: dict[int, F32] = {}
        for place, number in enumerate(order):
            scores[number] = self._levels[number].scores(query, rows if place else None)
            last = place == len(order) - 1
            passed = select(scores[number], max(top_k if last else most, top_k))
            rows = rows[passed]
            scores = {level: values[passed] for level, values in scores.items()}
            most = math.ceil(most / 2)
        return rows, scores

    def _append(self, keys: I64, unit: F32) -> None:
        for level in self._levels.values():
            level.append(unit)
        self._keys = np.concatenate([self._keys, keys])
