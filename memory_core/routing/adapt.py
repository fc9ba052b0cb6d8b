"""Changing the centroids of an index on purpose. See `revision` for how.

Nothing here happens on a read, and every item is assigned anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import Conflict, InvalidArgument
from .arrays import F64, I64
from .codebook import Codebook
from .index import RoutingIndex
from .revision import (
    ETA,
    K_MAX,
    SPLIT_LEAST,
    SPLIT_VARIANCE,
    BucketStats,
    Change,
    Members,
    Proposal,
    ema,
    moved,
    proposed,
    revised,
    stats_of,
)
from .state import Base

#: Seconds without use after which a centroid is pruned.
IDLE_SECONDS = 3600.0


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


def packed_members(base: Base) -> Members:
    """The live packed items of an index, by bucket.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
    """
    pack, book = base.pack, base.codebook
    if pack is None or book is None or len(pack.rows) < pack.n:
        raise Conflict(
            "Only an index with packed vectors can adapt: call build() with more than flat_until "
            "items, and use a rerank other than 'none'."
        )
    rows = base.rows()
    return Members(book, pack.buckets()[rows], lambda places: pack.vectors(rows[places]))


def bucket_stats(index: RoutingIndex) -> list[BucketStats]:
    """Size and spread of every packed bucket.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
    """
    return stats_of(packed_members(index.state.base))


def adapt_to(
    index: RoutingIndex, vectors: ArrayLike, *, eta: float = ETA, least_qerr: float = 0.0
) -> Adaptation:
    """Apply `ema` to an index and assign every item anew.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
        InvalidArgument: as `ema`.
    """
    members = packed_members(index.state.base)
    book = ema(members.codebook, vectors, eta=eta, least_qerr=least_qerr)
    return _applied(index, members, book, np.arange(book.k), Proposal((), ()))


def force_split(index: RoutingIndex, bucket: int) -> Adaptation:
    """Split a bucket whatever its variance, and assign every item anew.

    Raises:
        Conflict: nothing is packed, or no vectors were kept.
        InvalidArgument: no such bucket, or fewer than two members.
    """
    return _changed(index, Change(bucket=bucket), None)


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
    k = index.codebook.k if index.codebook else 0
    if usage is not None and len(usage.last_used) != k:
        raise InvalidArgument(f"Expected the usage of {k} centroids, got {len(usage.last_used)}.")
    stale = None if usage is None else np.flatnonzero(now - usage.last_used >= idle)
    return _changed(index, Change(None, force, variance, least, most), stale)


# ---------------------------------------------------------------------- inside


def _changed(index: RoutingIndex, change: Change, idle: I64 | None) -> Adaptation:
    members = packed_members(index.state.base)
    proposal = proposed(members, change, idle)
    if not proposal:
        return Adaptation(0, 0, members.codebook.k, members.codebook.k, 0)
    book, number = revised(members, proposal, seed=index.seed)
    return _applied(index, members, book, number, proposal)


def _applied(
    index: RoutingIndex, members: Members, book: Codebook, number: I64, proposal: Proposal
) -> Adaptation:
    """Build around a codebook and count who moved."""
    before = index.state.base
    assert before.pack is not None
    keys = before.keys()
    index.build(book)
    pack, changed = index.pack, 0
    if pack is not None:
        changed = moved(keys, number[members.buckets], pack.keys, pack.buckets())
    splits, prunes = len(proposal.splits), len(proposal.prunes)
    return Adaptation(splits, prunes, members.codebook.k, book.k, changed)
