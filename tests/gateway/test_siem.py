"""Log records through the gateway: in the team's store, whole, and in ECS at a SIEM, with the real Collector."""

import time
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs
from hookspan.catalogue.logs import LOG_EVENTS
from tests.gateway.fleet import ANOTHER_TOKEN, COMPONENTS, PARTITIONS, TOKEN, Fleet
from tests.otlp_sink import Log, Sink
from tests.stack import kinds

TYPES = {
    "api": {"access", "admin", "allowed", "change", "creation", "deletion", "denied", "end", "info", "start", "user"},
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "host": {"access", "change", "end", "info", "start"},
    "package": {"access", "change", "deletion", "info", "installation", "start"},
    "session": {"start", "end", "info"},
}
"""The types that ECS expects of a category."""


def send(fleet: Fleet, rows: list[Any], token: str, **resource: str) -> None:
    """As a developer who has this token."""
    kinds.send(
        rows,
        fleet.endpoint,
        {"host.name": "laptop", **resource},
        headers={"Authorization": f"Bearer {token}"},
        certificate_file=str(fleet.certificates.ca),
    )


def test_records_are_in_the_store_as_they_were_sent_and_the_token_says_whose_they_are(fleet: Fleet):
    name = f"records-{time.time_ns()}"
    send(fleet, kinds.each(time.time_ns()), TOKEN, **{"service.instance.id": name, "team": "rivals"})
    fleet.gateways[0].kill()  # what it had not passed on lies on its disk
    send(fleet, kinds.each(time.time_ns()), ANOTHER_TOKEN, **{"service.instance.id": name})
    fleet.gateways[0].start()
    asked = f'"service.instance.id":="{name}"'

    def of_each_kind(team: str) -> bool:
        found = fleet.logs(f'{asked} team:="{team}" | stats by (event_name) count_uniq("{sc.LOG_RECORD_UID}") as n')
        return {one["event_name"]: one["n"] for one in found} == {kind.name: "1" for kind in LOG_EVENTS}

    for team in ("cart", "rivals"):
        fleet.wait(lambda team=team: of_each_kind(team))
    # A record of a new stream is counted before it is found: the store leaves it out until the stream's own labels,
    # which are shown with it, are in its index.
    decision, *again = fleet.wait(lambda: fleet.logs(f'{asked} team:="cart" event_name:="{logs.DECISION.name}"'))
    assert all(one == decision for one in again), "what the killed one had passed on comes twice"
    for key, value in kinds.record(logs.DECISION, 3, 0).attributes.items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            assert decision[key] == str(value), key


@pytest.fixture
def siem():
    with Sink() as sink:
        yield sink


def test_each_kind_of_record_is_mapped_to_ecs(fleet: Fleet, siem: Sink, tmp_path: Path):
    ingester = fleet.ingester(
        "ingester-siem",
        COMPONENTS / "siem" / "siem.yaml",
        SIEM_ENDPOINT=siem.url,
        SIEM_AUTHORIZATION="ApiKey of-this-test",
    )
    fleet.other(ingester)
    group = "hookspan-siem"
    fleet.wait(lambda: fleet.partitions_of(ingester) >= PARTITIONS)
    fleet.wait(lambda: f"{group}" in fleet.kafka_tool("consumer.group.ConsumerGroupCommand", "--list"))
    denied = kinds.record(logs.DECISION, 900, time.time_ns(), VERDICT="denied", DECIDED_BY="rule", DECISION_REASON=None)
    name = f"siem-{time.time_ns()}"
    rows = [*kinds.each(time.time_ns()), denied]

    def arrived() -> dict[str, Log]:
        send(fleet, rows, TOKEN, **{"service.instance.id": name})  # until the consumer has begun
        return {log.attributes["event.id"]: log for log in siem.logs if log.resource["service.instance.id"] == name}

    fleet.wait(lambda: len(arrived()) == len(rows))
    found = arrived()
    assert {log.event_name for log in found.values()} == {kind.name for kind in LOG_EVENTS}
    for log in found.values():
        has = log.attributes
        (category,) = has["event.category"]
        assert set(has["event.type"]) <= TYPES[category], log.event_name
        assert has["event.outcome"] in {"success", "failure", "unknown"}
        assert (has["event.kind"], has["event.module"], has["event.action"]) == ("event", "hookspan", log.event_name)
        assert (logs.Severity(has["event.severity"]).name, has["log.level"]) == (log.severity, log.severity.lower())
        assert has.get("trace.id", "") == log.trace_id
        assert log.resource["team"] == "cart"
        assert {sc.AUDIT_PREVIOUS, sc.AUDIT_SIGNATURE}.isdisjoint(has)
    allowed = found[f"{logs.DECISION.name}/{LOG_EVENTS.index(logs.DECISION)}"].attributes
    assert (allowed["event.type"], allowed["event.outcome"]) == (["access", "allowed"], "success")
    assert allowed["process.name"] == allowed[sc.COMMAND_PROGRAM]
    no = found[f"{logs.DECISION.name}/900"].attributes
    assert (no["event.type"], no["event.outcome"], no["event.reason"]) == (["access", "denied"], "failure", "rule")
    gap = next(log for log in found.values() if log.event_name == logs.GAP.name).attributes
    assert gap["event.duration"] == int(gap[sc.GAP_DURATION] * 1e9)
    headers = [request.headers for request in siem.requests if request.signal == "logs"]
    assert {one.get("authorization") or one.get("Authorization") for one in headers} == {"ApiKey of-this-test"}
    ingester.stop()
