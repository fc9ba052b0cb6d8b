"""Whether the arrays of a pack fit each other: what a search must be able to rely on.

Files may change without changing their length. What a search follows is looked at when a pack is
mapped: numbers of rows and blocks must lead somewhere, and what is multiplied must be finite. That
costs a millisecond for a million items. Rows and codes are not looked at: they are nearly all of
the bytes, and whatever they hold is only a wrong score, which the checksums find.
"""

import numpy as np

from .arrays import F32, lengths
from .pack import EMPTY, Pack

#: By how much the length of a centroid may differ from 1.
_UNIT = 1e-3
#: The dtypes of a pack's arrays, and the number of their dimensions.
_FORM = {
    "keys": ("i8", 1), "row_scales": ("f4", 1), "ids": ("u4", 2), "lanes": ("u1", 1),
    "offsets": ("u4", 1), "codes": ("u8", 3), "factors": ("u2", 2), "norms": ("f4", 2),
    "routing": ("i1", 2), "scales": ("f4", 1), "centroids": ("f4", 2), "signs": ("f4", 2),
    "left": ("f4", 3), "right": ("f4", 3),
}  # fmt: skip


def check_pack(pack: Pack) -> None:
    """Refuse a pack that a search could stumble over.

    Raises:
        ValueError: says which array is at fault.
    """
    for name, form in _FORM.items():
        array = getattr(pack, name)
        _expect(name, (array.dtype.str[1:], array.ndim) == form)
    blocks, turn = len(pack.ids), pack.rotation
    _expect("keys", bool((pack.keys[1:] > pack.keys[:-1]).all()))
    _expect("rows", pack.rows.ndim == 2 and len(pack.rows) in (pack.n, 0))
    _expect("rows", pack.rows.dtype.str[1:] in ("f4", "f2", "i1"))
    _expect("row_scales", len(pack.row_scales) in (len(pack.rows), 0))
    _expect("lanes", len(pack.lanes) == blocks)
    _expect("codes", pack.codes.shape == (blocks, turn.size // 64, 8))
    _expect("factors", pack.factors.shape == pack.ids.shape == (blocks, 8))
    _expect("norms", pack.norms.shape in ((blocks, 8), (0, 8)))
    _expect("routing", pack.routing.shape == pack.centroids.shape)
    _expect("scales", pack.scales.shape == (pack.k,) and _finite(pack.scales))
    _expect("signs", bool((np.abs(pack.signs) == 1).all()) and turn.size >= pack.dim)
    _expect("left", _finite(pack.left))
    _expect("right", _finite(pack.right))
    _check_offsets(pack, blocks)
    _check_lanes(pack)
    off = np.abs(lengths(pack.centroids) - 1)
    _expect("centroids", pack.k > 0 and bool((off < _UNIT).all()))  # false for NaN


def _check_offsets(pack: Pack, blocks: int) -> None:
    """Buckets are runs of blocks that follow one another and together are all blocks."""
    ends = pack.offsets.astype(np.int64)
    _expect("offsets", len(ends) == pack.k + 1 and ends[0] == 0 and ends[-1] == blocks)
    _expect("offsets", bool((ends[1:] >= ends[:-1]).all()))


def _check_lanes(pack: Pack) -> None:
    """Every lane holds a row there is, or nothing, and the bits say which."""
    held = pack.ids < np.uint32(pack.n)
    empty = int(np.count_nonzero(pack.ids == EMPTY))
    _expect("ids", int(np.count_nonzero(held)) == pack.n == pack.ids.size - empty)
    _expect("lanes", bool((np.packbits(held, bitorder="little") == pack.lanes).all()))


def _finite(array: F32) -> bool:
    return bool(np.isfinite(array).all())


def _expect(name: str, holds: bool) -> None:
    if not holds:
        raise ValueError(f"{name}.bin does not fit the rest")
