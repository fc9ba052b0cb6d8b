"""Each limit of the recent buffer acts, and none takes more than it says."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routemem.memory_core.lifecycle import values
from routemem.memory_core.lifecycle.recent import Entry, RecentPolicy, manage, score, shorten
from routemem.memory_core.settings import Settings

NOW = 1_000_000.0
POLICY = RecentPolicy()
#: A word for each turn, so that none repeats another.
NAMES = [f"w{n}x" for n in range(400)]


def words(text: str) -> int:
    return len(text.split())


def turn(n: int, *, tokens: int = 10, minutes: float = 1, **fields: object) -> Entry:
    text = " ".join([NAMES[n], *(f"{NAMES[n]}{k}" for k in range(tokens - 1))])
    return replace(Entry(f"a-{n}", text, tokens, NOW - 60 * minutes), **fields)  # type: ignore[arg-type]  # fields of Entry


def stays(*entries: Entry, policy: RecentPolicy = POLICY, thorough: bool = True) -> list[str]:
    kept = manage(entries, NOW, policy, words, thorough=thorough)
    assert {e.id for e in kept.stay} | set(kept.leave) == {e.id for e in entries}
    return [entry.id for entry in kept.stay]


def test_the_settings_carry_the_defaults_of_the_policy() -> None:
    assert RecentPolicy.of(Settings()) == POLICY == RecentPolicy()
    assert (POLICY.max_tokens, POLICY.target_tokens, POLICY.warning_tokens) == (3000, 2000, 2500)
    assert (POLICY.max_entries, POLICY.min_entries, POLICY.max_age) == (50, 5, 120)
    assert (POLICY.compress_threshold, POLICY.merge_likeness, POLICY.manage_every) == (0.8, 0.85, 5)
    assert (POLICY.half_life, POLICY.access_boost) == (60, 0.1)
    assert (POLICY.least_score, POLICY.least_importance, POLICY.keep_last) == (0.3, 0.2, 3)


def test_two_hundred_turns_leave_fifty() -> None:
    assert len(stays(*(turn(n) for n in range(200)), thorough=False)) == 50


def test_above_the_most_tokens_turns_leave_until_the_target_is_reached() -> None:
    short = RecentPolicy(short=10_000)
    many = [turn(n, tokens=100) for n in range(30)]
    assert len(stays(*many, policy=short, thorough=False)) == 30  # 3,000 are allowed
    assert len(stays(*many, turn(99, tokens=100), policy=short, thorough=False)) == 20


def test_the_last_few_stay_whatever_they_cost() -> None:
    huge = [turn(n, tokens=2000) for n in range(8)]
    assert stays(*huge, thorough=False) == [f"a-{n}" for n in range(3, 8)]


def test_above_the_warning_it_is_said() -> None:
    policy = RecentPolicy(short=10_000)
    small, large = ([turn(n, tokens=k) for n in range(26)] for k in (90, 100))
    assert not manage(small, NOW, policy, words).warning
    assert manage(large, NOW, policy, words).warning


def test_a_turn_older_than_two_hours_leaves_and_reading_does_not_hold_it() -> None:
    fresh = [turn(n) for n in range(10, 16)]
    old = turn(1, minutes=121, accessed_at=NOW, access_count=3)
    assert "a-1" not in stays(old, *fresh)
    assert "a-1" in stays(replace(old, at=NOW - 119 * 60), *fresh)
    assert "a-1" in stays(old, *fresh, thorough=False)  # between two looks nothing ages


def test_three_days_are_three_days() -> None:
    kept = manage([turn(1, minutes=3 * 24 * 60), *map(turn, range(10, 16))], NOW, POLICY, words)
    assert kept.leave == {"a-1": "older than 120 minutes"}


def test_the_score_halves_every_hour_and_grows_with_reads() -> None:
    assert score(turn(1, minutes=0), NOW, POLICY) == 1
    assert score(turn(1, minutes=60), NOW, POLICY) == pytest.approx(0.5)
    assert score(turn(1, minutes=120), NOW, POLICY, confidence=0.8) == pytest.approx(0.2)
    read = turn(1, minutes=120, access_count=4)
    assert score(read, NOW, POLICY) == pytest.approx(0.25 + 0.1 * math.log(5))
    assert score(replace(read, accessed_at=NOW), NOW, POLICY) == 1


def test_decay_and_boost_can_be_switched_off() -> None:
    off = RecentPolicy(half_life=0, access_boost=0)
    assert score(turn(1, minutes=9999, access_count=9), NOW, off) == 1
    assert score(turn(1, minutes=9999, access_count=9), NOW, off, confidence=0.4) == 0.4


def test_a_low_score_leaves_unless_the_turn_is_read() -> None:
    fresh = [turn(n) for n in range(10, 16)]
    faded = turn(1, minutes=110)  # 0.28
    assert "a-1" not in stays(faded, *fresh)
    assert "a-1" in stays(replace(faded, access_count=2), *fresh)
    assert "a-1" in stays(faded, *fresh, policy=RecentPolicy(least_score=0.2))


def test_an_unimportant_turn_leaves() -> None:
    fresh = [turn(n) for n in range(10, 16)]
    assert "a-1" not in stays(turn(1, priority=1), *fresh)
    assert "a-1" in stays(turn(1, priority=2), *fresh)


def test_a_turn_that_is_spoken_of_stays() -> None:
    fresh = [turn(n) for n in range(10, 15)]
    old = turn(1, minutes=300)
    assert "a-1" in stays(old, *fresh, replace(turn(20), text="as said in a-1, we go"))
    assert "a-1" not in stays(old, *fresh, replace(turn(20), text="as said in a-12, we go"))


def test_the_newest_three_never_fade() -> None:
    faded = [turn(n, minutes=500) for n in range(10)]
    assert stays(*faded, policy=RecentPolicy(min_entries=0)) == ["a-7", "a-8", "a-9"]
    assert len(stays(*faded)) == 5


def test_of_two_turns_that_say_the_same_the_older_leaves() -> None:
    said = "please write the weekly report in short plain sentences for the whole team"
    one, two = (replace(turn(n), text=text) for n, text in ((1, said), (2, said + " please")))
    fresh = [turn(n) for n in range(10, 16)]
    assert manage([one, two, *fresh], NOW, POLICY, words).leave == {"a-1": "repeated by a-2"}


@pytest.mark.parametrize(
    "other",
    [
        "the fare to the old town by the fast train is 30 euros a day",
        "the fare to the old town by the fast train is not 20 euros a day",
        "the fare to the old town by the fast train is 20 dollars a day in Ghent",
    ],
)
def test_turns_that_are_alike_and_say_something_else_both_stay(other: str) -> None:
    said = "the fare to the old town by the fast train is 20 euros a day"
    one, two = (replace(turn(n), text=text) for n, text in ((1, said), (2, other)))
    fresh = [turn(n) for n in range(10, 16)]
    loose = RecentPolicy(merge_likeness=0.5)
    assert values.likeness(values.vocabulary(said), values.vocabulary(other)) > 0.5
    assert {"a-1", "a-2"} <= set(stays(one, two, *fresh, policy=loose))


def test_words_that_carry_no_value_make_no_difference() -> None:
    def same(one: str, two: str) -> bool:
        return values.same_values(values.words_of(one), values.words_of(two))

    assert same("the report is really long", "The report is long")
    assert not same("meet at 5 pm", "meet at 5 am")
    assert not same("I like it", "I don't like it")


def test_from_the_threshold_on_long_turns_are_shortened_and_the_newest_are_not() -> None:
    many = [turn(n, tokens=100) for n in range(25)]  # 2,500 of 3,000
    kept = manage(many, NOW, POLICY, words, thorough=False)
    assert kept.leave == {}
    short = [entry.id for entry in kept.stay if entry.shortened]
    assert short
    assert short == [f"a-{n}" for n in range(len(short))]
    assert kept.tokens <= 0.8 * 3000
    under = manage(many[:23], NOW, POLICY, words, thorough=False)
    assert not any(entry.shortened for entry in under.stay)
    huge = manage([turn(n, tokens=1000) for n in range(4)], NOW, POLICY, words)
    assert [entry.shortened for entry in huge.stay] == [True, False, False, False]


def test_a_shortened_turn_keeps_what_is_telling() -> None:
    text = "We talked for a while about it all. " * 9 + "Call Ann Vermeer on 14 May at 09:30."
    assert len(shorten(text, POLICY)) <= POLICY.short
    assert "14 May at 09:30" in shorten(text, POLICY)


entries = st.lists(
    st.tuples(st.integers(1, 900), st.integers(0, 400), st.integers(0, 10), st.integers(0, 20)),
    max_size=70,
)


@settings(deadline=None)
@given(entries, st.booleans())
def test_limits_hold_for_any_buffer(made: list[tuple[int, int, int, int]], thorough: bool) -> None:
    turns = [
        Entry(f"a-{n}", f"{NAMES[n]} " * min(t, 60), t, NOW - 60 * m, priority=p, access_count=r)
        for n, (t, m, p, r) in enumerate(made)
    ]
    kept = manage(turns, NOW, POLICY, words, thorough=thorough)
    assert [e.id for e in kept.stay] == [e.id for e in turns if e.id not in kept.leave]
    assert {e.id for e in kept.stay} | set(kept.leave) == {e.id for e in turns}
    assert len(kept.stay) <= 50
    assert len(kept.stay) >= min(5, len(turns))
    assert kept.tokens <= 3000 or len(kept.stay) <= 5
    assert [e.id for e in kept.stay][-3:] == [e.id for e in turns][-3:]
