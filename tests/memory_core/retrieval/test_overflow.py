"""A text that does not fit comes in pieces that do, those that bear on the question first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routemem.memory_core.retrieval.overflow import LIMIT, OVERLAP, focused, overflow
from routemem.memory_core.text.tokens import estimate


def words(text: str) -> int:
    return len(text.split())


LONG = " ".join(f"Sentence number {n} says that all is well." for n in range(2000))
NEEDLE = LONG[:30_000] + " The reactor password hint is a heron. " + LONG[30_000:]


def test_the_published_sizes_are_the_defaults() -> None:
    assert (LIMIT, OVERLAP) == (1024, 128)
    assert all(estimate(LONG[start:end]) <= 1024 for start, end in overflow(LONG, "", estimate))


def test_the_piece_that_bears_on_the_question_comes_first() -> None:
    start, end = overflow(NEEDLE, "what is the reactor hint", estimate)[0]
    assert "heron" in NEEDLE[start:end]


def test_without_a_question_pieces_stay_in_order() -> None:
    spans = overflow(LONG, "", estimate)
    assert spans == sorted(spans)


texts = st.one_of(
    st.text(max_size=300),
    st.integers(0, 300).map(lambda n: "word " * n),
    st.integers(0, 200).map(lambda n: "日本語。" * n),
    st.integers(0, 400).map(lambda n: "x" * n),
)


@settings(deadline=None)
@given(texts, st.integers(-3, 60), st.integers(-3, 90))
def test_it_ends_and_covers_every_character_for_any_size_and_overlap(
    text: str, limit: int, overlap: int
) -> None:
    spans = sorted(overflow(text, "word", estimate, limit=limit, overlap=overlap))
    covered = 0
    for start, end in spans:
        assert start <= covered
        covered = max(covered, end)
        assert estimate(text[start:end]) <= max(1, limit) or end - start <= 1
    assert spans[0][0] == 0
    assert covered == len(text)


@pytest.mark.parametrize("budget", [60, 150, 400, 1000])
def test_a_text_is_cut_to_what_bears_on_the_question(budget: int) -> None:
    said = focused(NEEDLE, "reactor hint", budget, estimate)
    assert estimate(said) <= budget
    assert "heron" in said


def test_what_says_nothing_of_the_question_is_shown_from_its_beginning() -> None:
    assert focused(LONG, "zebra", 200, estimate).startswith("Sentence number 0 says")
    assert focused(LONG, "", 200, estimate).startswith("Sentence number 0 says")
    assert focused("short", "zebra", 200, estimate) == "short"


@settings(deadline=None)
@given(texts, st.text(max_size=20), st.integers(1, 300))
def test_no_budget_is_exceeded(text: str, query: str, budget: int) -> None:
    said = focused(text, query, budget, estimate)
    assert estimate(said) <= budget or said == text
