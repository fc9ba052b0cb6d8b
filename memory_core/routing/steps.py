"""The steps of a query, as pure functions over plain arrays: the numpy reference.

A compiled kernel replaces them one for one. What it has to reproduce:

========== ============================== =======================================================
array      dtype, shape                   meaning
========== ============================== =======================================================
routing    int8 (k, dim)                  centroids, rounded
scales     float32 (k,)                   length of one step of ``routing``
ids        uint32 (blocks, 8)             row of each lane
offsets    uint32 (k + 1,)                first block of each bucket, then the end of the last
codes      uint64 (blocks, words, 8)      word ``w`` of lane ``l``'s code at ``[block, w, l]``
factors    uint16 (blocks, 8)             `codes.stored_factors`
live       uint8 (blocks,)                bit ``l`` is set if lane ``l`` holds an item that counts
norms      float32 (blocks, 8) or (0, 8)  lengths of the vectors; empty if all are 1
rows       float32, float16 or int8       level 0, ``(n, dim)``
row_scales float32 (n,) or (0,)           length of one step of int8 rows
========== ============================== =======================================================

All C-contiguous and little-endian, 8 lanes to a block, each bucket in whole blocks. Integers are
exact; floats are rounded after every operation, in the order written (no fused multiply-add); equal
scores are ordered by their position. Products are summed in the order of `sums`. So the answers can
be compared bit by bit, but for `compare_all`, whose sums are a BLAS's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import F32, I8, I64, U8, U16, U64, Rows
from .codes import FACTOR_UNIT, QUERY_BITS, Rotation
from .sums import row_products

#: Lanes of a block.
LANES = 8
#: Blocks counted at once: enough to hide numpy's cost per call, few enough for the cache.
_BLOCKS = 768
#: Blocks whose plane words are laid out side by side, so that numpy's inner loops are long.
_TILE = 16
#: Rows widened to float32 at once.
_ROWS = 4096
#: float16 bits moved into a float32 are 2**112 too small: the exponents' biases are 15 and 127.
_WIDE = np.float32(2.0**112)
#: Components whose int8 products a float32 sums exactly (1040 * 127 * 127 < 2**24).
_EXACT = 1024
#: uint16 sums hold codes of up to this many words.
_WORDS = 68


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A query in the three forms the steps need.

    Attributes:
        vector: float32 ``(dim,)``.
        coarse: int8 ``(dim,)``, the vector in steps of ``coarse_step``.
        coarse_step: float32.
        planes: uint64 ``(4, words)``, bit ``j`` of each rotated component in plane ``j``; bits in
            the order of the codes.
        step: float32, distance of two of the 16 levels.
    """

    vector: F32
    coarse: I8
    coarse_step: np.float32
    planes: U64
    step: np.float32


def prepare(vector: F32, rotation: Rotation) -> Query:
    """Round a query, float32 ``(dim,)``, for routing (int8) and for the scan (rotated, 4 bits)."""
    coarse_step = np.float32(np.abs(vector).max() / np.float32(127)) or np.float32(1)
    coarse = np.rint(vector / coarse_step).astype(np.int8)
    turned = rotation.apply(vector)
    step = np.float32(np.abs(turned).max() / np.float32(7.5)) or np.float32(1)
    levels = np.clip(np.rint(turned / step + np.float32(7.5)), 0, 15).astype(np.uint8)
    bits = levels >> np.arange(QUERY_BITS, dtype=np.uint8)[:, None] & np.uint8(1)
    planes = np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False)
    return Query(vector, coarse, coarse_step, planes, step)


def route(routing: I8, scales: F32, query: Query) -> F32:
    """Inner products of a query with the centroids, float32 ``(k,)``, from their int8 forms."""
    total = np.zeros(len(routing), np.int32)
    for start in range(0, routing.shape[1], _EXACT):
        part = slice(start, start + _EXACT)
        sums = routing[:, part].astype(np.float32) @ query.coarse[part].astype(np.float32)
        total += sums.astype(np.int32)
    return total.astype(np.float32) * scales * query.coarse_step


