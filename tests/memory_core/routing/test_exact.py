"""Exact search, against numpy by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routemem.memory_core.routing.exact import ExactIndex


def index_of(
    vectors: list[list[float]], items: list[int], archived: tuple[int, ...] = ()
) -> ExactIndex:
    index = ExactIndex(len(vectors[0]))
    index.add(
        np.array(items),
        np.arange(10, 10 + len(items)),
        np.array([item in archived for item in items]),
        np.array(vectors, np.float16),
    )
    return index


NORTH = np.array([1, 0], np.float32)
PLANE = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]


def test_the_nearest_item_comes_first_with_its_cosine() -> None:
    found = index_of(PLANE, [1, 2, 3]).search(NORTH, 10, allowed=None, archived=False)
    assert [(item, chunk) for item, chunk, _ in found] == [(1, 10), (3, 12), (2, 11)]
    assert found[1][2] == np.float32(np.float16(0.6))


def test_an_item_is_found_once_by_its_best_chunk() -> None:
    found = index_of(PLANE, [7, 8, 7]).search(NORTH, 10, allowed=None, archived=False)
    assert [(item, chunk) for item, chunk, _ in found] == [(7, 10), (8, 11)]


def test_archived_items_are_found_only_when_asked_for() -> None:
    index = index_of(PLANE, [1, 2, 3], archived=(1,))
    assert [f[0] for f in index.search(NORTH, 10, allowed=None, archived=False)] == [3, 2]
    assert [f[0] for f in index.search(NORTH, 10, allowed=None, archived=True)] == [1, 3, 2]


def test_a_mask_is_applied_before_the_limit() -> None:
    index = index_of(PLANE, [1, 2, 3])
    assert [f[0] for f in index.search(NORTH, 1, allowed=np.array([2]), archived=False)] == [2]


def test_removed_items_are_gone_and_the_rest_stays() -> None:
    index = index_of(PLANE, [1, 2, 3])
    index.remove([1, 99])
    assert len(index) == 2
    assert [f[0] for f in index.search(NORTH, 10, allowed=None, archived=False)] == [3, 2]


def test_an_empty_index_finds_nothing() -> None:
    assert ExactIndex(2).search(NORTH, 10, allowed=None, archived=False) == []


def test_cosines_of_single_chunks() -> None:
    assert index_of(PLANE, [1, 2, 3]).cosines(NORTH, [11, 10, 99]) == {10: 1.0, 11: 0.0}


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 60), st.integers(1, 12))
def test_search_equals_sorting_all_cosines(seed: int, n: int, more: int, limit: int) -> None:
    rng = np.random.default_rng(seed)

    def draw(count: int) -> NDArray[np.float16]:
        vectors = rng.normal(size=(count, 8))
        unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit.astype(np.float16)

    index = ExactIndex(8)
    first, second = draw(n), draw(more)
    no = np.zeros
    index.add(np.arange(n), np.arange(n), no(n, np.bool_), first)
    gone = [k for k in range(n) if k % 3 == 0]
    index.remove(gone)
    rows = np.arange(n, n + more)
    index.add(rows, rows, no(more, np.bool_), second)
    question = draw(1)[0].astype(np.float32)
    every = {k: float(v.astype(np.float32) @ question) for k, v in enumerate([*first, *second])}
    kept = {k: v for k, v in every.items() if k not in gone}
    found = index.search(question, limit, allowed=None, archived=False)
    assert len(found) == min(limit, len(kept))
    best = sorted(kept.values(), reverse=True)[:limit]
    np.testing.assert_allclose([score for _, _, score in found], best, atol=1e-6)
