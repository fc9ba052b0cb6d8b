"""Read and write dates and times: UTC, seconds since the epoch, years 1 to 9999."""

import re
from datetime import date
from math import isfinite

from ..errors import InvalidTime

DAY = 86400
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST = float((date.min.toordinal() - _EPOCH) * DAY)
_LAST = (date.max.toordinal() + 1 - _EPOCH) * DAY - 1.0
_MONTHS = (
    "January February March April May June July August September October November December".split()
)

_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<fraction>[.,][0-9]{1,9})?)?"
    r"(?:\s?(?P<half>am|pm))?(?:\s?(?P<zone>z|utc|gmt|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_ISO = re.compile(
    r"(?P<year>[0-9]{4})(?:[-/](?P<month>[0-9]{1,2})(?:[-/](?P<day>[0-9]{1,2})"
    rf"(?:(?:t|,?\s+){_CLOCK})?)?)?"
)
_NAME = r"(?P<name>[a-z]{3,9})\.?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_BETWEEN = r"(?:\s*[\s,-]\s*)"
_SPOKEN = tuple(
    re.compile(form)
    for form in (
        rf"{_NAME}{_BETWEEN}(?P<year>[0-9]{{4}})",  # May 2023
        rf"{_DAY}\s*(?:of\s)?{_BETWEEN}?{_NAME}{_BETWEEN}(?P<year>[0-9]{{4}})(?:,?\s+(?:at\s)?{_CLOCK})?",
        rf"{_NAME}{_BETWEEN}{_DAY}{_BETWEEN}(?P<year>[0-9]{{4}})(?:,?\s+(?:at\s)?{_CLOCK})?",
        rf"{_CLOCK}\s+on\s+{_DAY}\s+{_NAME}{_BETWEEN}(?P<year>[0-9]{{4}})",
    )
)


def parse_span(text: str) -> tuple[float, float]:
    """``[start, end)`` of what the text names, seconds since the epoch.

    Reads ``2026``, ``2026-11``, ``2026-11-03``, ISO 8601 times (to the minute, second or fraction,
    ``T`` or a space, with or without an offset; without one they are UTC), ``8 May 2023``,
    ``May 8, 2023`` and ``May 2023``, the latter also with a time. A year, month, day, minute,
    second or microsecond is meant whole.

    Raises:
        InvalidTime: anything else, relative words such as "yesterday" among it.
    """
    said = text.strip().lower()
    for form in (_ISO, *_SPOKEN):
        match = form.fullmatch(said)
        if match is not None:
            try:
                return _span(match.groupdict())
            except ValueError as error:
                raise _unreadable(text, f" ({error})") from error
    raise _unreadable(text)


def parse_moment(text: str) -> float:
    """The start of what the text names; see `parse_span`.

    Raises:
        InvalidTime: the text could not be read.
    """
    return parse_span(text)[0]


def iso(ts: float) -> str:
    """``2026-11-03`` at midnight, else ``2026-11-03T14:05:00Z``, microseconds if there are any.

    Raises:
        InvalidTime: outside the years 1 to 9999.
    """
    day, microseconds = _day(ts)
    if not microseconds:
        return day.isoformat()
    seconds, fraction = divmod(microseconds, 1_000_000)
    minutes, second = divmod(seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    return f"{day.isoformat()}T{clock}{f'.{fraction:06}' if fraction else ''}Z"


def spoken_date(ts: float) -> str:
    """``8 May, 2023``: the form dates have in embedded text.

    Raises:
        InvalidTime: outside the years 1 to 9999.
    """
    day, _ = _day(ts)
    return f"{day.day} {_MONTHS[day.month - 1]}, {day.year}"


def _day(ts: float) -> tuple[date, int]:
    """The day, and the microseconds into it."""
    if not isfinite(ts) or not _FIRST <= ts < _LAST + 1:
        raise InvalidTime(f"Time {ts!r}: expected seconds since 1970, within the years 1 to 9999.")
    days, microseconds = divmod(round(ts * 1_000_000), DAY * 1_000_000)
    return date.fromordinal(min(_EPOCH + days, date.max.toordinal())), microseconds


def _span(parts: dict[str, str | None]) -> tuple[float, float]:
    """Start and end from the named parts. ValueError says which part is out of range."""
    year = int(parts["year"] or 0)
    month = parts.get("month") or _month(parts.get("name"))
    if month is None:
        return _days(date(year, 1, 1), date(year, 12, 31))
    if parts.get("day") is None:
        return _days(date(year, int(month), 1), _month_end(year, int(month)))
    day = date(year, int(month), int(parts["day"] or 0))
    if parts.get("hour") is None:
        return _days(day, day)
    start = _days(day, day)[0] + _time_of_day(parts) - _offset(parts["zone"])
    if not _FIRST <= start <= _LAST + 1:
        raise ValueError("outside the years 1 to 9999")
    length = 1e-6 if parts["fraction"] else 1.0 if parts["second"] else 60.0
    return min(start, _LAST), min(start + length, _LAST)


def _days(first: date, last: date) -> tuple[float, float]:
    """From the start of the first day to the end of the last."""
    start, end = first.toordinal() - _EPOCH, last.toordinal() + 1 - _EPOCH
    return float(start * DAY), min(float(end * DAY), _LAST)


def _month(name: str | None) -> str | None:
    if name is None:
        return None
    for number, month in enumerate(_MONTHS, 1):
        if month.lower().startswith(name) or (name, number) == ("sept", 9):
            return str(number)
    raise ValueError(f"{name!r} is no month")


def _month_end(year: int, month: int) -> date:
    if month == 12:
        return date(year, 12, 31)
    return date.fromordinal(date(year, month + 1, 1).toordinal() - 1)


def _time_of_day(parts: dict[str, str | None]) -> float:
    """Seconds since midnight."""
    hour, minute, second = (int(parts[unit] or 0) for unit in ("hour", "minute", "second"))
    if parts["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(f"{hour} o'clock {parts['half']}")
        hour = hour % 12 + (12 if parts["half"] == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no such time of day")
    return hour * 3600 + minute * 60 + second + float("0." + (parts["fraction"] or ".0")[1:])


def _offset(zone: str | None) -> int:
    """Seconds ahead of UTC."""
    if zone is None or zone[0] not in "+-":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"no such offset: {zone}")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def _unreadable(text: str, reason: str = "") -> InvalidTime:
    shown = text if len(text) <= 60 else text[:60] + "…"
    return InvalidTime(
        f"Could not read the time {shown!r}{reason}. Expected 2026, 2026-11, 2026-11-03, "
        "2026-11-03T14:05:00Z, 8 May 2023 or May 2023. For words such as 'yesterday', pass the "
        "date they mean."
    )
