"""`hookspan stack` with a Docker that does nothing; tests/stack has a real one."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hookspan.cli.stack.services import GRAFANA, HEALTH, JAEGER, METRICS, OTLP_GRPC, OTLP_HTTP
from hookspan.paths import Paths
from tests.command import call
from tests.ports import Ports

DOCKER = """#!/bin/sh
[ "$4" != config ] || cat "${0%/*}/config.json"
"""


class Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


@pytest.fixture
def answering() -> Iterator[int]:
    """The port of a service that says that it is well."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Well) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_without_the_collector_export_stays_as_it_is(answering: int, tmp_path: Path):
    docker, ports = tmp_path / "bin" / "docker", Ports()
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    env = {"HOME": str(tmp_path), "PATH": f"{docker.parent}:/usr/bin:/bin"}
    published = {port: ports[str(port)] for port in (GRAFANA, HEALTH, METRICS, OTLP_GRPC, OTLP_HTTP)}
    published[JAEGER] = answering

    def up(*services: str) -> str:
        """What it says."""
        rows = [{"target": target, "published": str(port)} for target, port in published.items()]
        (docker.parent / "config.json").write_text(json.dumps({"services": {"all": {"ports": rows}}}))
        done = call("stack", "up", *services, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    config = Paths.from_environment(env).config
    assert "OTLP" not in up("jaeger")
    assert not config.exists()
    published[HEALTH] = answering
    assert f"http://127.0.0.1:{published[OTLP_HTTP]} " in up("jaeger"), "the Collector ran before"
    assert f"http://127.0.0.1:{published[OTLP_HTTP]}" in config.read_text()
