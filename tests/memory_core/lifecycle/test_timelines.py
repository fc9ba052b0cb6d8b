"""Two histories become one: the newest statement is believed, and none is lost."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.timelines import merge
from routemem.memory_core.lifecycle.validity import assert_fact, known, valid
from routemem.memory_core.records import Fact

NOW = 1000.0


def fact(value: str, since: float, said: float, until: float | None = None) -> Fact:
    return Fact("k", value, 1.0, "user", since, until, said)


def after_merge(ours: list[Fact], theirs: list[Fact], now: float = NOW) -> list[Fact]:
    change = merge(ours, theirs, now)
    kept = [replace(f, retired_at=now) if f in change.retire else f for f in ours]
    return [*kept, *change.add]


def history(said: list[tuple[str, int, int]]) -> list[Fact]:
    """A timeline as `set_fact` makes it, from ``(value, valid_from, recorded_at)``."""
    facts: list[Fact] = []
    for value, since, at in sorted(said, key=lambda one: one[2]):
        step = assert_fact(
            sorted(known(facts, None), key=lambda f: f.valid_from), fact(value, since, at)
        )
        facts = [replace(f, retired_at=at) if f in step.retire else f for f in facts]
        facts += step.add
    return facts


SAID = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 9).map(lambda n: n * 10)),
    max_size=5,
)


def test_the_newer_statement_wins_and_the_older_keeps_its_past() -> None:
    merged = after_merge([fact("Lisbon", 0, 0)], [fact("Ghent", 5, 50)])
    assert [f.value for f in valid(known(merged, None), 3)] == ["Lisbon"]
    assert [f.value for f in valid(known(merged, None), 7)] == ["Ghent"]
    assert len(merged) == 3


def test_an_older_statement_changes_nothing_now_and_is_kept() -> None:
    merged = after_merge([fact("Ghent", 0, 50)], [fact("Lisbon", 0, 0)])
    assert [f.value for f in known(merged, None)] == ["Ghent"]
    assert {f.value for f in merged} == {"Ghent", "Lisbon"}


def test_a_newer_statement_from_outside_is_believed_only_where_nothing_else_is_known() -> None:
    outside = replace(fact("Mallory", 0, 50), source="import")
    merged = after_merge([fact("Ghent", 5, 0)], [outside])
    assert [f.value for f in valid(known(merged, None), 7)] == ["Ghent"]
    assert [f.value for f in valid(known(merged, None), 3)] == ["Mallory"]
    assert len(merged) == 3


def test_what_was_ended_stays_ended() -> None:
    merged = after_merge([fact("a", 0, 0)], [fact("b", 2, 20, until=4)])
    believed = known(merged, None)
    assert [valid(believed, at)[0].value for at in (1, 3, 5)] == ["a", "b", "a"]


@given(SAID, SAID)
def test_at_every_time_the_newest_of_both_is_believed(
    ours: list[tuple[str, int, int]], theirs: list[tuple[str, int, int]]
) -> None:
    mine, other = history(ours), history(theirs)
    merged = known(after_merge(mine, other), None)
    for at in range(11):
        before = valid([*known(mine, None), *known(other, None)], at)
        now = valid(merged, at)
        assert len(now) == bool(before)
        if before:
            newest = max(f.recorded_at for f in before)
            assert now[0].value in {f.value for f in before if f.recorded_at == newest}


@given(SAID, SAID)
def test_no_statement_is_lost_and_twice_is_once(
    ours: list[tuple[str, int, int]], theirs: list[tuple[str, int, int]]
) -> None:
    mine, other = history(ours), history(theirs)
    merged = after_merge(mine, other)
    said = {(f.value, f.valid_from, f.valid_to, f.recorded_at) for f in merged}
    assert said >= {(f.value, f.valid_from, f.valid_to, f.recorded_at) for f in (*mine, *other)}
    again = merge(merged, other, NOW + 1)
    assert (again.retire, again.add) == ((), ())


@given(SAID)
def test_a_history_that_is_new_comes_as_it_was(theirs: list[tuple[str, int, int]]) -> None:
    other = history(theirs)
    change = merge([], other, NOW)
    assert change.retire == ()
    distinct = {(f.value, f.valid_from, f.valid_to, f.recorded_at): f for f in other}
    assert len(change.add) == len(distinct)
    assert set(map(id, change.add)) <= set(map(id, other))
