"""Questions wait for a person, and keep the answer."""

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.errors import Conflict, InvalidArgument, NotFound
from routemem.memory_core.memory import Memory


def test_questions_wait_by_priority_then_age(memory: Memory, clock: StoppedClock) -> None:
    questions = memory.boards.questions
    for text, priority in (("old?", 5), ("urgent?", 9), ("new?", 5)):
        questions.ask(text, priority=priority)
        clock.advance(seconds=60)
    assert [one.text for one in questions.list()] == ["urgent?", "old?", "new?"]


def test_an_answer_is_kept_with_the_way_it_came(memory: Memory, clock: StoppedClock) -> None:
    questions = memory.boards.questions
    asked = questions.ask("Which colour?", context="For the door.")
    clock.advance(seconds=7200)
    answered = questions.answer(asked.id, " blue ", via="tool")
    assert (answered.status, answered.answer, answered.via) == ("answered", "blue", "tool")
    assert answered.answered_at == clock()
    assert questions.list() == []
    assert questions.list(status=()) == [answered]


def test_a_second_answer_does_not_replace_the_first(memory: Memory) -> None:
    questions = memory.boards.questions
    asked = questions.ask("Which colour?")
    questions.answer(asked.id, "blue")
    assert questions.answer(asked.id, "blue").answer == "blue"
    with pytest.raises(Conflict):
        questions.answer(asked.id, "red")
    assert questions.get(asked.id).answer == "blue"


def test_an_open_question_is_not_put_twice_but_an_answered_one_may_be(memory: Memory) -> None:
    questions = memory.boards.questions
    first = questions.ask("Which colour?")
    assert questions.ask("Which colour?", priority=9) == first
    questions.answer(first.id, "blue")
    assert questions.ask("Which colour?").id != first.id


def test_declining_closes_a_question_and_an_answer_is_still_taken(memory: Memory) -> None:
    questions = memory.boards.questions
    asked = questions.ask("Which colour?")
    assert questions.decline(asked.id).status == "declined"
    assert questions.list() == []
    assert questions.answer(asked.id, "blue").status == "answered"
    assert questions.decline(asked.id).status == "answered"


def test_empty_and_unknown_are_refused(memory: Memory) -> None:
    questions = memory.boards.questions
    with pytest.raises(InvalidArgument):
        questions.ask("  ")
    with pytest.raises(NotFound):
        questions.answer("zz-1", "blue")
    asked = questions.ask("Which?")
    with pytest.raises(InvalidArgument):
        questions.answer(asked.id, " ")
    with pytest.raises(NotFound):
        questions.get(memory.boards.tasks.create("a task").id)


def test_a_question_offers_answers_to_choose_from(memory: Memory) -> None:
    questions = memory.boards.questions
    asked = questions.ask("Which colour?", options=["blue", " red ", "blue", ""])
    assert questions.get(asked.id).options == ("blue", "red")
    assert questions.answer(asked.id, "neither").answer == "neither"
    with pytest.raises(InvalidArgument, match="at most 20"):
        questions.ask("Which number?", options=[str(n) for n in range(21)])
