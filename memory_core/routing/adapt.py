"""Changing the centroids of an index on purpose: EMA, splits, pruning.

Nothing here happens on a read. Every change ends in `RoutingIndex.build` with the new codebook,
which assigns every item anew: centroids that move while their members stay where they were are what
makes recall rot. The pure functions take a codebook and give another; the rest apply them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import Conflict, InvalidArgument
from .arrays import F32, F64, I64, checked_vectors, lengths
from .codebook import Codebook
from .index import RoutingIndex
from .pack import Pack

#: Weight of a vector in its centroid's moving average.
ETA = 0.01
#: A bucket whose mean squared error ``(1 - cosine)^2`` is above this is split …
SPLIT_VARIANCE = 0.15
#: … if it has this many members.
SPLIT_LEAST = 4
#: Seconds without use after which a centroid is pruned.
IDLE_SECONDS = 3600.0
#: Bounds of the number of centroids.
K_MIN, K_MAX = 2, 65_536
_ROWS = 8192


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


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What an adaptation did.

    Attributes:
        splits: buckets that were split.
        prunes: centroids that were removed.
        k_before: centroids before.
        k_after: and after.
        moved: packed items in another bucket than before; those of pruned ones are.
    """

    splits: int
    prunes: int
    k_before: int
    k_after: int
    moved: int


class Usage:
    """When each centroid was last used, as its owner tells it; for pruning what lies idle.

    Args:
        k: number of centroids.
        now: time they all count as used at, in seconds.
    """

    def __init__(self, k: int, now: float) -> None:
        self.last_used: F64 = np.full(k, float(now))

    def touch(self, centroids: Iterable[int], now: float) -> None:
        """Note the use of centroids."""
        self.last_used[list(centroids)] = now


# ---------------------------------------------------------------------- codebook to codebook


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
    if not 0 <= bucket < codebook.k or len(members) < 2:
        raise InvalidArgument(
            f"Expected a bucket of 0 to {codebook.k - 1} with at least 2 members, got bucket "
            f"{bucket} with {len(members)}."
        )
    halves = Codebook.fit(members, 2, init="k-means++", seed=seed).centroids
    centroids = codebook.centroids.copy()
    centroids[bucket] = halves[0]
    return Codebook(np.concatenate([centroids, halves[1:]]))


def survivors(k: int, idle: I64) -> I64:
    """Centroids that stay when idle ones go, ascending: ``K_MIN`` at least, the first idle ones."""
    keep = np.setdiff1d(np.arange(k), idle)
    lacking = max(0, min(K_MIN, k) - len(keep))
    return np.sort(np.concatenate([keep, np.sort(idle)[:lacking]]))


# ---------------------------------------------------------------------- on an index


def bucket_stats(index: RoutingIndex) -> list[BucketStats]:
    """Size and spread of every packed bucket.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
    """
    members = _members(index)
    sizes, errors, squares = _spread(members)
    return [
        BucketStats(bucket, int(size), float(error), float(square))
        for bucket, (size, error, square) in enumerate(zip(sizes, errors, squares, strict=True))
    ]


def adapt_to(
    index: RoutingIndex, vectors: ArrayLike, *, eta: float = ETA, least_qerr: float = 0.0
) -> Adaptation:
    """Apply `ema` to an index and assign every item anew.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
        InvalidArgument: as `ema`.
    """
    members = _members(index)
    book = ema(members.codebook, vectors, eta=eta, least_qerr=least_qerr)
    return _applied(index, members, book, np.arange(book.k), splits=0)


def force_split(index: RoutingIndex, bucket: int) -> Adaptation:
    """Split a bucket whatever its variance, and assign every item anew.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
        InvalidArgument: no such bucket, or fewer than two members.
    """
    members = _members(index)
    book = split(members.codebook, bucket, members.vectors(bucket), seed=index.seed)
    return _applied(index, members, book, np.arange(book.k), splits=1)


