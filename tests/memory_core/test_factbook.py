"""Facts of one scope, turns, and the context made of both."""

import json
from pathlib import Path
from typing import Any

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.errors import Conflict, InvalidArgument
from routemem.memory_core.memory import Memory
from routemem.memory_core.records import Fact
from routemem.memory_core.settings import Settings

JSON_VALUES: list[Any] = [
    "text", "", "5", '{"a": 1}', 5, -1.5, 0, True, False, None, [], {}, ["ü", {"日": [None, 1]}],
]  # fmt: skip


def test_one_object_keeps_turns_facts_and_context(memory: Memory) -> None:
    memory.log_turn("I moved to Ghent in January.", "Noted: Ghent.")
    memory.log_turn("My sister bakes bread.")
    memory.set_fact("user.city", "Ghent")
    assert memory.get_fact("user.city") == "Ghent"
    assert memory.get_fact("user.shoes", "unknown") == "unknown"
    assert {hit.speaker for hit in memory.recall("Ghent", kinds=["turn"]).hits} == {
        "user", "assistant",
    }  # fmt: skip
    for budget in (40, 100, 3000):
        context = memory.get_context("where does the user live", max_tokens=budget)
        assert memory.counter.count(context.text) <= budget
        assert "user.city" in context.text
    assert "I moved to Ghent" in context.text


@pytest.mark.parametrize("value", JSON_VALUES, ids=json.dumps)
def test_a_fact_is_any_json_value_and_keeps_its_type(memory: Memory, value: Any) -> None:
    memory.set_fact("key", value)
    (fact,) = memory.get_facts(["key"])
    assert fact.value == value
    assert type(fact.value) is type(value)
    assert memory.get_fact("key", default="none") == value


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes", "x" * 70_000])
def test_what_is_no_json_value_is_no_fact(memory: Memory, value: Any) -> None:
    with pytest.raises(InvalidArgument):
        memory.set_fact("key", value)
    assert memory.get_facts() == []


def test_a_fact_that_changes_twice_has_three_entries_and_a_value_for_every_time(
    memory: Memory, clock: StoppedClock
) -> None:
    for value in ("blue", "green", "blue"):
        memory.set_fact("colour", value)
        clock.advance(days=10)
    history = memory.get_facts(["colour"], history=True)
    assert [fact.value for fact in history] == ["blue", "green", "blue"]
    assert [fact.valid_to for fact in history] == [*(f.valid_from for f in history[1:]), None]
    (then,) = memory.get_facts(["colour"], as_of=history[1].valid_from + 86_400)
    assert then.value == "green"
    assert memory.get_facts(["colour"], as_of=history[0].valid_from - 1) == []


def test_a_thousand_values_of_one_key_are_read_as_of_any_day(memory: Memory) -> None:
    day = 86_400.0
    said = [Fact("mood", n, 1.0, "user", n * day, (n + 1) * day, n * day) for n in range(1000)]
    assert memory.merge_facts(said) == 1000
    memory.set_fact("mood", "calm", valid_from=1000 * day)
    assert len(memory.get_facts(["mood"], history=True)) == 1001
    assert [fact.value for fact in memory.get_facts(["mood"])] == ["calm"]
    for n in (0, 500, 999):
        assert memory.get_facts(["mood"], as_of=(n + 0.5) * day)[0].value == n
    assert "mood: calm" in memory.get_context("mood", max_tokens=100).text


def test_the_same_value_again_is_believed_more_even_after_opening_again(
    tmp_path: Path, settings: Settings
) -> None:
    with Memory.open(tmp_path / "m.db", embedder="hash", settings=settings) as memory:
        first = memory.set_fact("city", "Ghent", confidence=0.6).fact.confidence
        second = memory.set_fact("city", "Ghent", confidence=0.6)
        assert second.status == "confirmed"
        assert second.fact.confidence > first
    with Memory.open(tmp_path / "m.db", embedder="hash", settings=settings) as memory:
        (fact,) = memory.get_facts(["city"], history=True)
        assert fact.confidence == second.fact.confidence


def test_a_word_from_outside_ends_nothing_that_is_trusted(memory: Memory) -> None:
    memory.set_fact("user.bank", "the one by the harbour", confidence=0.5, source="user")
    with pytest.raises(Conflict, match="source 'user'"):
        memory.set_fact("user.bank", "the one in the mail", source="web")
    with pytest.raises(Conflict):
        memory.set_fact("user.bank", "the one in the mail", source="web", valid_from="2031-01-01")
    memory.set_fact("user.bank", "the one by the harbour", source="web")  # nor makes it surer
    (fact,) = memory.get_facts(["user.bank"], history=True)
    assert (fact.value, fact.confidence) == ("the one by the harbour", 0.5)
    memory.set_fact("user.bank", "the one in the mail", source="user")
    assert memory.get_fact("user.bank") == "the one in the mail"


