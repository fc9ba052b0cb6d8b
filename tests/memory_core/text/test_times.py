import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.errors import InvalidTime
from routemem.memory_core.text.times import DAY, iso, parse_moment, parse_span, spoken_date


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type] # six ints


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-11", at(2026, 11, 1), at(2026, 12, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2026-11-03", at(2026, 11, 3), at(2026, 11, 4)),
        (" 2026/11/3 ", at(2026, 11, 3), at(2026, 11, 4)),
        ("2026-11-03T14:05", at(2026, 11, 3, 14, 5), at(2026, 11, 3, 14, 6)),
        ("2026-11-03 14:05:09", at(2026, 11, 3, 14, 5, 9), at(2026, 11, 3, 14, 5, 10)),
        ("2026-11-03t14:05:09z", at(2026, 11, 3, 14, 5, 9), at(2026, 11, 3, 14, 5, 10)),
        ("2026-11-03T01:00+02:00", at(2026, 11, 2, 23), at(2026, 11, 2, 23, 1)),
        ("2026-11-03T23:30-0130", at(2026, 11, 4, 1), at(2026, 11, 4, 1, 1)),
        ("2026-11-03T14:05+00", at(2026, 11, 3, 14, 5), at(2026, 11, 3, 14, 6)),
        ("8 May 2023", at(2023, 5, 8), at(2023, 5, 9)),
        ("8 May, 2023", at(2023, 5, 8), at(2023, 5, 9)),
        ("May 8, 2023", at(2023, 5, 8), at(2023, 5, 9)),
        ("8th of May 2023", at(2023, 5, 8), at(2023, 5, 9)),
        ("sept. 1 2023", at(2023, 9, 1), at(2023, 9, 2)),
        ("March-15-2024", at(2024, 3, 15), at(2024, 3, 16)),
        ("15-Mar-2024", at(2024, 3, 15), at(2024, 3, 16)),
        ("May 2023", at(2023, 5, 1), at(2023, 6, 1)),
        ("Dec 2023", at(2023, 12, 1), at(2024, 1, 1)),
        ("1:56 pm on 8 May, 2023", at(2023, 5, 8, 13, 56), at(2023, 5, 8, 13, 57)),
        ("8 May 2023, 12:00 am", at(2023, 5, 8), at(2023, 5, 8, 0, 1)),
        ("1066-10-14", at(1066, 10, 14), at(1066, 10, 15)),
        ("2150-01-01", at(2150, 1, 1), at(2150, 1, 2)),
    ],
)
def test_what_is_named_is_meant_whole(text: str, start: float, end: float) -> None:
    assert parse_span(text) == (start, end)
    assert parse_moment(text) == start


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "last May",
        "2026-13",
        "2026-02-30",
        "0000-01-01",
        "2026-11-03T25:00",
        "2026-11-03T14:60",
        "2026-11-03T14:05+24:00",
        "13:00 pm on 8 May, 2023",
        "03/11/2026",
        "26-11-03",
        "8 Foo 2023",
        "31 June 2023",
        "1767225600",
        "٢٠٢٦",
        "2026-11-03T",
        "9999-12-31T23:59-05:00",
        "2026-11-03 " + "x" * 10_000,
    ],
)
def test_anything_else_is_refused_with_the_text_and_the_forms(text: str) -> None:
    with pytest.raises(InvalidTime, match="2026-11-03T14:05:00Z") as caught:
        parse_span(text)
    assert repr(text)[:20] in str(caught.value)
    assert "pass the date" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_fractions_name_a_microsecond() -> None:
    start, end = parse_span("2026-11-03T14:05:09.250Z")
    assert start == at(2026, 11, 3, 14, 5, 9) + 0.25
    assert 0 < end - start < 1e-5


def test_the_last_day_of_the_calendar_can_be_written_again() -> None:
    start, end = parse_span("9999-12-31")
    assert (iso(start), iso(end)) == ("9999-12-31", "9999-12-31T23:59:59Z")
    assert iso(parse_moment("9999-12-31T23:59:59.9999999Z")) == "9999-12-31T23:59:59Z"


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-23 * 60, 23 * 60))
def test_every_moment_with_an_offset_is_read_as_datetime_reads_it(
    naive: datetime, minutes: int
) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_moment(moment.isoformat()) == moment.timestamp()


@given(st.integers(-62135596800, 253402300799))
def test_written_times_are_read_back(ts: int) -> None:
    assert parse_moment(iso(ts)) == ts


@given(st.floats(-1e9, 4e9))
def test_written_fractions_are_read_back_to_the_microsecond(ts: float) -> None:
    assert math.isclose(parse_moment(iso(ts)), ts, abs_tol=1e-6)


@given(st.floats().filter(lambda ts: not -62135596800 <= ts < 253402300800))
def test_a_time_outside_the_calendar_is_refused(ts: float) -> None:
    with pytest.raises(InvalidTime, match="years 1 to 9999"):
        iso(ts)


def test_midnight_is_written_as_the_day() -> None:
    assert iso(at(2026, 11, 3)) == "2026-11-03"
    assert iso(at(2026, 11, 3) + 1) == "2026-11-03T00:00:01Z"
    assert iso(at(2026, 11, 3, 14, 5)) == "2026-11-03T14:05:00Z"
    assert iso(at(2026, 11, 3) + 0.5) == "2026-11-03T00:00:00.500000Z"


def test_spoken_dates_have_the_form_of_embedded_text() -> None:
    assert spoken_date(at(2023, 5, 8, 23, 59)) == "8 May, 2023"
    assert spoken_date(-1.0) == "31 December, 1969"


@given(st.integers(-700_000, 2_900_000))
def test_spoken_dates_are_read_back(day: int) -> None:
    text = spoken_date(day * DAY)
    if int(text[-4:].split()[-1]) >= 1000:
        assert parse_moment(text) == day * DAY