def run_adaptation(
    index: RoutingIndex,
    *,
    force: bool = False,
    now: float = 0.0,
    usage: Usage | None = None,
    variance: float = SPLIT_VARIANCE,
    least: int = SPLIT_LEAST,
    idle: float = IDLE_SECONDS,
    most: int = K_MAX,
) -> Adaptation:
    """Prune idle centroids, split buckets that are spread out, and assign every item anew.

    Args:
        index: with packed vectors.
        force: also prune centroids without members, and split the most spread-out bucket even if
            its variance is below the limit.
        now: in seconds, as ``usage`` was told.
        usage: when centroids were last used; None prunes none for idleness.
        variance: above which a bucket is split.
        least: members a bucket needs to be split.
        idle: seconds without use after which a centroid goes.
        most: centroids at the most.

    Returns:
        What was done; without splits and prunes the index is as it was.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
        InvalidArgument: ``usage`` is for another number of centroids.
    """
    members = _members(index)
    book = members.codebook
    sizes, _, squares = _spread(members)
    stale = _stale(book, sizes, force, now, usage, idle)
    large = np.flatnonzero(sizes >= least)
    wide = large[squares[large] > variance]
    if force and not len(wide) and len(large):
        wide = large[[int(squares[large].argmax())]]
    wide = np.setdiff1d(wide, stale)[: max(0, most - book.k)]
    for bucket in wide.tolist():
        book = split(book, bucket, members.vectors(bucket), seed=index.seed)
    keep = survivors(book.k, stale)
    if not len(wide) and len(keep) == book.k:
        return Adaptation(0, 0, book.k, book.k, 0)
    return _applied(index, members, book, keep, splits=len(wide))


# ---------------------------------------------------------------------- inside


class _Members(NamedTuple):
    """The live packed items of an index, by bucket."""

    codebook: Codebook
    pack: Pack
    rows: I64
    buckets: I64

    def vectors(self, bucket: int) -> F32:
        return self.pack.vectors(self.rows[self.buckets == bucket])


def _members(index: RoutingIndex) -> _Members:
    base = index.state.base
    if base.pack is None or base.codebook is None or len(base.pack.rows) < base.pack.n:
        raise Conflict(
            "Only an index with packed vectors can adapt: call build() with more than flat_until "
            "items, and use a rerank other than 'none'."
        )
    rows = base.rows()
    return _Members(base.codebook, base.pack, rows, base.pack.buckets()[rows])


def _spread(members: _Members) -> tuple[I64, F64, F64]:
    """Sizes, mean errors and mean squared errors of all buckets."""
    k = members.codebook.k
    errors = np.empty(len(members.rows))
    for start in range(0, len(errors), _ROWS):
        part = slice(start, start + _ROWS)
        vectors = members.pack.vectors(members.rows[part])
        centroids = members.codebook.centroids[members.buckets[part]]
        dots = np.einsum("ij,ij->i", vectors, centroids)
        errors[part] = 1 - dots / np.maximum(lengths(vectors), np.float32(1e-12))
    sizes = np.bincount(members.buckets, minlength=k)
    some = np.maximum(sizes, 1)
    means = np.bincount(members.buckets, errors, k) / some
    return sizes, means, np.bincount(members.buckets, errors**2, k) / some


def _stale(
    book: Codebook, sizes: I64, force: bool, now: float, usage: Usage | None, idle: float
) -> I64:
    stale = np.zeros(book.k, np.bool_)
    if usage is not None:
        if len(usage.last_used) != book.k:
            raise InvalidArgument(
                f"Expected the usage of {book.k} centroids, got {len(usage.last_used)}."
            )
        stale |= now - usage.last_used >= idle
    if force:
        stale |= sizes == 0
    return np.flatnonzero(stale)


def _applied(
    index: RoutingIndex, members: _Members, book: Codebook, keep: I64, *, splits: int
) -> Adaptation:
    """Build around those centroids of a codebook that stay, and count who moved."""
    number = np.full(book.k, -1)
    number[keep] = np.arange(len(keep))
    index.build(Codebook(book.centroids[keep]))
    moved, pack = 0, index.pack
    if pack is not None:
        rows = pack.rows_of(members.pack.keys[members.rows])
        now = pack.buckets()[rows]
        moved = int(np.count_nonzero((number[members.buckets] != now) & (rows >= 0)))
    return Adaptation(splits, book.k - len(keep), members.codebook.k, len(keep), moved)
