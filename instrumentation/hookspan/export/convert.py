"""Rows of the store as the SDK's data types, which the exporters encode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from opentelemetry.sdk import metrics
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from hookspan import __version__
from hookspan.catalogue import attributes as sc
from hookspan.catalogue import scopes
from hookspan.catalogue.child_attributes import content_of, without_content
from hookspan.catalogue.enums import Link as LinkKind
from hookspan.catalogue.metrics import BY_NAME, Instrument
from hookspan.catalogue.scopes import SCHEMA_URL
from hookspan.catalogue.spans import is_child, is_turn
from hookspan.config import ContentLevel
from hookspan.model.rows import INTERNAL, STATUS_ERROR, Attributes, AttributeValue, SeriesAttributes, Span
from hookspan.model.sums import OVERFLOW_KEY, Exemplar, Series
from hookspan.wire.scrub import label, scrub

from .db import Announced, Base

SCOPE: Final = InstrumentationScope(scopes.SCOPE, __version__, SCHEMA_URL)
HOOK_SCOPE: Final = InstrumentationScope(scopes.HOOK_SCOPE, __version__, SCHEMA_URL)
CHILD_SCOPE: Final = InstrumentationScope(scopes.CHILD_SCOPE, __version__, SCHEMA_URL)

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)
_KINDS: Final = tuple(SpanKind)
"""Which the SDK numbers from 0."""
_FLAGS: Final = frozenset({OVERFLOW_KEY, sc.NEVER_RAN})
"""Attributes that a series has or has not, whose value is true."""
_FRACTIONS: Final = frozenset({"s", "USD"})
"""Units of sums that are floats even when they are whole: a sum must not change its type between two exports."""


class Reading(NamedTuple):
    """The value of one of the catalogue's gauges now."""

    instrument: str
    value: int | float
    attributes: dict[str, str] = {}  # noqa: RUF012 - never changed


def readable(
    span: Span,
    resource: Resource,
    *,
    content: ContentLevel = False,
    said: Mapping[str, str] | None = None,
    threshold: str = "",
) -> ReadableSpan:
    """A span of the store, with what was `said`. Without `content` its label stays behind, for the user's own page.

    So do texts of a program's span that may be content. That has its own name here.

    `threshold`: that by which its trace was sampled, empty without sampling.
    """
    name, attributes = span.name, span.attributes
    if of_program := is_child(name):
        name = name.partition(" ")[2]
        attributes = _of_program(attributes, content)
        resource = of_service(resource, str(attributes[sc.CHILD_SERVICE]))
    elif service := attributes.get(sc.SERVICE_NAME):
        resource = of_service(resource, str(service))
    if sc.SERVICE_NAME in attributes:
        attributes = {key: value for key, value in attributes.items() if key != sc.SERVICE_NAME}
    if sc.GEN_AI_USAGE_CACHE_WRITE in attributes:
        attributes = attributes | {sc.GEN_AI_USAGE_CACHE_CREATION: attributes[sc.GEN_AI_USAGE_CACHE_WRITE]}
    if content and span.label:
        attributes = attributes | {sc.LABEL: scrub(span.label)}
    if said:
        attributes = {**attributes, **said}
    return ReadableSpan(
        name=name,
        context=span_context(span.trace_id, span.span_id, threshold=threshold),
        parent=_parent(span.trace_id, span.parent_id, remote=is_turn(span.name, attributes))
        if span.parent_id
        else None,
        resource=resource,
        attributes=attributes,
        events=[Event(event.name, event.attributes, event.at) for event in span.events],
        links=[
            Link(
                span_context(link.trace_id, link.span_id, remote=link.attributes.get(sc.LINK) == LinkKind.TRACEPARENT),
                link.attributes,
            )
            for link in span.links
        ],
        kind=_KINDS[max(span.kind, INTERNAL) - 1],
        status=_ERROR if span.status == STATUS_ERROR else _UNSET,
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=HOOK_SCOPE if span.hook else CHILD_SCOPE if of_program else SCOPE,
    )


def _of_program(attributes: Attributes, content: ContentLevel) -> Attributes:
    """What may leave of a program's span: of texts that may be content nothing, their beginnings, or all."""
    said = content_of(attributes)
    cut: dict[str, AttributeValue] = {}
    if content and content != "conversation":
        cut = {key: label(text) for key in said if isinstance(text := attributes[key], str)}
    kept = attributes if content else without_content(attributes)
    return {key: cut.get(key, value) for key, value in kept.items() if key != sc.CHILD_CONTENT}


class Point(NamedTuple):
    """A series as it is to be exported: since `start`, without what it had counted before.

    `zero`: still as 0. `past`: as it was when it was last sent. Its value of now follows an interval later.
    `exemplar`: the one of the series' that is to be sent.
    """

    series: Series
    start: int
    base: Base | None = None
    zero: bool = False
    past: bool = False
    exemplar: Exemplar | None = None

    @property
    def opening(self) -> bool:
        """Whether another point has to follow."""
        return self.zero or self.past

    @classmethod
    def of(cls, series: Series, announced: Announced | None) -> Point:
        """The first time 0, and from then on what it has counted."""
        if announced is None:
            return cls(series, series.start, zero=True)
        return cls(series, announced.start, announced.base)

    @classmethod
    def again(cls, series: Series, announced: Announced) -> Point:
        """One that was idle, as it was then."""
        idle = announced.idle or Base.of(series)
        then = msgspec.structs.replace(series, value=idle.value, count=idle.count, buckets=idle.buckets)
        return cls(then, announced.start, announced.base, past=True)


