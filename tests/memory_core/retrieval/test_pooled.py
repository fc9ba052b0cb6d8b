"""Hits of several scopes get one order, by what all scopes know of the words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.retrieval.pooled import bm25, interleave, joint

SCORES = st.lists(st.lists(st.floats(-1, 1), max_size=6), max_size=4)


def test_a_rare_word_weighs_more_than_one_that_is_everywhere() -> None:
    rare, common, neither = bm25(
        ["crane", "the"],
        [["crane", "x"], ["the", "x"], ["x", "y"]],
        {"crane": 1, "the": 90},
        100,
    )
    assert rare > common > neither == 0


def test_a_word_in_every_memory_of_a_small_scope_still_counts() -> None:
    (score,) = bm25(["harbour"], [["harbour"]], {"harbour": 3}, 1000)
    assert score > 5


def test_a_shorter_passage_is_more_to_the_point() -> None:
    short, long = bm25(["a"], [["a", "b"], ["a", *"bcdefgh"]], {"a": 1}, 10)
    assert short > long


def test_cosine_and_words_are_added_on_common_scales() -> None:
    near, worded, far = joint([0.9, 0.1, 0.1], [0.0, 4.0, 0.0], 0.6)
    assert (near, worded, far) == pytest.approx((1.0, 0.6, 0.0))
    assert joint([None], [3.0], 0.6) == [pytest.approx(1.1)]
    assert joint([], [], 0.6) == []


@given(SCORES)
def test_every_group_keeps_its_order_and_nothing_is_lost(groups: list[list[float]]) -> None:
    merged = interleave(groups)
    for number, scores in enumerate(groups):
        places = [place for group, place, _ in merged if group == number]
        assert places == list(range(len(scores)))
    scores = [score for _, _, score in merged]
    assert scores == sorted(scores, reverse=True)


def test_the_better_group_comes_first() -> None:
    assert [(g, p) for g, p, _ in interleave([[0.4, 0.2], [0.9, 0.3]])] == [
        (1, 0), (0, 0), (1, 1), (0, 1),
    ]  # fmt: skip
