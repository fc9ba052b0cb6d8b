"""Shorter texts: at the share that was asked for, and nothing protected is lost."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routemem.memory_core.lifecycle.compression import (
    SHARES,
    TOLERANCE,
    protected,
    shorten,
)
from routemem.memory_core.text.tokens import estimate

MINUTES = """The group met again to talk about the usual things, and nobody was in a hurry. \
It was agreed that the work goes on as it did before. Some of it is slow, which everybody knew. \
On 14 October 2026 the lease was signed with Mrs Albrecht for 1,250 euros a month. \
There is a feeling that the evenings are too long for a meeting of this kind. \
The next date was left open, since nobody had brought a calendar along with them. \
Then the talk turned to the garden, the weather and how quickly a year goes by. \
All plans are kept at https://example.org/plan and mail goes to desk@example.org as ever. \
Later, Jonas O'Brien reported that the pump ran for 19.5 hours without a break. \
People were glad about it and said so, each in their own way and at some length. \
It was noted that the coffee had been better in former times, without any vote on it. \
Nobody objected to closing, and the chairs were put back where they had been before."""
MUST = [
    "14 October 2026", "Mrs Albrecht", "1,250", "https://example.org/plan", "desk@example.org",
    "Jonas O'Brien", "19.5",
]  # fmt: skip
PLAIN = st.sampled_from(
    "they talked about all of it for a while and then went home again as usual".split()
)
SENTENCE = st.lists(PLAIN, min_size=4, max_size=14).map(lambda words: " ".join(words) + ". ")
NAMED = st.sampled_from(
    [
        "then Ann Bell came. ",
        "it costs 3,400 kroner. ",
        "on 3 May 2024 we met. ",
        "see www.a.org/b. ",
    ]
)
TEXTS = st.lists(SENTENCE | NAMED, min_size=1, max_size=60).map("".join)


@pytest.mark.parametrize("strategy", SHARES)
def test_every_name_number_date_and_address_of_a_text_is_kept(strategy: str) -> None:
    short = shorten(MINUTES, strategy, estimate)
    assert [term for term in MUST if term not in short.text] == []
    assert short.tokens == estimate(short.text) < estimate(MINUTES)


@given(TEXTS, st.sampled_from(list(SHARES)))
def test_whatever_is_shortened_keeps_all_that_is_protected(text: str, strategy: str) -> None:
    short = shorten(text, strategy, estimate)
    assert [term for term in protected(text) if term not in short.text] == []
    assert short.tokens <= estimate(text)


@given(st.lists(SENTENCE, min_size=40, max_size=60).map("".join), st.sampled_from(list(SHARES)))
def test_plain_prose_is_cut_to_the_share_of_the_strategy(text: str, strategy: str) -> None:
    share = SHARES[strategy] * estimate(text)
    assume(share > 40)
    assert abs(shorten(text, strategy, estimate).tokens - share) <= TOLERANCE * share


@pytest.mark.parametrize("strategy", ["balanced", "conservative"])
def test_minutes_of_a_meeting_are_cut_to_the_share_of_the_strategy(strategy: str) -> None:
    share = SHARES[strategy] * estimate(MINUTES)
    short = shorten(MINUTES, strategy, estimate)
    assert not short.protected_won
    assert abs(short.tokens - share) <= TOLERANCE * share


@given(TEXTS, st.sampled_from(list(SHARES)))
def test_no_summary_is_a_list_of_words_alone(text: str, strategy: str) -> None:
    assert not shorten(text, strategy, estimate).text.startswith("Also: ")


@pytest.mark.parametrize("usual", [6, 9])
def test_a_list_that_just_fits_in_the_share_has_the_beginning_of_the_text_before_it(
    usual: int,
) -> None:
    runs = "".join(
        f"On {day} May we saw that it ran for {day * 17}.5 hours. " for day in range(4, 9)
    )
    text = runs + "Then they talked about all of it for a while as usual. " * usual
    assert shorten(text, "balanced", estimate).text.startswith(
        "On 4 May we saw that it ran for 68.5"
    )


def test_where_the_protected_alone_is_more_than_the_share_it_wins_and_says_so() -> None:
    table = "\n".join(
        f"On {day} May 2026 Ann Bell paid {day * 17}.50 euros." for day in range(1, 31)
    )
    short = shorten(table, "aggressive", estimate)
    assert short.protected_won
    assert short.tokens > 0.1 * estimate(table) * (1 + TOLERANCE)
    assert all(f"{day * 17}.50" in short.text for day in range(1, 31))


def test_a_text_too_short_to_save_anything_stays_as_it_is() -> None:
    for text in ("", "ok", "Ann Bell, 3 May 2024, 17:40", "日本語の文。"):
        assert shorten(text, "aggressive", estimate).text == text


def test_what_is_protected_is_read_as_a_person_would() -> None:
    assert protected("then Ann Bell met Dr Weiss in Ghent on 3 May, 2024 at 17:40.") == [
        "Ann Bell", "Dr Weiss", "Ghent", "3 May, 2024", "17:40",
    ]  # fmt: skip
    assert protected("so I'm late, I'll pay €1,200.50 (12 %) via https://a.org/x?b=1.") == [
        "€1,200.50", "12 %", "https://a.org/x?b=1",
    ]  # fmt: skip


@pytest.mark.parametrize("piece", ["A", "1,", "a@", "https://", "Ann ", "Jan ", "1 ", "O'"])
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    # With backtracking that grows by the square this would not end within the suite's patience.
    assert shorten(piece * 30_000, "balanced", len).tokens <= len(piece) * 30_000


def test_a_summary_holds_sentences_word_for_word() -> None:
    said = set(re.split(r"(?<=[.]) ", MINUTES))
    lines = shorten(MINUTES, "conservative", estimate).text.split("\n")[0]
    whole = [one for one in re.split(r"(?<=[.…]) ", lines) if not one.endswith("…")]
    assert set(whole) <= said
