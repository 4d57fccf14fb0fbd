"""An OTLP endpoint for the benchmarks, as a program of its own: it counts spans and says how old tool spans were.

`python -m hookspan.bench.endpoint` prints its port and runs until its stdin is closed. GET tells the counts.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TOOL: Final = "execute_tool"


@dataclass
class Counts:
    """What arrived: how many spans, distinct hook spans, and the ages of tool spans on arrival (seconds)."""

    spans: int = 0
    hooks: set[bytes] = field(default_factory=set)
    ages: list[float] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        """One request with spans."""
        now = time.time()
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += len(scope.spans)
                for span in scope.spans:
                    if scope.scope.name == "hookspan.hooks":
                        self.hooks.add(span.span_id)
                    elif span.name.startswith(TOOL):
                        self.ages.append(now - span.end_time_unix_nano / 1e9)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    counts = Counts()

    def handle_error(self, request: object, client_address: object) -> None:
        """An agent that was killed leaves its connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_POST(self) -> None:
        """Take an export."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/v1/traces":
            self.server.counts.take(body)
        self._send(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        """Tell what came."""
        counts = self.server.counts
        answer = {"spans": counts.spans, "hooks": len(counts.hooks), "ages": counts.ages}
        self._send(json.dumps(answer).encode(), "application/json")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One that runs."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """What `export.endpoint` takes."""
        return f"http://127.0.0.1:{self.port}"

    def counts(self) -> dict[str, Any]:
        """What has arrived so far."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", "/")
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """Meanwhile it takes connections and says nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@contextlib.contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Run one; what it costs is not the measuring process's."""
    command = [sys.executable, "-m", "hookspan.bench.endpoint"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("no pipe from the endpoint")
        yield Endpoint(int(process.stdout.readline()), process.pid)
        process.communicate()  # closes its stdin, which ends it


def main() -> None:
    """Serve until stdin is closed."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
