"""Changing the centroids of an index on purpose: EMA, splits, pruning.

Nothing here happens on a read. Every change ends in every item being assigned anew: centroids that
move while their members stay where they were are what makes recall rot. The pure functions take a
codebook and give another; `adapt` applies them to a `RoutingIndex`,
`build` to a generation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidArgument
from .arrays import F32, F64, I64, checked_vectors, lengths
from .codebook import Codebook

#: Weight of a vector in its centroid's moving average.
ETA = 0.01
#: A bucket whose mean squared error ``(1 - cosine)^2`` is above this is split …
SPLIT_VARIANCE = 0.15
#: … if it has this many members.
SPLIT_LEAST = 4
#: Bounds of the number of centroids.
K_MIN, K_MAX = 2, 65_536
_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Change:
    """What may be done to a codebook; by itself, splits of buckets that are spread out.

    Attributes:
        bucket: split this one and nothing else, whatever its variance; None for none.
        force: also prune centroids without members, and split the most spread-out bucket even if
            its variance is below the limit.
        variance: mean squared error above which a bucket is split.
        least: members a bucket needs to be split.
        most: centroids at the most.
        eta: weight of newer vectors in the moving average of their centroids; 0 moves none.
    """

    bucket: int | None = None
    force: bool = False
    variance: float = SPLIT_VARIANCE
    least: int = SPLIT_LEAST
    most: int = K_MAX
    eta: float = 0.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a change comes to, before anything is done.

    Attributes:
        splits: buckets to split.
        prunes: centroids to remove.
    """

    splits: tuple[int, ...]
    prunes: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.splits or self.prunes)


class Members(NamedTuple):
    """Vectors by bucket.

    Attributes:
        codebook: its centroids.
        buckets: int64 ``(n,)``, the bucket of each vector.
        take: some vectors by their place, int64 ``(m,)`` -> float32 ``(m, dim)``.
    """

    codebook: Codebook
    buckets: I64
    take: Callable[[I64], F32]

    def of(self, bucket: int) -> F32:
        """The vectors of one bucket."""
        return self.take(np.flatnonzero(self.buckets == bucket))


@dataclass(frozen=True, slots=True)
class BucketStats:
    """One bucket.

    Attributes:
        bucket: its number.
        size: members.
        qerr: mean of ``1 - cosine`` with the centroid; 0 without members.
        variance: mean of ``(1 - cosine)^2``; 0 without members.
    """

    bucket: int
    size: int
    qerr: float
    variance: float


def ema(
    codebook: Codebook, vectors: ArrayLike, *, eta: float = ETA, least_qerr: float = 0.0
) -> Codebook:
    """Move the nearest centroid of each vector towards it: ``c <- unit((1 - eta) c + eta x)``.

    Args:
        codebook: stays as it is.
        vectors: ``(m, dim)``, taken one after the other.
        eta: weight of a vector, 0 to 1.
        least_qerr: vectors nearer than this to their centroid leave it where it is.

    Raises:
        InvalidArgument: bad vectors, or ``eta`` out of range.
    """
    if not 0 < eta <= 1:
        raise InvalidArgument(f"Expected eta in (0, 1], got {eta}.")
    centroids = codebook.centroids.astype(np.float64)
    for vector in checked_vectors(vectors, codebook.dim):
        cosines = centroids @ vector
        code = int(cosines.argmax())
        if 1 - cosines[code] < least_qerr:
            continue
        moved = (1 - eta) * centroids[code] + eta * vector
        size = float(np.linalg.norm(moved))
        if size > 1e-9:  # a vector opposite its centroid would leave it without direction
            centroids[code] = moved / size
    return Codebook(centroids)


def split(codebook: Codebook, bucket: int, members: F32, *, seed: int = 0) -> Codebook:
    """Replace one centroid by two, fitted to its members; the second gets the next free number.

    Args:
        codebook: stays as it is.
        bucket: centroid to replace.
        members: float32 ``(m, dim)``, ``m >= 2``.
        seed: of the fit.

    Raises:
        InvalidArgument: no such bucket, or fewer than two members.
    """
    _refuse_small(bucket, codebook.k, len(members))
    halves = Codebook.fit(members, 2, init="k-means++", seed=seed).centroids
    centroids = codebook.centroids.copy()
    centroids[bucket] = halves[0]
    return Codebook(np.concatenate([centroids, halves[1:]]))


