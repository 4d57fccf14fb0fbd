"""docker-compose.yml: what users start, run for real, with everything in it killed in turn."""

import json
import os
import re
import shutil
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import bash
from tests.stack import demo, programs
from tests.stack.compose import RUNNABLE, Compose, services
from tests.stack.docker import IMAGES, Docker
from tests.stack.stack import get
from tests.stack.test_dashboards import boards, filled, panels
from tests.stack.test_stack import Turn, total


@pytest.fixture(scope="module")
def _module_compose(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    webhook = tmp_path_factory.mktemp("secrets") / "webhook"
    webhook.write_text("http://127.0.0.1:9/never\n")
    webhook.chmod(0o644)
    compose = Compose(docker, tmp_path_factory.mktemp("clone"), DISCORD_WEBHOOK_FILE=str(webhook))
    try:
        yield compose
    finally:
        compose.down("-v")


@pytest.fixture
def compose(_module_compose: Compose) -> Compose:
    """The stack of a clone, up."""
    _module_compose.up()
    return _module_compose


def arrived(compose: Compose, outcome: dict) -> bool:
    """Whether every span of the turns of a demonstration is in Jaeger, and every event is counted in Prometheus."""
    session = uuid.UUID(outcome["session"]).hex
    spans = sum(len(compose.trace(trace)) for trace in [*outcome["traces"], session])
    return spans == outcome["spans"]


def test_the_images_are_those_that_were_built_from_their_own_releases():
    pinned = {service["image"] for service in services().values()}
    built = {image.name for image in IMAGES}
    assert pinned - built == {"grafana/grafana:12.3.0"}
    for image in IMAGES:
        version = programs.PROGRAMS[str(next(iter(image.files.values())))].version
        assert image.name.partition(":")[2].removeprefix("v") == version


def test_nothing_listens_beyond_this_machine_and_everything_is_bounded():
    text = (programs.ROOT / "docker-compose.yml").read_text()
    for name, service in services().items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        ends = name == "chown"  # the one that is root, for a moment and without a network
        assert service["restart"] == ("no" if ends else "unless-stopped"), name
        assert ("healthcheck" in service) != ends or name == "otel-collector", name
        assert (service.get("user") == "0:0", service.get("network_mode") == "none") == (ends, ends), name
        assert "mem_limit" in service, name
        assert service["pids_limit"] == 512, name
        assert "latest" not in service["image"], name
        for volume in service.get("volumes", ()):
            if isinstance(volume, dict):
                assert (volume["source"], volume["read_only"]) == ("/etc/os-release", True)
                continue
            source = volume.partition(":")[0]
            assert volume.endswith(":ro") or source in yaml.safe_load(text)["volumes"], volume
            assert not source.startswith("./") or (programs.ROOT / source).exists(), volume
            assert not source.startswith("/") or source == "/proc/1/mountinfo", volume
    assert "PASSWORD=" not in text
    assert [name for name, service in services().items() if "profiles" in service] == ["alertmanager"]


def test_an_agents_session_is_found_in_jaeger_and_counted_in_prometheus(compose: Compose):
    outcome = demo.session("demo", {"EXPORT_ENDPOINT": compose.otlp, "EXPORT_METRIC_INTERVAL": "1"})
    compose.wait(lambda: arrived(compose, outcome))
    events = 'hookspan_hook_events_total{job="claude-code-hooks"}'
    compose.wait(lambda: total(compose, events) == outcome["events"])
    assert compose.search("claude-code-hooks", {"session.id": outcome["session"]})
    compose.wait(lambda: len(compose.query("up == 1")) == len(RUNNABLE))
    rules = get(f"{compose.prometheus_url}/api/v1/rules")["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}
    for service in ("prometheus", "jaeger", "collector-health"):
        compose.wait(lambda service=service: compose.health(service) == "healthy")
    with urllib.request.urlopen(f"http://127.0.0.1:{compose.ports['COLLECTOR_HEALTH_PORT']}", timeout=60) as answer:
        assert answer.status == 200


def test_each_container_crashes_in_turn_while_spans_flow_and_nothing_is_lost(compose: Compose):
    turn = Turn()
    exporter = OTLPSpanExporter(f"{compose.otlp}/v1/traces", timeout=2)
    accepted: set[str] = set()
    stop = threading.Event()

    def send() -> None:
        number = 1
        while not stop.wait(0.05):
            spans = [turn.span("execute_tool Read", number + n) for n in range(20)]
            if exporter.export(spans) is SpanExportResult.SUCCESS:
                accepted.update(f"{span.context.span_id:016x}" for span in spans)
                number += 20  # what was refused is sent again, as the agent does

    def grown(by: int) -> None:
        before = len(accepted)
        compose.wait(lambda: len(accepted) >= before + by)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        grown(100)
        for service in RUNNABLE:
            compose.crash(service)
            grown(100)
    finally:
        stop.set()
        sender.join()
        exporter.shutdown()
    compose.wait(lambda: accepted <= {span.span_id for span in compose.trace(turn.trace_id)})
    assert {compose.inspect(service)["RestartCount"] for service in RUNNABLE} == {1}


def test_a_collector_that_is_nobody_and_sees_no_process_measures_the_machine(compose: Compose):
    """Every panel of the dashboard has an answer, and where the machine itself can be asked, it is the same."""
    assert compose.inspect("otel-collector")["Config"]["User"] == "10001:10001"
    board = boards()["hookspan-host"]
    (disks,) = {
        target["expr"] for panel in panels(board) for target in panel["targets"] if "mountpoint" in target["expr"]
    }
    for panel in panels(board):
        for target in panel["targets"]:
            expr = filled(target["expr"], board).replace("[2400s]", "[5m]")
            if "hookspan_session" not in expr:
                compose.wait(lambda expr=expr: compose.query(expr))

    def is_measured() -> bool:
        (disk,) = compose.query(filled(disks, board))
        assert disk.labels["mountpoint"] == "/"
        usage = shutil.disk_usage("/")
        assert disk.value == pytest.approx(usage.used / (usage.used + usage.free), abs=0.02)
        assert total(compose, "system_cpu_logical_count") == os.cpu_count()
        state = '{state="used"}'
        memory = total(compose, f"system_memory_usage_bytes{state} / system_memory_utilization_ratio{state}")
        assert memory == pytest.approx(psutil.virtual_memory().total, rel=0.01)
        assert {one.labels["host_name"] for one in compose.query("system_cpu_load_average_1m")} == {"compose-host"}
        return True

    compose.wait(is_measured)


@pytest.mark.need_npm
def test_a_clients_sessions_go_on_whatever_is_down_and_the_agents_health_says_what(compose: Compose):
    """Jaeger and Prometheus, then the Collector, too; then all of them are there again, and everything is in them."""
    port = compose.ports
    settings = {
        "export.endpoint": compose.otlp,
        "collector.health": f"http://127.0.0.1:{port['COLLECTOR_HEALTH_PORT']}",
        "collector.metrics": f"http://127.0.0.1:{port['COLLECTOR_METRICS_PORT']}/metrics",
        "monitor.interval": "1",
    }
    with Model("outage") as model, InstalledHome(model.url, settings=settings) as home:
        prompts = ("all is well", "no Jaeger and no Prometheus", "no Collector")
        model.play({prompt: [says(bash("ls")), says("Done.")] for prompt in prompts})

        def session(prompt: str) -> None:
            ended = PrintSession(home, prompt, "--allowedTools", "Bash").wait()
            assert ended.code == 0, ended

        def checks(**expected: str) -> str:
            health = json.loads(home.hookspan("status", "--json", check=False)).get("health")
            assert health, "an agent that has just begun does not answer, or has not looked yet"
            found = health["checks"]
            assert {name: found[name]["status"] for name in expected} == expected
            return str(found["collector"]["message"])

        session(prompts[0])
        compose.wait(lambda: checks(collector="healthy", export="healthy"))
        compose.run("kill", "jaeger", "prometheus")
        session(prompts[1])
        why = r"`otlp_http/(jaeger|prometheus)` has delivered nothing for \d+ s"
        compose.wait(lambda: re.search(why, checks(collector="warning", export="healthy")))
        compose.run("kill", "otel-collector")  # and what it had taken is on its volume
        session(prompts[2])
        compose.wait(lambda: checks(collector="critical", export="warning"))
        compose.wait(lambda: compose.health("collector-health") == "unhealthy")
        compose.up()
        compose.wait(lambda: checks(collector="healthy", export="healthy"))
        compose.wait(lambda: everything_of(compose, home))
        assert len({event["session_id"] for event in home.events()}) == len(prompts)
        # Taken down and up again, volumes and all that is in them stay.
        compose.down()
        compose.up()
        compose.wait(lambda: everything_of(compose, home, "last_over_time", "[1h]"))


def everything_of(compose: Compose, home: InstalledHome, function: str = "", over: str = "") -> bool:
    """Whether Jaeger has a span of each hook that the client ran and of each call, and Prometheus counted them all."""
    events = home.events()
    uuids = {event[key] for event in events for key in ("session_id", "prompt_id") if event.get(key)}
    spans = {span.span_id: span for one in uuids for span in compose.trace(uuid.UUID(one).hex)}.values()
    hooks = Counter(span.attributes["hook.event"] for span in spans if span.name.startswith("hook "))
    assert hooks == Counter(event["hook_event_name"] for event in events)
    calls = {event["tool_use_id"] for event in events if event["hook_event_name"] == "PreToolUse"}
    assert {span.attributes["gen_ai.tool.call.id"] for span in spans if span.name == "execute_tool Bash"} == calls
    instance = next(span.resource["service.instance.id"] for span in spans)
    assert total(compose, f'{function}(hookspan_hook_events_total{{instance="{instance}"}}{over})') == len(events)
    return True


def test_alertmanager_comes_with_its_profile_and_reads_the_webhook_from_a_file(compose: Compose):
    assert "alertmanager" not in compose.run("config", "--services").split()
    compose.up("alertmanager")
    url = f"http://127.0.0.1:{compose.ports['ALERTMANAGER_PORT']}"
    status = compose.wait(lambda: get(f"{url}/api/v2/status"))
    assert "webhook_url_file: /run/secrets/discord_webhook" in status["config"]["original"]
    found = compose.wait(lambda: get(f"{compose.prometheus_url}/api/v1/alertmanagers")["data"]["activeAlertmanagers"])
    assert [one["url"] for one in found] == ["http://alertmanager:9093/api/v2/alerts"]
    compose.wait(lambda: compose.health("alertmanager") == "healthy")


def test_without_a_webhook_alertmanager_is_silent(docker: Docker, tmp_path: Path):
    compose = Compose(docker, tmp_path)
    command = yaml.safe_load(compose.run("--profile", "alerts", "config"))["services"]["alertmanager"]["command"]
    assert "--config.file=/etc/alertmanager/alertmanager.yml" in command
