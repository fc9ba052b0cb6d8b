"""The packed index: a handful of plain arrays that never change once they are made."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from ..errors import InvalidArgument
from .arrays import F32, I8, I64, U8, U16, U32, U64, Metric, Rows, lengths
from .codebook import Codebook
from .codes import Rotation, encode_residuals, stored_factors
from .kernel import LANES, hold, widened
from .stages import sizes_of

#: How level 0 is stored: what the last, exact comparison reads; ``none`` keeps no vectors.
Rerank: TypeAlias = Literal["fp32", "fp16", "int8", "none"]
#: Row number of a lane that holds nothing.
EMPTY = np.uint32(0xFFFFFFFF)
#: Rows encoded at once.
_BATCH = 8192
#: The largest number of float16, and the smallest that it keeps to full precision.
F16_MOST, F16_LEAST = 65504, 2.0**-14
_DTYPES = {"fp32": np.float32, "fp16": np.float16, "int8": np.int8, "none": np.float32}


@dataclass(frozen=True, eq=False)
class Pack:
    """``n`` vectors in ``k`` buckets. Every array is C-contiguous and may be a memory map.

    A bucket is a run of whole blocks of 8 lanes; a lane is one item. Row numbers count the items in
    ascending order of their keys, so a key is found by bisection and a row leads to its key.

    Attributes:
        keys: int64 ``(n,)``, ascending.
        rows: level 0, float32, float16 or int8 ``(n, dim)``; ``(0, dim)`` without vectors.
        row_scales: float32 ``(n,)`` for int8 rows, else ``(0,)``.
        ids: uint32 ``(blocks, 8)``, the row of each lane; ``EMPTY`` in lanes that hold nothing.
        lanes: uint8 ``(blocks,)``, bit ``l`` set where lane ``l`` holds an item.
        offsets: uint32 ``(k + 1,)``: bucket ``b`` is the blocks ``offsets[b]:offsets[b + 1]``.
        codes: uint64 ``(blocks, words, 8)``, level 2.
        factors: uint16 ``(blocks, 8)``.
        norms: float32 ``(blocks, 8)`` for the metric ``dot``, else ``(0, 8)``.
        routing: int8 ``(k, dim)``, the centroids as a query meets them.
        scales: float32 ``(k,)``, their steps.
        centroids: float32 ``(k, dim)``, unit, as items are encoded with them.
        signs: float32, of the `Rotation`.
        left: float32, of the `Rotation`.
        right: float32, of the `Rotation`.
    """

    keys: I64
    rows: Rows
    row_scales: F32
    ids: U32
    lanes: U8
    offsets: U32
    codes: U64
    factors: U16
    norms: F32
    routing: I8
    scales: F32
    centroids: F32
    signs: F32
    left: F32
    right: F32

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.keys)

    @property
    def k(self) -> int:
        """Number of buckets."""
        return len(self.centroids)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.centroids.shape[1])

    @property
    def rotation(self) -> Rotation:
        """The rotation of the codes."""
        return Rotation(self.dim, self.signs, self.left, self.right)

    @cached_property
    def held(self) -> Any:
        """The arrays as the kernel in use takes them."""
        return hold(self)

    @property
    def hot_bytes(self) -> int:
        """Bytes that queries read whatever they ask for: all but level 0, keys and centroids."""
        return sum(getattr(self, f.name).nbytes for f in fields(self) if f.name not in _COLD)

    @property
    def cold_bytes(self) -> int:
        """Bytes of which a query reads a few rows: level 0, keys, float32 centroids."""
        return sum(getattr(self, name).nbytes for name in _COLD)

    def rows_of(self, keys: I64) -> I64:
        """Row numbers of keys, -1 where a key is not in the pack."""
        rows = np.searchsorted(self.keys, keys)
        known = rows < self.n
        known[known] = self.keys[rows[known]] == keys[known]
        return np.where(known, rows, -1)

    @property
    def blocks_per_bucket(self) -> I64:
        """How many blocks each bucket has, int64 ``(k,)``."""
        return sizes_of(self.offsets)

    def buckets(self) -> I64:
        """The bucket of every row, int64 ``(n,)``."""
        codes = np.empty(self.n, np.int64)
        per_block = np.repeat(np.arange(self.k), self.blocks_per_bucket)
        taken = self.ids != EMPTY
        codes[self.ids[taken]] = np.broadcast_to(per_block[:, None], self.ids.shape)[taken]
        return codes

    def lanes_of(self, chosen: "np.ndarray[Any, np.dtype[np.bool_]]") -> U8:
        """The lanes of chosen rows as bits per block: bool ``(n,)`` -> uint8 ``(blocks,)``."""
        padded = np.append(chosen, False)  # empty lanes point here
        where = np.minimum(self.ids, np.uint32(self.n))
        return np.packbits(padded[where], axis=1, bitorder="little")[:, 0]

    def vectors(self, rows: I64) -> F32:
        """Stored vectors of some rows, float32 ``(m, dim)``."""
        scales = self.row_scales[rows] if len(self.row_scales) else self.row_scales
        return widened(self.rows[rows], scales)


_COLD = ("keys", "rows", "row_scales", "centroids")


def stored_form(vectors: F32, rerank: Rerank) -> tuple[Rows, F32]:
    """Vectors as level 0 keeps them: rows of the dtype, and the scales of int8 rows.

    Args:
        vectors: float32 ``(n, dim)``.
        rerank: ``none`` gives the float32 rows themselves.
    """
    if rerank == "int8":
        scales = np.abs(vectors).max(axis=1, initial=0) / np.float32(127)
        scales[scales == 0] = 1
        return np.rint(vectors / scales[:, None]).astype(np.int8), scales
    return vectors.astype(_DTYPES[rerank], copy=False), np.empty(0, np.float32)


def refuse_unstorable(vectors: F32, rerank: Rerank) -> None:
    """Raise if level 0 could not keep some vectors: for those of any length, metric ``dot``.

    Args:
        vectors: float32 ``(n, dim)``. Zero vectors are kept by every form.

    Raises:
        InvalidArgument: float16 rows, and a component is beyond their range, or all components of a
            vector lie below what they keep to full precision.
    """
    if rerank != "fp16" or not len(vectors):
        return
    largest = np.abs(vectors).max(axis=1)
    bad = largest[(largest > F16_MOST) | ((largest > 0) & (largest < F16_LEAST))]
    if len(bad):
        raise InvalidArgument(
            f"Expected the largest component of a vector from {F16_LEAST:g} to {F16_MOST} for "
            f"rerank='fp16', got {float(bad[0]):g} in {len(bad)} of {len(vectors)} vectors. Use "
            "rerank='fp32' or scale the vectors."
        )


def pack_rows(
    keys: I64,
    rows: Rows,
    row_scales: F32,
    codebook: Codebook,
    rotation: Rotation,
    metric: Metric = "cosine",
) -> Pack:
    """Encode and pack vectors; rows are read in batches and may be a memory map.

    Args:
        keys: int64 ``(n,)``, ascending, ``n >= 1``.
        rows: ``(n, dim)`` as `stored_form` gives them.
        row_scales: their scales.
        codebook: routes them; row ``i`` lands in the bucket ``codebook.encode(row i)``.
        rotation: of the codes.
        metric: ``dot`` keeps the lengths of the vectors.
    """
    n, words = len(keys), rotation.size // 64
    buckets = np.empty(n, np.int64)
    bits = np.empty((n, words), np.uint64)
    factors = np.empty(n, np.uint16)
    norms = np.empty(n if metric == "dot" else 0, np.float32)
    matrix = rotation.matrix()
    turned = codebook.centroids @ matrix
    for start in range(0, n, _BATCH):
        part = slice(start, start + _BATCH)
        batch = widened(rows[part], row_scales[part])
        buckets[part], _ = codebook.encode_many(batch)
        if metric == "dot":  # directions are coded, lengths are kept beside them
            norms[part] = lengths(batch)
            batch /= np.maximum(norms[part], np.float32(1e-30))[:, None]
        residuals: F32 = (batch @ matrix - turned[buckets[part]]).astype(np.float32, copy=False)
        coded = encode_residuals(residuals)
        bits[part], factors[part] = coded.bits, stored_factors(coded.factors)
    return _arrange(keys, rows, row_scales, buckets, bits, factors, norms, codebook, rotation)


def merged(pack: Pack, keep: I64, more: Pack) -> Pack:
    """A pack of some rows of one pack and all of another, with the codebook they share.

    Nothing is encoded again. Level 0 is kept only if both have it.

    Args:
        pack: the larger one.
        keep: ascending row numbers of ``pack`` that stay.
        more: encoded with the same codebook and rotation; no key of it may be among those kept.
    """
    keys = np.concatenate([pack.keys[keep], more.keys])
    order = np.argsort(keys, kind="stable")

    def both(one: Any, two: Any) -> Any:
        """One column, in the order of the keys; a column the pack does not have stays empty."""
        if len(one) < pack.n or len(two) < more.n:
            return one[:0].copy()
        return np.concatenate([one[keep], two])[order]

    buckets, bits, factors, norms = map(both, _by_row(pack), _by_row(more))
    return _arrange(
        keys[order],
        both(pack.rows, more.rows),
        both(pack.row_scales, more.row_scales),
        buckets,
        bits,
        factors,
        norms,
        Codebook(pack.centroids),
        pack.rotation,
    )


def _by_row(pack: Pack) -> tuple[I64, U64, U16, F32]:
    """Buckets, code words, factors and norms in the order of the rows."""
    taken = pack.ids != EMPTY
    rows = pack.ids[taken]
    bits = np.empty((pack.n, pack.codes.shape[1]), np.uint64)
    bits[rows] = pack.codes.transpose(0, 2, 1)[taken]
    factors = np.empty(pack.n, np.uint16)
    factors[rows] = pack.factors[taken]
    norms = np.empty(pack.n if len(pack.norms) else 0, np.float32)
    if len(norms):
        norms[rows] = pack.norms[taken]
    return pack.buckets(), bits, factors, norms


def _arrange(
    keys: I64,
    rows: Rows,
    row_scales: F32,
    buckets: I64,
    bits: U64,
    factors: U16,
    norms: F32,
    codebook: Codebook,
    rotation: Rotation,
) -> Pack:
    """Lay out encoded items bucket by bucket, rows ascending within each."""
    sizes = np.bincount(buckets, minlength=codebook.k)
    blocks = -(-sizes // LANES)
    offsets = np.concatenate([[0], np.cumsum(blocks)])
    order = np.argsort(buckets, kind="stable")
    within = np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.repeat(offsets[:-1] * LANES, sizes) + within
    total = int(offsets[-1])
    ids = np.full(total * LANES, EMPTY, np.uint32)
    ids[place] = order
    codes = np.zeros((total, bits.shape[1], LANES), np.uint64)
    codes[place // LANES, :, place % LANES] = bits[order]
    lane_factors = np.zeros(total * LANES, np.uint16)
    lane_factors[place] = factors[order]
    lane_norms = np.zeros(total * LANES if len(norms) else 0, np.float32)
    if len(norms):
        lane_norms[place] = norms[order]
    routing, scales = stored_form(codebook.centroids, "int8")
    return Pack(
        keys=keys,
        rows=rows,
        row_scales=row_scales,
        ids=ids.reshape(total, LANES),
        lanes=np.packbits(ids.reshape(total, LANES) != EMPTY, axis=1, bitorder="little")[:, 0],
        offsets=offsets.astype(np.uint32),
        codes=codes,
        factors=lane_factors.reshape(total, LANES),
        norms=lane_norms.reshape(-1, LANES),
        routing=routing,
        scales=scales,
        centroids=codebook.centroids,
        signs=rotation.signs,
        left=rotation.left,
        right=rotation.right,
    )
