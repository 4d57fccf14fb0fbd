"""Developers' agents, as the gateway sees them: spans with ids of their own choice, and sums that only grow."""

import threading
import time
import uuid
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExportResult,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from tests.gateway.fleet import TOKEN, Fleet
from tests.waiting import PATIENCE, until

SECOND = 1_000_000_000
SPANS = 10  # of a trace
EXPORT_TIMEOUT = 5.0  # s; what is not accepted by then is sent again


class Developer:
    """One agent's exports. What is refused or unanswered is sent again, as the agent does."""

    def __init__(
        self,
        fleet: Fleet,
        service: str,
        *,
        token: str = TOKEN,
        endpoint: str | None = None,
        timeout: float = EXPORT_TIMEOUT,
    ) -> None:
        self.name = uuid.uuid4().hex[:12]
        self.resource = Resource({"service.name": service, "service.instance.id": self.name, "host.name": "laptop"})
        session = requests.Session()
        session.trust_env = False  # a machine's own REQUESTS_CA_BUNDLE would count more than what is said here
        session.verify = str(fleet.certificates.ca)
        self._session = session
        self._key = {"Authorization": f"Bearer {token}"}
        arguments: dict[str, Any] = {
            "headers": self._key,
            "certificate_file": session.verify,
            "session": session,
            "timeout": timeout,
        }
        self.endpoint = endpoint or fleet.endpoint
        self._spans = OTLPSpanExporter(f"{self.endpoint}/v1/traces", **arguments)
        self._metrics = OTLPMetricExporter(f"{self.endpoint}/v1/metrics", **arguments)
        self.patient = OTLPMetricExporter(f"{self.endpoint}/v1/metrics", **{**arguments, "timeout": PATIENCE})
        self._reader = InMemoryMetricReader()
        self._events = self._counter(self._reader)
        self.sent: dict[str, set[str]] = {}  # the ids of the spans that were accepted, by their trace
        self.counted = 0

    def _counter(self, reader: InMemoryMetricReader) -> Any:
        return MeterProvider([reader], self.resource).get_meter("hookspan").create_counter("gateway.test.events")

    def trace(self, spans: int = SPANS, **attributes: Any) -> list[ReadableSpan]:
        """The spans of a turn."""
        trace, now = uuid.uuid4(), time.time_ns()
        return [
            ReadableSpan(
                "execute_tool Read" if number else "invoke_agent claude-code",
                SpanContext(trace.int, uuid.uuid4().int >> 65, is_remote=False, trace_flags=TraceFlags(1)),
                None,
                self.resource,
                attributes,
                start_time=now - 2 * SECOND,
                end_time=now - SECOND,
                instrumentation_scope=InstrumentationScope("hookspan", "1.0"),
            )
            for number in range(spans)
        ]

    def send(self, spans: list[ReadableSpan], stop: threading.Event | None = None) -> None:
        """Send until it is accepted."""
        while self._spans.export(spans) is not SpanExportResult.SUCCESS:
            if stop is not None and stop.wait(0.2):
                return
        for span in spans:
            assert span.context
            self.sent.setdefault(f"{span.context.trace_id:032x}", set()).add(f"{span.context.span_id:016x}")

    @property
    def traces(self) -> list[str]:
        """The ids of the traces of which something was accepted."""
        return list(self.sent)

    def count(self, number: int) -> None:
        """Add to the sum; the next report has it."""
        self._events.add(number)
        self.counted += number

    def reported(self) -> None:
        """Send the sum until it is accepted."""
        until(self.report, "the sum is not accepted")

    def report(self) -> bool:
        """Send the sum as it is now; whether it was accepted."""
        data = self._reader.get_metrics_data()
        return data is not None and self._metrics.export(data) is MetricExportResult.SUCCESS

    def encoded(self) -> ExportMetricsServiceRequest:
        """The sum as it is now, as a message that a test may change; for `post`."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return encode_metrics(data)

    def post(self, metrics: ExportMetricsServiceRequest) -> requests.Response:
        """Send a message as it is, once, with this developer's token."""
        headers = {**self._key, "Content-Type": "application/x-protobuf"}
        return self._session.post(
            f"{self.endpoint}/v1/metrics", metrics.SerializeToString(), headers=headers, timeout=PATIENCE
        )

    def deltas(self) -> "Deltas":
        """Of the same developer, as Claude Code's own metrics are."""
        return Deltas(self)

    def work(self, stop: threading.Event, pause: float = 0.05) -> None:
        """A turn after the other until told to stop; and then the last sum, for as long as it takes."""
        while not stop.wait(pause):
            self.send(self.trace(), stop)
            self.count(1)
            if self.counted % 10 == 0:
                self.report()

    def close(self) -> None:
        """Close the connections."""
        self._spans.shutdown()
        self._metrics.shutdown()
        self.patient.shutdown()


class Deltas:
    """A counter with delta temporality."""

    def __init__(self, developer: Developer) -> None:
        self._reader = InMemoryMetricReader({Counter: AggregationTemporality.DELTA})
        self._counter = developer._counter(self._reader)
        self._export = developer.patient.export  # a delta that is sent again counts twice

    def send(self, number: int) -> None:
        """One delta."""
        self._counter.add(number)
        data = self._reader.get_metrics_data()
        assert data is not None
        assert self._export(data) is MetricExportResult.SUCCESS
