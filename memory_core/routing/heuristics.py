"""How many centroids a codebook should have."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidArgument
from .arrays import F32, I64, MOST, whole

if TYPE_CHECKING:
    from .codebook import Codebook

#: Items per bucket that ``n_over_b`` aims at.
ITEMS_PER_BUCKET = 20

#: Named rules: number of items -> number of centroids, before the items bound it.
RULES: dict[str, Callable[[int], int]] = {
    "n_over_b": lambda n: min(max(math.ceil(n / ITEMS_PER_BUCKET), 2), 512),
    "sqrt": lambda n: math.ceil(math.sqrt(n)),
    "2sqrt": lambda n: math.ceil(2 * math.sqrt(n)),
    "log": lambda n: math.ceil(8 * math.log2(max(n, 2))),
    "fixed": lambda n: 256,
}

#: Rules that ``auto`` lets compete.
CONTENDERS = ("sqrt", "2sqrt", "n_over_b", "log")


@dataclass(frozen=True, slots=True)
class Work:
    """What a number of centroids costs at a target recall, before any code is looked at.

    Attributes:
        rule: name of the rule.
        k: centroids for the whole set.
        probes: share of the buckets that has to be opened.
        scanned: share of the items in those buckets.
        share: ``k / n + scanned``: the vectors compared, as a share of exact search.
        recall: recall@10 reached.
    """

    rule: str
    k: int
    probes: float
    scanned: float
    share: float
    recall: float


def centroid_count(rule: str | int, n: int) -> int:
    """Centroids for ``n`` items: a number is taken as it is, a name by its rule in ``RULES``.

    A rule's answer is bounded to 2 … ``n`` (1 for a single item).

    Raises:
        InvalidArgument: no items, a number outside 1 … ``n``, or an unknown rule. ``auto`` is
            unknown here: it has to see vectors (`measured_counts`).
    """
    if n < 1:
        raise InvalidArgument(f"Expected at least 1 item to cluster, got {n}.")
    if not isinstance(rule, str):
        count = whole("the number of centroids", rule, least=-MOST)
        if not 1 <= count <= n:
            raise InvalidArgument(f"Expected 1 to {n} centroids for {n} items, got {count}.")
        return count
    if rule not in RULES:
        raise InvalidArgument(
            f"Expected a number of centroids, 'auto' or one of {', '.join(RULES)}, got {rule!r}."
        )
    return min(max(RULES[rule](n), 2), n)


def measured_counts(
    vectors: F32, n: int, *, seed: int = 0, target: float = 0.98, sample: int = 20_000
) -> tuple[Work, ...]:
    """The contenders by measured work at a target recall, cheapest first: the rule ``auto``.

    One codebook per contender is fitted on a sample; buckets are opened in routing order until the
    queries (vectors of the sample) have found ``target`` of their 10 nearest. Exact when the sample
    holds all; otherwise the shares found on it stand for the whole set.

    Args:
        vectors: float32 ``(m, dim)``, unit, at least 2.
        n: items of the whole index, at least ``m``.
        seed: of the sample and the fits.
        target: recall@10 to reach by routing alone.
        sample: vectors looked at.
    """
    from .codebook import Codebook  # imports this module

    rng = np.random.default_rng(seed)
    seen = vectors[np.sort(rng.permutation(len(vectors))[:sample])]
    asked = np.sort(rng.permutation(len(seen))[:200])
    similar = seen[asked] @ seen.T
    similar[np.arange(len(asked)), asked] = -np.inf  # a query is not its own neighbour
    depth = min(10, len(seen) - 1)
    nearest = np.argpartition(-similar, depth - 1, axis=1)[:, :depth]
    measured = []
    for rule in CONTENDERS:
        k = centroid_count(rule, n)
        book = Codebook.fit(seen, min(k, max(2, len(seen) // 4)), seed=seed)
        probes, scanned, recall = _opened(book, seen, seen[asked], nearest, target)
        measured.append(Work(rule, k, probes, scanned, k / n + scanned, recall))
    return tuple(sorted(measured, key=lambda work: work.share))


def _opened(
    book: "Codebook", vectors: F32, queries: F32, nearest: I64, target: float
) -> tuple[float, float, float]:
    """Shares of buckets and items to open, and the recall reached by that."""
    codes, _ = book.encode_many(vectors)
    order = np.argsort(-(queries @ book.centroids.T), axis=1)
    rank = np.argsort(order, axis=1)
    needed = np.take_along_axis(rank, codes[nearest], axis=1)  # bucket rank of each neighbour
    found = np.bincount(needed.ravel(), minlength=book.k).cumsum() / needed.size
    probes = int(np.searchsorted(found, target - 1e-9)) + 1
    scanned = np.bincount(codes, minlength=book.k)[order[:, :probes]].sum(axis=1).mean()
    return probes / book.k, float(scanned) / len(vectors), float(found[probes - 1])
