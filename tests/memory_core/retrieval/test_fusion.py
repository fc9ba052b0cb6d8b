"""Two rankings become one."""

from typing import Any

import pytest

from routemem.memory_core.retrieval.fusion import Candidate
from routemem.memory_core.retrieval.fusion import fuse as fused


def fuse(*rankings: Any, lexical_weight: float) -> list[Candidate]:
    return list(fused(*rankings, lexical_weight=lexical_weight))


def test_an_item_good_in_both_beats_items_good_in_one() -> None:
    dense = [(1, 10, 0.9), (2, 20, 0.8), (3, 30, 0.1)]
    lexical = [(2, 20, 5.0), (3, 30, 5.5)]
    assert fuse(dense, lexical, {}, lexical_weight=0.5)[0].item == 2


def test_an_item_appears_once_with_its_best_chunk() -> None:
    dense = [(1, 10, 0.2), (2, 20, 0.1)]
    lexical = [(1, 11, 7.0), (1, 12, 1.0)]
    ranked = fuse(dense, lexical, {11: 0.2, 12: 0.2}, lexical_weight=0.5)
    assert [(c.item, c.chunk) for c in ranked] == [(1, 11), (2, 20)]
    assert (ranked[0].cosine, ranked[0].bm25) == (0.2, 7.0)


def test_words_alone_rank_when_nothing_has_a_vector() -> None:
    ranked = fuse([], [(1, 10, 1.0), (2, 20, 3.0)], {}, lexical_weight=0.5)
    assert [(c.item, c.cosine) for c in ranked] == [(2, None), (1, None)]


def test_meaning_alone_ranks_when_no_word_matches() -> None:
    ranked = fuse([(1, 10, 0.1), (2, 20, 0.7)], [], {}, lexical_weight=0.5)
    assert [(c.item, c.bm25) for c in ranked] == [(2, 0.0), (1, 0.0)]


def test_a_chunk_without_a_vector_counts_as_average_by_meaning() -> None:
    dense = [(1, 10, 0.9), (2, 20, 0.5), (3, 30, 0.1)]
    ranked = fuse(dense, [(4, 40, 2.0)], {}, lexical_weight=0.0)
    assert [c.item for c in ranked] == [1, 2, 4, 3]


def test_equal_scores_keep_a_stable_order() -> None:
    dense = [(5, 50, 0.5), (2, 20, 0.5), (9, 90, 0.5)]
    assert [c.item for c in fuse(dense, [], {}, lexical_weight=0.5)] == [2, 5, 9]


@pytest.mark.parametrize("weight", [0.0, 0.5, 3.0])
def test_nothing_found_is_an_empty_ranking(weight: float) -> None:
    assert fuse([], [], {}, lexical_weight=weight) == []
