"""docker-compose.yml of the gateway, started by the commands of docs/gateway.md, with an agent that sends to it."""

import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.gateway.fleet import FILES
from tests.gateway.images import gateway_images
from tests.gateway.registry import Registry, serving
from tests.gateway.test_helm import helm
from tests.gateway.test_manifests import KUBERNETES, build, container
from tests.stack import demo, programs
from tests.stack.compose import Project, clone
from tests.stack.docker import Docker
from tests.stack.stack import get

PORTS = ("OTLP_HTTP_PORT", "OTLP_GRPC_PORT", "JAEGER_PORT", "PROMETHEUS_PORT", "LOGS_PORT", "ALERTMANAGER_PORT")
ENDS = {"chown", "topics"}


class Gateway(Project):
    """The gateway's compose file, with Alertmanager."""

    flags = ("--profile", "alerts")

    def __init__(self, docker: Docker, folder: Path, registry: Registry) -> None:
        super().__init__(docker, "hookspan-gateway", folder, PORTS, "PROMETHEUS_PORT")
        self.registry = registry
        config = json.loads(self.run(*self.flags, "config", "--format", "json"))["services"]
        self.running = config.keys() - ENDS - {"grafana"}  # whose image can't be made here
        self._checked = {name for name in self.running if "healthcheck" in config[name]}

    def up(self, *names: str) -> None:
        """Start services, by default all that can run here."""
        super().up(*(names or self.running))

    def unhealthy(self) -> set[str]:
        """The services whose health check doesn't say that they are well."""
        return {name for name in self._checked if self.health(name) != "healthy"}


@pytest.fixture(scope="module")
def gateway_compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway, as the page has it before its first start."""
    folder = tmp_path_factory.mktemp("clone")
    clone(folder)
    gateway = folder / "collector" / "gateway"
    for line in documented("    mkdir -m 700 secrets", "    GATEWAY_ADDRESS"):
        subprocess.run(line.replace("sudo ", ""), shell=True, cwd=gateway, check=True, capture_output=True)
    with serving(tmp_path_factory.mktemp("registry")) as registry:
        docker = Docker(gateway_images(), registry.url)
        project = Gateway(docker, gateway, registry)
        try:
            yield project
            project.down("-v")
        finally:
            docker.close()


def documented(first: str, end: str) -> list[str]:
    """The commands of docs/gateway.md from one line to before another, a continued line as one."""
    text = (programs.ROOT / "docs" / "gateway.md").read_text()
    block = first + text.partition(first)[2].partition(end)[0]
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def canonical(image: str) -> str:
    """The whole name of an image of Docker Hub's."""
    return f"docker.io/{image if '/' in image else f'library/{image}'}"


def metrics(compose: Project, promql: str) -> float:
    """A sum in VictoriaMetrics, of now: by default it answers with what was 30 s ago."""
    found = compose.prometheus_api("query", query=f"sum({promql})", latency_offset="1ms")["result"]
    return float(found[0]["value"][1]) if found else 0.0


def arrived(compose: Project, outcomes: list[dict[str, Any]]) -> None:
    """Wait until all spans of all sessions so far are in Jaeger, and their events are counted."""
    traces = [trace for one in outcomes for trace in (*one["traces"], uuid.UUID(one["session"]).hex)]
    compose.wait(lambda: sum(len(compose.trace(trace)) for trace in traces) == sum(one["spans"] for one in outcomes))
    events = sum(one["events"] for one in outcomes)
    compose.wait(lambda: metrics(compose, "hookspan_hook_events_total") == events)
    for one in outcomes:  # each with records of its session, which lead to a trace that is there
        found = compose.wait(lambda one=one: compose.logs(f'"session.id":="{one["session"]}" trace_id:*'))
        assert {record["trace_id"] for record in found} <= set(traces)


def session(compose: Project, protocol: str, port: str) -> dict[str, Any]:
    """A session of a developer who has what docs/gateway.md says that one needs."""
    secrets = compose.folder / "secrets"
    settings = {
        "EXPORT_ENDPOINT": f"https://localhost:{compose.ports[port]}",
        "EXPORT_PROTOCOL": protocol,
        "EXPORT_CERTIFICATE": str(secrets / "tls.crt"),
        "EXPORT_TOKEN_FILE": str(secrets / "tokens"),
        "EXPORT_METRIC_INTERVAL": "1",
        "EXPORT_LOGS": "true",
    }
    return demo.session("demo", settings)


def bypasses_permissions(compose: Gateway) -> None:
    """Send what an agent says of a turn without permissions, about which there is an alert for a quarter of an hour."""
    secrets = compose.folder / "secrets"
    mode = {"key": "hookspan.permission_mode", "value": {"stringValue": "bypassPermissions"}}
    point = {"timeUnixNano": str(time.time_ns()), "asInt": "1", "attributes": [mode]}
    total = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]}
    metric = {"name": "hookspan.turn.finished", "sum": total}
    service = {"key": "service.name", "value": {"stringValue": "claude-code-hooks"}}
    sent = {"resource": {"attributes": [service]}, "scopeMetrics": [{"metrics": [metric]}]}
    with requests.Session() as sender:
        sender.trust_env = False  # a machine's own REQUESTS_CA_BUNDLE would count more
        answer = sender.post(
            f"https://localhost:{compose.ports['OTLP_HTTP_PORT']}/v1/metrics",
            json={"resourceMetrics": [sent]},
            headers={"Authorization": f"Bearer {(secrets / 'tokens').read_text().split()[0]}"},
            verify=str(secrets / "tls.crt"),
            timeout=60,
        )
    assert answer.status_code == 200, answer.text