def probe(scores: F32, n: int) -> I64:
    """The ``n`` best buckets by their routing scores, int64, in the order they lie in memory."""
    if n >= len(scores):
        return np.arange(len(scores))
    return np.sort(select(scores, n))


def select(scores: F32, depth: int) -> I64:
    """Positions of the ``depth`` largest scores, best first, lower position first on ties.

    Scores of minus infinity are never selected; fewer come back when there are not enough.
    """
    n = len(scores)
    if depth < n:
        cut = np.partition(scores, n - depth)[n - depth]
        above = np.flatnonzero(scores > cut)
        if cut > -np.inf:
            ties = np.flatnonzero(scores == cut)[: depth - len(above)]
            above = np.concatenate([above, ties])
    else:
        above = np.flatnonzero(scores > -np.inf)
    return above[np.lexsort((above, -scores[above]))]


def scan(
    codes: U64,
    factors: U16,
    norms: F32,
    live: U8,
    base: F32,
    blocks: I64 | None,
    query: Query,
    depth: int,
) -> tuple[I64, F32]:
    """The ``depth`` lanes with the highest estimated inner products, best first.

    Args:
        codes: as in the module's table; so are ``factors``, ``norms`` and ``live``.
        factors: see there.
        norms: see there.
        live: see there.
        base: float32, one per block scanned: the query's product with the block's centroid.
        blocks: int64, the blocks to scan, ascending; None for all.
        query: from `prepare`.
        depth: lanes to return at the most.

    Returns:
        Lanes, int64 ``(m,)`` (block times 8 plus lane), and their estimates, float32 ``(m,)``.
    """
    scores = estimates(codes, factors, norms, live, base, blocks, query)
    best = select(scores, depth)
    lanes = best if blocks is None else blocks[best // LANES] * LANES + best % LANES
    return lanes, scores[best]


def estimates(
    codes: U64, factors: U16, norms: F32, live: U8, base: F32, blocks: I64 | None, query: Query
) -> F32:
    """Estimated inner products of all lanes scanned, float32 ``(len(base) * 8,)``.

    ``base + (factor * gain) * (15 size - 2 S)``, then times the norm, with ``S`` the weighted
    popcount and ``gain = FACTOR_UNIT * step / 2``. Lanes that are not live get minus infinity.
    See `scan` for the arguments.
    """
    scores = np.empty(len(base) * LANES, np.float32)
    count = _Counter(min(len(base), _BLOCKS), query.planes)
    for start in range(0, len(base), _BLOCKS):
        stop = min(start + _BLOCKS, len(base))
        part = slice(start, stop) if blocks is None else blocks[start:stop]
        scores[start * LANES : stop * LANES] = count(codes[part])
    scores *= np.float32(-2)
    scores += np.float32(15 * 64 * codes.shape[1])
    gain = np.float32(np.float32(FACTOR_UNIT * query.step) / np.float32(2))
    part = slice(None) if blocks is None else blocks
    lanes = scores.reshape(-1, LANES)
    lanes *= factors[part].astype(np.float32) * gain
    lanes += base[:, None]
    if len(norms):
        lanes *= norms[part]
    _mute(lanes, live[part])
    return scores


def weighted_popcounts(codes: U64, planes: U64) -> NDArray[np.unsignedinteger]:
    """``sum_j 2^j popcount(code xor plane_j)`` of every lane, unsigned ``(blocks * 8,)``.

    Args:
        codes: uint64 ``(blocks, words, 8)``.
        planes: uint64 ``(4, words)``.
    """
    return _Counter(len(codes), planes)(codes)


class _Counter:
    """`weighted_popcounts` for up to ``n`` blocks at a time, in buffers made once."""

    def __init__(self, n: int, planes: U64) -> None:
        self._words = planes.shape[1]
        self._tile = np.concatenate([np.repeat(planes, LANES, axis=1)] * _TILE, axis=1)
        size = n * self._words * LANES
        self._differ = np.empty((len(planes), size), np.uint64)
        self._bits = np.empty((len(planes), size), np.uint8)
        self._both = np.empty(size, np.uint16 if self._words <= _WORDS else np.uint32)

    def __call__(self, codes: U64) -> NDArray[np.unsignedinteger]:
        flat, used, tile = codes.reshape(-1), codes.size, self._tile
        differ, bits, both = self._differ[:, :used], self._bits[:, :used], self._both[:used]
        whole = used - used % tile.shape[1]
        shape = (len(tile), -1, tile.shape[1])
        np.bitwise_xor(
            flat[:whole].reshape(1, *shape[1:]), tile[:, None], out=differ[:, :whole].reshape(shape)
        )
        np.bitwise_xor(flat[whole:], tile[:, : used - whole], out=differ[:, whole:])
        np.bitwise_count(differ, out=bits)
        # At most 64 + 2 * 64 fit a byte: two planes are added before anything is widened.
        for low, high in ((bits[0], bits[1]), (bits[2], bits[3])):
            high += high
            high += low
        np.multiply(bits[3], 4, out=both, dtype=both.dtype)
        both += bits[1]
        return _word_sums(both.reshape(len(codes), self._words, LANES))


def rerank(rows: Rows, row_scales: F32, picked: I64, query: F32) -> F32:
    """Exact inner products of some level-0 rows with a query, float32 ``(m,)``.

    Args:
        rows: level 0, ``(n, dim)``.
        row_scales: float32 ``(n,)`` for int8 rows, else empty.
        picked: row numbers ``(m,)``.
        query: float32 ``(dim,)``.
    """
    products = row_products(rows, picked, query)
    return products * row_scales[picked] if len(row_scales) else products


def compare_all(rows: Rows, row_scales: F32, query: F32) -> F32:
    """Exact inner products of all level-0 rows with a query, float32 ``(n,)``."""
    if rows.dtype == np.float32:
        return rows @ query
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        scores[part] = _products(rows[part], row_scales[part], query)
    return scores


def widened(rows: Rows, row_scales: F32) -> F32:
    """Level-0 rows as float32 ``(n, dim)``; float16 ones must be finite."""
    if rows.dtype == np.float16:
        wide = _moved(rows)
        wide *= _WIDE
        return wide
    wide = rows.astype(np.float32)
    if rows.dtype == np.int8:
        wide *= row_scales[:, None]
    return wide


def _moved(rows: Rows) -> F32:
    """Finite float16 rows as float32, each number 2**112 too small.

    numpy widens float16 one by one (1.2 ns each); three passes over integers take a fifth.
    """
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70000001)  # the sign was carried into three bits that are not its own
    return bits.view(np.float32)


def _products(rows: Rows, row_scales: F32, query: F32) -> F32:
    if rows.dtype == np.float16:
        wide: F32 = _moved(rows) @ np.multiply(query, _WIDE)
        return wide
    products: F32 = rows.astype(np.float32, copy=False) @ query
    return products * row_scales if len(row_scales) else products


def _word_sums(counts: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Sum over the words of ``(n, words, 8)`` -> ``(n * 8,)``; lanes ride together in uint64."""
    n, words, lanes = counts.shape
    ride = counts.view(np.uint64).reshape(n, words, -1)
    sums = np.empty((n, ride.shape[2]), np.uint64)
    for column in range(ride.shape[2]):
        total = ride[:, 0, column].copy()
        for word in range(1, words):
            total += ride[:, word, column]
        sums[:, column] = total
    return sums.view(counts.dtype).reshape(n * lanes)


def _mute(scores: F32, live: U8) -> None:
    """Set the scores, ``(blocks, 8)``, of lanes that are not live to minus infinity."""
    partial = np.flatnonzero(live != 255)
    if len(partial):
        on = np.unpackbits(live[partial, None], axis=1, bitorder="little").view(np.bool_)
        scores[partial] = np.where(on, scores[partial], np.float32(-np.inf))
