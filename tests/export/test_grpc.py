"""OTLP over gRPC, against a real gRPC server; and who loads which library."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from hookspan.catalogue import attributes as sc
from hookspan.paths import Paths
from hookspan.store import SpanKey
from tests import otlp_decode
from tests.export.exporting import PAUSE, SpanExport
from tests.export.refused import refusals
from tests.ports import Ports
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


class Endpoint(trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer):
    """A receiver of spans and metrics that says what it is told to."""

    def __init__(self, port: int | None = None, options: Iterable[tuple[str, int]] = ()) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4), options=tuple(options))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)  # type: ignore[no-untyped-call]
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self.server)  # type: ignore[no-untyped-call]
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(self), self.server)  # type: ignore[no-untyped-call]
        self.ports = Ports()  # one that is away comes back on its port
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port or self.ports['grpc']}")
        self.lock = threading.Lock()
        self.span_ids: list[str] = []
        self.points: list[otlp_decode.Point] = []
        self.logs: list[otlp_decode.Log] = []
        self.bad: set[str] = set()  # uids of log records that it doesn't take
        self.headers: dict[str, str] = {}
        self.code: grpc.StatusCode | None = None
        self.text = "told to"
        self.retry: int | None = None  # seconds that it asks for, with its code
        self.fits: Callable[[list[str]], bool] = lambda _: True  # whether it takes spans of these ids
        self.calls = self.rejected = 0
        self.server.start()

    def Export(self, request, context):  # noqa: N802 - the service's name for it
        with self.lock:
            self.calls += 1
            self.headers = dict(context.invocation_metadata())
            if self.retry is not None:
                wish = Any()
                wish.Pack(RetryInfo(retry_delay=Duration(seconds=self.retry)))
                context.set_trailing_metadata(
                    (("grpc-status-details-bin", Status(details=[wish]).SerializeToString()),)
                )
            if self.code is not None:
                context.abort(self.code, self.text)
            ids = [one.hex() for one in otlp_decode.span_ids(request)]
            if not self.fits(ids):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one of them is no good")
            self.span_ids += ids
            response = trace_service_pb2.ExportTraceServiceResponse()
            response.partial_success.rejected_spans = self.rejected
            return response


class _Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def Export(self, request, context):  # noqa: N802
        logs = list(otlp_decode.logs(request))
        if self.endpoint.bad & {log.attributes[sc.LOG_RECORD_UID] for log in logs}:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one of them is no good")
        self.endpoint.logs += logs
        response = logs_service_pb2.ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = self.endpoint.rejected
        return response


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def Export(self, request, context):  # noqa: ARG002, N802
        self.endpoint.points += otlp_decode.points(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


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


def test_log_records_arrive_but_for_the_bad_one(span_export: SpanExport, endpoint: Endpoint) -> None:
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc", logs=True)
    wanted = span_export.log(50)
    endpoint.bad = {wanted[7]}
    assert exporter.drain(PATIENCE)
    assert [log.attributes[sc.LOG_RECORD_UID] for log in endpoint.logs] == wanted[:7] + wanted[8:]
    assert {log.event_name for log in endpoint.logs} == {"hookspan.tool.decision"}
    endpoint.rejected = 1
    span_export.log(2)
    assert exporter.drain(PATIENCE)
    logs = span_export.stats()["logs"]
    assert (logs["exported"], logs["refused"], logs["rejected"]) == (50, 1, 1)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL])
def test_what_says_nothing_about_the_spans_holds_all_of_them_and_each_is_one_call(
    span_export: SpanExport, endpoint: Endpoint, code: grpc.StatusCode
) -> None:
    endpoint.code = code
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc")
    wanted = span_export.commit(10)
    span_export.until(lambda stats: stats["failures"] >= 2)
    calls, stats = endpoint.calls, span_export.stats()  # in this order: it goes on meanwhile
    assert calls <= stats["failures"] + 1
    assert code.name in stats["last_error"]
    assert (stats["refused"], stats["queue"], exporter.db.cursor) == (0, 10, SpanKey(0, 0))
    endpoint.code = None
    assert exporter.drain(PATIENCE)
    assert endpoint.span_ids == wanted


def test_one_bad_span_among_many_is_found_and_the_rest_goes_on(span_export: SpanExport, endpoint: Endpoint) -> None:
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc")
    bad: set[str] = set()
    endpoint.fits = lambda ids: not bad & set(ids)
    wanted = span_export.commit(300)
    bad |= {wanted[137], wanted[299]}
    span_export.commit(1, start=-5)  # can't be encoded
    assert exporter.drain(PATIENCE)
    assert endpoint.span_ids == [one for one in wanted if one not in bad]
    assert [(one.key, one.status) for one in refusals(exporter.db)] == [((301, 0), 0), ((300, 0), 400), ((138, 0), 400)]
    assert (span_export.stats()["failures"], span_export.stats()["queue"]) == (0, 0)


def test_an_endpoint_that_refuses_everything_loses_nothing(span_export: SpanExport, endpoint: Endpoint) -> None:
    endpoint.fits = lambda _: False
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc")
    wanted = span_export.commit(20)
    stats = span_export.until(lambda stats: stats["failures"] >= 1)
    assert (stats["refused"], stats["queue"], "refuses every span" in stats["last_error"]) == (0, 20, True)
    endpoint.fits = lambda _: True
    assert exporter.drain(PATIENCE)
    assert endpoint.span_ids == wanted


def test_too_large_a_message_is_sent_in_parts(span_export: SpanExport) -> None:
    """It is the server's library that refuses it here, with a code that an overload has, too."""
    small = Endpoint(options=[("grpc.max_receive_message_length", 20_000)])
    exporter = span_export.start(f"http://127.0.0.1:{small.port}", protocol="grpc")
    wanted = span_export.commit(400)
    assert exporter.drain(PATIENCE)
    assert small.span_ids == wanted
    small.server.stop(0)