def test_what_came_from_outside_is_the_users_once_the_user_says_it(memory: Memory) -> None:
    memory.set_fact("shop.hours", "9 to 5", source="web")
    memory.set_fact("shop.hours", "9 to 6", source="web")
    memory.set_fact("shop.hours", "9 to 6", source="assistant")  # may only repeat what it read
    assert memory.get_facts(["shop.hours"])[0].trust == "untrusted"
    assert memory.set_fact("shop.hours", "9 to 6", source="user").status == "confirmed"
    (fact,) = memory.get_facts(["shop.hours"])
    assert (fact.source, fact.trust) == ("user", "normal")


def test_several_facts_are_stated_at_once_or_not_at_all(memory: Memory) -> None:
    done = memory.set_facts([
        {"key": "user.city", "value": "Ghent", "confidence": 0.9, "source": "user"},
        {"key": "user.age", "value": 34, "valid_from": "2025-05-01"},
    ])  # fmt: skip
    assert [change.status for change in done] == ["stored", "stored"]
    assert memory.get_fact("user.age") == 34
    for wrong in ({"key": "x"}, {"key": "x", "value": 1, "colour": 2}, {"key": "*", "value": 1}):
        with pytest.raises(InvalidArgument):
            memory.set_facts([{"key": "user.city", "value": "Lyon"}, wrong])
    assert memory.get_fact("user.city") == "Ghent"


def test_two_memories_of_one_key_become_one_newest_wins_and_both_histories_stay(
    memory: Memory, settings: Settings, clock: StoppedClock
) -> None:
    memory.set_fact("user.city", "Lyon", valid_from="2020-01-01")
    with Memory.open(None, embedder="none", settings=settings, clock=clock) as other:
        clock.advance(days=1)
        other.set_fact("user.city", "Rome", valid_from="2018-01-01")
        other.set_fact("user.city", "Ghent", valid_from="2025-01-01")
        theirs = other.store.facts()
    assert memory.merge_facts(theirs) > 0
    assert memory.get_fact("user.city") == "Ghent"
    said = {fact.value for fact in memory.store.facts(["user.city"])}
    assert said == {"Lyon", "Rome", "Ghent"}
    assert memory.get_facts(["user.city"], as_of="2019-01-01")[0].value == "Rome"
    before = memory.store.facts()
    assert memory.merge_facts(theirs) == 0
    assert memory.store.facts() == before


def test_a_key_spelt_otherwise_is_another_key_and_said_to_be_one(memory: Memory) -> None:
    memory.set_fact("user.city", "Ghent")
    assert not memory.set_fact("user.city_of_birth", "Lisbon").note
    other = memory.set_fact("User City", "Antwerp")
    assert other.fact.key == "user city"
    assert "There is also user.city," in other.note
    assert "forget user city" in other.note
    assert not memory.set_fact("User City", "Bruges").note
    assert memory.get_facts(["user.city"])[0].value == "Ghent"


def test_what_is_forgotten_is_not_true_now_nor_later(memory: Memory, clock: StoppedClock) -> None:
    now = clock()
    memory.set_fact("city", "Bruges", valid_from=now - 1000)
    memory.set_fact("city", "Ghent", valid_from=now + 1000)
    memory.forget(["city"])
    assert memory.get_facts(["city"]) == []
    assert memory.get_facts(["city"], as_of=now + 2000) == []
    memory.set_fact("city", "Rome")
    assert [fact.value for fact in memory.get_facts(["city"], as_of=now + 2000)] == ["Rome"]


def test_the_id_of_a_statement_ends_that_one_alone(memory: Memory, clock: StoppedClock) -> None:
    now = clock()
    for value, since in (("Bruges", now - 2000), ("Ghent", now - 1000), ("Rome", now + 1000)):
        memory.set_fact("city", value, valid_from=since)
    bruges, ghent, rome = memory.get_facts(["city"], history=True)
    (done,) = memory.forget([bruges.id])
    assert done.note == f"{bruges.id} was no longer true already; nothing was changed."
    assert memory.get_facts(["city"], history=True) == [bruges, ghent, rome]
    (done,) = memory.forget([rome.id])
    assert "will not become true" in done.note
    assert memory.get_fact("city") == "Ghent"
    assert memory.get_facts(["city"], as_of=now + 2000) == []
    memory.forget([ghent.id])
    assert memory.get_fact("city") is None


def test_deleting_by_one_statement_says_that_the_whole_history_goes(memory: Memory) -> None:
    memory.set_fact("city", "Bruges", valid_from="2020")
    memory.set_fact("city", "Ghent", valid_from="2021")
    old = memory.get_facts(["city"], history=True)[0]
    (done,) = memory.forget([old.id], mode="delete")
    assert (done.id, "whole history" in done.note) == ("city", True)
    assert memory.get_facts(["city"], history=True) == []