@lru_cache(maxsize=64)
def of_service(resource: Resource, service: str) -> Resource:
    """The same resource for what another coding agent did; for an empty name it is the same."""
    return resource.merge(Resource({"service.name": service})) if service else resource


def by_service(points: Iterable[Point], readings: Iterable[Reading]) -> dict[str, tuple[list[Point], list[Reading]]]:
    """Points and readings by the service that they name, which is empty for the resource's own."""
    found: dict[str, tuple[list[Point], list[Reading]]] = {"": ([], [])}
    for point in points:
        service = next((value for key, value in point.series.attributes if key == sc.SERVICE_NAME), "")
        found.setdefault(service, ([], []))[0].append(point)
    for reading in readings:
        plain = dict(reading.attributes)
        service = plain.pop(sc.SERVICE_NAME, "")
        found.setdefault(service, ([], []))[1].append(reading._replace(attributes=plain))
    return found


def resource_metrics(
    points: Iterable[Point],
    readings: Iterable[Reading],
    resource: Resource,
    now: int,
    temporality: AggregationTemporality = AggregationTemporality.CUMULATIVE,
) -> ResourceMetrics:
    """Series and gauges under one resource, all of them as of `now`."""
    by_instrument: dict[str, list[Point]] = {}
    for point in points:
        by_instrument.setdefault(point.series.instrument, []).append(point)
    gauges: dict[str, list[Reading]] = {}
    for reading in readings:
        gauges.setdefault(reading.instrument, []).append(reading)
    metrics = [_metric(BY_NAME[name], some, now, temporality) for name, some in by_instrument.items()]
    metrics += [_gauge(BY_NAME[name], some, now) for name, some in gauges.items()]
    return ResourceMetrics(resource, [ScopeMetrics(SCOPE, metrics, SCHEMA_URL)], SCHEMA_URL)


def _metric(instrument: Instrument, points: list[Point], now: int, temporality: AggregationTemporality) -> Metric:
    data: Sum | Histogram
    if instrument.bounds:
        data = Histogram([_distribution(instrument, point, now) for point in points], temporality)
    else:
        fraction = instrument.unit in _FRACTIONS
        numbers = [_number(point, now, fraction=fraction) for point in points]
        data = Sum(numbers, temporality, is_monotonic=True)
    return Metric(instrument.name, instrument.description, instrument.unit, data)


def _number(point: Point, now: int, *, fraction: bool) -> NumberDataPoint:
    value = 0 if point.zero else point.series.value - (point.base.value if point.base else 0)
    return NumberDataPoint(
        attributes=_attributes(point.series.attributes),
        start_time_unix_nano=point.start,
        time_unix_nano=now,
        value=float(value) if fraction else value,
        exemplars=_exemplars(point),
    )


def _distribution(instrument: Instrument, point: Point, now: int) -> HistogramDataPoint:
    series, base = point.series, point.base
    counts, total = list(series.buckets), float(series.value)
    extremes: tuple[Any, Any] = (series.low, series.high)
    if point.zero:
        counts, total, extremes = [0] * len(counts), 0.0, (None, None)
    elif base is not None:
        counts = [count - before for count, before in zip(counts, base.buckets, strict=True)]
        total -= base.value
    if base is not None or point.past:
        extremes = (None, None)  # they may be older than the base, or newer than the point
    return HistogramDataPoint(
        attributes=_attributes(series.attributes),
        start_time_unix_nano=point.start,
        time_unix_nano=now,
        count=sum(counts),
        sum=total,
        bucket_counts=counts,
        explicit_bounds=list(instrument.bounds),
        min=extremes[0],
        max=extremes[1],
        exemplars=_exemplars(point),
    )


def _gauge(instrument: Instrument, readings: list[Reading], now: int) -> Metric:
    points = [NumberDataPoint(point.attributes, 0, now, point.value) for point in readings]
    return Metric(instrument.name, instrument.description, instrument.unit, Gauge(points))


def _exemplars(point: Point) -> list[metrics.Exemplar]:
    exemplar = point.exemplar
    if exemplar is None or (exemplar.at < point.start and point.base is not None):
        return []
    return [metrics.Exemplar({}, exemplar.value, exemplar.at, int(exemplar.span_id, 16), int(exemplar.trace_id, 16))]


def _attributes(attributes: SeriesAttributes) -> dict[str, str | bool]:
    return {name: True if name in _FLAGS else value for name, value in attributes if name != sc.SERVICE_NAME}


def span_context(trace_id: str, span_id: str, *, remote: bool = False, threshold: str = "") -> SpanContext:
    """`remote`: of another process, which TRACEPARENT named."""
    state = TraceState([("ot", f"th:{threshold}")]) if threshold else None
    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, _SAMPLED, state)


_parent = lru_cache(maxsize=256)(span_context)  # many spans have the one of the span before
