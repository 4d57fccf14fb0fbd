"""Log records in the real store: found, joined to their trace and back, none lost nor there twice after outages."""

import json
import re
import urllib.parse
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests
import yaml

from hookspan.catalogue import attributes as sc
from hookspan.export.resource import instance_id
from hookspan.model.rows import LogRow
from hookspan.store import Reader, SpanKey
from tests.agent.conftest import make_machine
from tests.agent.machine import Machine, small_session
from tests.otlp_decode import Span
from tests.stack import programs
from tests.stack.stack import Stack
from tests.waiting import until

__all__ = ["make_machine"]
SETTINGS = '[export]\nendpoint = "{url}"\nlogs = true\naudit = true\n'
DECISION = "hookspan.tool.decision"
POLICY = "hookspan.policy"


def trace_to_logs(trace: str) -> list[str]:
    """What Grafana and Jaeger's page ask VictoriaLogs for, of a trace."""
    sources = yaml.safe_load((programs.ROOT / "dashboards/grafana/provisioning/datasources/hookspan.yaml").read_text())
    by_uid = {source["uid"]: source for source in sources["datasources"]}
    to_logs = by_uid["jaeger"]["jsonData"]["tracesToLogsV2"]
    assert (to_logs["customQuery"], by_uid[to_logs["datasourceUid"]]["type"]) == (
        True,
        "victoriametrics-logs-datasource",
    )
    asked = [to_logs["query"].replace("$${__trace.traceId}", trace)]
    patterns = json.loads((programs.ROOT / "collector" / "jaeger-ui.json").read_text())["linkPatterns"]
    (url,) = (one["url"] for one in patterns if one["type"] == "traces" and "9428" in one["url"])
    assert "&g0.end_input=#{endTime |" in url, "without it the page shows the last five minutes"
    found = re.search(r"[?&]query=([^&]+)", url.replace("#{traceID}", trace))
    assert found
    return [*asked, urllib.parse.unquote(found[1])]


def logs_to_trace(record: dict[str, str]) -> str:
    """The trace that Grafana opens of a record, by its derived field."""
    sources = yaml.safe_load((programs.ROOT / "dashboards/grafana/provisioning/datasources/hookspan.yaml").read_text())
    (source,) = (one for one in sources["datasources"] if one["uid"] == "logs")
    (derived,) = source["jsonData"]["derivedFields"]
    assert (derived["matcherType"], derived["datasourceUid"], derived["url"]) == ("label", "jaeger", "$${__value.raw}")
    (name,) = (name for name in record if re.fullmatch(derived["matcherRegex"], name))
    return record[name]


def stored(machine: Machine) -> list[LogRow]:
    """What the agent has written to be sent."""
    reader = Reader(machine.paths)
    try:
        return reader.logs_after(SpanKey(0, 0), 10_000)[0]
    finally:
        reader.close()


def of(stack: Stack, machine: Machine) -> list[dict[str, str]]:
    """What the store has of a machine."""
    return stack.logs(f'"service.instance.id":="{instance_id(machine.paths)}"')


def test_a_record_leads_to_its_trace_and_the_trace_to_its_records(
    stack: Stack, make_machine: Callable[..., Machine]
) -> None:
    machine = make_machine(settings=SETTINGS.format(url=stack.otlp_http))
    machine.up()
    until(lambda: any(log.event == POLICY for log in stored(machine)), "the policy, from which on it makes records")
    machine.hooks(*small_session(tools=2))
    until(lambda: sum(log.event == DECISION for log in stored(machine)) == 2)
    assert machine.json("flush", "--wait", "60s")["exported"]
    wanted = {str(log.attributes[sc.LOG_RECORD_UID]): log for log in stored(machine)}

    def all_there() -> dict[str, dict[str, str]]:
        found = {record[sc.LOG_RECORD_UID]: record for record in of(stack, machine)}
        assert wanted.keys() <= found.keys()
        return found

    found = stack.wait(all_there)
    decided = [record for record in found.values() if record["event_name"] == DECISION]
    assert len(decided) == 2
    for record in decided:
        log = wanted[record[sc.LOG_RECORD_UID]]
        for key, value in log.attributes.items():
            if not isinstance(value, list | bool | float) and key != sc.SERVICE_NAME:
                assert record[key] == str(value), key
        trace = logs_to_trace(record)

        def of_the_call(trace: str = trace, record: dict[str, str] = record) -> Span:
            (span,) = (span for span in stack.trace(trace) if span.span_id == record["span_id"])
            return span

        span = stack.wait(of_the_call)
        assert span.name == "execute_tool Bash"
        assert span.attributes[sc.GEN_AI_TOOL_CALL_ID] == record[sc.TOOL_CALL_ID]
        for asked in trace_to_logs(span.trace_id):
            back = stack.logs(asked)
            assert record[sc.LOG_RECORD_UID] in {one[sc.LOG_RECORD_UID] for one in back}
            assert {one["trace_id"] for one in back} == {trace}
    assert {record["_stream"] for record in decided} == {
        f'{{event_name="{DECISION}",host.name="{decided[0]["host.name"]}",service.name="claude-code-hooks"}}'
    }
    machine.cli("down")