def test_sessions_go_through_though_a_gateway_is_dead_and_what_came_outlives_down_and_up(gateway_compose: Gateway):
    compose = gateway_compose
    compose.up()
    compose.wait(lambda: compose.unhealthy() == set())
    bypasses_permissions(compose)
    outcomes = [session(compose, "http/protobuf", "OTLP_HTTP_PORT")]
    arrived(compose, outcomes)
    compose.run("kill", "gateway-0")
    outcomes.append(session(compose, "grpc", "OTLP_GRPC_PORT"))
    arrived(compose, outcomes)
    compose.wait(lambda: compose.unhealthy() == {"collectors-health"})
    compose.up()
    # Every program that says something of itself is heard: gateways, ingesters, Jaeger, VictoriaLogs.
    compose.wait(lambda: metrics(compose, "up") == 6)
    # And what was sent first has gone through the rules to Alertmanager.
    alerts = f"http://127.0.0.1:{compose.ports['ALERTMANAGER_PORT']}/api/v2/alerts"
    compose.wait(lambda: "PermissionsBypassed" in {one["labels"]["alertname"] for one in get(alerts)})
    compose.wait(lambda: compose.unhealthy() == set())
    states = compose.run("ps", "--all", "--format", "{{.Service}} {{.State}} {{.ExitCode}}").splitlines()
    assert {one for one in states if not one.endswith(" running 0")} == {"topics exited 0", "chown exited 0"}
    for service in compose.running:
        found = compose.inspect(service)
        assert found["Config"]["User"].partition(":")[0] not in {"", "0", "root"}, service
        assert found["RestartCount"] == 0, compose.run("logs", service)
        assert found["State"]["OOMKilled"] is False

    events = sum(one["events"] for one in outcomes)
    compose.down()
    compose.up("jaeger", "victoria-metrics", "prometheus")
    compose.wait(lambda: metrics(compose, "last_over_time(hookspan_hook_events_total[1h])") == events)
    compose.wait(lambda: compose.trace(outcomes[0]["traces"][0]))


def images(compose: Gateway, folder: Path) -> dict[str, str]:
    """By service, as compose reads the files of a folder."""
    command = [str(programs.binary("docker-compose")), *compose.flags, "config", "--format", "json"]
    done = subprocess.run(command, cwd=folder, env=compose.env, check=True, capture_output=True, text=True)
    return {name: service["image"] for name, service in json.loads(done.stdout)["services"].items()}


def test_a_platform_team_pins_every_image_with_the_commands_of_the_page(gateway_compose: Gateway, tmp_path: Path):
    compose = gateway_compose
    (command,) = documented("    docker compose -f docker-compose.yml", "\n\n")
    pinning = command.replace("docker compose", str(programs.binary("docker-compose")))
    digests: dict[str, str] = {}
    for folder in (compose.folder, compose.folder.parents[1]):  # the gateway's, and the stack's
        services = images(compose, folder)
        digests |= {image: compose.registry.publish(image, image) for image in {*services.values()} - digests.keys()}
        subprocess.run(pinning, shell=True, cwd=folder, env=compose.env, check=True, capture_output=True)
        pinned = images(compose, folder)
        assert pinned == {name: f"{canonical(image)}@{digests[image]}" for name, image in services.items()}
    compose.registry.publish(services["jaeger"], "what the tag is moved to")
    compose.run("pull", "jaeger")
    compose.docker.run("image", "inspect", pinned["jaeger"])  # the content that the tag had
    (compose.folder / "docker-compose.override.yml").unlink()

    # On Kubernetes by what kustomize and Helm have for it, as the page says.
    collector, vmalert = (
        next(f"{image}@{digest}" for image, digest in digests.items() if image.startswith(name))
        for name in ("otel/", "victoriametrics/vmalert")
    )
    lines = {
        "resources": [os.path.relpath(FILES / "base", tmp_path)],
        "components": [os.path.relpath(FILES / "components" / "alerts", tmp_path)],
        "images": [
            {"name": name, "newTag": tag, "digest": digest}
            for image in (collector, vmalert)
            for name, tag, digest in [re.split("[:@]", image, maxsplit=2)]
        ],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(lines))
    built = build(tmp_path)
    given = ("--set", "components.alerts=true", "--set", f"image.digest={collector.partition('@')[2]}")
    given += ("--set", f"alerts.image.digest={vmalert.partition('@')[2]}")
    rendered = yaml.safe_load_all(helm("template", "ours", FILES, "--kube-version", KUBERNETES[0], *given))
    for found in (built, {(one["kind"], one["metadata"]["name"]): one for one in rendered if one}):
        for kind, name, image in (
            ("StatefulSet", "gateway", collector),
            ("StatefulSet", "ingester", collector),
            ("Deployment", "alerts", vmalert),
        ):
            assert container(found, f"hookspan-{name}", kind)[1]["image"] == image
