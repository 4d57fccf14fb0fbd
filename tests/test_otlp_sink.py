"""The sink must tell the truth, or every campaign that counts with it is worthless."""

import gzip
import http.client
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from tests.otlp_sink import Sink
from tests.waiting import until

PROTOBUF = {"Content-Type": "application/x-protobuf"}
TRACE = "0e9b1a2c3d4e5f60718293a4b5c6d7e8"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def trace_json(*span_ids: str) -> bytes:
    spans = [{"traceId": TRACE, "spanId": span_id, "name": "hook Stop", "kind": 1} for span_id in span_ids]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


@dataclass(frozen=True)
class Answered:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def post(sink: Sink, body: bytes, headers: Mapping[str, str] | None = None, timeout: float = 60) -> Answered:
    with closing(http.client.HTTPConnection("127.0.0.1", sink.port, timeout=timeout)) as connection:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json", **(headers or {})})
        with connection.getresponse() as answer:
            return Answered(answer.status, answer.headers, answer.read())


def test_what_the_official_exporters_send_is_decoded(sink: Sink):
    resource = Resource({"service.name": "claude-code-hooks"})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(f"{sink.url}/v1/traces", compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("hookspan")
    with tracer.start_as_current_span("turn") as turn, tracer.start_as_current_span("tool") as tool:
        tool.set_attribute("sizes", [1, 2])
    provider.shutdown()
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(f"{sink.url}/v1/metrics"))], resource)
    meters.get_meter("hookspan").create_counter("events").add(3, {"hook.event": "Stop"})
    meters.get_meter("hookspan").create_histogram("took", unit="s").record(0.5)
    meters.shutdown()

    tool_span, turn_span = sink.spans
    assert tool_span.trace_id == turn_span.trace_id == f"{turn.get_span_context().trace_id:032x}"
    assert (turn_span.parent_id, tool_span.parent_id) == ("", turn_span.span_id)
    assert tool_span.attributes == {"sizes": [1, 2]}
    assert tool_span.start <= tool_span.end <= turn_span.end
    assert tool_span.resource["service.name"] == "claude-code-hooks"
    assert sink.requests[0].headers["content-encoding"] == "gzip"
    events = sink.latest("events", {"hook.event": "Stop"})
    assert (events.value, events.monotonic, events.temporality) == (3, True, "cumulative")
    took = sink.latest("took")
    assert (took.value, took.count, took.sum, sum(took.buckets)) == (None, 1, 0.5, 1)
    with pytest.raises(LookupError):
        sink.latest("events", {"hook.event": "Other"})


def test_json_and_repeats_are_counted(sink: Sink):
    assert post(sink, trace_json("00000000000000a1", "00000000000000a2")).status == 200
    answer = post(sink, gzip.compress(trace_json("00000000000000a2")), {"Content-Encoding": "gzip"})
    assert (answer.status, json.loads(answer.body)) == (200, {})
    assert [(span.trace_id, span.span_id, span.kind) for span in sink.spans][:1] == [
        (TRACE, "00000000000000a1", "internal")
    ]
    assert (sink.span_count, sink.distinct_spans) == (3, 2)
    assert post(sink, b"{").status == 400
    assert post(sink, b"\xff", PROTOBUF).status == 400
    assert sink.undecodable == 2


def test_faults_are_answered_in_order_and_store_nothing(sink: Sink):
    sink.fault(status=503, headers={"Retry-After": "7"}, times=2)
    sink.fault(status=400, when=lambda request: "00000000000000a1" in request.span_ids)
    sink.fault(signal="metrics", status=500)
    refused = post(sink, trace_json("00000000000000a2"))
    assert (refused.status, refused.headers["Retry-After"]) == (503, "7")
    statuses = [post(sink, trace_json(f"00000000000000{span}")).status for span in ("a2", "a1", "a2", "a1")]
    assert statuses == [503, 400, 200, 400]
    assert [request.status for request in sink.requests] == [503, 503, 400, 200, 400]
    assert [span.span_id for span in sink.spans] == ["00000000000000a2"]
    sink.heal()
    assert post(sink, trace_json("00000000000000a1")).status == 200


def test_a_partial_success_is_one_that_the_official_exporter_reads(sink: Sink):
    sink.fault(partial=2, message="too old", times=1)
    answer = post(sink, b"", PROTOBUF)
    response = ExportTraceServiceResponse.FromString(answer.body)
    assert (response.partial_success.rejected_spans, response.partial_success.error_message) == (2, "too old")


def test_connections_break_as_told(sink: Sink):
    sink.fault(drop=True, store=True, times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        post(sink, trace_json("00000000000000a1"))
    assert sink.distinct_spans == 1
    sink.fault(truncate=True, body=b"\x0a", times=1)
    with pytest.raises(http.client.IncompleteRead):
        post(sink, trace_json("00000000000000a2"))
    arrived: list[list[str]] = []
    sink.fault(hang=True, when=lambda request: arrived.append(request.span_ids) or True)
    with pytest.raises(TimeoutError):
        post(sink, trace_json("00000000000000a3"), timeout=0.3)
    hanging = threading.Thread(target=pytest.raises, args=(http.client.RemoteDisconnected, post, sink, trace_json()))
    hanging.start()
    until(lambda: [] in arrived, "the request is there")
    sink.heal()
    hanging.join(60)
    assert not hanging.is_alive()
    assert sink.distinct_spans == 2  # what hung was never received


def test_a_stopped_sink_refuses_kept_alive_connections_and_comes_back_on_its_port(sink: Sink):
    with requests.Session() as session:

        def export() -> int:
            body = trace_json("00000000000000a1")
            return session.post(f"{sink.url}/v1/traces", body, headers={"Content-Type": "application/json"}).status_code

        assert export() == 200
        sink.stop()
        with pytest.raises(requests.ConnectionError):
            export()
        sink.start()
        assert export() == 200
    assert (sink.span_count, sink.distinct_spans) == (2, 1)


def test_an_exporter_rides_out_an_outage(sink: Sink):
    sink.fault(status=503, times=1)
    provider = TracerProvider()
    exporter = OTLPSpanExporter(f"{sink.url}/v1/traces")
    span = provider.get_tracer("hookspan").start_span("turn")
    span.end()
    assert exporter.export([span]) is SpanExportResult.SUCCESS  # type: ignore[list-item]  # an SDK span is readable
    assert [request.status for request in sink.requests] == [503, 200]
    assert sink.distinct_spans == 1


def test_a_process_of_its_own_is_controlled_over_http():
    command = [sys.executable, "-m", "tests.otlp_sink", "--control"]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        url = process.stdout.readline().strip()

        def call(path: str, body: bytes | None = None) -> bytes:
            with urllib.request.urlopen(urllib.request.Request(url + path, body), timeout=60) as answer:
                return bytes(answer.read())

        call("/control/fault", json.dumps({"status": 202, "times": 1}).encode())
        request = urllib.request.Request(url + "/v1/traces", trace_json("00000000000000a1"))
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 202
        assert json.loads(call("/control/stats"))["distinct_spans"] == 1
        process.stdin.close()
        assert process.wait(60) == 0
