"""Cycles are found, and only cycles."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.dependencies import cycle

NAMES = st.sampled_from("abcdef")


def test_the_way_round_is_told() -> None:
    assert cycle({"a": ("b",), "b": ("c",), "c": ("a",)}, "a") == ("a", "b", "c", "a")
    assert cycle({"a": ("a",)}, "a") == ("a", "a")


def test_what_meets_again_is_no_circle() -> None:
    assert cycle({"a": ("b", "c"), "b": ("d",), "c": ("d",)}, "a") == ()


@given(st.dictionaries(NAMES, st.lists(NAMES, unique=True)), NAMES)
def test_a_way_is_a_way_and_there_is_one_whenever_the_start_is_reached(
    needs: dict[str, list[str]], start: str
) -> None:
    way = cycle(needs, start)
    for here, there in pairwise(way):
        assert there in needs[here]
    reached: set[str] = set()
    waiting = list(needs.get(start, ()))
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += needs.get(here, ())
    assert bool(way) == (start in reached)
