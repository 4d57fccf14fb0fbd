"""docker-compose.yml of the gateway, started by the commands of docs/gateway.md, with an agent that sends to it."""

import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from hookspan.cli.demo.outcome import await_outcome
from hookspan.cli.demo.player import play
from hookspan.sandbox import sandbox
from tests.gateway.images import gateway_images
from tests.stack import programs
from tests.stack.compose import Project, clone
from tests.stack.docker import Docker

PORTS = ("OTLP_HTTP_PORT", "OTLP_GRPC_PORT", "JAEGER_PORT", "METRICS_STORE_PORT")
DELIVERY = 120  # s


@pytest.fixture(scope="module")
def gateway_compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The gateway, up."""
    folder = tmp_path_factory.mktemp("clone")
    clone(folder)
    gateway = folder / "collector" / "gateway"
    for line in documented("    mkdir -m 700 secrets", "    GATEWAY_ADDRESS"):
        subprocess.run(line.replace("sudo ", ""), shell=True, cwd=gateway, check=True, capture_output=True)
    docker = Docker(gateway_images())
    project = Project(docker, "hookspan-gateway", gateway, PORTS, "METRICS_STORE_PORT")
    try:
        project.up()
        yield project
        project.down("-v")
    finally:
        docker.close()


def documented(first: str, end: str) -> list[str]:
    """The commands of docs/gateway.md from one line to before another, a continued line as one."""
    text = (programs.ROOT / "docs" / "gateway.md").read_text()
    block = first + text.partition(first)[2].partition(end)[0]
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def metrics(compose: Project, promql: str) -> float:
    """A sum in VictoriaMetrics, of now: by default it answers with what was 30 s ago."""
    found = compose.prometheus_api("query", query=f"sum({promql})", latency_offset="1ms")["result"]
    return float(found[0]["value"][1]) if found else 0.0


def arrived(compose: Project, outcomes: list[dict[str, Any]]) -> None:
    """Wait until all spans of all sessions so far are in Jaeger, and their events are counted."""
    traces = [trace for one in outcomes for trace in (*one["traces"], uuid.UUID(one["session"]).hex)]
    compose.wait(
        lambda: sum(len(compose.trace(trace)) for trace in traces) == sum(one["spans"] for one in outcomes), DELIVERY
    )
    events = sum(one["events"] for one in outcomes)
    compose.wait(lambda: metrics(compose, "hookspan_hook_events_total") == events, DELIVERY)


def session(compose: Project, protocol: str, port: str) -> dict[str, Any]:
    """A session of a developer who has what docs/gateway.md says that one needs."""
    secrets = compose.folder / "secrets"
    settings = {
        "EXPORT_ENDPOINT": f"https://localhost:{compose.ports[port]}",
        "EXPORT_PROTOCOL": protocol,
        "EXPORT_CERTIFICATE": str(secrets / "tls.crt"),
        "EXPORT_TOKEN_FILE": str(secrets / "tokens"),
        "EXPORT_METRIC_INTERVAL": "1",
    }
    with sandbox("demo", settings) as home:
        home.cli("up")
        outcome = await_outcome(home, play(home))
    assert outcome["spans"]
    return outcome


def test_sessions_go_through_though_a_gateway_is_dead_and_what_came_outlives_down_and_up(gateway_compose: Project):
    compose = gateway_compose
    outcomes = [session(compose, "http/protobuf", "OTLP_HTTP_PORT")]
    arrived(compose, outcomes)
    compose.run("kill", "gateway-0")
    outcomes.append(session(compose, "grpc", "OTLP_GRPC_PORT"))
    arrived(compose, outcomes)
    compose.up()
    # Every program that says something of itself is heard: gateways, ingesters, Jaeger.
    compose.wait(lambda: metrics(compose, "up") == 5, DELIVERY)
    compose.wait(lambda: metrics(compose, "traces_span_metrics_calls_total") > 0, DELIVERY)
    states = compose.run("ps", "--all", "--format", "{{.Service}} {{.State}} {{.ExitCode}}").splitlines()
    assert "topics exited 0" in states
    assert len([one for one in states if " running 0" in one]) == 8, states
    for service in ("kafka", "gateway-0", "gateway-1", "ingester-0", "ingester-1", "jaeger", "victoria-metrics"):
        assert compose.inspect(service, ".RestartCount") == "0", compose.run("logs", service)
        assert compose.inspect(service, ".State.OOMKilled") == "false"

    events = sum(one["events"] for one in outcomes)
    compose.down()
    compose.up("jaeger", "victoria-metrics")
    compose.wait(lambda: metrics(compose, "last_over_time(hookspan_hook_events_total[1h])") == events, DELIVERY)
    compose.wait(lambda: compose.trace(outcomes[0]["traces"][0]), DELIVERY)
