"""Which points of the store's series are due, and what is to be noted of them once they have arrived."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from hookspan.config import Export
from hookspan.model.sums import Series
from hookspan.store import Reader

from .convert import Point
from .db import Announced, Base, SeriesName

IDLE: Final = 86_400 * 10**9  # nanoseconds without a change after which a series is not sent until it has one
LOOK_PAUSE: Final = 600.0  # seconds between two looks for such series: it asks the store for what a day has changed

Noted = dict[SeriesName, Announced]


class Temporality(Protocol):
    """What the points of an export say."""

    def points(self, series: Iterable[Series], announced: Mapping[SeriesName, Announced]) -> list[Point]:
        """Those that are due."""
        ...

    def arrived(self, points: Iterable[Point], now: int) -> Noted:
        """What is to be noted, since the endpoint has the points, as of `now`."""
        ...


class Cumulative:
    """All that a series has counted since its start.

    A backend that computes increases from samples needs one from before the first: a new series is sent as 0, and one
    that was idle as what it was, each an interval before it is sent as what it is now.
    """

    def __init__(self, changed_since: Callable[[int], frozenset[int]]) -> None:
        """`changed_since`: keys of the series that have changed since a time (Unix nanoseconds)."""
        self._changed_since = changed_since
        self._look_at = 0.0  # time.monotonic()

    def points(self, series: Iterable[Series], announced: Mapping[SeriesName, Announced]) -> list[Point]:
        """One of each series that is not idle."""
        due = []
        for each in series:
            known = _known(each, announced)
            if known is None or known.idle is None:
                due.append(Point.of(each, known))
            elif known.idle.count != each.count:
                due.append(Point.again(each, known))
        return due

    def arrived(self, points: Iterable[Point], now: int) -> Noted:
        """The zeros, those that wake up, and those that have been idle for so long that this was their last point."""
        noted = {_name(one.series): Announced(one.start, one.base) for one in points if one.opening}
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_PAUSE
            changed = self._changed_since(now - IDLE)
            noted |= {
                _name(one.series): Announced(one.start, one.base, Base.of(one.series))
                for one in points
                if not one.opening and one.series.key not in changed
            }
        return noted


class Delta:
    """What a series has counted since its point before; none of a series that has counted nothing."""

    def points(self, series: Iterable[Series], announced: Mapping[SeriesName, Announced]) -> list[Point]:
        """One of each series that has changed."""
        due = []
        for each in series:
            known = _known(each, announced)
            if known is None:
                due.append(Point(each, each.start))
            elif known.base is None or known.base.count != each.count:
                due.append(Point(each, known.start, known.base))
        return due

    def arrived(self, points: Iterable[Point], now: int) -> Noted:
        """Where the next points begin."""
        return {_name(one.series): Announced(now, Base.of(one.series)) for one in points}


def temporality(settings: Export, reader: Reader) -> Temporality:
    """The one that is set."""
    return Delta() if settings.temporality == "delta" else Cumulative(reader.changed_since)


def _known(series: Series, announced: Mapping[SeriesName, Announced]) -> Announced | None:
    """What the endpoint knows of it; nothing if that was another one, whose buckets an older version had.

    No time is compared with one of another moment: the clock may have been set back.
    """
    known = announced.get(_name(series))
    if known is None:
        return None
    same = known.start == series.start if known.base is None else len(known.base.buckets) == len(series.buckets)
    return known if same else None


def _name(series: Series) -> SeriesName:
    return series.instrument, series.attributes