def test_agent_and_collector_are_killed_while_the_store_is_away_and_none_is_lost_or_there_twice(
    stack: Stack, make_machine: Callable[..., Machine]
) -> None:
    """The store itself is stopped, not killed: it answers before it writes."""
    machine = make_machine(settings=SETTINGS.format(url=stack.otlp_http))
    machine.up()
    until(lambda: any(log.event == POLICY for log in stored(machine)), "the policy, from which on it makes records")
    sessions = 0

    def work() -> None:
        nonlocal sessions
        machine.hooks(*small_session(tools=1))
        sessions += 1
        until(lambda: sum(log.event == DECISION for log in stored(machine)) == sessions)

    for end in (stack.log_store.stop, stack.collector.kill, machine.kill, stack.collector.stop):
        work()
        end()
        work()
        machine.up()
    stack.start()
    work()
    assert machine.json("flush", "--wait", "60s")["exported"]
    wanted = {str(log.attributes[sc.LOG_RECORD_UID]) for log in stored(machine)}

    def counted() -> Counter[str]:
        found = Counter(record[sc.LOG_RECORD_UID] for record in of(stack, machine))
        assert wanted <= found.keys()
        return found

    stack.wait(counted)
    # A request whose answer was lost is sent again: the same record to the byte, which a count by uid has once.
    chain: dict[str, Any] = {}
    for record in of(stack, machine):
        place, signature = record[sc.AUDIT_SEQUENCE], record[sc.AUDIT_SIGNATURE]
        assert chain.setdefault(place, signature) == signature
    assert chain.keys() == {str(place) for place in range(1, len(chain) + 1)}, "no place is missing"
    name = of(stack, machine)[0][sc.AUDIT_CHAIN]
    counted_once = stack.logs(f'"{sc.AUDIT_CHAIN}":="{name}" | stats count_uniq("{sc.LOG_RECORD_UID}") as n')
    assert counted_once == [{"n": str(len(chain))}]
    machine.cli("down")


def test_a_secret_and_a_prompt_are_not_in_the_store(stack: Stack, make_machine: Callable[..., Machine]) -> None:
    """Nothing that a person said is in a record of ours; a secret in what others send is masked on the way."""
    machine = make_machine(settings=SETTINGS.format(url=stack.otlp_http))
    machine.up()
    until(lambda: any(log.event == POLICY for log in stored(machine)), "the policy, from which on it makes records")
    events = small_session(tools=1)
    said = "what-only-this-test-says"
    for event in events:
        if "prompt" in event:
            event["prompt"] = said
        if "tool_input" in event:
            event["tool_input"] = {"command": f"echo {said}"}
    machine.hooks(*events)
    until(lambda: sum(log.event == DECISION for log in stored(machine)) == 1)
    assert machine.json("flush", "--wait", "60s")["exported"]
    stack.wait(lambda: [one for one in of(stack, machine) if one["event_name"] == DECISION])
    assert of(stack, machine)
    assert said not in json.dumps(of(stack, machine))
    machine.cli("down")

    secret = "sk-ant-api03-abcdefghijklmnopqrstuvwx"
    body = {"stringValue": f"curl -H 'x-api-key: {secret}'"}
    attributes = [
        {"key": "test", "value": {"stringValue": said}},
        {"key": "command", "value": body},
        {"key": "db.password", "value": {"stringValue": "hunter2"}},
    ]
    scope = {"scope": {"name": "others"}, "logRecords": [{"body": body, "attributes": attributes}]}
    answer = requests.post(f"{stack.otlp_http}/v1/logs", json={"resourceLogs": [{"scopeLogs": [scope]}]}, timeout=60)
    assert answer.status_code == 200
    (record,) = stack.wait(lambda: stack.logs(f'test:="{said}"'))
    assert record["_msg"].startswith("curl -H 'x-api-key: ****")
    assert (secret in json.dumps(record), "hunter2" in json.dumps(record)) == (False, False)
