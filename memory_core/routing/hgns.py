"""The hierarchical gradient number system (HGNS): its formulas, over the last axis of arrays.

A vector is read as a function of its component's number, of ``n`` components in the unit interval.
With base ``k`` and level ``l``:

* gradient: ``f'(x) ~ (f(x + 1/k^l) - f(x)) / (1/k^l)``; the step is ``max(1, round(n / k^l))``
  components, and the last components, which have none that far ahead, look one component back.
* multilevel gradient: the sum over levels 1 … L of the level's gradient divided by ``k^l``.
* attribute convergence: ``v <- v + eta * gradient(v)`` until a step is shorter than ``epsilon``.

The order of an embedding's components carries no meaning, so neither does their gradient; the
formulas are here to be measured beside other reductions (`hierarchy`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidArgument
from .arrays import F32, F64, I64, Bools, lengths

#: Growth of a vector's length from which an iteration counts as diverged.
DIVERGED = 100.0


def gradient(values: ArrayLike, k: int = 10, level: int = 1) -> F64:
    """Forward-difference gradient at one level, float64 of the shape of ``values``.

    Args:
        values: ``(…, n)`` with ``n >= 2``.
        k: base, at least 2.
        level: at least 1; the step is ``1 / k^level``.

    Raises:
        InvalidArgument: fewer than 2 components, or a base or level out of range.
    """
    given = np.asarray(values, np.float64)
    n = given.shape[-1] if given.ndim else 0
    if n < 2 or k < 2 or level < 1:
        raise InvalidArgument(
            f"Expected at least 2 components, k >= 2 and level >= 1, got {n}, {k} and {level}."
        )
    step = 1 / k**level
    ahead = max(1, round(n * step))
    slope = np.empty_like(given)
    slope[..., : n - ahead] = (given[..., ahead:] - given[..., : n - ahead]) / step
    slope[..., n - ahead :] = (given[..., n - ahead :] - given[..., n - ahead - 1 : n - 1]) / step
    return slope


def multilevel_gradient(values: ArrayLike, k: int = 10, levels: int = 4) -> F64:
    """Sum over levels 1 … ``levels`` of the gradient at that level divided by ``k^level``."""
    total = np.zeros_like(np.asarray(values, np.float64))
    for level in range(1, levels + 1):
        total += gradient(values, k, level) / k**level
    return total


def saliency_mask(
    values: ArrayLike, k: int = 10, levels: int = 4, top_fraction: float = 0.5
) -> Bools:
    """Components whose multilevel gradient is among the largest, bool of the shape of ``values``.

    Those at or above the ``1 - top_fraction`` quantile of the magnitudes.

    Raises:
        InvalidArgument: ``top_fraction`` outside (0, 1].
    """
    if not 0 < top_fraction <= 1:
        raise InvalidArgument(f"Expected top_fraction in (0, 1], got {top_fraction}.")
    size = np.abs(multilevel_gradient(values, k, levels))
    least = np.percentile(size, (1 - top_fraction) * 100, axis=-1, keepdims=True)
    mask: Bools = size >= least
    return mask


def salient(values: ArrayLike, m: int, k: int = 10, levels: int = 4) -> I64:
    """The ``m`` components with the largest multilevel gradient, ascending, int64 ``(…, m)``."""
    size = np.abs(multilevel_gradient(values, k, levels))
    if not 1 <= m <= size.shape[-1]:
        raise InvalidArgument(f"Expected 1 to {size.shape[-1]} components, got {m}.")
    order = np.argsort(size, axis=-1, kind="stable")
    largest: I64 = np.sort(order[..., -m:], axis=-1)
    return largest


def pooled(values: F32, m: int, k: int = 10, levels: int = 4) -> F32:
    """Weighted means of ``m`` segments, float32 ``(rows, m)`` of ``(rows, n)``.

    Segment ``i`` contributes ``mean * (1 + g / k^(i mod levels))``, ``g`` the mean magnitude of its
    multilevel gradient. Segments are as equal as they can be, the longer ones first.
    """
    n = values.shape[1]
    sizes = np.full(m, n // m)
    sizes[: n % m] += 1
    starts = np.cumsum(sizes) - sizes
    slopes = np.abs(multilevel_gradient(values, k, levels))
    means = np.add.reduceat(values.astype(np.float64), starts, axis=1) / sizes
    weights = np.add.reduceat(slopes, starts, axis=1) / sizes / k ** (np.arange(m) % levels)
    weighted: F32 = (means * (1 + weights)).astype(np.float32)
    return weighted


def aligned_similarity(a: F32, a_dims: I64, b: F32, b_dims: I64) -> float:
    """Cosine of two vectors over the components both have kept; 0 if there are none.

    Args:
        a: float32 ``(m,)``, the values at ``a_dims``.
        a_dims: int64 ``(m,)``, ascending.
        b: as ``a``.
        b_dims: as ``a_dims``.
    """
    shared, mine, other = np.intersect1d(a_dims, b_dims, assume_unique=True, return_indices=True)
    one, two = a[mine].astype(np.float64), b[other].astype(np.float64)
    size = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float(one @ two) / size if len(shared) and size > 1e-10 else 0.0


def aligned_similarities(values: F32, dims: I64, query: F32, query_dims: I64) -> F32:
    """`aligned_similarity` of many vectors with one, float32 ``(n,)``.

    Args:
        values: float32 ``(n, m)``.
        dims: ``(n, m)``, the components they are.
        query: float32 ``(dim,)``, all components of the query.
        query_dims: those the query keeps.
    """
    kept = np.zeros_like(query)
    kept[query_dims] = query[query_dims]
    shared = np.zeros(len(query), np.bool_)
    shared[query_dims] = True
    both = shared[dims]
    other = kept[dims]
    mine = values * both
    size = lengths(mine) * lengths(other)
    dots: F32 = np.einsum("ij,ij->i", mine, other)
    dots[size <= 1e-10] = 0
    similarities: F32 = (dots / np.maximum(size, np.float32(1e-10))).astype(np.float32, copy=False)
    return similarities


@dataclass(frozen=True, slots=True, eq=False)
class Convergence:
    """How an attribute convergence ended.

    Attributes:
        vector: float32 ``(n,)``, the last vector; the one given if the iteration diverged.
        iterations: steps taken.
        status: ``converged``, ``diverged`` (the length grew a hundredfold or overflowed) or
            ``unfinished`` (neither within the iterations allowed).
        change: length of the last step.
    """

    vector: F32
    iterations: int
    status: Literal["converged", "diverged", "unfinished"]
    change: float


def attribute_convergence(
    values: ArrayLike,
    eta: float = 0.1,
    k: int = 10,
    levels: int = 4,
    epsilon: float = 1e-6,
    max_iter: int = 200,
) -> Convergence:
    """Iterate ``v <- v + eta * multilevel_gradient(v)`` until a step is shorter than ``epsilon``.

    For most vectors it diverges: the update adds differences and damps nothing.

    Args:
        values: ``(n,)``.
        eta: step size.
        k: base.
        levels: levels of the gradient.
        epsilon: length of a step that counts as none.
        max_iter: steps at the most.
    """
    start = np.asarray(values, np.float64)
    limit = DIVERGED * max(1.0, float(np.linalg.norm(start)))
    vector, change = start, 0.0
    for iteration in range(1, max_iter + 1):
        step = eta * multilevel_gradient(vector, k, levels)
        vector, change = vector + step, float(np.linalg.norm(step))
        size = float(np.linalg.norm(vector))
        if not size <= limit:
            return Convergence(start.astype(np.float32), iteration, "diverged", change)
        if change < epsilon:
            return Convergence(vector.astype(np.float32), iteration, "converged", change)
    return Convergence(vector.astype(np.float32), max_iter, "unfinished", change)
