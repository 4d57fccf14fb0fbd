"""An endpoint, a Collector or a Jaeger that means harm: it redirects, never ends, and says what it likes."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc  # type: ignore[import-untyped]
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

from hookspan.agent import fetch
from hookspan.agent.health import Status, collector
from hookspan.cli.doctor.checks import backends
from hookspan.cli.doctor.context import Context
from hookspan.config import Collector
from tests.agent.machine import Machine, small_session
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202eevil\x9b2J"
STEERS = set("\x1b\x07\x9b\r\u202e")
MEMORY_MAX = 150 << 20  # bytes, the agent's bar
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with contextlib.suppress(OSError):
                answer(self)

        do_POST = do_GET  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Stay silent."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()


def endless(request: BaseHTTPRequestHandler) -> None:
    """As much as the other side takes."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b'otelcol_exporter_queue_size{exporter="x"} 1\n' * 20_000)


def dripping(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then, so that no single read times out."""
    request.send_response(200)
    request.end_headers()
    for _ in itertools.count():
        request.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("answer", [endless, dripping])
def test_an_answer_without_an_end_is_cut(answer: Answer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(collector, "TIMEOUT", 0.5)
    with server(answer) as url:

        def is_cut() -> bool:
            status, body = fetch.get(url, timeout=0.5)
            assert status == 200
            assert len(body) <= fetch.LIMIT
            return bool(body)

        until(is_cut, "no part of an answer comes in time")
        collector.Backlog().check(Collector(health=url, metrics=url))


@pytest.mark.parametrize("answer", [endless, dripping])
def test_the_exporter_is_held_up_by_no_answer_without_an_end(machine: Machine, answer: Answer):
    with server(answer) as url:
        machine.paths.config.write_text(f'[export]\nendpoint = "{url}"\ntimeout = 1\n')
        pid = machine.up()
        machine.json("flush", "--wait", "1s")  # export has begun before the events come
        machine.hooks(*small_session())
        assert machine.json("flush", "--wait", "60s")["exported"]
        assert psutil.Process(pid).memory_info().rss < MEMORY_MAX


def test_no_question_is_asked_elsewhere(monkeypatch: pytest.MonkeyPatch):
    """Not of the Collector's health, of its metrics, of Jaeger: a redirect is an answer, and no good one."""
    monkeypatch.setattr(collector, "TIMEOUT", PATIENCE)
    asked: list[str] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_response(200)
        request.end_headers()

    with server(elsewhere) as other:

        def away(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", f"{other}/elsewhere")
            request.end_headers()

        with server(away) as url:
            assert fetch.get(url, timeout=PATIENCE) == (302, b"")
            assert collector.answers(url, PATIENCE).status is Status.CRITICAL
            with pytest.raises(ValueError, match="302"):
                collector.exposition(url)
    assert asked == []


def test_a_file_is_no_backend(machine: Machine):
    """`file://` and the like would be read by Python's own library."""
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:hunter2@127.0.0.1:1"):
        for key in ("export.endpoint", "collector.health", "collector.metrics", "links.jaeger"):
            done = machine.cli("config", "set", key, url)
            assert done.returncode == 1
            assert "hunter2" not in done.stderr


class _Rude(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, _: Any, context: Any) -> None:  # noqa: N802 - the service's name for it
        context.abort(grpc.StatusCode.PERMISSION_DENIED, HOSTILE)


@contextlib.contextmanager
def rude(protocol: str) -> Iterator[str]:
    if protocol == "grpc":
        made = grpc.server(ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Rude(), made)  # type: ignore[no-untyped-call]
        port = made.add_insecure_port("127.0.0.1:0")
        made.start()
        yield f"http://127.0.0.1:{port}"
        made.stop(0).wait()
    else:
        with Sink() as sink:
            sink.fault(status=403, body=HOSTILE.encode())
            yield sink.url


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_what_it_says_steers_no_terminal(machine: Machine, protocol: str):
    with rude(protocol) as url:
        machine.paths.config.write_text(f'[export]\nendpoint = "{url}"\nprotocol = "{protocol}"\n')
        machine.up()
        machine.hooks(*small_session())
        until(lambda: (machine.status()["export"] or {}).get("last_error"))
        for words in (("status",), ("doctor",), ()):
            done = machine.cli(*words)
            assert not STEERS & set(done.stdout + done.stderr), words
            assert words != ("status",) or "evil" in done.stdout
        assert not STEERS & set(machine.status()["export"]["last_error"])
        (one,) = backends.export(Context(machine.paths, machine.env, machine.home))
        assert one.status is Status.CRITICAL
