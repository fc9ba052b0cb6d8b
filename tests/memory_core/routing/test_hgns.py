"""The HGNS formulas, written out with loops beside the vectorised ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing import hgns

Floats = NDArray[np.float64]


def gradient_by_hand(values: Floats, k: int, level: int) -> Floats:
    """(f(x + 1/k^l) - f(x)) / (1/k^l), one component at a time."""
    n, step = len(values), 1 / k**level
    ahead = max(1, round(n / k**level))
    slope = np.empty(n)
    for i in range(n):
        pair = (i + ahead, i) if i + ahead < n else (i, i - 1)
        slope[i] = (values[pair[0]] - values[pair[1]]) / step
    return slope


@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.sampled_from([2, 3, 10]))
def test_gradients_equal_the_formula_component_by_component(seed: int, n: int, k: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    levels = [gradient_by_hand(values, k, level) for level in (1, 2, 3, 4)]
    for level, slope in enumerate(levels, 1):
        np.testing.assert_allclose(hgns.gradient(values, k, level), slope, rtol=1e-9)
    total = sum(slope / k**level for level, slope in enumerate(levels, 1))
    np.testing.assert_allclose(hgns.multilevel_gradient(values, k), total, rtol=1e-9)


def test_a_straight_line_has_a_constant_gradient() -> None:
    slope = hgns.gradient(np.arange(100) / 100, 10, 1)  # ten components ahead, a step of 0.1
    np.testing.assert_allclose(slope[:90], 1)
    np.testing.assert_allclose(slope[90:], 0.1)


def test_rows_are_treated_one_by_one() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 50))
    together = hgns.multilevel_gradient(rows)
    for row, slope in zip(rows, together, strict=True):
        np.testing.assert_array_equal(hgns.multilevel_gradient(row), slope)


def test_the_mask_keeps_the_steepest_half() -> None:
    values = np.random.default_rng(1).normal(size=200)
    mask = hgns.saliency_mask(values)
    slope = np.abs(hgns.multilevel_gradient(values))
    assert mask.sum() == 100
    assert slope[mask].min() >= slope[~mask].max()
    assert hgns.saliency_mask(values, top_fraction=1).all()
    with pytest.raises(InvalidArgument, match="top_fraction"):
        hgns.saliency_mask(values, top_fraction=0)


def test_salient_components_are_the_steepest_in_ascending_order() -> None:
    rows = np.random.default_rng(2).normal(size=(3, 60))
    dims = hgns.salient(rows, 7)
    slope = np.abs(hgns.multilevel_gradient(rows))
    for row, chosen in enumerate(dims):
        assert (chosen[1:] > chosen[:-1]).all()
        assert {*chosen.tolist()} == {*np.argsort(slope[row])[-7:].tolist()}


def test_pooling_equals_the_formula_segment_by_segment() -> None:
    values = np.random.default_rng(3).normal(size=50).astype(np.float32)
    slope = np.abs(hgns.multilevel_gradient(values))
    expected = [
        part.mean() * (1 + steep.mean() / 10 ** (i % 4))
        for i, (part, steep) in enumerate(
            zip(np.array_split(values, 7), np.array_split(slope, 7), strict=True)
        )
    ]
    np.testing.assert_allclose(hgns.pooled(values[None], 7)[0], expected, rtol=1e-5)


def test_aligned_similarity_uses_shared_components_only() -> None:
    a, a_dims = np.array([1, 2, 9], np.float32), np.array([0, 3, 5])
    b, b_dims = np.array([2, 7, 4], np.float32), np.array([0, 2, 3])
    got = hgns.aligned_similarity(a, a_dims, b, b_dims)
    assert got == pytest.approx((1 * 2 + 2 * 4) / (np.hypot(1, 2) * np.hypot(2, 4)))
    assert hgns.aligned_similarity(a, a_dims, b, np.array([1, 2, 4])) == 0


def test_aligned_similarities_of_many_equal_one_by_one() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(30, 40)).astype(np.float32)
    query = rng.normal(size=40).astype(np.float32)
    dims, mine = hgns.salient(rows, 9), hgns.salient(query, 9)
    values = np.take_along_axis(rows, dims, axis=1)
    got = hgns.aligned_similarities(values, dims, query, mine)
    expected = [
        hgns.aligned_similarity(value, dim, query[mine], mine)
        for value, dim in zip(values, dims, strict=True)
    ]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_convergence_says_that_it_diverged_and_gives_the_start_back() -> None:
    start = np.random.default_rng(5).normal(size=256).astype(np.float32)
    start /= np.linalg.norm(start)
    done = hgns.attribute_convergence(start)
    assert done.status == "diverged"
    assert done.iterations < 200
    np.testing.assert_array_equal(done.vector, start)


def test_convergence_of_a_constant_is_reached_at_once() -> None:
    done = hgns.attribute_convergence(np.full(20, 0.3))
    assert (done.status, done.iterations, done.change) == ("converged", 1, 0)
    np.testing.assert_allclose(done.vector, 0.3, rtol=1e-6)


def test_convergence_that_is_cut_short_says_so() -> None:
    done = hgns.attribute_convergence(np.random.default_rng(6).normal(size=64), max_iter=2)
    assert (done.status, done.iterations) == ("unfinished", 2)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="2 components"):
        hgns.gradient([1.0])
    with pytest.raises(InvalidArgument, match="k >= 2"):
        hgns.gradient([1.0, 2.0], k=1)
    with pytest.raises(InvalidArgument, match="1 to 3 components, got 4"):
        hgns.salient([1.0, 2.0, 3.0], 4)
