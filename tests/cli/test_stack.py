"""`hookspan stack` with a Docker that does nothing; tests/stack has a real one."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hookspan.cli.stack import compose
from hookspan.cli.stack.compose import Compose
from hookspan.cli.stack.services import GRAFANA, HEALTH, JAEGER, METRICS, OTLP_GRPC, OTLP_HTTP
from hookspan.config import load
from hookspan.paths import Paths
from tests.command import call
from tests.ports import Ports

DOCKER = """#!/bin/sh
[ "$4" != config ] || cat "${0%/*}/config.json"
[ "$4" != down ] || ! [ -e "${0%/*}/fails" ]
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


class Docker:
    """A `docker compose` of services that publish these ports, by those in the containers."""

    def __init__(self, folder: Path, published: dict[int, int | str]) -> None:
        docker = folder / "bin" / "docker"
        docker.parent.mkdir()
        docker.write_text(DOCKER)
        docker.chmod(0o755)
        self.published = published
        self.env = {"HOME": str(folder), "PATH": f"{docker.parent}:/usr/bin:/bin"}
        self.config = Paths.from_environment(self.env).config
        self._file = docker.with_name("config.json")

    def fails(self, *, no_more: bool = False) -> None:
        """From now on it stops nothing."""
        file = self._file.with_name("fails")
        file.unlink() if no_more else file.touch()

    def up(self, *services: str) -> str:
        """What it says."""
        rows = [
            {"target": target} | ({"published": str(port)} if port else {}) for target, port in self.published.items()
        ]
        self._file.write_text(json.dumps({"services": {"all": {"ports": rows}}}))
        done = call("stack", "up", *services, env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_without_the_collector_export_stays_as_it_is(answering: int, tmp_path: Path):
    ports = Ports()
    published = {port: ports[str(port)] for port in (GRAFANA, HEALTH, METRICS, OTLP_GRPC, OTLP_HTTP)}
    docker = Docker(tmp_path, {**published, JAEGER: answering})
    assert "OTLP" not in docker.up("jaeger")
    assert not docker.config.exists()
    docker.published[HEALTH] = answering
    assert f"http://127.0.0.1:{published[OTLP_HTTP]} " in docker.up("jaeger"), "the Collector ran before"
    assert f"http://127.0.0.1:{published[OTLP_HTTP]}" in docker.config.read_text()


def test_what_a_copy_of_ones_own_does_not_publish_is_not_there(answering: int, tmp_path: Path):
    docker = Docker(tmp_path, {OTLP_HTTP: 9, JAEGER: answering, GRAFANA: "", METRICS: "9000-9005"})
    assert [line.split()[0] for line in docker.up().splitlines()] == ["jaeger", "OTLP"]
    settings = load(Paths.from_environment(docker.env), {})
    assert (settings.export.endpoint, settings.links.jaeger) == ("http://127.0.0.1:9", f"http://127.0.0.1:{answering}")
    assert (settings.links.grafana, settings.collector.health) == (None, None)
    rows = json.loads(call("stack", "status", "--json", env=docker.env).stdout)["services"]
    assert [row["name"] for row in rows] == ["jaeger"]


def test_no_files_are_deleted_below_a_stack_that_runs(answering: int, tmp_path: Path):
    docker = Docker(tmp_path, {JAEGER: answering})
    docker.up("jaeger", "--no-export")
    folder = Paths.from_environment(docker.env).data / "stack"

    def refused() -> bool:
        done = call("uninstall", "--purge", "--yes", env=docker.env)
        assert (done.returncode != 0) == folder.exists()
        return "has not been stopped" in done.stderr

    assert refused()
    docker.fails()
    assert call("stack", "down", "--yes", env=docker.env).returncode != 0
    assert refused()
    docker.fails(no_more=True)
    assert call("stack", "down", "--yes", env=docker.env).returncode == 0
    assert not refused()


@pytest.mark.parametrize("form", ["{one}\n{two}\n", "[{one},{two}]\n", ""], ids=["lines", "before 2.21", "none"])
def test_the_states_of_services_whatever_compose_prints(form: str, tmp_path: Path):
    states = {"one": "running", "two": "exited"}
    rows = {name: json.dumps({"Service": name, "State": state}) for name, state in states.items()}
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\ncat <<'E'\n{form.format_map(rows)}E\n")
    docker.chmod(0o755)
    compose = Compose(tmp_path, (str(docker), "compose"), {"PATH": "/usr/bin:/bin"})
    assert compose.states() == (states if form else {})


def test_of_a_clone_nothing_is_copied_that_its_operator_has_made(tmp_path: Path):
    ours = {tmp_path / name for name in compose.FILES if name != "collector"}
    ours |= {tmp_path / "collector/gateway/values.yaml"}
    for file in ours:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    for name in ("secrets/tokens", ".env", "docker-compose.override.yml"):
        file = tmp_path / "collector/gateway" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("hunter2")
    assert set(compose._sources(tmp_path)) == ours
