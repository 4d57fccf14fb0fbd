"""`hookspan doctor --end-to-end` against the real Collector, Jaeger and Prometheus."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.agent.machine import Machine
from tests.stack.stack import Stack
from tests.waiting import PATIENCE, until


@pytest.fixture
def machine(tmp_path: Path, stack: Stack) -> Iterator[Machine]:
    machine = Machine(
        tmp_path / "machine",
        settings=f"""
            [export]
            endpoint = "{stack.otlp_http}"
            metric_interval = 1
            [collector]
            health = "{stack.health}"
            [links]
            jaeger = "{stack.jaeger.url}"
        """,
    )
    assert machine.cli("install", "--yes").returncode == 0
    yield machine
    machine.close()


def everywhere(machine: Machine, *words: str) -> "CompletedProcess[str]":
    """What it says once it finds its session in each place.

    It looks for half a minute: a busy machine is asked again.
    """

    def asked() -> "CompletedProcess[str]":
        done = machine.cli("doctor", "--end-to-end", *words)
        assert done.returncode == 0, done.stdout
        return done

    return until(asked, "it is not everywhere", timeout=5 * PATIENCE)


@pytest.mark.parametrize("how", ["http/protobuf", "grpc, as deltas, compressed"])
def test_it_finds_its_session_everywhere(machine: Machine, stack: Stack, how: str):
    if how.startswith("grpc"):
        for name, value in (("protocol", "grpc"), ("temporality", "delta"), ("compression", "gzip")):
            machine.cli("config", "set", f"export.{name}", value)
        machine.cli("config", "set", "export.endpoint", stack.otlp_grpc)
    done = everywhere(machine, "--prometheus", stack.prometheus.url)
    found = [line.split()[1] for line in done.stdout.splitlines() if " found after " in line]
    assert found == ["hook", "store", "export", "collector", "jaeger", "prometheus"]
    assert "took a test span" in done.stdout
    assert f"and it was in {stack.jaeger.url}" in done.stdout
    assert "broken: see" not in done.stdout


def test_it_says_what_is_missing(machine: Machine, stack: Stack):
    stack.jaeger.stop()

    def is_said() -> bool:
        told = machine.cli("doctor", "--end-to-end", "--json")
        report = json.loads(told.stdout)
        assert told.returncode == 1
        assert report["ok"] is False
        steps = {step["name"]: step["found"] for step in report["end_to_end"]}
        assert steps == {"hook": True, "store": True, "export": True, "collector": True, "jaeger": False}
        (gone,) = (check for check in report["checks"] if check["status"] == "critical")
        assert gone["check"] == "export"
        assert "the test span is not in" in gone["message"]
        return True

    until(is_said, "it says something else", timeout=5 * PATIENCE)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_jaeger_alone_is_backend_enough(tmp_path: Path, stack: Stack, protocol: str):
    """It takes no metrics, which is said once and no failure."""
    port = stack.ports["jaeger_otlp" if protocol != "grpc" else "jaeger_grpc"]
    machine = Machine(
        tmp_path / "machine",
        settings=f"""
            [export]
            endpoint = "http://127.0.0.1:{port}"
            protocol = "{protocol}"
            metric_interval = 1
            [links]
            jaeger = "{stack.jaeger.url}"
        """,
    )
    try:
        assert machine.cli("install", "--yes").returncode == 0
        done = everywhere(machine)
        assert done.stdout.count("hookspan config set export.metrics false") == 1
        flushed = machine.cli("flush", "--wait", "60s")
        assert (flushed.returncode, "Metrics are refused" in flushed.stdout) == (0, True), flushed.stdout
        assert machine.cli("config", "set", "export.metrics", "false").returncode == 0
        assert "metrics" not in machine.cli("doctor").stdout
        if protocol != "grpc":  # a Prometheus alone completes it
            prometheus = stack.prometheus.url
            machine.cli("config", "set", "export.metrics_endpoint", f"{prometheus}/api/v1/otlp/v1/metrics")
            machine.cli("config", "set", "export.metrics", "true")
            done = everywhere(machine, "--prometheus", prometheus)
            assert "prometheus found after" in " ".join(done.stdout.split()), done.stdout
    finally:
        machine.close()
