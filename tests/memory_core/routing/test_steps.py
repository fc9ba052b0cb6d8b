"""The steps of a query, each against a plain computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routemem.memory_core.routing import steps
from routemem.memory_core.routing.codes import FACTOR_UNIT, Rotation, encode_residuals, estimate
from routemem.memory_core.routing.pack import stored_form

NO_NORMS = np.empty((0, 8), np.float32)


def blocks_of(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Code words ``(n, words)``, ``n`` a multiple of 8, in the layout of the scan."""
    return np.ascontiguousarray(words.reshape(-1, 8, words.shape[1]).transpose(0, 2, 1))


def random_words(rng: np.random.Generator, *shape: int) -> NDArray[np.uint64]:
    return rng.integers(0, 2**64, size=shape, dtype=np.uint64)


@pytest.mark.parametrize("words", [1, 2, 6, 7, 12, 68, 69, 80])
@pytest.mark.parametrize("blocks", [1, 16, 45])
def test_weighted_popcounts_equal_counting_bit_by_bit(words: int, blocks: int) -> None:
    rng = np.random.default_rng(words * 100 + blocks)
    codes, planes = random_words(rng, blocks * 8, words), random_words(rng, 4, words)
    codes[0], planes[:] = 0, planes
    codes[1] = ~planes[3]
    expected = sum(
        2**j * np.bitwise_count(codes ^ planes[j]).sum(axis=1, dtype=np.int64) for j in range(4)
    )
    np.testing.assert_array_equal(steps.weighted_popcounts(blocks_of(codes), planes), expected)


def test_weighted_popcounts_reach_their_largest_value() -> None:
    full = np.full((8, 68), 2**64 - 1, np.uint64)
    counted = steps.weighted_popcounts(blocks_of(full), np.zeros((4, 68), np.uint64))
    assert counted.tolist() == [15 * 64 * 68] * 8


@pytest.mark.parametrize("dim", [64, 100, 384])
def test_estimates_equal_the_estimator_up_to_the_rounding_of_the_query(dim: int) -> None:
    rng = np.random.default_rng(dim)
    rotation = Rotation.random(dim, 0)
    residuals = (rng.normal(size=(800, dim)) / dim**0.5).astype(np.float32)
    codes = encode_residuals(residuals @ rotation.matrix())
    vector = rng.normal(size=dim).astype(np.float32)
    query = steps.prepare((vector / np.linalg.norm(vector)).astype(np.float32), rotation)
    base = rng.normal(size=100).astype(np.float32)
    got = steps.estimates(
        blocks_of(codes.bits),
        np.rint(codes.factors / FACTOR_UNIT).astype(np.uint16).reshape(-1, 8),
        NO_NORMS,
        np.full(100, 255, np.uint8),
        base,
        None,
        query,
    )
    levels = planes_to_levels(query, rotation.size)
    exact = estimate(codes, levels) + np.repeat(base, 8)
    np.testing.assert_allclose(got, exact, atol=2e-4)
    np.testing.assert_allclose(levels, rotation.apply(query.vector), atol=float(query.step) / 2)


def planes_to_levels(query: steps.Query, size: int) -> NDArray[np.float32]:
    bits = np.unpackbits(query.planes.view(np.uint8), axis=1, bitorder="little")[:, :size]
    levels = (bits * np.array([[1], [2], [4], [8]])).sum(axis=0)
    turned: NDArray[np.float32] = ((levels - 7.5) * query.step).astype(np.float32)
    return turned


