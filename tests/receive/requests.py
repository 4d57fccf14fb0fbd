"""Requests as Claude Code and others send them, and one who sends them."""

import contextlib
import gzip
import http.client
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.otlp_sink import JSON, PROTOBUF

OWN = "com.anthropic.claude_code"
OTHERS = "pytest"


def spans(
    count: int = 1, *, scope: str = f"{OWN}.tracing", name: str = "claude_code.tool"
) -> ExportTraceServiceRequest:
    """A request with spans of ids of their own."""
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add().scope_spans.add()
    part.scope.name = scope
    for _ in range(count):
        trace = uuid.uuid4().bytes
        part.spans.add(
            trace_id=trace, span_id=trace[:8], name=name, start_time_unix_nano=1, end_time_unix_nano=2
        ).attributes.add(key="session.id").value.string_value = str(uuid.uuid4())
    return request


def logs(*records: Mapping[str, Any], scope: str = f"{OWN}.events") -> ExportLogsServiceRequest:
    """A request with a log record of each."""
    request = ExportLogsServiceRequest()
    part = request.resource_logs.add().scope_logs.add()
    part.scope.name = scope
    for record in records or ({"event.name": "user_prompt"},):
        added = part.log_records.add(time_unix_nano=int(record.get("at", 1)))
        added.body.string_value = f"claude_code.{record['event.name']}"
        added.attributes.extend(_attribute(key, value) for key, value in record.items() if key != "at")
    return request


def metrics(*, scope: str = OWN) -> ExportMetricsServiceRequest:
    """A request with a counter's point."""
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add().scope_metrics.add()
    part.scope.name = scope
    metric = part.metrics.add(name="claude_code.session.count")
    metric.sum.data_points.add(as_int=1)
    metric.sum.aggregation_temporality = 1
    return request


def _attribute(key: str, value: Any) -> KeyValue:
    attribute = KeyValue(key=key)
    if isinstance(value, int):
        attribute.value.int_value = value
    else:
        attribute.value.string_value = str(value)
    return attribute


def as_json(request: Any) -> bytes:
    """As OTLP/JSON: ids in hexadecimal."""
    tree = MessageToDict(request)
    for part in tree.get("resourceSpans", ()):
        for scope in part["scopeSpans"]:
            for span, original in zip(scope["spans"], request.resource_spans[0].scope_spans[0].spans, strict=True):
                span |= {"traceId": original.trace_id.hex(), "spanId": original.span_id.hex()}
    return json.dumps(tree).encode()


@dataclass(frozen=True)
class Answered:
    """What a receiver answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Sender:
    """One who sends to a port, each request over a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    def send(self, path: str, body: bytes, **headers: str) -> Answered:
        """Post it; `content_type` becomes Content-Type."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("POST", path, body, {"content-type": PROTOBUF, **named})
            with connection.getresponse() as answer:
                return Answered(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def ways(request: Any) -> list[tuple[bytes, dict[str, str]]]:
    """All the ways to send a request: protobuf and JSON, packed or not."""
    plain, text = request.SerializeToString(), as_json(request)
    return [
        (plain, {"content_type": PROTOBUF}),
        (gzip.compress(plain), {"content_type": PROTOBUF, "content_encoding": "gzip"}),
        (text, {"content_type": JSON}),
        (gzip.compress(text), {"content_type": f"{JSON}; charset=utf-8", "content_encoding": "gzip"}),
    ]
