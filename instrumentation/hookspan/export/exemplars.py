"""Which exemplar of a series goes out with an export: the largest of those that came since the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hookspan.model.sums import Exemplar, Series

from .convert import Point
from .db import SeriesName


class _Shown(NamedTuple):
    """What there was at the last export that arrived, and when the newest that was ever sent happened."""

    seen: list[Exemplar]
    newest: int


class Exemplars:
    """A click on a peak should find what was slow, so the slowest is sent; and each once, later ones later.

    Backends refuse one that is older than one they have. What was sent before a restart isn't known after it: of what
    is older than that only the newest is sent, which is no news at worst.
    """

    def __init__(self, since: int) -> None:
        """`since`: Unix nanoseconds of the start."""
        self._since = since
        self._shown: dict[SeriesName, _Shown] = {}

    def chosen(self, points: Iterable[Point]) -> list[Point]:
        """The points with theirs, where they have one to send: a series' first point says what was before."""
        return [point if point.opening else point._replace(exemplar=self._choose(point.series)) for point in points]

    def arrived(self, points: Iterable[Point]) -> None:
        """The endpoint has the points."""
        for point in points:
            if point.opening or not point.series.exemplars:
                continue
            name = point.series.instrument, point.series.attributes
            known = self._shown.get(name)
            newest = point.exemplar.at if point.exemplar else known.newest if known else 0
            self._shown[name] = _Shown(point.series.exemplars, newest)

    def _choose(self, series: Series) -> Exemplar | None:
        known = self._shown.get((series.instrument, series.attributes))
        if known is None:
            new = [one for one in series.exemplars if one.at >= self._since] or series.exemplars[-1:]
        else:
            new = [one for one in series.exemplars if one.at > known.newest and one not in known.seen]
        return new[0] if new else None
