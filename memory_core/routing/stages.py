"""The two stages a search of a pack is made of, as pure functions: the numpy reference.

Codes find candidates, the candidates are compared exactly. Each stage is the steps of `steps`, one
after the other; a compiled kernel does a stage in one call, with the same answer to the bit.
"""

from typing import Any, Protocol

import numpy as np

from .arrays import F32, I8, I64, U8, U16, U32, U64, Rows
from .codes import Rotation
from .steps import prepare, probe, rerank, route, scan, select


class Packed(Protocol):
    """The arrays of the table in `steps` as one thing."""

    @property
    def codes(self) -> U64: ...  # noqa: D102  the table says it
    @property
    def factors(self) -> U16: ...  # noqa: D102
    @property
    def norms(self) -> F32: ...  # noqa: D102
    @property
    def ids(self) -> U32: ...  # noqa: D102
    @property
    def offsets(self) -> U32: ...  # noqa: D102
    @property
    def routing(self) -> I8: ...  # noqa: D102
    @property
    def scales(self) -> F32: ...  # noqa: D102
    @property
    def rotation(self) -> Rotation: ...  # noqa: D102
    @property
    def rows(self) -> Rows: ...  # noqa: D102
    @property
    def row_scales(self) -> F32: ...  # noqa: D102
    @property
    def held(self) -> Any:
        """What `kernel.hold` made of it; kept, so that its arrays are checked only once."""


def hold(pack: Packed) -> None:
    """Nothing: numpy checks arrays as it goes."""


def candidates(pack: Packed, live: U8, vector: F32, probes: int, depth: int) -> tuple[I64, F32]:
    """The rows of the ``depth`` lanes with the highest estimates in the ``probes`` best buckets.

    Args:
        pack: what is searched.
        live: which of its lanes count.
        vector: float32 ``(dim,)``, finite.
        probes: buckets to open, at least 1; all of them if there are no more.
        depth: rows to return at the most.

    Returns:
        Rows, int64 ``(m,)``, and their estimates, float32 ``(m,)``, best first, equal ones in the
        order they lie in memory.
    """
    query = prepare(vector, pack.rotation)
    routed = route(pack.routing, pack.scales, query)
    buckets = probe(routed, probes)
    base = np.repeat(routed[buckets], sizes_of(pack.offsets)[buckets])
    arrays = (pack.codes, pack.factors, pack.norms, live)
    if len(buckets) == len(routed) and bool(live.all()):  # nothing to leave out: nothing is copied
        lanes, guesses = scan(*arrays, base, None, query, depth)
    else:
        blocks = blocks_of(pack.offsets, buckets)
        some = np.flatnonzero(live[blocks])
        lanes, guesses = scan(*arrays, base[some], blocks[some], query, depth)
    return pack.ids.reshape(-1)[lanes].astype(np.int64), guesses


def nearest(pack: Packed, picked: I64, guesses: F32, vector: F32, top: int) -> tuple[I64, F32, F32]:
    """The ``top`` rows of those picked with the highest exact products, best first.

    Args:
        pack: with level 0.
        picked: row numbers ``(m,)``, all different.
        guesses: their estimates, float32 ``(m,)``, or ``(0,)`` where none were made.
        vector: float32 ``(dim,)``.
        top: rows to return at the most.

    Returns:
        Rows, int64, their products, float32, and their estimates, float32, NaN where none were
        made; equal products in ascending order of their rows.
    """
    scores = rerank(pack.rows, pack.row_scales, picked, vector)
    order = np.argsort(picked, kind="stable")
    best = order[select(scores[order], top)]
    known = guesses[best] if len(guesses) else np.full(len(best), np.nan, np.float32)
    return picked[best], scores[best], known


def sizes_of(offsets: U32) -> I64:
    """How many blocks each bucket has, int64 ``(k,)``."""
    ends = offsets.astype(np.int64)
    return ends[1:] - ends[:-1]


def blocks_of(offsets: U32, buckets: I64) -> I64:
    """The blocks of some buckets, bucket by bucket, int64."""
    starts, sizes = offsets[buckets].astype(np.int64), sizes_of(offsets)[buckets]
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))
