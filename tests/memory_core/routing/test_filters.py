"""Keeping hits, and limiting searches to ids."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.filters import Allowed, filter_by_score, filter_top_n
from routemem.memory_core.routing.results import Hit

Draw = Callable[..., NDArray[np.float32]]
HITS = [Hit(1, 0.5), Hit(2, 0.9), Hit(3, 0.4999), Hit(4, 0.9)]


def test_filter_by_score_keeps_the_order_and_the_limit_itself() -> None:
    assert [hit.id for hit in filter_by_score(HITS)] == [1, 2, 4]
    assert [hit.id for hit in filter_by_score(HITS, 0.9)] == [2, 4]
    assert filter_by_score(HITS, 1) == filter_by_score([], 0) == []


def test_filter_top_n_gives_the_best_first_and_ties_in_their_order() -> None:
    assert [hit.id for hit in filter_top_n(HITS)] == [2, 4, 1]
    assert [hit.id for hit in filter_top_n(HITS, 9)] == [2, 4, 1, 3]
    assert filter_top_n(HITS, 0) == []
    with pytest.raises(InvalidArgument, match="-1"):
        filter_top_n(HITS, -1)


def test_allowed_ids_are_sorted_and_single() -> None:
    allowed = Allowed.of([5, 1, 5], None)
    assert allowed.keys.tolist() == [1, 5]
    assert allowed.among(np.array([0, 1, 5, 9])).tolist() == [False, True, True, False]
    assert Allowed.of([], None).among(np.array([1])).tolist() == [False]
    with pytest.raises(InvalidArgument):
        Allowed.of(["a"], None)


@pytest.fixture
def index(draw: Draw) -> RoutingIndex:
    """1,500 packed items."""
    made = RoutingIndex(32, flat_until=0, rerank="fp32", merging="manual")
    made.add_many(np.arange(1500), draw(1500))
    made.build()
    return made


def test_a_small_filter_is_compared_whole_if_nothing_else_is_asked(
    index: RoutingIndex, draw: Draw
) -> None:
    found = index.search(draw(1, seed=2)[0], allowed=np.arange(500), return_signals=True)
    assert found.signals is not None
    assert (found.mode, found.signals.reranked) == ("filtered", 500)


def test_a_budget_of_candidates_holds_under_a_small_filter(index: RoutingIndex, draw: Draw) -> None:
    query, allowed = draw(1, seed=2)[0], np.arange(0, 1500, 3)
    found = index.search(query, 5, max_candidates=10, allowed=allowed, return_signals=True)
    assert found.signals is not None
    assert found.signals.reranked == 10
    assert len(found.hits) == 5
    assert {hit.id for hit in found.hits} <= {*allowed.tolist()}
    best = index.search(query, 1, allowed=allowed).hits[0].id
    assert index.search(query, 1, max_candidates=60, allowed=allowed).hits[0].id == best


def test_explicit_probes_hold_under_a_small_filter(index: RoutingIndex, draw: Draw) -> None:
    query, allowed = draw(1, seed=2)[0], np.arange(0, 1500, 3)
    assert index.codebook is not None
    opened = {code for code, _ in index.codebook.top_centroids(query, 4)}
    codes = index.codes()
    inside = [id for id in allowed.tolist() if codes[id] in opened]
    found = index.search(query, 1500, n_probes=4, allowed=allowed, return_signals=True)
    assert sorted(hit.id for hit in found.hits) == inside
    assert found.signals is not None
    assert set(found.signals.probed) == opened
    assert found.signals.reranked == len(inside) < len(allowed)
    few = index.search(
        query, 1500, n_probes=4, max_candidates=3, allowed=allowed, return_signals=True
    )
    assert {hit.id for hit in few.hits} < {*inside}
    assert len(few.hits) == 3
