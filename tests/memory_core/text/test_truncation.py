from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.text.tokens import estimate, truncate

PARAGRAPH = (
    "Caroline moved to Boston. She works at a clinic now. Her sister lives in Lisbon, and they "
    "talk on Sundays. In summer they want to walk the coast together. "
)


def words(text: str) -> int:
    return len(text.split())


@given(st.text(), st.integers(1, 60), st.sampled_from([len, words, estimate]))
def test_result_never_exceeds_the_budget(
    text: str, budget: int, count: Callable[[str], int]
) -> None:
    shown = truncate(text, budget, count)
    assert count(shown) <= budget
    assert text.startswith(shown)


@given(st.text(), st.integers(1, 60), st.randoms(use_true_random=False))
def test_budget_holds_for_a_counter_that_is_not_monotone(
    text: str, budget: int, random: object
) -> None:
    def count(part: str) -> int:
        return len(part) + (hash(part) % 7 if part else 0)

    assert count(truncate(text, budget, count)) <= budget


@given(st.text(), st.integers(-3, 0))
def test_no_budget_leaves_nothing(text: str, budget: int) -> None:
    assert truncate(text, budget, estimate) == ""


@given(st.text())
def test_a_text_that_fits_is_given_back_as_it_is(text: str) -> None:
    assert truncate(text, max(1, estimate(text)), estimate) == text


def test_cut_falls_after_a_sentence_when_one_ends_near() -> None:
    assert truncate(PARAGRAPH, 60, len) == "Caroline moved to Boston. She works at a clinic now."


def test_cut_falls_after_a_word_when_no_sentence_ends_near() -> None:
    assert truncate(PARAGRAPH, 43, len) == "Caroline moved to Boston. She works at a"


def test_most_of_the_budget_is_used() -> None:
    text = PARAGRAPH * 200
    for budget in (50, 500, 5000):
        assert 0.7 * budget <= estimate(truncate(text, budget, estimate)) <= budget


def test_a_word_longer_than_the_budget_is_cut() -> None:
    assert truncate("x" * 1000, 100, len) == "x" * 100


@pytest.mark.parametrize("cluster", ["👩🏽‍🍳", "❤️", "🇩🇪🇯🇵", "e\u0301\u0323", "\ud83d\ude00"])
def test_what_a_reader_sees_as_one_character_is_not_split(cluster: str) -> None:
    halves = 2 if cluster.startswith("🇩🇪") else 1
    size = len(cluster) // halves
    text = cluster * 20
    for budget in range(1, len(text)):
        assert len(truncate(text, budget, len)) % size == 0


def test_a_character_larger_than_the_budget_leaves_nothing() -> None:
    assert truncate("👩🏽‍🍳👩🏽‍🍳", 2, len) == ""


@pytest.mark.parametrize("character", ["a", " ", "\n", ".", "\u0301", "日", "🇩"])
def test_a_megabyte_of_one_character_is_cut(character: str) -> None:
    shown = truncate(character * (1 << 20), 1500, estimate)
    assert estimate(shown) <= 1500


def test_only_the_beginning_of_a_long_text_is_counted() -> None:
    counted = 0

    def count(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return len(text) // 4

    truncate(PARAGRAPH * 10_000, 100, count)
    assert counted < 20_000
