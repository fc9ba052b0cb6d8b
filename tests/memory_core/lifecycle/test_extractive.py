import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.extractive import condense, salience, summarise
from routemem.memory_core.text.tokens import estimate

DIARY = """Notes of the week. It was nice and everything went well, as things go. On 14 October \
2026 I signed the lease with Mrs Albrecht for 1,250 euros a month. The weather was the usual sort \
of weather. People say that this happens at that time. What should one make of all that? \
My sister Nadia arrives on Friday at 18:40 from Lisbon. Things are as they are, and that is good. \
The plan is at https://example.org/plan now. There is not much else that could be said about it."""
TELLING = ("On 14 October 2026", "Nadia arrives on Friday", "https://example.org/plan")


def words(text: str) -> int:
    return len(text.split())


TEXTS = st.lists(
    st.sampled_from([*(DIARY.split(". ")), "日本語の文。", "Nein!", "x" * 90, "A 3\n", "why?"]),
    max_size=40,
).map(" ".join)


@given(TEXTS | st.text(), st.integers(1, 120), st.sampled_from([len, words, estimate]))
def test_summary_never_exceeds_the_budget(
    text: str, budget: int, count: Callable[[str], int]
) -> None:
    assert count(summarise(text, budget, count)) <= budget


@given(TEXTS, st.integers(1, 120))
def test_summary_is_the_same_every_time(text: str, budget: int) -> None:
    assert summarise(text, budget, estimate) == summarise(text, budget, estimate)


@given(
    st.lists(st.sampled_from(re.split(r"[.?] ", DIARY)), min_size=3, max_size=40),
    st.integers(20, 200),
)
def test_sentences_are_kept_word_for_word_and_in_order(said: list[str], budget: int) -> None:
    numbered = [f"N{number:03}: {sentence}." for number, sentence in enumerate(said)]
    summary = summarise(" ".join(numbered), budget, estimate)
    shown = [int(number) for number in re.findall(r"N(\d{3}):", summary)]
    assert shown == sorted(set(shown))
    whole = [number for number in shown if numbered[number] in summary]
    assert len(whole) >= len(shown) - 1  # at most one is the beginning of a sentence


def test_a_text_that_fits_is_its_own_summary() -> None:
    assert summarise(DIARY, estimate(DIARY), estimate) == DIARY


def test_telling_sentences_outlive_the_others() -> None:
    summary = summarise(DIARY, 43, words)
    assert all(telling in summary for telling in TELLING)
    assert "weather" not in summary
    assert "What should one make" not in summary


def test_the_first_sentence_stays_when_it_fits() -> None:
    assert summarise(DIARY, 40, estimate).startswith("Notes of the week.")


def test_a_single_sentence_that_is_too_long_is_cut() -> None:
    text = "and then " * 500
    summary = summarise(text, 50, estimate)
    assert text.startswith(summary)
    assert 35 <= estimate(summary) <= 50


def test_repetitions_come_last() -> None:
    text = "We met Ana in 2026. " * 30 + "It was fine."
    assert summarise(text, 15, words) == "We met Ana in 2026. We met Ana in 2026. It was fine."


def test_line_breaks_between_sentences_stay_line_breaks() -> None:
    text = "Ana: I live in Rome since 2019.\nBo: ok then, fine by me as it is.\nAna: My cat is Mia."
    assert summarise(text, 14, words) == "Ana: I live in Rome since 2019.\nAna: My cat is Mia."


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("count", [estimate, words])
def test_condensing_meets_the_ratio_within_a_fifth(
    ratio: float, count: Callable[[str], int]
) -> None:
    text = "\n\n".join(DIARY.replace("14", str(n)).replace("Nadia", f"Nadia{n}") for n in range(40))
    achieved = count(condense(text, ratio, count)) / count(text)
    assert 0.8 * ratio <= achieved <= ratio * 1.001


def test_salience_prefers_what_can_be_asked_about() -> None:
    assert salience("I met Nadia Albrecht on 14 October 2026.") > salience("It went rather well.")
    assert salience("Did I meet Nadia in 2026?") < salience("I met Nadia in 2026.")
    assert salience("我去年在北京买了3套房。") > salience("天气很好。")


@pytest.mark.parametrize("part", [
    "a", "7", "www", "\n", "日", "a.b ", "?",
    *(pytest.param(part, marks=pytest.mark.slow) for part in ("a@", "a/", ". ", "A ")),
])  # fmt: skip
def test_a_megabyte_of_anything_is_summarised(part: str) -> None:
    text = part * ((1 << 20) // len(part))
    assert estimate(summarise(text, 200, estimate)) <= 200
