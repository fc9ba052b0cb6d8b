"""How many centroids an index should have."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidArgument
from .arrays import F32

#: Items per bucket that ``n_over_b`` aims at.
ITEMS_PER_BUCKET = 20

#: Named rules: number of items -> number of centroids, before it is bounded by the items.
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
    """What one codebook size costs at a target recall.

    Attributes:
        rule: name of the rule.
        k: centroids for the whole set.
        probes: buckets to open, of ``k``.
        scanned: mean number of items in those buckets.
        share: ``(k + scanned) / n``, the work of a query as a share of exact search.
        recall: recall reached, before any code is looked at.
    """

    rule: str
    k: int
    probes: int
    scanned: float
    share: float
    recall: float


def centroid_count(rule: str | int, n: int) -> int:
    """Centroids for ``n`` items: a number is taken as it is, a name by its rule in ``RULES``.

    ``fixed`` is 256 unless a number is given. The answer lies between 2 and ``n`` (1 for one item).

    Raises:
        InvalidArgument: an unknown rule, fewer than one centroid or item, or ``auto``, which has
            to see vectors (`measured_count`).
    """
    if n < 1:
        raise InvalidArgument(f"Expected at least 1 item to cluster, got {n}.")
    if isinstance(rule, int):
        if not 1 <= rule <= n:
            raise InvalidArgument(f"Expected 1 to {n} centroids for {n} items, got {rule}.")
        return rule
    if rule not in RULES:
        raise InvalidArgument(
            f"Expected a number of centroids, 'auto' or one of {', '.join(RULES)}, got {rule!r}."
        )
    return min(max(RULES[rule](n), 2), n)


def measured_count(
    vectors: F32, n: int, *, seed: int = 0, target: float = 0.98, sample: int = 10_000
) -> tuple[Work, ...]:
    """The contenders by measured work at a target recall, cheapest first (rule ``auto``).

    Fits one codebook per contender on a sample, opens buckets until a query finds ``target`` of its
    10 nearest, and counts centroids compared plus items scanned. Sizes on the sample keep each
    rule's share of buckets, so the shares carry over to all ``n`` items.

    Args:
        vectors: float32 ``(m, dim)``, unit.
        n: items of the whole index, at least ``m``.
        seed: of the sample and the fits.
        target: recall@10 to reach by routing alone.
        sample: vectors looked at.
    """
    from .codebook import Codebook  # it imports this module

    rng = np.random.default_rng(seed)
    chosen = vectors[np.sort(rng.permutation(len(vectors))[:sample])]
    queries = chosen[rng.permutation(len(chosen))[:200]]
    similar = queries @ chosen.T
    depth = min(11, len(chosen))
    nearest = np.argpartition(-similar, depth - 1, axis=1)[:, :depth]
    found = []
    for rule in CONTENDERS:
        k = centroid_count(rule, n)
        small = min(max(2, round(k * math.sqrt(len(chosen) / n))), len(chosen))
        book = Codebook.fit(chosen, small, seed=seed)
        found.append(_work(book, chosen, queries, nearest, rule, k, n, target))
    return tuple(sorted(found, key=lambda work: work.share))


def _work(
    book: "Codebook",  # type: ignore[name-defined]  # noqa: F821  imported late, see above
    vectors: F32,
    queries: F32,
    nearest: np.ndarray,
    rule: str,
    k: int,
    n: int,
    target: float,
) -> Work:
    raise NotImplementedError
