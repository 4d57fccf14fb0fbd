"""OTLP over gRPC, against a real gRPC server; and who loads which library."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from hookspan.paths import Paths
from hookspan.store import SpanKey
from tests import otlp_decode
from tests.agent.machine import PATIENCE
from tests.export.test_spans import SpanExport

ROOT = Path(__file__).parents[2]


class Endpoint(trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer):
    """A receiver of spans and metrics that says what it is told to."""

    def __init__(self, port: int = 0) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)  # type: ignore[no-untyped-call]
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self.server)  # type: ignore[no-untyped-call]
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.lock = threading.Lock()
        self.span_ids: list[str] = []
        self.points: list[otlp_decode.Point] = []
        self.headers: dict[str, str] = {}
        self.code: grpc.StatusCode | None = None
        self.calls = self.rejected = 0
        self.server.start()

    def Export(self, request, context):  # noqa: N802 - the service's name for it
        with self.lock:
            self.calls += 1
            self.headers = dict(context.invocation_metadata())
            if self.code is not None:
                context.abort(self.code, "told to")
            self.span_ids += [one.hex() for one in otlp_decode.span_ids(request)]
            response = trace_service_pb2.ExportTraceServiceResponse()
            response.partial_success.rejected_spans = self.rejected
            return response


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def Export(self, request, context):  # noqa: ARG002, N802
        self.endpoint.points += otlp_decode.points(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


@pytest.fixture
def span_export(paths: Paths):
    exporting = SpanExport(paths)
    yield exporting
    exporting.stop()
    exporting.store.close()


@pytest.fixture
def endpoint():
    listening = Endpoint()
    yield listening
    listening.server.stop(0)


def test_spans_and_metrics_arrive_and_partial_success_is_counted(span_export: SpanExport, endpoint: Endpoint) -> None:
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc", headers={"X-Key": "secret"})
    endpoint.rejected = 2
    wanted = span_export.commit(700)
    assert exporter.drain(PATIENCE)
    assert endpoint.span_ids == wanted
    assert endpoint.headers["x-key"] == "secret"
    assert (span_export.stats()["exported"], span_export.stats()["rejected"]) == (696, 4)
    assert {point.name for point in endpoint.points} == {"hookspan.agent.series"}


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL]
)
def test_any_failure_holds_all_spans_and_each_is_one_call(
    span_export: SpanExport, endpoint: Endpoint, code: grpc.StatusCode
) -> None:
    endpoint.code = code
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc")
    wanted = span_export.commit(10)
    stats = span_export.until(lambda stats: stats["failures"] >= 2)
    assert endpoint.calls <= stats["failures"] + 1
    assert code.name in stats["last_error"]
    assert (stats["refused"], stats["queue"], exporter.db.cursor) == (0, 10, SpanKey(0, 0))
    endpoint.code = None
    assert exporter.drain(PATIENCE)
    assert endpoint.span_ids == wanted


def test_an_endpoint_that_was_away_is_found_again(span_export: SpanExport, endpoint: Endpoint) -> None:
    endpoint.server.stop(0).wait()
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc")
    wanted = span_export.commit(10)
    span_export.until(lambda stats: stats["failures"] >= 1)
    back = Endpoint(endpoint.port)
    assert exporter.drain(PATIENCE)
    assert back.span_ids == wanted
    back.server.stop(0)


@pytest.mark.parametrize(
    ("settings", "loaded"),
    [
        ("", set()),
        ("endpoint='http://127.0.0.1:1'", {"requests"}),
        ("endpoint='http://127.0.0.1:1', protocol='grpc'", {"grpc"}),
    ],
)
def test_only_what_is_used_is_loaded(paths: Paths, settings: str, loaded: set[str]) -> None:
    paths.create()
    program = f"""
import sys
from pathlib import Path
from hookspan.export import Exporter, ExportSettings
from hookspan.paths import Paths
from hookspan.store import Store
state = Path({str(paths.state)!r})
paths = Paths(state=state, config=state, data=state)
store = Store.open(paths)
exporter = Exporter(paths, ExportSettings({settings}))
exporter.start()
exporter.drain(1)
exporter.stop()
print(*{{"requests", "grpc"}} & sys.modules.keys())
"""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "instrumentation")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == loaded
    assert "Traceback" not in done.stderr
