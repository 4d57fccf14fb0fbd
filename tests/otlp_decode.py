"""OTLP messages as plain dataclasses, for tests that look at exported telemetry."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import ParseDict

Message = Any  # a protobuf message; the generated classes have no common static type

SPAN_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
SPAN_STATUSES = ("unset", "ok", "error")
TEMPORALITIES = ("unspecified", "delta", "cumulative")
ID_KEYS = frozenset({"traceId", "spanId", "parentSpanId"})


@dataclass(frozen=True, slots=True)
class Link:
    """A span link; ids in hex."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A span event; time in Unix nanoseconds."""

    name: str
    time: int
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A span as received; ids in hex (`parent_id` is "" for a root), times in Unix nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str  # one of SPAN_KINDS
    start: int
    end: int
    attributes: dict[str, Any]
    status: str  # one of SPAN_STATUSES
    status_message: str
    links: tuple[Link, ...]
    events: tuple[Event, ...]
    scope: str
    scope_version: str
    resource: dict[str, Any]
    schema_url: str
    trace_state: str


@dataclass(frozen=True, slots=True)
class Exemplar:
    """An exemplar of a data point; ids in hex, time in Unix nanoseconds."""

    trace_id: str
    span_id: str
    value: float
    time: int


@dataclass(frozen=True, slots=True)
class Point:
    """A metric data point as received; `value` is None for a histogram, whose numbers are the fields after it."""

    name: str
    type: str  # gauge, sum, histogram, exponential_histogram, summary
    unit: str
    description: str
    attributes: dict[str, Any]
    start: int
    time: int
    value: float | None
    count: int
    sum: float
    bounds: tuple[float, ...]
    buckets: tuple[int, ...]
    exemplars: tuple[Exemplar, ...]
    temporality: str  # one of TEMPORALITIES
    monotonic: bool
    scope: str
    resource: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """A log record as received; ids in hex, time in Unix nanoseconds."""

    body: Any
    severity: str
    event_name: str
    attributes: dict[str, Any]
    time: int
    trace_id: str
    span_id: str
    scope: str
    resource: dict[str, Any]


def from_json(tree: Any, message: Message) -> Message:
    """Fill `message` from OTLP/JSON, which writes ids as hex where protobuf's own JSON has base64."""
    return ParseDict(_base64_ids(tree), message, ignore_unknown_fields=True)


def _base64_ids(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode()
            if key in ID_KEYS and isinstance(value, str)
            else _base64_ids(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_base64_ids(item) for item in tree]
    return tree


def span_ids(message: Message) -> Iterator[bytes]:
    """The ids of all spans in a trace request, without decoding the rest."""
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield span.span_id


def spans(message: Message) -> Iterator[Span]:
    """The spans of an `ExportTraceServiceRequest` or a `TracesData`."""
    for group in message.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_spans:
            for span in scoped.spans:
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    kind=SPAN_KINDS[span.kind],
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    status=SPAN_STATUSES[span.status.code],
                    status_message=span.status.message,
                    links=tuple(
                        Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
                        for link in span.links
                    ),
                    events=tuple(
                        Event(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events
                    ),
                    scope=scoped.scope.name,
                    scope_version=scoped.scope.version,
                    resource=resource,
                    schema_url=scoped.schema_url or group.schema_url,
                    trace_state=span.trace_state,
                )


def points(message: Message) -> Iterator[Point]:
    """The data points of an `ExportMetricsServiceRequest`."""
    for group in message.resource_metrics:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_metrics:
            for metric in scoped.metrics:
                for point in _data(metric).data_points:
                    yield _point(metric, point, scoped.scope.name, resource)


def _data(metric: Message) -> Message:
    return getattr(metric, metric.WhichOneof("data") or "gauge")


def _point(metric: Message, point: Message, scope: str, resource: dict[str, Any]) -> Point:
    kind, data = metric.WhichOneof("data"), _data(metric)
    number = kind in {"gauge", "sum"}
    return Point(
        name=metric.name,
        type=kind,
        unit=metric.unit,
        description=metric.description,
        attributes=_attributes(point.attributes),
        start=point.start_time_unix_nano,
        time=point.time_unix_nano,
        value=_number(point) if number else None,
        count=0 if number else point.count,
        sum=0.0 if number else point.sum,
        bounds=tuple(getattr(point, "explicit_bounds", ())),
        buckets=tuple(getattr(point, "bucket_counts", ())),
        exemplars=tuple(
            Exemplar(item.trace_id.hex(), item.span_id.hex(), _number(item), item.time_unix_nano)
            for item in getattr(point, "exemplars", ())
        ),
        temporality=TEMPORALITIES[getattr(data, "aggregation_temporality", 0)],
        monotonic=getattr(data, "is_monotonic", False),
        scope=scope,
        resource=resource,
    )


def logs(message: Message) -> Iterator[Log]:
    """The records of an `ExportLogsServiceRequest`."""
    for group in message.resource_logs:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_logs:
            for record in scoped.log_records:
                yield Log(
                    body=_value(record.body),
                    severity=record.severity_text,
                    event_name=record.event_name,
                    attributes=_attributes(record.attributes),
                    time=record.time_unix_nano,
                    trace_id=record.trace_id.hex(),
                    span_id=record.span_id.hex(),
                    scope=scoped.scope.name,
                    resource=resource,
                )


def _number(point: Message) -> float:
    field = point.WhichOneof("value")
    return float(getattr(point, field)) if field else 0.0


def _attributes(pairs: Iterable[Message]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Message) -> Any:
    field = value.WhichOneof("value")
    if field is None:
        return None
    if field == "array_value":
        return [_value(item) for item in value.array_value.values]
    if field == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, field)
