"""Stretches of time a question speaks of."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.retrieval.time_expressions import Span, Yearly, periods, within

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC).timestamp()  # a Friday


def days(question: str) -> list[str]:
    return [
        f"{date.fromtimestamp(p.start)} {date.fromtimestamp(p.end)}"
        for p in periods(question, NOW)
        if isinstance(p, Span)
    ]


@pytest.mark.parametrize(
    ("question", "span"),
    [
        ("What did we do last spring?", "2026-03-01 2026-06-01"),
        ("since last winter", "2025-12-01 2026-03-01"),
        ("three weeks ago", "2026-10-26 2026-11-04"),
        ("a couple of days ago", "2026-11-17 2026-11-20"),
        ("on 8 May 2023", "2023-05-08 2023-05-09"),
        ("May 8th, 2023", "2023-05-08 2023-05-09"),
        ("the 31 February 2023", "2023-02-01 2023-03-01"),
        ("2023-05", "2023-05-01 2023-06-01"),
        ("2023-05-08", "2023-05-08 2023-05-09"),
        ("in August 2023", "2023-08-01 2023-09-01"),
        ("in 2022", "2022-01-01 2023-01-01"),
        ("last Friday", "2026-11-13 2026-11-14"),
        ("last week", "2026-11-09 2026-11-16"),
        ("last month", "2026-10-01 2026-11-01"),
        ("last March", "2026-03-01 2026-04-01"),
        ("next June", "2027-06-01 2027-07-01"),
        ("yesterday", "2026-11-19 2026-11-20"),
    ],
)
def test_a_period_is_read_from_its_words(question: str, span: str) -> None:
    assert days(question) == [span]


@pytest.mark.parametrize(
    ("question", "period"),
    [
        ("in May", Yearly(5)),
        ("What happened in december?", Yearly(12)),
        ("on 4 July", Yearly(7, 4)),
        ("the 4th of July", Yearly(7, 4)),
    ],
)
def test_a_month_without_a_year_is_that_of_any_year(question: str, period: Yearly) -> None:
    assert periods(question, NOW) == (period,)


@pytest.mark.parametrize(
    "question",
    ["what may happen", "they march on", "What did Jan say?", "an hour ago", "room 2022"],
)
def test_what_is_not_unmistakable_is_not_read(question: str) -> None:
    assert periods(question, NOW) == ()


def test_times_lie_in_a_period_or_not() -> None:
    at = np.array([datetime(y, m, d, 12, tzinfo=UTC).timestamp() for y, m, d in (
        (2023, 5, 8), (2024, 5, 31), (2023, 6, 1), (1969, 5, 8))])  # fmt: skip
    assert within(at, (Yearly(5),)).tolist() == [True, True, False, True]
    assert within(at, (Yearly(5, 8),)).tolist() == [True, False, False, True]
    assert within(at, periods("8 May 2023", NOW)).tolist() == [True, False, False, False]
    assert not within(at, ()).any()


@given(st.text(alphabet="0123456789 -lastmonthweekyearagoMayJune,", max_size=40))
def test_no_question_breaks_the_reading(question: str) -> None:
    for period in periods(question, NOW):
        assert isinstance(period, Yearly) or period.start < period.end
