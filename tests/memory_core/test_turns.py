"""Exchanges: stored word for word, recent for a while, never lost, never found for themselves."""

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings


def texts(memory: Memory) -> list[str]:
    return [text for _, text in memory.recent()]


def test_an_exchange_is_stored_recalled_and_recent(memory: Memory) -> None:
    done = memory.log_turn("The gauge tests run on Friday.", "Noted, Friday it is.")
    assert len(done.ids) == 2
    assert texts(memory) == ["The gauge tests run on Friday.", "Noted, Friday it is."]
    assert set(done.ids) <= {hit.id for hit in memory.recall("gauge tests Friday").hits}
    first = memory.find(done.ids[0])
    assert first is not None
    assert (first.kind, first.speaker, first.origin) == ("turn", "user", "user")


def test_an_exchange_is_never_found_for_itself(memory: Memory, clock: StoppedClock) -> None:
    known = memory.remember("The tide model needs nine hours a run.").id
    done = memory.log_turn("How long does the tide model run?", "Nine hours.", recall_top_k=5)
    assert [hit.id for hit in done.recalled] == [known]
    clock.advance(seconds=30)
    again = memory.log_turn("How long does the tide model run?", recall_top_k=5)
    assert known in {hit.id for hit in again.recalled}
    assert "How long does the tide model run?" not in {hit.text for hit in again.recalled}


def test_the_augmented_prompt_holds_the_texts_and_the_question(memory: Memory) -> None:
    memory.remember("Ann is allergic to hazelnuts.", speaker="Ann")
    memory.remember("The office closes at six.", source="web")
    done = memory.log_turn("What must Ann not eat at the office?", recall_top_k=3)
    assert "Ann is allergic to hazelnuts." in done.augmented_prompt
    assert "data, not instructions" in done.augmented_prompt
    assert "(web, untrusted)" in done.augmented_prompt
    assert done.augmented_prompt.endswith("What must Ann not eat at the office?")


def test_without_anything_known_the_prompt_is_the_question(memory: Memory) -> None:
    assert memory.log_turn("Who is Ann?", recall_top_k=3).augmented_prompt == "Who is Ann?"
    assert memory.log_turn("Who is Bob?").augmented_prompt == ""


@pytest.mark.parametrize("budget", [16, 40, 100, 300, 1500])
def test_the_augmented_prompt_keeps_its_budget(memory: Memory, budget: int) -> None:
    for n in range(12):
        memory.remember(f"zebra {n} " + "stands by the old river and waits. " * (8 * n))
    done = memory.log_turn("zebra river " * 60, recall_top_k=10, max_tokens=budget)
    assert memory.counter.count(done.augmented_prompt) <= budget
    assert "zebra" in done.augmented_prompt or budget < 20


def test_facts_are_proposed_and_none_is_written(memory: Memory) -> None:
    done = memory.log_turn("I live in Ghent.", "My name is Claude.")
    assert [(c.key, c.value) for c in done.candidates] == [("user.city", "Ghent")]
    assert memory.get_facts() == []
    memory.set_fact(done.candidates[0].key, done.candidates[0].value)
    assert memory.get_fact("user.city") == "Ghent"


def test_two_hundred_turns_leave_fifty_recent_and_all_in_memory(
    memory: Memory, clock: StoppedClock
) -> None:
    ids: list[str] = []
    for n in range(100):
        clock.advance(seconds=1)
        ids += memory.log_turn(f"topic{n} alpha{n}", f"reply{n} beta{n}").ids
    shown = [item.id for item, _ in memory.recent()]
    assert len(shown) <= 50
    assert shown[-1] == ids[-1]
    for id in ids:
        item = memory.find(id)
        assert item is not None
        assert item.state == "active"
    assert ids[0] in {hit.id for hit in memory.recall("topic0 alpha0").hits}


def test_what_leaves_is_told_with_its_reason_every_five_exchanges(
    memory: Memory, clock: StoppedClock
) -> None:
    first = memory.log_turn("the very first words", "and their answer").ids
    clock.advance(hours=3)
    told = [memory.log_turn(f"later{n} words{n}", f"answer{n} too{n}").left for n in range(4)]
    assert told[:3] == [{}, {}, {}]
    assert told[3] == dict.fromkeys(first, "older than 120 minutes")


def test_what_has_aged_meanwhile_is_not_shown_although_nobody_wrote(
    memory: Memory, clock: StoppedClock
) -> None:
    for n in range(5):
        memory.log_turn(f"morning{n} words{n}", f"answer{n}")
    assert len(memory.recent()) == 10
    clock.advance(hours=4)
    assert len(memory.recent()) == 5  # as many stay


def test_a_forgotten_turn_is_not_recent(memory: Memory) -> None:
    done = memory.log_turn("my locker opens with 4711", "I will not repeat it.")
    memory.forget([done.ids[0]], mode="archive")
    assert texts(memory) == ["I will not repeat it."]
    memory.forget([done.ids[1]], mode="purge")
    assert texts(memory) == []


def test_the_recent_turns_survive_a_restart(
    memory: Memory, settings: Settings, clock: StoppedClock
) -> None:
    memory.log_turn("before the restart")
    path = memory.store.db.path  # type: ignore[attr-defined]  # a SQLite store
    memory.close()
    with Memory.open(path, embedder="hash", settings=settings, clock=clock) as again:
        assert texts(again) == ["before the restart"]


def test_much_talk_is_said_to_be_much(memory: Memory) -> None:
    long = " ".join(f"word{n}" for n in range(1500))
    assert "tokens" in memory.log_turn(long, long + " end").note


@pytest.mark.parametrize(
    "arguments",
    [
        {"recall_top_k": 51},
        {"max_tokens": 5},
        {"user": ""},
        {"assistant": "x" * (1 << 20) + "x"},
    ],
)
def test_an_exchange_that_cannot_be_is_refused_and_leaves_nothing(
    memory: Memory, arguments: dict[str, object]
) -> None:
    with pytest.raises(InvalidArgument):
        memory.log_turn(**{"user": "kept?", **arguments})  # type: ignore[arg-type]  # wrong on purpose
    assert memory.status().items["active"] == 0


def test_an_empty_answer_is_none_and_an_empty_question_is_called_by_its_name(
    memory: Memory,
) -> None:
    assert len(memory.log_turn("Is the mill open?", "  ").ids) == 1
    with pytest.raises(InvalidArgument, match="user is empty"):
        memory.log_turn(" ", "It is.")


def test_words_that_must_not_be_stored_are_in_no_part_of_the_reply(memory: Memory) -> None:
    memory.remember("The deploy host is blue.")
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    done = memory.log_turn(f"I live in Ghent. Deploy with {token}", "Ok.", recall_top_k=3)
    assert token not in str(done)
    assert "held in quarantine" in done.note
    assert done.candidates == ()
    assert [text for _, text in memory.recent()] == ["Ok."]


def test_a_compressed_turn_is_recent_by_its_summary(memory: Memory) -> None:
    said = memory.log_turn("The mill by the river turned slowly, as it always did. " * 8).ids[0]
    memory.log_turn("Good evening.")
    memory.compress([said], summary="The mill turned slowly.")
    shown = {item.id: text for item, text in memory.recent()}
    assert shown[said] == "The mill turned slowly. (summary)"
    context = memory.get_context("evening", include=["recent"])
    assert "The mill turned slowly. (summary)" in context.text
    assert "as it always did" not in context.text
