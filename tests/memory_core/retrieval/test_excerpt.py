"""Of a text that does not fit, the part that bears on the question is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.retrieval.excerpt import excerpt
from routemem.memory_core.text.tokens import estimate

BEFORE = "The meeting began late. Everybody had tea. Nothing much was said for an hour. "
NEEDLE = "The heron nests on the third pylon. "
AFTER = "It is fed on Sundays. Then the talk turned to football. All went home at nine."
TEXT = BEFORE + NEEDLE + AFTER


def test_a_text_that_fits_is_given_back() -> None:
    assert excerpt(TEXT, "heron", 1000, estimate) == TEXT


def test_the_sentence_about_the_question_is_shown_and_what_follows_it() -> None:
    assert excerpt(TEXT, "where is the heron", 25, estimate) == f"… {NEEDLE}It is fed on Sundays."


def test_what_begins_the_text_is_shown_without_a_gap() -> None:
    assert excerpt(TEXT, "when did the meeting begin", 14, estimate).startswith("The meeting")


@pytest.mark.parametrize("query", ["", "zebra"])
def test_where_nothing_bears_on_it_the_beginning_is_shown(query: str) -> None:
    assert excerpt(TEXT, query, 20, estimate).startswith("The meeting began late.")


def test_of_two_words_the_rare_one_decides() -> None:
    text = "The heron flew. " * 20 + "The heron has a ring. " + "The heron slept. " * 20
    assert "ring" in excerpt(text, "heron ring", 20, estimate)


def test_a_sentence_that_is_too_long_is_shown_from_just_before_the_word() -> None:
    text = " ".join(["word"] * 300 + ["heron"] + ["word"] * 300)
    said = excerpt(text, "heron", 30, estimate)
    assert said.startswith("… word")
    assert "heron" in said


@given(st.text("ab. \n日", max_size=300), st.sampled_from(["a", "b 日", ""]), st.integers(1, 90))
def test_no_budget_is_exceeded(text: str, query: str, budget: int) -> None:
    assert estimate(excerpt(text, query, budget, estimate)) <= budget
