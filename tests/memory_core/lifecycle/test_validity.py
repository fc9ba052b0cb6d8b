"""Facts in two times."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.validity import after, assert_fact, known, valid
from routemem.memory_core.records import Fact


def said(value: object, since: float, at: float = 1000.0, confidence: float = 1.0) -> Fact:
    return Fact("city", value, confidence, "user", since, None, at)


def told(*statements: Fact) -> list[Fact]:
    """Every statement ever recorded, after asserting these one by one."""
    facts: list[Fact] = []
    for row, statement in enumerate(statements):
        step = assert_fact(sorted(known(facts, None), key=lambda f: f.valid_from), statement)
        retired = {old.row for old in step.retire}
        facts = [
            replace(f, retired_at=statement.recorded_at) if f.row in retired else f for f in facts
        ]
        facts += [replace(new, row=100 * (row + 1) + k) for k, new in enumerate(step.add)]
    return facts


def timeline(facts: list[Fact]) -> list[tuple[object, float, float | None]]:
    return sorted((f.value, f.valid_from, f.valid_to) for f in known(facts, None))


def test_a_new_value_closes_the_interval_of_the_old_one() -> None:
    facts = told(said("blue", 1), said("green", 5), said("blue", 9))
    assert timeline(facts) == [("blue", 1, 5), ("blue", 9, None), ("green", 5, 9)]
    assert [f.value for f in valid(known(facts, None), 6)] == ["green"]


def test_a_statement_about_an_earlier_time_takes_only_its_own_interval() -> None:
    facts = told(said("blue", 1), said("green", 10), said("red", 5))
    assert timeline(facts) == [("blue", 1, 5), ("green", 10, None), ("red", 5, 10)]


def test_a_statement_before_everything_known_ends_where_the_known_begins() -> None:
    facts = told(said("green", 10), said("blue", 2))
    assert timeline(facts) == [("blue", 2, 10), ("green", 10, None)]


def test_the_same_value_earlier_moves_its_beginning() -> None:
    facts = told(said("green", 10), said("green", 2))
    assert timeline(facts) == [("green", 2, None)]


def test_the_same_value_again_raises_the_confidence() -> None:
    facts = told(said("blue", 1, confidence=0.6), said("blue", 3, confidence=0.5))
    (current,) = known(facts, None)
    assert (current.confidence, current.valid_from) == (0.8, 1)


def test_the_same_certain_value_again_changes_nothing() -> None:
    step = assert_fact([said("blue", 1)], said("blue", 4))
    assert (step.status, step.retire, step.add) == ("confirmed", (), ())


def test_a_correction_from_the_same_moment_on_replaces_the_whole_interval() -> None:
    facts = told(said("blue", 1), said("green", 1))
    assert timeline(facts) == [("green", 1, None)]


def test_what_was_known_then_is_not_what_is_known_now() -> None:
    facts = told(said("blue", 1, at=100), said("green", 1, at=200))
    assert [f.value for f in valid(known(facts, 150), 150)] == ["blue"]
    assert [f.value for f in valid(known(facts, 250), 250)] == ["green"]


def test_a_statement_without_a_date_comes_after_one_of_the_same_instant() -> None:
    assert after([said("blue", 7)], 7) > 7
    assert after([said("blue", 7)], 8) == 8


moments = st.integers(0, 12).map(float)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), moments), min_size=1, max_size=12))
def test_believed_statements_never_overlap_and_the_last_said_wins(
    statements: list[tuple[str, float]],
) -> None:
    facts = told(*(said(v, t, at=100.0 + k) for k, (v, t) in enumerate(statements)))
    believed = sorted(known(facts, None), key=lambda f: f.valid_from)
    for one, two in pairwise(believed):
        assert one.valid_to is not None
        assert one.valid_from < one.valid_to <= two.valid_from
    assert believed[-1].valid_to is None
    value, since = statements[-1]
    assert [f.value for f in valid(believed, since)] == [value]


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), moments), min_size=1, max_size=8))
def test_no_statement_is_ever_lost_from_what_was_known(statements: list[tuple[str, float]]) -> None:
    facts = told(*(said(v, t, at=100.0 + k) for k, (v, t) in enumerate(statements)))
    for k, (value, since) in enumerate(statements):
        assert [f.value for f in valid(known(facts, 100.0 + k), since)] == [value]
