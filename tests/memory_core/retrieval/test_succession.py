"""The newer of two comes first, and nothing is lost on the way."""

from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.retrieval.succession import (
    MOVED,
    asks_of_change,
    newer_first,
    together,
)

PAIRS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)).filter(lambda p: p[0] != p[1]))


def test_the_newer_comes_right_before_the_older() -> None:
    assert newer_first([1, 2, 3, 4], [(4, 2)]) == [1, 4, 2, 3]
    assert newer_first([1, 2, 3, 4], [(1, 4)]) == [1, 2, 3, 4]
    assert newer_first([1, 2, 3], [(9, 1)]) == [1, 2, 3]


def test_the_last_of_several_states_comes_first() -> None:
    assert newer_first([1, 2, 3], [(2, 1), (3, 2), (3, 1)]) == [3, 2, 1]


def test_what_is_far_down_is_not_brought_up() -> None:
    order = list(range(MOVED + 2))
    assert newer_first(order, [(MOVED + 1, 0)]) == order


def test_together_the_partner_comes_right_behind() -> None:
    order = list(range(MOVED + 5))
    assert together(order, [(MOVED + 3, 0)])[:3] == [0, MOVED + 3, 1]
    assert together(order, [(0, MOVED + 3)])[:3] == [0, MOVED + 3, 1]


@given(order=st.permutations(range(14)), pairs=PAIRS)
def test_every_item_stays_once(order: list[int], pairs: list[tuple[int, int]]) -> None:
    assert sorted(newer_first(order, pairs)) == sorted(order)
    assert sorted(together(order, pairs)) == sorted(order)
    assert newer_first(order, pairs)[MOVED:] == list(order[MOVED:])


@given(order=st.permutations(range(MOVED)), pairs=PAIRS)
def test_without_a_circle_every_newer_one_stands_above(
    order: list[int], pairs: list[tuple[int, int]]
) -> None:
    pairs = [(max(pair), min(pair)) for pair in pairs if max(pair) < MOVED]
    found = newer_first(order, pairs)
    assert all(found.index(newer) < found.index(older) for newer, older in pairs)


def test_a_question_about_a_change_is_told_from_one_about_the_state() -> None:
    assert asks_of_change("Where did Ann live before?")
    assert asks_of_change("How has the deadline changed?")
    assert not asks_of_change("Where does Ann live?")