def survivors(k: int, idle: I64) -> I64:
    """Centroids that stay when idle ones go, ascending: ``K_MIN`` at least, the first idle ones."""
    keep = np.setdiff1d(np.arange(k), idle)
    lacking = max(0, min(K_MIN, k) - len(keep))
    return np.sort(np.concatenate([keep, np.sort(idle)[:lacking]]))


def proposed(members: Members, change: Change, idle: I64 | None = None) -> Proposal:
    """What a change would do to a codebook with these members.

    Args:
        idle: centroids to prune whatever their members; None for none.

    Raises:
        InvalidArgument: the bucket to split does not exist or has fewer than two members.
    """
    k = members.codebook.k
    if change.bucket is not None:
        size = int(np.count_nonzero(members.buckets == change.bucket))
        _refuse_small(change.bucket, k, size)
        return Proposal((change.bucket,), ())
    sizes, _, squares = spread(members)
    stale = np.empty(0, np.int64) if idle is None else idle
    if change.force:
        stale = np.union1d(stale, np.flatnonzero(sizes == 0))
    large = np.flatnonzero(sizes >= max(2, change.least))
    wide = large[squares[large] > change.variance]
    if change.force and not len(wide) and len(large):
        wide = large[[int(squares[large].argmax())]]
    wide = np.setdiff1d(wide, stale)
    wide = wide[np.argsort(-squares[wide], kind="stable")][: max(0, change.most - k)]
    kept = survivors(k + len(wide), stale)
    gone = np.setdiff1d(np.arange(k), kept)
    return Proposal(tuple(np.sort(wide).tolist()), tuple(gone.tolist()))


def revised(members: Members, proposal: Proposal, *, seed: int = 0) -> tuple[Codebook, I64]:
    """The codebook a proposal leads to.

    Returns:
        The new codebook, and the new number of each old centroid, -1 for those that are gone.
    """
    book = members.codebook
    for bucket in proposal.splits:
        book = split(book, bucket, members.of(bucket), seed=seed)
    keep = np.setdiff1d(np.arange(book.k), np.array(proposal.prunes, np.int64))
    number = np.full(book.k, -1)
    number[keep] = np.arange(len(keep))
    return Codebook(book.centroids[keep]), number[: members.codebook.k]


def moved(keys: I64, buckets: I64, later: I64, now: I64) -> int:
    """How many items are in another bucket than before.

    Args:
        keys: int64 ``(n,)``, items as they were packed.
        buckets: int64 ``(n,)``, their buckets by the new numbers; -1 for buckets that are gone.
        later: int64 ``(m,)``, ascending, items as they are packed.
        now: int64 ``(m,)``, their buckets.
    """
    places = np.minimum(np.searchsorted(later, keys), max(len(later) - 1, 0))
    still = later[places] == keys if len(later) else np.zeros(len(keys), np.bool_)
    return int(np.count_nonzero(now[places[still]] != buckets[still]))


def spread(members: Members) -> tuple[I64, F64, F64]:
    """Sizes, mean errors and mean squared errors of all buckets; 0 for those without members."""
    k = members.codebook.k
    errors = np.empty(len(members.buckets))
    for start in range(0, len(errors), _ROWS):
        places = np.arange(start, min(start + _ROWS, len(errors)))
        vectors = members.take(places)
        centroids = members.codebook.centroids[members.buckets[places]]
        dots = np.einsum("ij,ij->i", vectors, centroids)
        errors[places] = 1 - dots / np.maximum(lengths(vectors), np.float32(1e-12))
    sizes = np.bincount(members.buckets, minlength=k)
    some = np.maximum(sizes, 1)
    means = np.bincount(members.buckets, errors, k) / some
    return sizes, means, np.bincount(members.buckets, errors**2, k) / some


def stats_of(members: Members) -> list[BucketStats]:
    """Size and spread of every bucket."""
    sizes, errors, squares = spread(members)
    return [
        BucketStats(bucket, int(size), float(error), float(square))
        for bucket, (size, error, square) in enumerate(zip(sizes, errors, squares, strict=True))
    ]


def _refuse_small(bucket: int, k: int, size: int) -> None:
    if not 0 <= bucket < k or size < 2:
        raise InvalidArgument(
            f"Expected a bucket of 0 to {k - 1} with at least 2 members, got bucket {bucket} "
            f"with {size}."
        )