def test_an_overload_is_no_refusal_and_retry_info_is_honoured(span_export: SpanExport, endpoint: Endpoint) -> None:
    endpoint.code, endpoint.retry = grpc.StatusCode.RESOURCE_EXHAUSTED, 277
    span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc")
    span_export.commit(10)
    stats = span_export.until(lambda stats: stats["state"] == "holding")
    assert 277 - PATIENCE < stats["retry_in"] <= 277
    assert not span_export.exporter.drain(10 * PAUSE)  # type: ignore[union-attr]
    assert endpoint.calls == 1  # not even then is it asked sooner


def test_a_server_without_gzip_is_not_one_without_traces(span_export: SpanExport, endpoint: Endpoint) -> None:
    endpoint.code = grpc.StatusCode.UNIMPLEMENTED
    endpoint.text = 'grpc: Decompressor is not installed for grpc-encoding "gzip"'  # the words of grpc-go
    span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc", compression="gzip")
    span_export.commit()
    stats = span_export.until(lambda stats: stats["failures"] >= 1)
    assert "`hookspan config set export.compression none`" in stats["last_error"]
    assert not stats["not_taken"]


def test_an_endpoint_that_was_away_is_found_again(span_export: SpanExport, endpoint: Endpoint) -> None:
    endpoint.server.stop(0).wait()
    exporter = span_export.start(f"http://127.0.0.1:{endpoint.port}", protocol="grpc")
    wanted = span_export.commit(10)
    span_export.until(lambda stats: stats["failures"] >= 1)
    back = Endpoint(endpoint.port)
    assert exporter.drain(PATIENCE)
    assert back.span_ids == wanted
    back.server.stop(0)


class Network:
    """A way to a port that can go dead: what is connected by then stays so, and nothing gets through any more."""

    def __init__(self, port: int) -> None:
        self._port, self._way = port, threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def dies(self) -> None:
        """All ways that there are; the next one is another."""
        self._way.set()
        self._way = threading.Event()

    def close(self) -> None:
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
                self._open += [here, there]
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(*ends, self._way), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket, dead: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not dead.is_set():
                    target.sendall(data)


def test_a_connection_that_has_died_in_silence_is_made_anew(span_export: SpanExport, endpoint: Endpoint) -> None:
    """As after a sleep: nobody answers on the old one, and nobody says so."""
    with contextlib.closing(Network(endpoint.port)) as network:
        exporter = span_export.start(f"http://127.0.0.1:{network.port}", protocol="grpc", timeout=2)
        wanted = span_export.commit(1)
        assert exporter.drain(PATIENCE)
        network.dies()
        wanted += span_export.commit(1)
        assert exporter.drain(PATIENCE)
        assert list(dict.fromkeys(endpoint.span_ids)) == wanted  # a slow answer is taken for none


@pytest.mark.slow
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
import sys, time
from pathlib import Path
from hookspan.export import Exporter, ExportSettings
from hookspan.paths import Paths
from hookspan.store import Store
state = Path({str(paths.state)!r})
paths = Paths(state=state, config=state, data=state)
store = Store.open(paths)
exporter = Exporter(paths, ExportSettings({settings}))
exporter.start()
end = time.monotonic() + {PATIENCE}
exporter.drain(0.1)
while {bool(settings)} and not exporter.stats()["metrics"]["failures"]:  # nobody listens there
    assert time.monotonic() < end
    exporter.drain(0.1)
exporter.stop()
print(*{{"requests", "grpc"}} & sys.modules.keys())
"""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "instrumentation")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == loaded
    assert "Traceback" not in done.stderr
