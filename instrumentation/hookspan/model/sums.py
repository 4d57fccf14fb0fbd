"""Running sums of the instruments: what the page shows and what cumulative OTLP points are made of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Self

import msgspec

from hookspan.catalogue.metrics import BY_NAME, Kind

from .rows import Increment, SeriesAttributes

SERIES_MAX: Final = 2_000
"""Attribute sets that get a series of their own. What comes after them goes to one overflow series per instrument."""

OVERFLOW_KEY: Final = "otel.metric.overflow"
OVERFLOW: Final[SeriesAttributes] = ((OVERFLOW_KEY, "true"),)
"""The OpenTelemetry specification's attribute of measurements beyond the cardinality limit."""


EXEMPLARS_MAX: Final = 6
EXEMPLAR_AGE: Final = 3600 * 10**9  # nanoseconds; no interval between two exports may be longer


class Exemplar(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An observation with a span to look at. `at` is Unix nanoseconds, ids are hex."""

    value: int | float
    at: int
    trace_id: str
    span_id: str


class Series(msgspec.Struct, kw_only=True):
    """The sum of one instrument and attribute set since `start`.

    Attributes:
        key: Number of the series in the store, from 1 in order of appearance.
        start: Unix nanoseconds of the series' creation in this store; what was counted before has another start.
        value: Sum of a counter, or of all values of a histogram.
        count: Observations.
        low: Smallest value of a histogram.
        high: Largest value of a histogram.
        buckets: Observations per bucket, one more than the instrument has bounds; empty for a counter.
        exemplars: By time, each larger than all after it: the first since any moment is the largest since then.
    """

    key: int
    instrument: str
    attributes: SeriesAttributes
    start: int
    value: int | float = 0
    count: int = 0
    low: float = 0.0
    high: float = 0.0
    buckets: list[int] = msgspec.field(default_factory=list)
    exemplars: list[Exemplar] = msgspec.field(default_factory=list)

    def copy(self) -> Self:
        """As it is now, whatever is added later."""
        return msgspec.structs.replace(self, buckets=self.buckets.copy())

    def add(self, increments: Sequence[Increment]) -> None:
        """Take in observations, in their order."""
        values = [increment.value for increment in increments]
        if self.buckets:
            bounds = BY_NAME[self.instrument].bounds
            for value in values:  # bounds are inclusive upper bounds, as in OTLP
                self.buckets[bisect_left(bounds, value)] += 1
            self.low = min(self.low, *values) if self.count else min(values)
            self.high = max(self.high, *values) if self.count else max(values)
        total = self.value
        for value in values:  # `sum` would add fractions in another way than one by one
            total += value
        self.value = total
        self.count += len(values)
        self.exemplars = _exemplars(self.exemplars, increments)


def _exemplars(before: list[Exemplar], increments: Sequence[Increment]) -> list[Exemplar]:
    """Those that are still the largest since some moment. Beyond the most there may be, the smallest go first."""
    known: list[Exemplar | Increment] = [*before]
    for new in increments:
        if not new.trace_id:
            continue
        if not known or (new.at >= known[-1].at and new.value >= known[0].value):
            known = [new]  # of a counter always, as long as time goes on
            continue
        later = [one for one in known if one.at > new.at] if new.at < known[-1].at else []
        if later and later[0].value >= new.value:
            continue
        earlier = [one for one in known if one.at <= new.at < one.at + EXEMPLAR_AGE and one.value > new.value]
        found = [*earlier, new, *later]
        known = found if len(found) <= EXEMPLARS_MAX else [*found[: EXEMPLARS_MAX - 1], found[-1]]
    return [Exemplar(one.value, one.at, one.trace_id, one.span_id) for one in known]


class Sums:
    """All series by instrument and attribute set. One thread."""

    def __init__(self, series: Iterable[Series] = (), next_key: int = 1) -> None:
        self._series = {(each.instrument, each.attributes): each for each in series}
        self._next = next_key

    def __len__(self) -> int:
        return len(self._series)

    def __iter__(self) -> Iterator[Series]:
        return iter(self._series.values())

    def find(self, increment: Increment, now: int) -> Series:
        """The series that an observation belongs to, which may be new; `now` is the start of a new one.

        Raises KeyError for an instrument that doesn't exist.
        """
        series = self._series.get((increment.instrument, increment.attributes))
        if series is not None:
            return series
        if len(self._series) < SERIES_MAX or increment.attributes == OVERFLOW:
            return self._create(increment.instrument, increment.attributes, now)
        overflow = self._series.get((increment.instrument, OVERFLOW))
        return overflow if overflow is not None else self._create(increment.instrument, OVERFLOW, now)

    def restore(self, before: Iterable[Series], next_key: int) -> None:
        """Put series back as they were and forget those that have come since `next_key`."""
        self._series = {name: series for name, series in self._series.items() if series.key < next_key}
        self._next = next_key
        for series in before:
            if series.key < next_key:
                self._series[series.instrument, series.attributes] = series

    @property
    def next_key(self) -> int:
        """The number that the next new series gets."""
        return self._next

    def _create(self, instrument: str, attributes: SeriesAttributes, now: int) -> Series:
        definition = BY_NAME[instrument]
        buckets = [0] * (len(definition.bounds) + 1) if definition.kind is Kind.HISTOGRAM else []
        series = Series(key=self._next, instrument=instrument, attributes=attributes, start=now, buckets=buckets)
        self._series[instrument, attributes] = series
        self._next += 1
        return series
