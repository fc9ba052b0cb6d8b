"""Products are added in one order, the same everywhere."""

from typing import Any, TypeAlias

import numpy as np

from routemem.memory_core.routing import steps, sums
from routemem.memory_core.routing.codes import Rotation

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
NONE = np.empty(0, np.float32)


def test_rows_are_summed_in_64_strands_that_are_folded_in_halves() -> None:
    rng = np.random.default_rng(0)
    row, query = rng.standard_normal((2, 150), np.float32)
    products = np.zeros(192, np.float32)
    products[:150] = row * query
    strands = [products[i] + products[64 + i] + products[128 + i] for i in range(64)]
    while len(strands) > 1:
        half = len(strands) // 2
        strands = [strands[i] + strands[half + i] for i in range(half)]
    assert sums.row_products(row[None], np.array([0]), query)[0] == strands[0]


def in_order(left: Array, right: Array) -> Array:
    """A matrix product, each component the sum of its products in ascending order."""
    out = np.empty((len(left), right.shape[1]), np.float32)
    for row, column in np.ndindex(out.shape):
        total, *terms = left[row] * right[:, column]
        for term in terms:
            total += term
        out[row, column] = total
    return out


def test_components_of_a_rotation_are_summed_in_order() -> None:
    rotation = Rotation.random(100)
    vector = np.random.default_rng(0).standard_normal(100, np.float32)
    expected = np.append(vector, np.zeros(28, np.float32))
    for signs, left, right in zip(rotation.signs, rotation.left, rotation.right, strict=True):
        mixed = in_order(left, (expected * signs).reshape(8, 16))
        expected = in_order(mixed, right).ravel()
    got = sums.turned(rotation.signs, rotation.left, rotation.right, vector)
    assert got.tobytes() == expected.tobytes()
    np.testing.assert_allclose(got, rotation.apply(vector), atol=2e-6)


def test_rows_have_the_products_a_blas_gives_but_for_rounding() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((600, 384)).astype(np.float16)
    picked, query = rng.integers(0, 600, 700), rng.standard_normal(384, np.float32)
    np.testing.assert_allclose(
        sums.row_products(rows, picked, query),
        steps.compare_all(rows, NONE, query)[picked],
        rtol=1e-4,
        atol=1e-4,
    )
