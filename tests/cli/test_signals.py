"""A backend that takes one signal alone, as the command line tells it: Phoenix, MLflow, Jaeger without a Collector."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.machine import Machine, event, small_session
from tests.otlp_sink import Sink
from tests.waiting import until


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "machine", settings="[dashboard]\nport = 0\n")
    assert machine.cli("install", "--yes").returncode == 0
    machine.relay = (str(machine.paths.relay), str(machine.paths.state))
    yield machine
    machine.close()


def export_to(machine: Machine, sink: Sink, more: str = "") -> None:
    machine.paths.config.write_text(
        "[dashboard]\nport = 0\n[monitor]\ninterval = 2\n"
        f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n{more}'
    )


def signals(sink: Sink) -> set[str]:
    return {one.signal for one in sink.requests}


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_backend_for_traces_gets_them_and_refuses_no_flush(machine: Machine, status: int):
    with Sink() as sink:
        sink.fault(status=status, signals=frozenset({"metrics"}))
        export_to(machine, sink)
        machine.up()
        machine.hooks(*small_session())
        done = machine.cli("flush", "--wait", "60s")
        assert done.returncode == 0, done.stdout
        assert "All spans are exported" in done.stdout
        assert f"Metrics are refused: the endpoint answered {status}" in done.stdout
        assert "hookspan config set export.metrics false" in done.stdout
        assert len({span.span_id for span in sink.spans}) >= 6
        asked = sum(one.signal == "metrics" for one in sink.requests)

        until(lambda: "metrics false" in json.dumps(machine.status()["health"]))
        assert "waiting; metrics are refused" in machine.cli("status").stdout
        text = machine.cli("doctor", "--end-to-end").stdout
        assert f"all spans went to {sink.url}" in text
        assert f"takes no metrics: the endpoint answered {status}" in text
        warned = [line for line in text.splitlines() if line.lstrip().startswith(("warn", "FAIL"))]
        assert len(warned) == 1, "it is said once"

        assert machine.cli("config", "set", "export.metrics", "false").returncode == 0
        machine.hooks(*small_session())
        done = machine.cli("flush", "--wait", "60s")
        assert (done.returncode, "refused" in done.stdout) == (0, False)
        assert "metrics" not in machine.cli("doctor").stdout
        assert "; no metrics" in machine.cli("status").stdout
        assert sum(one.signal == "metrics" for one in sink.requests) <= asked + 3, "two flushes and a doctor asked"


def test_a_backend_for_metrics_is_not_asked_to_take_spans(machine: Machine):
    with Sink() as sink:
        sink.fault(status=404, signals=frozenset({"traces"}))
        export_to(machine, sink)
        machine.up()
        machine.hooks(*small_session())
        until(lambda: machine.json("flush", "--wait", "1s")["unwritten"] == 0)
        done = machine.cli("flush", "--wait", "8s")
        assert done.returncode == 1
        assert "Not exported after 8 s, but kept:" in done.stdout
        assert "spans (the endpoint answered 404" in done.stdout
        doctor = machine.json("doctor")
        (bad,) = (one for one in doctor["checks"] if one["status"] == "critical")
        assert (bad["check"], "export.traces false" in bad["todo"]) == ("export", True)

        assert machine.cli("config", "set", "export.traces", "false").returncode == 0
        done = machine.cli("flush", "--wait", "60s")
        assert (done.returncode, "All metrics are exported" in done.stdout) == (0, True), done.stdout
        assert "metrics only" in machine.cli("status").stdout
        assert machine.cli("doctor", "--end-to-end").returncode == 0
        sink.heal()
        assert machine.cli("config", "set", "export.traces", "true").returncode == 0
        later = small_session()
        machine.hooks(*later)
        assert machine.cli("flush", "--wait", "60s").returncode == 0
        assert {span.attributes["session.id"] for span in sink.spans if "session.id" in span.attributes} == {
            later[0]["session_id"]
        }, "export begins with what comes from then on"


def test_metrics_go_to_a_backend_that_takes_them_by_now(machine: Machine):
    with Sink() as sink:
        sink.fault(status=405, signals=frozenset({"metrics"}))
        export_to(machine, sink)
        machine.up()
        machine.hooks(*small_session())
        until(lambda: machine.json("flush")["metrics"] == "refused")
        sink.heal()
        done = machine.cli("flush", "--wait", "60s")
        assert "All spans and metrics are exported" in done.stdout
        assert any(point.name == "hookspan.hook.events" for point in sink.points)


def test_a_backend_for_each_signal(machine: Machine):
    with Sink() as traces, Sink() as metrics:
        key = 'metrics_headers = { x-key = "hunter2" }'
        export_to(machine, traces, f'metrics_endpoint = "{metrics.url}"\n{key}\n')
        done = machine.cli("doctor", "--end-to-end")
        assert done.returncode == 0, done.stdout
        assert f"all spans and metrics went to {traces.url} and {metrics.url}" in done.stdout
        assert (signals(traces), signals(metrics)) == ({"traces"}, {"metrics"})
        assert f"{traces.url} (metrics: {metrics.url})" in machine.cli("status").stdout
        assert "hunter2" not in machine.cli("config", "show").stdout
        metrics.fault(status=401, body=b"hunter2 is no key")
        done = machine.cli("doctor")
        assert f"{metrics.url}: the endpoint answered 401" in done.stdout
        assert "correct `export.metrics_endpoint`" in done.stdout
        assert "hunter2" not in done.stdout


def test_nothing_is_exported_with_both_switched_off(machine: Machine):
    with Sink() as sink:
        export_to(machine, sink, "traces = false\nmetrics = false\n")
        machine.up()
        machine.hooks(*small_session(), event("SessionStart", "s"))
        assert "Nothing is exported" in machine.cli("flush").stdout
        assert "`export.traces` and `export.metrics` are false" in machine.cli("doctor").stdout
        assert sink.requests == []
