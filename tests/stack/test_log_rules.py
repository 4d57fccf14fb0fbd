"""Rules about log records, by the real vmalert in the real VictoriaLogs: each fires where it should, and only there."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml

from hookspan.catalogue import logs
from hookspan.model.rows import LogRow
from tests.stack import programs
from tests.stack.kinds import record, send
from tests.stack.stack import RUNBOOKS, Program, Stack, get, victoria_logs
from tests.stack.test_rules import log_alerts

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


COLLECTOR = yaml.safe_load((programs.ROOT / "collector" / "otel-collector.yaml").read_text())
STREAMS = COLLECTOR["exporters"]["otlp_http/logs"]["headers"]
"""The rules ask for the streams that the Collector has VictoriaLogs make."""


def fires(now: int) -> list[LogRow]:
    """What is sent of a machine about which each alert fires."""
    denied = [record(logs.DECISION, number, now - MINUTE, VERDICT="denied", DECIDED_BY="rule") for number in range(10)]
    gap = record(logs.GAP, 30, now - MINUTE, GAP_KIND="killed", GAP_DURATION=900.0)
    return [
        *denied,
        record(logs.MCP_CONNECTED, 20, now - 12 * HOUR, MCP_SERVER="new-one"),  # which has just arrived
        record(logs.HOOKS_ON, 21, now - 2 * DAY),
        record(logs.HOOKS_OFF, 22, now - MINUTE),
        gap,
        record(logs.AUDIT_GAP, 31, now - MINUTE, AUDIT_REASON="refused"),
        record(logs.AUDIT_START, 32, now - MINUTE, AUDIT_REASON="key"),
        record(logs.AUDIT_GAP, 33, now - 3 * DAY, AUDIT_REASON="expired"),  # found, and told when there was a network
        record(logs.AUDIT_START, 34, now - 3 * DAY, AUDIT_REASON="lost"),
    ]


def stays_silent(now: int) -> list[LogRow]:
    """And of one that is nearly so."""
    denied = [record(logs.DECISION, number, now - MINUTE, VERDICT="denied", DECIDED_BY="rule") for number in range(9)]
    older = [record(logs.DECISION, 60 + n, now - 2 * HOUR, VERDICT="denied", DECIDED_BY="rule") for n in range(9)]
    allowed = [record(logs.DECISION, 80 + n, now - MINUTE, VERDICT="allowed") for n in range(20)]
    in_order = record(logs.GAP, 30, now - MINUTE, GAP_KIND="stopped", GAP_DURATION=900.0)
    return [
        *(denied * 3),  # delivered again and again
        *older,
        *allowed,
        record(logs.MCP_CONNECTED, 19, now - 10 * DAY, MCP_SERVER="old-one"),
        record(logs.MCP_CONNECTED, 20, now - MINUTE, MCP_SERVER="old-one"),
        record(logs.HOOKS_OFF, 21, now - 2 * HOUR),
        record(logs.HOOKS_ON, 22, now - HOUR),
        msgspec.structs.replace(in_order, severity=logs.Severity.INFO),
        record(logs.GAP, 31, now - MINUTE, GAP_KIND="killed", GAP_DURATION=60.0),
        record(logs.AUDIT_START, 32, now - MINUTE, AUDIT_REASON="first"),
        record(logs.AUDIT_START, 33, now - MINUTE, AUDIT_REASON="switched_on"),
        record(logs.AUDIT_GAP, 34, now - 2 * HOUR, AUDIT_REASON="withdrawn"),
        record(logs.AUDIT_GAP, 35, now - 8 * DAY, AUDIT_REASON="expired"),
    ]


@pytest.fixture
def store(stack: Stack, tmp_path: Path) -> Iterator[Program]:
    """A store with nothing else in it."""
    made = victoria_logs(tmp_path, stack.ports["log_rules"], env={"PATH": "/usr/bin:/bin"}, group=0)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def vmalert(stack: Stack, store: Program, tmp_path: Path) -> Iterator[Program]:
    """With what docker-compose.yml gives it, at other addresses and more often."""
    service = yaml.safe_load((programs.ROOT / "docker-compose.yml").read_text())["services"]["vmalert-logs"]
    flags = "\n".join(service["command"])
    url = f"http://127.0.0.1:{stack.ports['vmalert_logs']}"
    for old, new in {
        "/etc/vmalert/rules": str(programs.ROOT / "collector" / "log-rules"),
        "evaluationInterval=1m": "evaluationInterval=1s",
        "http://victoria-logs:9428": store.url,
        "http://prometheus:9090": stack.prometheus.url,
        "http://alertmanager:9093": "http://127.0.0.1:9",
        "${PROMETHEUS_PORT:-9090}": "9090",
    }.items():
        assert old in flags, old
        flags = flags.replace(old, new)
    made = Program(
        "vmalert-logs",
        [
            str(programs.binary("vmalert")),
            *(flag for flag in flags.splitlines() if "kustomization" not in flag),
            f"--httpListenAddr={url.removeprefix('http://')}",
            "--remoteWrite.flushInterval=100ms",
        ],
        env={"PATH": "/usr/bin:/bin"},
        folder=tmp_path,
        url=url,
        ready=f"{url}/health",
        group=0,
    )
    made.start()
    yield made
    made.kill()


def test_each_alert_about_log_records_fires_for_the_machine_that_it_is_about(
    stack: Stack, store: Program, vmalert: Program
) -> None:
    now = time.time_ns()
    for host, rows in (("silent", stays_silent(now)), ("loud", fires(now))):
        for row in rows:
            assert row.at <= now
        send(
            rows, f"{store.url}/insert/opentelemetry", {"host.name": host, "service.instance.id": host}, headers=STREAMS
        )

    def firing() -> list[dict[str, dict[str, str]]]:
        return [one for one in get(f"{vmalert.url}/api/v1/alerts")["data"]["alerts"] if one["state"] == "firing"]

    def loud() -> list[dict[str, dict[str, str]]]:
        """All of them; of what it is sent the store has some records sooner than others."""
        found = firing()
        assert {one["labels"]["alertname"] for one in found} == set(log_alerts())
        assert {one["labels"]["host_name"] for one in found} == {"loud"}
        reasons = {one["labels"]["reason"] for one in found if one["labels"]["alertname"] == "AuditChainBroken"}
        assert reasons == {"refused", "key", "expired", "lost"}
        return found

    for one in stack.wait(loud):
        notes = one["annotations"]
        assert "loud" in notes["summary"]
        assert not any(words in notes["summary"] for words in ("<no value>", "%!", "{{"))
        page = notes["runbook_url"].removeprefix("http://127.0.0.1:9090/user/")
        assert (RUNBOOKS / page).is_file()
    # As those that Prometheus evaluates itself: annotations of every dashboard, and Grafana, ask for them there.
    written = 'ALERTS{alertstate="firing", host_name="loud"}'
    stack.wait(lambda: {one.labels["alertname"] for one in stack.query(written)} == set(log_alerts()))

    def health() -> set[tuple[str, str]]:
        groups = get(f"{vmalert.url}/api/v1/rules")["data"]["groups"]
        return {(rule["health"], rule["lastError"]) for group in groups for rule in group["rules"]}

    stack.wait(lambda: health() == {("ok", "")})
