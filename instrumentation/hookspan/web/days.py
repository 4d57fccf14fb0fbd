"""Days of the local time zone, each from midnight to midnight: 23 to 25 hours."""

from __future__ import annotations

import datetime as dt
from typing import Final

from hookspan.web.problems import invalid
from hookspan.web.serializers import NANO

_YEARS: Final = range(1971, 9999)  # what every platform can tell the time of


def midnight(day: dt.date) -> int:
    """When a day begins, Unix nanoseconds."""
    return round(dt.datetime(day.year, day.month, day.day).astimezone().timestamp()) * NANO


def after(day: dt.date) -> dt.date:
    """The next one."""
    return day + dt.timedelta(days=1)


def day_at(moment: int) -> dt.date:
    """The day that a time (Unix nanoseconds) is in."""
    return dt.datetime.fromtimestamp(moment // NANO).astimezone().date()


def read(name: str, text: str) -> dt.date:
    """The day that a parameter names. Raises ProblemError."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = dt.date.min
    if day.year not in _YEARS or day.isoformat() != text:
        raise invalid(f"`{name}` must be a day, as `2026-11-24`")
    return day


def slots_of_days(first: dt.date, last: dt.date) -> tuple[int, int]:
    """Minutes of a slot, and those by which it begins before that of UTC, so that none is of two of these local days.

    A slot is a day; an hour where clocks were changed in between.
    """
    days = (first + dt.timedelta(days=n) for n in range((last - first).days + 2))
    offsets = {dt.datetime.combine(day, dt.time()).astimezone().utcoffset() or dt.timedelta() for day in days}
    return (1440, int(offsets.pop().total_seconds() // 60)) if len(offsets) == 1 else (60, 0)
