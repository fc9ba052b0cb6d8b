"""Keeping hits, and limiting searches to ids."""

import numpy as np
import pytest

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.filters import Allowed, filter_by_score, filter_top_n
from routemem.memory_core.routing.results import Hit

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
