"""Pooling by hand-sized arrays, and that padding never counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from routemem.memory_core.embedding.pooling import POOLINGS, pool, unit

HIDDEN = np.array([[[9, 9], [1, -2], [3, 4], [9, 9]]], np.float32)
MASK = np.array([[False, True, True, False]])


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [2, 1]),
        ("cls", [1, -2]),
        ("last", [3, 4]),
        ("max", [3, 4]),
        ("mean_sqrt", [4 / 2**0.5, 2 / 2**0.5]),
    ],
)
def test_a_pooling_reads_the_real_tokens(pooling: str, expected: list[float]) -> None:
    found = pool(HIDDEN, MASK, pooling)
    assert found.dtype == np.float32
    assert_allclose(found[0], np.array(expected), rtol=1e-6)


@given(
    length=st.integers(1, 6),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
    fill=st.sampled_from([0.0, 1e30, np.inf, np.nan]),
    pooling=st.sampled_from(POOLINGS),
)
def test_padding_changes_nothing(
    length: int, before: int, after: int, fill: float, pooling: str
) -> None:
    hidden = np.random.default_rng(length).standard_normal((1, length, 5)).astype(np.float32)
    padded = np.full((1, before + length + after, 5), fill, np.float32)
    padded[:, before : before + length] = hidden
    mask = np.zeros(padded.shape[:2], bool)
    mask[:, before : before + length] = True
    bare = pool(hidden, np.ones((1, length), bool), pooling)
    assert_allclose(pool(padded, mask, pooling), bare, rtol=1e-5, atol=1e-6)


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a pooling of mean"):
        pool(HIDDEN, MASK, "median")


def test_unit_scales_rows_and_gives_zeros_a_fixed_direction() -> None:
    found = unit(np.array([[3, 4], [0, 0], [0, -2]], np.float32))
    assert found.dtype == np.float32
    assert_allclose(found, np.array([[0.6, 0.8], [1, 0], [0, -1]]), rtol=1e-6)
    assert_array_equal(unit(np.zeros((0, 2), np.float32)), np.zeros((0, 2)))
