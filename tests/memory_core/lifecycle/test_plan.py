"""The policy: who is compressed, archived or deleted, in which order, and who never."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.plan import (
    DAY,
    Action,
    Policy,
    Subject,
    compressible,
    plan,
    rank,
)
from routemem.memory_core.lifecycle.score import effective_score

NOW = 1_800_000_000.0
NO_BUDGET = 0
POLICY = Policy(keep=0)


def subject(id: str, *, unread: float = 0.0, **fields: Any) -> Subject:
    """An item last read so many days ago."""
    at = NOW - unread * DAY
    given = {
        "priority": 5, "pinned": False, "state": "active", "characters": 800, "tokens": 200,
        "summary_tokens": 0, "created_at": at, "accessed_at": at, "access_count": 0,
    }  # fmt: skip
    return Subject(id, **{**given, **fields})


def steps(actions: list[Action]) -> dict[str, str]:
    return {action.id: action.step for action in actions}


# ---------------------------------------------------------------------- hygiene


@pytest.mark.parametrize(
    ("unread", "step"),
    [(6.9, None), (7, "compress"), (29, "compress"), (30, "archive"), (400, "archive")],
)
def test_days_unread_decide(unread: float, step: str | None) -> None:
    assert steps(plan(NOW, [subject("a", unread=unread)], POLICY)).get("a") == step


def test_every_limit_is_the_policys_and_0_switches_its_rule_off() -> None:
    items = [
        subject("week", unread=8),
        subject("month", unread=31),
        subject("high", unread=91, priority=8),
        subject("year", unread=366, state="archived"),
    ]
    assert steps(plan(NOW, items, POLICY)) == {
        "week": "compress", "month": "archive", "high": "archive",
    }  # fmt: skip
    assert "year" in steps(plan(NOW, items, replace(POLICY, delete_days=365)))
    off = replace(POLICY, compress_days=0, archive_days=0, archive_days_high=0)
    assert plan(NOW, items, off) == []
    later = replace(POLICY, compress_days=100, archive_days=50, archive_days_high=100)
    assert plan(NOW, items, later) == []


def test_short_texts_and_compressed_ones_are_not_compressed() -> None:
    items = [
        subject("short", unread=8, characters=200),
        subject("done", unread=8, state="compressed", summary_tokens=40),
        subject("hopeless", unread=8, summary_tokens=200),
        subject("long", unread=8, characters=201),
    ]
    assert steps(plan(NOW, items, POLICY)) == {"long": "compress"}


def test_a_high_priority_waits_for_its_own_limit() -> None:
    items = [subject("high", unread=31, priority=8), subject("usual", unread=31, priority=7)]
    assert steps(plan(NOW, items, POLICY)) == {"high": "compress", "usual": "archive"}


def test_one_run_compresses_no_more_than_it_may() -> None:
    items = [subject(f"{n:03}", unread=8 + n / 1000, priority=n % 11) for n in range(120)]
    actions = plan(NOW, items, POLICY)
    assert len(actions) == 50
    assert max(int(action.id) % 11 for action in actions) < 6  # the least important fifty


def test_the_newest_few_are_left_alone_however_old() -> None:
    items = [subject(f"{n}", unread=100 + n) for n in range(5)]
    assert set(steps(plan(NOW, items, replace(POLICY, keep=3)))) == {"3", "4"}


def test_an_allowance_takes_the_least_important_first() -> None:
    items = [subject(f"{n}", unread=40, priority=n) for n in range(8)]
    assert [a.id for a in plan(NOW, items, POLICY, allowance=2)] == ["0", "1"]
    assert plan(NOW, items, POLICY, allowance=0) == []


# ---------------------------------------------------------------------- budget


def full(n: int, **fields: Any) -> list[Subject]:
    """Items that fill exactly 75.1 % of a context of 1,000 × n tokens."""
    return [subject(f"{number:03}", tokens=751, **fields) for number in range(n)]


def test_below_the_trigger_nothing_is_compressed_and_from_it_on_until_the_target() -> None:
    items = full(100)
    policy = replace(POLICY, context=100_000)
    assert plan(NOW, items, policy, used=74_999) == []
    actions = plan(NOW, items, policy, used=75_100)
    assert {action.step for action in actions} == {"compress"}
    saved = math.floor(751 * 0.75)
    assert 75_100 - len(actions) * saved <= 50_000 < 75_100 - (len(actions) - 1) * saved
    assert "75%" in actions[0].why


def test_a_low_priority_goes_first_a_ten_last_and_what_is_pinned_never() -> None:
    items = [
        subject("ten", priority=10),
        subject("five", priority=5),
        subject("four", priority=4, access_count=50),
        subject("pinned", priority=0, pinned=True),
        subject("zero", priority=0),
    ]
    ordered = plan(NOW, items, replace(POLICY, context=100), used=1000)
    assert [action.id for action in ordered] == ["zero", "four", "five", "ten"]


def test_among_equals_the_one_used_longest_ago_goes_first_unless_it_is_read_often() -> None:
    items = [
        subject("new"),
        subject("old", unread=3),
        subject("old but read", unread=3, access_count=20),
    ]
    ordered = plan(NOW, items, replace(POLICY, context=100), used=1000)
    assert [action.id for action in ordered] == ["old", "new", "old but read"]


def test_no_context_means_no_budget() -> None:
    assert plan(NOW, full(3), replace(POLICY, context=NO_BUDGET), used=10**9) == []


# ---------------------------------------------------------------------- score


def test_the_score_halves_with_each_half_life_and_grows_with_the_log_of_the_reads() -> None:
    score = effective_score(3600.0, 0, half_life=3600.0, boost=0.1)
    assert score == pytest.approx(0.5)
    assert effective_score(7200.0, 0, half_life=3600.0, boost=0.1, confidence=0.8) == pytest.approx(
        0.2
    )
    assert effective_score(0.0, 9, half_life=3600.0, boost=0.1) == pytest.approx(
        1 + 0.1 * math.log(10)
    )


def test_decay_and_boost_can_be_switched_off() -> None:
    assert effective_score(1e9, 7, half_life=0, boost=0) == 1.0


# ---------------------------------------------------------------------- always

SUBJECTS = st.lists(
    st.builds(
        subject,
        st.uuids().map(str),
        unread=st.floats(0, 500),
        priority=st.integers(0, 10),
        pinned=st.booleans(),
        state=st.sampled_from(["active", "compressed", "archived"]),
        characters=st.integers(1, 2000),
        tokens=st.integers(1, 2000),
        summary_tokens=st.integers(0, 300),
        access_count=st.integers(0, 40),
    ),
    max_size=40,
    unique_by=lambda item: item.id,
)
POLICIES = st.builds(
    Policy,
    compress_days=st.sampled_from([0, 7, 20]),
    archive_days=st.sampled_from([0, 30]),
    delete_days=st.sampled_from([0, 365]),
    most=st.sampled_from([0, 3, 50]),
    keep=st.integers(0, 5),
    context=st.sampled_from([0, 5000, 128_000]),
)


@given(SUBJECTS, POLICIES, st.integers(0, 30_000), st.integers(-1, 10))
def test_what_holds_of_every_plan(
    items: list[Subject], policy: Policy, used: int, allowance: int
) -> None:
    actions = plan(NOW, items, policy, used=used, allowance=allowance)
    by_id = {item.id: item for item in items}
    chosen = [by_id[action.id] for action in actions]
    assert len({item.id for item in chosen}) == len(chosen)
    assert not any(item.pinned for item in chosen)
    assert allowance < 0 or len(actions) <= allowance
    assert chosen == sorted(chosen, key=lambda item: rank(NOW, item, policy))
    assert sum(action.step == "compress" for action in actions) <= policy.most
    assert actions == plan(NOW, items[::-1], policy, used=used, allowance=allowance)
    kept = sorted(items, key=lambda item: (-item.used_at, item.id))[: policy.keep]
    for action, item in zip(actions, chosen, strict=True):
        assert item not in kept
        assert action.step != "compress" or compressible(item, policy)
        assert action.step != "delete" or item.state == "archived"
        assert action.step != "archive" or item.state != "archived"


@given(SUBJECTS, st.sampled_from(["compress", "archive"]), st.integers(-1, 10))
def test_none_is_touched_while_an_eligible_one_of_lower_priority_is_not(
    items: list[Subject], step: str, allowance: int
) -> None:
    policy = replace(POLICY, archive_days_high=30, context=5000)
    actions = plan(NOW, items, policy, used=4500, allowance=allowance)
    if step == "archive" and allowance >= 0:
        return  # an allowance may be used up by what is compressed
    chosen = {action.id for action in actions if action.step == step}
    touched = {action.id for action in actions}

    def eligible(item: Subject) -> bool:
        if item.pinned or item.id in touched:
            return False
        old = NOW - item.used_at >= 30 * DAY and item.state != "archived"
        return old if step == "archive" else compressible(item, policy) and not old

    left = [item.priority for item in items if eligible(item)]
    if step == "compress":  # by the budget: hygiene's own are older and taken in any case
        chosen = {a.id for a in actions if a.step == step and "context" in a.why}
    most = max((item.priority for item in items if item.id in chosen), default=-1)
    assert not left or most <= min(left) or step == "compress"
    if step == "compress" and left and chosen:
        assert most <= min(left)