def test_scan_takes_the_blocks_and_lanes_it_is_told_to() -> None:
    rng = np.random.default_rng(0)
    rotation = Rotation.random(64, 0)
    query = steps.prepare(rng.normal(size=64).astype(np.float32), rotation)
    codes = blocks_of(random_words(rng, 2000 * 8, 1))
    factors = rng.integers(1, 3000, size=(2000, 8)).astype(np.uint16)
    live = rng.integers(0, 256, size=2000).astype(np.uint8)
    norms = rng.uniform(0.5, 2, size=(2000, 8)).astype(np.float32)
    base = rng.normal(size=2000).astype(np.float32)
    every = steps.estimates(codes, factors, norms, live, base, None, query)
    on = np.unpackbits(live[:, None], axis=1, bitorder="little").astype(bool).ravel()
    assert (np.isneginf(every) == ~on).all()
    chosen = np.flatnonzero(rng.random(2000) < 0.4)
    lanes, scores = steps.scan(codes, factors, norms, live, base[chosen], chosen, query, 50)
    inside = np.isin(np.arange(16_000) // 8, chosen)
    best = np.lexsort((np.arange(16_000), -np.where(inside, every, -np.inf)))[:50]
    assert lanes.tolist() == best.tolist()
    np.testing.assert_array_equal(scores, every[best])


def test_norms_scale_the_estimates() -> None:
    rng = np.random.default_rng(1)
    query = steps.prepare(rng.normal(size=64).astype(np.float32), Rotation.random(64, 0))
    codes, factors = blocks_of(random_words(rng, 16, 1)), np.full((2, 8), 900, np.uint16)
    live, base = np.full(2, 255, np.uint8), np.ones(2, np.float32)
    plain = steps.estimates(codes, factors, NO_NORMS, live, base, None, query)
    twice = np.full((2, 8), 2, np.float32)
    scaled = steps.estimates(codes, factors, twice, live, base, None, query)
    np.testing.assert_array_equal(scaled, 2 * plain)


@pytest.mark.parametrize("dim", [3, 384, 1500])
def test_routing_scores_are_close_and_computed_in_integers(dim: int) -> None:
    rng = np.random.default_rng(dim)
    centroids = rng.normal(size=(50, dim)).astype(np.float32)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    routing, scales = stored_form(centroids, "int8")
    vector = rng.normal(size=dim).astype(np.float32)
    query = steps.prepare(
        (vector / np.linalg.norm(vector)).astype(np.float32), Rotation.random(dim, 0)
    )
    got = steps.route(routing, scales, query)
    whole = routing.astype(np.int64) @ query.coarse.astype(np.int64)
    np.testing.assert_array_equal(got, whole.astype(np.float32) * scales * query.coarse_step)
    np.testing.assert_allclose(got, centroids @ query.vector, atol=0.01)


def test_a_zero_query_can_be_prepared() -> None:
    query = steps.prepare(np.zeros(64, np.float32), Rotation.random(64, 0))
    assert not query.coarse.any()


@given(
    st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), max_size=40),
    st.integers(1, 45),
)
def test_select_is_a_stable_sort_cut_off(scores: list[float], depth: int) -> None:
    order = sorted((i for i, s in enumerate(scores) if s > -np.inf), key=lambda i: (-scores[i], i))
    assert steps.select(np.array(scores, np.float32), depth).tolist() == order[:depth]


def test_probe_gives_the_best_buckets_in_the_order_of_memory() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.7], np.float32)
    assert steps.probe(scores, 2).tolist() == [1, 3]
    assert steps.probe(scores, 9).tolist() == [0, 1, 2, 3]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_float16_rows_are_compared_as_if_widened_by_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**16, size=(300, 7), dtype=np.uint16)
    bits[(bits & 0x7C00) == 0x7C00] &= 0x83FF  # no infinities, but zeros of both signs, subnormals
    rows = bits.view(np.float16)
    query = rng.normal(size=7).astype(np.float32)
    none = np.empty(0, np.float32)
    expected = rows.astype(np.float64) @ query.astype(np.float64)
    scale = np.abs(rows.astype(np.float64)) @ np.abs(query.astype(np.float64)) + 1e-12
    for got in (
        steps.compare_all(rows, none, query),
        steps.rerank(rows, none, np.arange(300), query),
    ):
        assert (np.abs(got - expected) / scale).max() < 1e-6


def test_every_finite_float16_is_widened_exactly() -> None:
    bits = np.arange(2**16, dtype=np.uint16)
    rows = bits[(bits & 0x7C00) != 0x7C00].view(np.float16).reshape(-1, 64)
    wide = steps.widened(rows, np.empty(0, np.float32))
    assert wide.dtype == np.float32
    np.testing.assert_array_equal(wide.view(np.uint32), rows.astype(np.float32).view(np.uint32))


@pytest.mark.parametrize("form", ["fp32", "fp16", "int8"])
def test_rerank_and_compare_all_agree_with_widened_rows(form: str) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(9000, 20)).astype(np.float32)
    rows, scales = stored_form(vectors, form)  # type: ignore[arg-type]  # parametrised
    query = rng.normal(size=20).astype(np.float32)
    wide = steps.widened(rows, scales)
    np.testing.assert_allclose(steps.compare_all(rows, scales, query), wide @ query, atol=1e-4)
    picked = np.array([7, 0, 8999])
    np.testing.assert_allclose(
        steps.rerank(rows, scales, picked, query), wide[picked] @ query, atol=1e-4
    )
    np.testing.assert_allclose(wide, vectors, atol={"fp32": 0, "fp16": 4e-3, "int8": 2e-2}[form])
