"""An OTLP endpoint for tests: it takes what an exporter sends, decodes it, and can be told to misbehave.

    with Sink() as sink:
        exporter = OTLPSpanExporter(f"{sink.url}/v1/traces")
        sink.fault(status=503, times=3)
        ...
        sink.wait(lambda: sink.span_count >= 20_000)
        assert sink.distinct_spans == 20_000

OTLP over HTTP, protobuf and JSON, gzip or not, traces, metrics and logs. Decoding to dataclasses is lazy (a kill
campaign sends a million spans and needs only their ids); ids are counted as they come. `python -m tests.otlp_sink`
runs one in its own process and, with `--control`, takes faults and answers counts over HTTP.
"""

import argparse
import gzip
import json
import socket
import ssl
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from google.protobuf.json_format import MessageToJson, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests import otlp_decode
from tests.otlp_decode import Log, Message, Point, Span
from tests.ports import Ports

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class Signal:
    """One OTLP signal: its request and response types and the name of the count in a partial success."""

    name: str
    request: Callable[[], Message]
    response: Callable[[], Message]
    rejected: str


SIGNALS = {
    f"/v1/{signal.name}": signal
    for signal in (
        Signal(
            "traces",
            trace_service_pb2.ExportTraceServiceRequest,
            trace_service_pb2.ExportTraceServiceResponse,
            "rejected_spans",
        ),
        Signal(
            "metrics",
            metrics_service_pb2.ExportMetricsServiceRequest,
            metrics_service_pb2.ExportMetricsServiceResponse,
            "rejected_data_points",
        ),
        Signal(
            "logs",
            logs_service_pb2.ExportLogsServiceRequest,
            logs_service_pb2.ExportLogsServiceResponse,
            "rejected_log_records",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Received:
    """One export request that arrived whole, whatever it was answered."""

    signal: str
    headers: Mapping[str, str]  # names in lower case
    size: int  # bytes on the wire
    time: float  # time.time() on arrival
    message: Message = None  # None with keep=False
    status: int = 0  # 0: no answer was given
    text: bytes = b""  # the body, if it is JSON
    wire: bytes = b""  # the body as it came; empty with keep=False

    @property
    def span_ids(self) -> list[str]:
        """The ids of the request's spans in hex, empty for other signals."""
        return [span_id.hex() for span_id in otlp_decode.span_ids(self.message)] if self.signal == "traces" else []


@dataclass(slots=True)
class Fault:
    """What to answer instead of success. The first fault that applies to a request decides.

    The content of a request counts as received only when the answer is a success, unless `store` says otherwise:
    `drop=True, store=True` is the backend that took the data and died before it could say so.
    """

    times: int | None = None  # how many requests it applies to; None: until `heal`
    signals: frozenset[str] | None = None  # None: all
    when: Callable[[Received], bool] | None = None  # a further condition, such as "this span is in it"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)  # such as Retry-After
    body: bytes | None = None  # sent as it is, in place of an OTLP answer
    delay: float = 0.0  # seconds before the answer
    hang: bool = False  # no answer until `heal` or `stop`
    drop: bool = False  # close the connection without an answer
    truncate: bool = False  # promise a longer body than is sent, then close
    partial: int = 0  # report this many of the request's items as rejected, in a 200
    message: str = "refused by the test"  # the text of the error or of the partial success
    store: bool | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, before it is written."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: bool = False


class Sink:
    """The endpoint. All methods may be called from any thread; `stop` and `start` keep the port and the content.

    `keep=False` counts and forgets: for campaigns whose spans don't fit into memory. `tls` is a certificate chain
    and its key; the URL is then https. `control` opens `/control/` (see `main`).
    """

    def __init__(
        self, *, port: int = 0, keep: bool = True, tls: tuple[Path, Path] | None = None, control: bool = False
    ) -> None:
        self.port = port
        self._ports = Ports()  # one that is stopped is started on its port again
        self.control = control
        self.requests: list[Received] = []
        self.ids: Counter[bytes] = Counter()  # span id -> how many times it was received
        self.undecodable = 0  # requests that weren't OTLP
        self._keep = keep
        self._tls = tls
        self._stored: dict[str, list[Message]] = {signal.name: [] for signal in SIGNALS.values()}
        self._faults: list[Fault] = []
        self._changed = threading.Condition()
        self._release = threading.Event()  # set to let the requests go that hang or are delayed now
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._ports = Ports()

    @property
    def url(self) -> str:
        """The base that an exporter appends `/v1/traces` to."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of the time before if there was one."""
        if self._server is not None:
            return
        self.port = self.port or self._ports["sink"]
        self._server = _Server(("127.0.0.1", self.port), self, self._tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sink", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every open connection, so that the next export is refused; what was received stays."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.cut()
        self._server.server_close()
        self._server = self._thread = None
        self._let_go()

    def fault(self, **settings: Any) -> Fault:
        """Misbehave as the fields of `Fault` say, after the faults that already wait. `signal="traces"`: only that."""
        if signal := settings.pop("signal", None):
            settings["signals"] = frozenset({signal})
        fault = Fault(**settings)
        with self._changed:
            self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """Forget all faults; requests that hang now end without an answer."""
        self._let_go(forget=True)

    def clear(self) -> None:
        """Forget what was received."""
        with self._changed:
            self.requests.clear()
            self.ids.clear()
            self.undecodable = 0
            for messages in self._stored.values():
                messages.clear()

    def wait(self, condition: Callable[[], bool], timeout: float = 60.0) -> None:
        """Return once `condition` holds; it is asked after every request. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"not within {timeout:g} s; the sink has {self.stats()}")

    def stats(self) -> dict[str, int]:
        """Counts for a message or for the control port."""
        with self._changed:
            return {
                "requests": len(self.requests),
                "refused": sum(not 200 <= request.status < 300 for request in self.requests),
                "undecodable": self.undecodable,
                "spans": self.span_count,
                "distinct_spans": self.distinct_spans,
            }

    @property
    def span_count(self) -> int:
        """How many spans were received, repeats included."""
        return self.ids.total()

    @property
    def distinct_spans(self) -> int:
        """How many different span ids were received."""
        return len(self.ids)

    @property
    def spans(self) -> list[Span]:
        """The spans in order of arrival, repeats included."""
        return [span for message in self._messages("traces") for span in otlp_decode.spans(message)]

    @property
    def points(self) -> list[Point]:
        """The data points of every metric export, in order of arrival."""
        return [point for message in self._messages("metrics") for point in otlp_decode.points(message)]

    @property
    def logs(self) -> list[Log]:
        """The log records in order of arrival."""
        return [log for message in self._messages("logs") for log in otlp_decode.logs(message)]

    def latest(self, name: str, attributes: Mapping[str, Any] | None = None) -> Point:
        """Return the newest data point of a metric whose attributes include `attributes`.

        Raises `LookupError` with the series that are there.
        """
        wanted = (attributes or {}).items()
        points = [point for point in self.points if point.name == name]
        for point in reversed(points):
            if wanted <= point.attributes.items():
                return point
        raise LookupError(f"no point of {name} with {dict(wanted)} among {[point.attributes for point in points]}")

    def take(self, request: Received, signal: Signal, *, as_json: bool) -> Answer | None:
        """Decide the answer to a request and store what counts as received. None: close without an answer."""
        fault, release = self._fault_for(request)
        if fault.hang or fault.delay:
            release.wait(None if fault.hang else fault.delay)
        answered = not (fault.drop or fault.hang)
        store = fault.store if fault.store is not None else answered and 200 <= fault.status < 300
        with self._changed:
            if store:
                self.store(signal.name, request.message)
            kept = request.message if self._keep else None
            wire = request.wire if self._keep else b""
            self.requests.append(replace(request, message=kept, wire=wire, status=fault.status if answered else 0))
            self._changed.notify_all()
        return _answer(fault, signal, as_json=as_json) if answered else None

    def store(self, signal: str, message: Message) -> None:
        """Take in what counts as received; the lock is held."""
        if signal == "traces":
            self.ids.update(otlp_decode.span_ids(message))
        if self._keep:
            self._stored[signal].append(message)

    def refuse_undecodable(self) -> None:
        """Count a request that isn't OTLP."""
        with self._changed:
            self.undecodable += 1
            self._changed.notify_all()

    def _fault_for(self, request: Received) -> tuple[Fault, threading.Event]:
        """And what ends its waiting."""
        with self._changed:
            for fault in self._faults:
                if fault.signals is not None and request.signal not in fault.signals:
                    continue
                if fault.when is not None and not fault.when(request):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self._faults.remove(fault)
                return fault, self._release
            return Fault(), self._release

    def _let_go(self, *, forget: bool = False) -> None:
        with self._changed:
            if forget:
                self._faults.clear()
            release, self._release = self._release, threading.Event()
        release.set()

    def _messages(self, signal: str) -> list[Message]:
        if not self._keep:
            raise RuntimeError("this sink was made with keep=False: it has counts only")
        with self._changed:
            return list(self._stored[signal])


def _answer(fault: Fault, signal: Signal, *, as_json: bool) -> Answer:
    if fault.body is not None:
        body = fault.body
    elif 200 <= fault.status < 300:
        response = signal.response()
        if fault.partial:
            setattr(response.partial_success, signal.rejected, fault.partial)
            response.partial_success.error_message = fault.message
        body = MessageToJson(response).encode() if as_json else response.SerializeToString()
    else:
        body = fault.message.encode()
    return Answer(fault.status, body, {"Content-Type": JSON if as_json else PROTOBUF, **fault.headers}, fault.truncate)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sink: Sink, tls: tuple[Path, Path] | None) -> None:
        self.sink = sink
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # The handshake is left to the connection's own thread, or a silent client would stop the accepting.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """End the connections that are kept alive: a stopped backend answers nobody."""
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was quicker

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that goes away in mid-request (killed, timed out) is an ordinary guest here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together
    server: _Server

    def do_POST(self) -> None:
        wire = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if signal := SIGNALS.get(self.path):
            self._export(wire, signal)
        elif self.server.sink.control and self.path == "/control/fault":
            self.server.sink.fault(**json.loads(wire))
            self._send(Answer(204))
        elif self.server.sink.control and self.path == "/control/heal":
            self.server.sink.heal()
            self._send(Answer(204))
        else:
            self._send(Answer(404, b"no such signal"))

    def do_GET(self) -> None:
        if self.server.sink.control and self.path == "/control/stats":
            self._send(Answer(200, json.dumps(self.server.sink.stats()).encode(), {"Content-Type": JSON}))
        else:
            self._send(Answer(405))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Stay silent."""

    def _export(self, wire: bytes, signal: Signal) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        as_json = self.headers.get_content_type() == JSON
        try:
            body = gzip.decompress(wire) if headers.get("content-encoding") == "gzip" else wire
            message = signal.request()
            if as_json:
                otlp_decode.from_json(json.loads(body), message)
            else:
                message.ParseFromString(body)
        except (DecodeError, ParseError, ValueError, OSError, EOFError, zlib.error) as error:
            self.server.sink.refuse_undecodable()
            self._send(Answer(400, str(error).encode()))
            return
        received = Received(
            signal.name, headers, len(wire), time.time(), message, text=body if as_json else b"", wire=wire
        )
        answer = self.server.sink.take(received, signal, as_json=as_json)
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) + answer.truncate))
        self.end_headers()
        self.wfile.write(answer.body)
        if answer.truncate:
            self.close_connection = True


def main(argv: list[str] | None = None) -> int:
    """Run a sink until stdin closes or it is killed; the first line of stdout is its URL.

    With `--control`: `POST /control/fault` takes the fields of `Fault` as JSON, `POST /control/heal`,
    `GET /control/stats`.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.otlp_sink", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--control", action="store_true", help="take faults and answer counts under /control/")
    options = parser.parse_args(argv)
    with Sink(port=options.port, keep=False, control=options.control) as sink:
        sys.stdout.write(f"{sink.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
