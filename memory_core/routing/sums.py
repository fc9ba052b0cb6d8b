"""Sums of products in a fixed order, so that every path gives the same bits.

A BLAS adds up in an order that depends on the processor and on the shape of the arrays. Where
scores are compared bit by bit, products are rounded, then added in the order written here.
"""

import numpy as np

from .arrays import F32, I64, Rows

#: Products added side by side: a kernel keeps that many sums in its registers.
GROUP = 64
#: Rows multiplied at once: their products stay in the second-level cache.
_ROWS = 512
#: float16 bits moved into a float32 are 2**112 too small: the exponents' biases are 15 and 127.
_WIDE = np.float32(2.0**112)


def turned(signs: F32, left: F32, right: F32, vector: F32) -> F32:
    """A vector rotated as `codes.Rotation` says, each component summed in ascending order.

    Args:
        signs: float32 ``(rounds, a * b)``.
        left: float32 ``(rounds, a, a)``.
        right: float32 ``(rounds, b, b)``.
        vector: float32 ``(dim,)``, ``dim <= a * b``; zeros are appended.

    Returns:
        float32 ``(a * b,)``.
    """
    flat = np.zeros(signs.shape[1], np.float32)
    flat[: len(vector)] = vector
    shape = (left.shape[1], right.shape[1])
    for flips, high, wide in zip(signs, left, right, strict=True):
        # Added along an axis that is not the last one, numpy takes the terms one by one, in order.
        mixed = np.add.reduce(high[:, :, None] * (flat * flips).reshape(shape), axis=1)
        flat = np.add.reduce(mixed[:, :, None] * wide, axis=1).ravel()
    return flat


def row_products(rows: Rows, picked: I64, query: F32) -> F32:
    """Inner products of some rows with a query, float32 ``(m,)``.

    Of each row, 64 sums: sum ``i`` takes the products ``i, i + 64, …`` in ascending order (zeros
    fill the last group). The 64 are folded in halves: ``i`` and ``i + 32``, ``i`` and ``i + 16``, …

    Args:
        rows: finite float32, float16 or int8 ``(n, dim)``.
        picked: row numbers ``(m,)``.
        query: float32 ``(dim,)``.
    """
    out = np.empty(len(picked), np.float32)
    for start in range(0, len(picked), _ROWS):
        part = slice(start, start + _ROWS)
        products = _float32(rows[picked[part]])
        products *= query
        lacking = -products.shape[1] % GROUP
        if lacking:
            products = np.pad(products, ((0, 0), (0, lacking)))
        sums = np.add.reduce(products.reshape(len(products), -1, GROUP), axis=1).T.copy()
        half = GROUP
        while half > 1:
            half //= 2
            sums[:half] += sums[half : 2 * half]
        out[part] = sums[0]
    return out


def _float32(rows: Rows) -> F32:
    if rows.dtype != np.float16:
        return rows.astype(np.float32)
    # numpy widens float16 one by one (1.2 ns each); four passes over wide registers take a third.
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70000001)  # the sign was carried into three bits that are not its own
    wide = bits.view(np.float32)
    wide *= _WIDE
    return wide
