"""Proposals for memories: small talk is nothing else, likeness alone decides nothing."""

from dataclasses import replace

import numpy as np
import pytest

from routemem.memory_core.lifecycle.plan import DAY, Policy, Subject
from routemem.memory_core.lifecycle.review import (
    Entry,
    by_need,
    factual,
    is_small_talk,
    repeated,
    superseded,
)
from routemem.memory_core.records import Fact

NOW = 1_800_000_000.0
SAME = np.ones((2, 1), np.float32)


def entry(
    id: str, text: str, *, age: float = 0.0, priority: int = 5, pinned: bool = False
) -> Entry:
    """A memory stored and last read so many seconds ago."""
    at = NOW - age
    subject = Subject(id, priority, pinned, "active", len(text), len(text) // 4, 0, at, at, 0)
    return Entry(subject, text, at)


def fact(key: str, value: str, *, age: float) -> Fact:
    """A statement recorded so many seconds ago."""
    return Fact(key, value, 1.0, "user", 0.0, None, NOW - age)


@pytest.mark.parametrize(
    "text",
    ["Hello!", "hi there", "Thanks a lot :)", "Good morning everyone, hello", "ok thank you"],
)
def test_a_greeting_is_small_talk(text: str) -> None:
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    [
        "This is the history", "Which chip is in it?", "They said hi to Ann", "hey, it is 5 pm",
        "Thanks to the loan we could buy it", "", "...", "good", "hello " * 40,
    ],
)  # fmt: skip
def test_what_only_contains_the_letters_of_a_greeting_is_kept(text: str) -> None:
    assert not is_small_talk(text)


def test_an_entry_of_three_days_is_three_days_old_and_not_five_minutes() -> None:
    # 4,325 minutes: the earlier rule took the seconds within the day and found 5.
    age = 4325 * 60.0
    (old,) = by_need(NOW, [entry("a", "x" * 900, age=age)], Policy())
    assert old.why.startswith("unread for 3 days")
    (greeting,) = by_need(NOW, [entry("a", "hello there", age=age)], Policy())
    assert (greeting.action, greeting.why) == ("DELETE", "small talk")
    (fresh,) = by_need(NOW, [entry("a", "hello there", age=300)], Policy())
    assert fresh.action == "KEEP"


def test_by_need_the_least_needed_come_first_with_a_reason_each() -> None:
    entries = [
        entry("ten", "x" * 900, priority=10),
        entry("long", "x" * 900, age=9 * DAY),
        entry("short", "short"),
        entry("faint", "short", age=90 * DAY, priority=1),
        entry("pinned", "x" * 900, age=90 * DAY, pinned=True),
    ]
    found = by_need(NOW, entries, Policy())
    assert [(one.id, one.action) for one in found] == [
        ("faint", "DELETE"), ("long", "COMPRESS"), ("short", "KEEP"), ("ten", "COMPRESS"),
    ]  # fmt: skip
    assert all(one.why for one in found)
    stale = by_need(NOW, entries, Policy(), stale=True)
    assert [one.id for one in stale] == ["faint", "long"]


def test_of_a_repetition_the_less_worthy_is_proposed() -> None:
    entries = [
        entry("new", "Ann likes the big red bicycle", age=10),
        entry("old", "the big red bicycle is what she likes", age=99, priority=7),
    ]
    (one,) = repeated(entries, SAME)
    assert (one.id, one.action, one.other) == ("new", "DELETE", "old")


@pytest.mark.parametrize("pinned", [False, True])
def test_of_a_repetition_from_outside_the_users_own_words_stay(pinned: bool) -> None:
    own = entry("own", "Ann likes the big red bicycle", age=99)
    web = entry("web", "the big red bicycle is what she likes", priority=9, pinned=pinned)
    found = repeated([own, replace(web, trust="untrusted")], SAME)
    assert [one.id for one in found] == ([] if pinned else ["web"])


def test_texts_that_differ_in_a_value_are_never_repetitions() -> None:
    entries = [entry("a", "the fare is 20 euros"), entry("b", "the fare is 30 euros")]
    assert repeated(entries, SAME) == []
    assert repeated(entries, None) == []
    assert repeated([entry("a", "it is closed"), entry("b", "it is not closed")], SAME) == []


def test_without_vectors_shared_words_find_repetitions() -> None:
    entries = [
        entry("a", "the rent contract lies in the blue folder", age=5),
        entry("b", "the rent contract lies in the blue folder now and always", age=9),
        entry("c", "an allergy test in spring"),
    ]
    assert [one.id for one in repeated(entries, None)] in (["a"], ["b"])


def test_an_older_state_is_asked_about_when_the_newer_speaks_of_a_change() -> None:
    old = entry("old", "Ann works at Acme", age=90 * DAY)
    new = entry("new", "Ann now works at Globex", age=DAY)
    (one,) = superseded([new, old], SAME)
    assert (one.id, one.other) == ("old", "new")
    assert superseded([entry("x", "Ann works at Globex"), old], SAME) == []


def test_what_was_found_when_it_was_stored_is_asked_about_without_comparing() -> None:
    old, new = entry("old", "one thing"), entry("new", "another")
    (one,) = superseded([], None, [(new, old)])
    assert (one.id, one.other) == ("old", "new")
    pinned = replace(old, subject=replace(old.subject, pinned=True))
    assert superseded([], None, [(new, pinned)]) == []


def test_no_deletion_is_proposed_for_the_sake_of_a_less_trusted_text() -> None:
    old = entry("old", "Ann works at Acme", age=90 * DAY)
    web = replace(entry("web", "Ann now works at Globex", age=DAY), trust="untrusted")
    assert superseded([web, old], SAME, [(web, old)]) == []
    (one,) = superseded([web, replace(old, trust="untrusted")], SAME)
    assert (one.id, one.other) == ("old", "web")


def test_a_stated_fact_is_proposed_with_key_and_value_unless_it_is_kept() -> None:
    said = [entry("a", "My name is Nadia."), entry("b", "The name of the ship is unknown.")]
    (one,) = factual(said, {})
    assert (one.id, one.action, one.fact_key, one.fact_value) == (
        "a", "PROMOTE", "user.name", "Nadia",
    )  # fmt: skip
    assert factual(said, {"user.name": fact("user.name", "Nadia", age=DAY)}) == []


def test_a_change_of_a_fact_is_proposed_when_it_was_said_after_the_fact_was_kept() -> None:
    city = {"user.city": fact("user.city", "Ghent", age=DAY)}
    (one,) = factual([entry("new", "I live in Porto now.")], city)
    assert (one.action, one.fact_key, one.fact_value) == ("PROMOTE", "user.city", "Porto")
    assert "another user.city" in one.why
    assert factual([entry("same", "I live in ghent.")], city) == []
    assert factual([entry("old", "I live in Lisbon.", age=2 * DAY)], city) == []
