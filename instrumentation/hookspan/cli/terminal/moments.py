"""Times as people type them: a moment (`7d` ago, `today`, a date), and how long something takes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

import click

from hookspan.store import earlier

_AGO: Final = re.compile(r"(\d{1,6})(min|h|d|w)\Z")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
_LAST: Final = (1 << 63) - 1  # in the year 2262; the store knows no later time
_UNITS: Final = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[int]):
    """Unix nanoseconds of `30min`, `24h`, `7d`, `2w` ago, `today`, `yesterday`, a date, `2026-11-25T14:30`, `all`.

    Days begin at midnight of the local time zone; `7d` is the midnight six days before today's, so that seven days are
    whole but for the rest of today.
    """

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The moment of a text."""
        if isinstance(value, int):
            return value
        text, now = str(value).strip().lower(), datetime.now().astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if text == "all":
            return 0
        try:
            if text in {"today", "yesterday"}:
                moment = earlier(midnight, int(text == "yesterday"))
            elif ago := _AGO.match(text):
                number, unit = int(ago[1]), ago[2]
                whole = {"d": number - 1, "w": 7 * number - 1}.get(unit)
                moment = now - timedelta(**{_UNITS[unit]: number}) if whole is None else earlier(midnight, whole)
            else:
                moment = datetime.fromisoformat(text.upper()).astimezone()
            return min(max(0, int(moment.timestamp() * 1e9)), _LAST)
        except (ValueError, OverflowError):
            self.fail(f"`{value}` is not a time such as `24h`, `7d`, `today`, `2026-11-25` or `all`", param, ctx)


class Duration(click.ParamType[float]):
    """Seconds: `10`, `10s`, `500ms`, `2m`, `1h`."""

    name = "duration"
    _units: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds of a text."""
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"`{value}` is not a duration such as `10s`, `500ms` or `2m`", param, ctx)
        return float(match[1]) * self._units[match[2]]
