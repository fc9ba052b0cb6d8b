"""Stretches of time a question speaks of: "in May", "last spring", "three weeks ago".

Own code: the well-kept parsers read a date where one is known to stand (dateutil) or guess dates
into ordinary words ("what may he have said" is May to dateparser) and need a fifth of a second for
the first one; here a wrong guess costs recall, so only what is unmistakable is read.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

DAY = 86400.0
MONTHS = (
    "january february march april may june july august september october november december".split()
)
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
NUMBERS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
} | {"a": 1, "an": 1, "couple of": 2, "few": 3, "several": 4}

_MONTH = "|".join([*MONTHS, "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"])
_COUNT = r"\d{1,3}|" + "|".join(sorted((w for w in NUMBERS if w), key=len, reverse=True))
_DATED = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+)?(?P<month>{_MONTH})\b\.?"
    r"(?:\s+(?P<after>\d{1,2})(?:st|nd|rd|th)?\b(?!\d))?(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d\d))?",
    re.IGNORECASE,
)
_ISO = re.compile(r"\b((?:19|20)\d\d)-(\d\d)(?:-(\d\d))?\b")
_YEAR = re.compile(r"\b(?:in|of|during|since|year)\s+((?:19|20)\d\d)\b(?!-)", re.IGNORECASE)
_AGO = re.compile(
    rf"\b(?:a\s+)?(?P<n>{_COUNT})\s+(?P<unit>day|week|month|year)s?\s+ago\b", re.IGNORECASE
)
_SHIFTED = re.compile(
    r"\b(?P<way>last|past|previous|this|next)\s+"
    rf"(?P<unit>week(?:end)?|month|year|{'|'.join(SEASONS)}|{'|'.join(WEEKDAYS)}|{_MONTH})\b",
    re.IGNORECASE,
)
_NEAR = re.compile(r"\b(yesterday|today|tonight|this morning)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to before ``end``, seconds UTC."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Yearly:
    """A month (1 to 12), or a day of it, of any year."""

    month: int
    day: int = 0


Period: TypeAlias = Span | Yearly


def periods(question: str, now: float) -> tuple[Period, ...]:
    """The stretches of time a question names, in order of form; () for none.

    A month without a year is that month of any year. Relative ones are counted from ``now``
    (seconds UTC) and are generous by half a unit on either side: "three weeks ago" is rarely exact.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    found: list[Period] = [_day(int(y), int(m), int(d or 0)) for y, m, d in _ISO.findall(question)]
    rest = _ISO.sub(" ", question)
    for match in _AGO.finditer(rest):
        n = NUMBERS.get(match["n"].lower()) or int(match["n"]) if match["n"] else 1
        found.append(_ago(today, n, match["unit"].lower()))
    for match in _SHIFTED.finditer(rest):
        found.append(_shifted(today, match["way"].lower(), match["unit"].lower()))
    rest = _SHIFTED.sub(" ", rest)
    for match in _NEAR.finditer(rest):
        back = 1 if match[1].lower() == "yesterday" else 0
        found.append(_days(today - timedelta(back), 1))
    for match in _DATED.finditer(rest):
        if not _is_verb(match):
            day = int(match["day"] or match["after"] or 0)
            month = _month(match["month"])
            found.append(
                _day(int(match["year"]), month, day) if match["year"] else Yearly(month, day)
            )
    rest = _DATED.sub(" ", rest)
    found += [_day(int(year), 0, 0) for year in _YEAR.findall(rest)]
    return tuple(dict.fromkeys(found))


def within(at: NDArray[np.float64], asked: tuple[Period, ...]) -> NDArray[np.bool_]:
    """Which times, float64 ``(n,)`` seconds UTC, lie in one of the periods."""
    inside = np.zeros(len(at), np.bool_)
    for period in asked:
        if isinstance(period, Span):
            inside |= (at >= period.start) & (at < period.end)
        else:
            days = (at // DAY).astype("datetime64[D]")
            months = days.astype("datetime64[M]")
            fits = months.astype(np.int64) % 12 + 1 == period.month
            if period.day:
                fits &= (days - months).astype(np.int64) + 1 == period.day
            inside |= fits
    return inside


def _is_verb(match: re.Match[str]) -> bool:
    """``may`` and ``march`` in small letters, and ``Jan``, are no months without a day or year."""
    word = match["month"].lower()
    if match["day"] or match["after"] or match["year"]:
        return False
    return word not in MONTHS or (match["month"].islower() and word in ("may", "march"))


def _month(name: str) -> int:
    return next(n for n, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))


def _day(year: int, month: int, day: int) -> Span:
    """A day, or a month or year where the rest is 0; impossible days count as their month."""
    if not 1 <= month <= 12:
        return _between(date(year, 1, 1), date(year + 1, 1, 1))
    first = date(year, month, 1)
    if 1 <= day <= (_next_month(first) - first).days:
        return _days(date(year, month, day), 1)
    return _between(first, _next_month(first))


def _ago(today: date, n: int, unit: str) -> Span:
    length = {"day": 1, "week": 7, "month": 30, "year": 365}[unit]
    slack = max(length // 2, 1) + (unit == "week")
    centre = today - timedelta(min(n * length, today.toordinal() - 400))
    return _between(centre - timedelta(slack), centre + timedelta(slack + 1))


def _shifted(today: date, way: str, unit: str) -> Span:
    step = {"last": -1, "past": -1, "previous": -1, "this": 0, "next": 1}[way]
    if unit.startswith("week"):
        monday = today - timedelta(today.weekday()) + timedelta(7 * step)
        return _days(monday + timedelta(5), 2) if unit == "weekend" else _days(monday, 7)
    if unit == "month":
        month = today.year * 12 + today.month - 1 + step
        return _day(month // 12, month % 12 + 1, 0)
    if unit == "year":
        return _day(today.year + step, 0, 0)
    if unit in WEEKDAYS:
        back = (today.weekday() - WEEKDAYS.index(unit)) % 7
        return _days(today - timedelta(back or 7) if step < 0 else today + timedelta(7 - back), 1)
    first = SEASONS.get(unit) or _month(unit)
    months = 3 if unit in SEASONS else 1
    starts = [date(today.year + shift, first, 1) for shift in (-2, -1, 0, 1)]
    if step < 0:  # the last one that is over, or nearly
        start = max(each for each in starts if _plus(each, months) <= today + timedelta(15))
    elif step > 0:
        start = min(each for each in starts if each > today)
    else:
        start = next(each for each in starts if each.year == today.year)
    return _between(start, _plus(start, months))


def _plus(start: date, months: int) -> date:
    for _ in range(months):
        start = _next_month(start)
    return start


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _days(first: date, n: int) -> Span:
    return _between(first, first + timedelta(n))


def _between(first: date, end: date) -> Span:
    return Span(
        *(each.toordinal() * DAY - date(1970, 1, 1).toordinal() * DAY for each in (first, end))
    )
