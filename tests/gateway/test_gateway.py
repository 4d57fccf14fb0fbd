"""What a team is promised of the gateway: who may send, where it ends up, and that nothing is lost on the way."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import grpc
import pytest
import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from hookspan.cli.demo.outcome import await_outcome
from hookspan.cli.demo.player import play
from hookspan.errors import UserError
from hookspan.sandbox import sandbox
from tests.gateway import alerting
from tests.gateway.fleet import (
    ANOTHER_TOKEN,
    COMPONENTS,
    KAFKA_PASSWORD,
    KAFKA_USER,
    LEAST_SESSION,
    PARTITIONS,
    TOKEN,
    Certificates,
    Fleet,
)
from tests.gateway.senders import SPANS, Developer
from tests.stack import demo, programs, stack
from tests.stack.receiver import receiving
from tests.stack.stack import Backends
from tests.waiting import PATIENCE, until


def total(fleet: Fleet, promql: str) -> float:
    return sum(sample.value for sample in fleet.query(promql))


def all_arrive(fleet: Fleet, developers: list[Developer]) -> int:
    """Wait until Jaeger has all spans of each trace that was sent, and no other in it; how many there are.

    A trace that is whole is not asked for again, nor are others while one isn't: the answers take more than the rest.
    """
    sent = {trace: spans for developer in developers for trace, spans in developer.sent.items()}
    waited_for = list(sent)

    def are_there() -> bool:
        while waited_for and {span.span_id for span in fleet.trace(waited_for[-1])} == sent[waited_for[-1]]:
            waited_for.pop()
        return not waited_for

    fleet.wait(are_there)
    return sum(map(len, sent.values()))


@pytest.fixture
def service() -> str:
    return f"team-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def developers(fleet: Fleet, service: str) -> Iterator[list[Developer]]:
    yield from sending(fleet, service)


@pytest.fixture
def patient(fleet: Fleet, service: str) -> Iterator[list[Developer]]:
    """Developers who send nothing again."""
    yield from sending(fleet, service, timeout=PATIENCE)


def sending(fleet: Fleet, service: str, **options: float) -> Iterator[list[Developer]]:
    made = [Developer(fleet, service, **options) for _ in range(3)]
    yield made
    for developer in made:
        developer.close()


def test_only_who_has_a_token_may_send(fleet: Fleet):
    answers = [
        requests.post(
            f"{fleet.endpoint}/v1/traces",
            json={"resourceSpans": []},
            headers=headers,
            verify=fleet.certificates.ca,
            timeout=60,
        ).status_code
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {ANOTHER_TOKEN}"})
    ]
    assert answers == [401, 401, 200]


def test_spans_reach_jaeger_and_are_counted_once_by_the_ingester_that_has_their_trace(
    fleet: Fleet, service: str, patient: list[Developer]
):
    # What is sent again is counted again, and so is a partition that changes hands in between.
    fleet.wait(lambda: [fleet.partitions_of(one) for one in fleet.ingesters] == [PARTITIONS * 1.5] * 2)
    for developer in patient:
        for number in range(20):
            developer.send(developer.trace(url=f"https://user:hunter2@host/{number}"))
    all_arrive(fleet, patient)
    spans = fleet.trace(patient[0].traces[0])
    assert "hunter2" not in str(spans[0].attributes)

    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
    fleet.wait(lambda: total(fleet, calls) == 3 * 20 * SPANS)
    counted = {sample.labels["collector_instance_id"] for sample in fleet.query(calls)}
    assert counted == {ingester.name for ingester in fleet.ingesters}
    assert {sample.labels["host_name"] for sample in fleet.query(calls)} == {"laptop"}


def test_a_token_says_whose_data_it_is_whatever_the_sender_says(fleet: Fleet, service: str):
    """Spans over gRPC, metrics over HTTP; the lie stands on everything, more than once and under a similar name."""
    honest, liar = Developer(fleet, service), Developer(fleet, service, token=ANOTHER_TOKEN)
    honest.send(honest.trace())
    honest.count(1)
    honest.reported()

    lies = [KeyValue(key=key, value=AnyValue(string_value="cart")) for key in ("team", "user.id", "user_id") * 3]
    turn = liar.trace(1)
    spans = encode_spans(turn)
    spans.resource_spans[0].resource.attributes.extend(lies)
    spans.resource_spans[0].scope_spans[0].spans[0].attributes.extend(lies)
    trust = grpc.ssl_channel_credentials(fleet.certificates.ca.read_bytes())
    with grpc.secure_channel(f"127.0.0.1:{fleet.ports['balanced_grpc']}", trust) as channel:
        key = (("authorization", f"Bearer {ANOTHER_TOKEN}"),)
        TraceServiceStub(channel).Export(spans, metadata=key, timeout=60)  # type: ignore[no-untyped-call]
    liar.count(2)
    metrics = liar.encoded()
    metrics.resource_metrics[0].resource.attributes.extend(lies)
    metrics.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].attributes.extend(lies)
    assert liar.post(metrics).status_code == 200

    assert turn[0].context
    trace = f"{turn[0].context.trace_id:032x}"
    (span,) = fleet.wait(lambda: fleet.trace(trace))
    assert (span.resource["team"], span.resource["user.id"]) == ("rivals", "4f2a")
    assert not {"team", "user.id", "user_id"} & {*span.attributes, *(span.resource.keys() - {"team", "user.id"})}
    other = fleet.wait(lambda: fleet.trace(honest.traces[0]))[0].resource
    assert (other["team"], other.get("user.id")) == ("cart", None)
    counted = f'gateway_test_events_total{{service_name="{service}"}}'
    fleet.wait(lambda: {one.labels["team"]: one.value for one in fleet.query(counted)} == {"cart": 1, "rivals": 2})
    assert not any("user_id" in sample.labels for sample in fleet.query(counted))


def test_a_team_hears_in_its_own_channel_that_its_token_is_over_its_budget(fleet: Fleet, service: str, tmp_path: Path):
    """The rules in the gateway's own store, by vmalert; from there to Alertmanager with the example for teams."""
    with receiving() as receiver:
        keys = receiver.keys(tmp_path, "slack-operators", "slack-cart", "slack-shop") | {"payments": "cart"}
        with alerting.running(fleet, "teams.yml", keys) as prometheus:
            for sender in (Developer(fleet, service), Developer(fleet, service, token=ANOTHER_TOKEN)):
                for dollars in (1, 999):
                    sender.count(dollars)
                    report = sender.encoded()
                    cost = report.resource_metrics[0].scope_metrics[0].metrics[0]
                    cost.name, cost.unit = "hookspan.cost", "USD"
                    assert sender.post(report).status_code == 200

            def told(path: str) -> set[str]:
                """The teams of the alerts that came there."""
                return set(re.findall(r"Team (\w+) cost \$\d", json.dumps(receiver.at(path))))

            fleet.wait(lambda: (told("/slack-cart"), told("/webhook")) == ({"cart"}, {"cart", "rivals"}))
            (page,) = set(re.findall(r'http[^"]+\.md', json.dumps(receiver.at("/webhook"))))
            assert page == f"{prometheus}/user/TeamCostDay.md"
            assert stack.text(page) == (stack.RUNBOOKS / "TeamCostDay.md").read_text()
            with pytest.raises(HTTPError, match="404"):
                stack.text(f"{prometheus}/user/..%2FTeamCostDay.md")
            # What dashboards ask is there, where the developer's stack has Prometheus; every rule is evaluated.
            asked = Backends("", prometheus)
            alerts = 'ALERTS{alertname="TeamCostDay"}'
            asked.wait(lambda: {one.labels["team"] for one in asked.query(alerts)} == {"cart", "rivals"})

            def all_evaluated() -> bool:
                groups = stack.get(f"{prometheus}/vmalert/api/v1/rules")["data"]["groups"]
                rules = [rule for group in groups for rule in group["rules"]]
                states = {rule["name"]: (rule["health"], rule["lastError"]) for rule in rules}
                assert {"HumanAwaited", "GatewayDown", "hookspan:tool_error_ratio:7d"} <= states.keys()
                assert set(states.values()) == {("ok", "")}, states
                return all(rule["lastEvaluation"] > "2000" for rule in rules)  # 0001: never

            asked.wait(all_evaluated)


def test_what_the_page_says_to_watch_is_what_the_programs_say(fleet: Fleet, developers: list[Developer]):
    named = set(re.findall(r"`(otelcol_\w+)`", (programs.ROOT / "docs" / "gateway.md").read_text()))
    named |= set(re.findall(r"otelcol_\w+", (stack.COLLECTOR_FILES / "rules" / "gateway.yml").read_text()))
    assert len(named) >= 6
    developers[0].send(developers[0].trace())
    all_arrive(fleet, developers)
    failures = {name for name in named if "_failed_" in name or "_refused_" in name}  # there from the first one on

    def all_there() -> set[str]:
        said = [
            stack.text(f"http://127.0.0.1:{fleet.ports[f'{program.name}_metrics']}/metrics")
            for program in (*fleet.gateways, *fleet.ingesters)
        ]
        there = {line.partition("{")[0] for text in said for line in text.splitlines()}
        assert named - failures <= there
        return there

    assert not {f"{name}_total" for name in named} & fleet.wait(all_there)


def test_sums_arrive_as_they_are_and_deltas_are_added_up(fleet: Fleet, service: str, developers: list[Developer]):
    for developer in developers:
        developer.count(40)
        developer.reported()
        developer.count(2)
        developer.reported()
    sums = f'gateway_test_events_total{{service_name="{service}", collector_instance_id=""}}'
    fleet.wait(lambda: [sample.value for sample in fleet.query(sums)] == [42] * 3)

    deltas = developers[0].deltas()
    for _ in range(2):  # by one gateway and by the other
        for _ in range(3):
            deltas.send(5)
        fleet.gateways[0].stop()
    added = f'gateway_test_events_total{{service_name="{service}", collector_instance_id=~"gateway-.*"}}'
    fleet.wait(lambda: total(fleet, added) == 30)


def test_every_span_arrives_and_every_sum_is_right_whatever_stops(
    fleet: Fleet, service: str, developers: list[Developer]
):
    fleet.ingesters[1].stop()
    fleet.ingesters[1].start(LEAST_SESSION)
    stop = threading.Event()
    threads = [threading.Thread(target=developer.work, args=(stop,)) for developer in developers]
    for thread in threads:
        thread.start()

    def sent(more: int) -> None:
        """Go on when so many spans more were accepted."""
        traces = sum(len(developer.sent) for developer in developers) + more / SPANS
        fleet.wait(lambda: sum(len(developer.sent) for developer in developers) >= traces)

    try:
        sent(300)
        fleet.gateways[0].kill()  # with what it holds in its queue
        sent(600)
        fleet.gateways[0].start()
        sent(300)

        fleet.kafka.stop()
        sent(600)
        assert sum(fleet.own(gateway, "otelcol_exporter_queue_size") for gateway in fleet.gateways) > 0
        fleet.gateways[1].kill()  # while its queue is all there is
        fleet.gateways[1].start()
        sent(300)
        fleet.kafka.start()

        fleet.ingesters[1].freeze()  # Kafka holds its partitions for it, and then gives them to the other
        sent(600)
        fleet.ingesters[0].freeze()  # and nobody takes anything
        sent(100)
        fleet.wait(lambda: fleet.lag() > 0)
        for ingester in fleet.ingesters:
            ingester.thaw()
        sent(100)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    spans = all_arrive(fleet, developers)
    fleet.wait(lambda: fleet.lag() == 0)
    for developer in developers:
        fleet.wait(developer.report)
        series = f'gateway_test_events_total{{service_name="{service}", instance="{developer.name}"}}'
        fleet.wait(
            lambda series=series, developer=developer: [one.value for one in fleet.query(series)] == [developer.counted]
        )
    # Span metrics count what was delivered: a message that came twice counts twice, none is missed.
    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
    fleet.wait(lambda: total(fleet, calls) >= spans)
    fleet.ingesters[1].stop()  # and starts again as others need it


def arrived(fleet: Fleet, outcome: dict[str, Any]) -> None:
    """Wait until every span of a played session is in Jaeger, and every event of its machine is counted."""
    assert outcome["spans"]
    traces = [*outcome["traces"], uuid.UUID(outcome["session"]).hex]
    fleet.wait(lambda: sum(len(fleet.trace(trace)) for trace in traces) == outcome["spans"])
    instance = fleet.trace(traces[-1])[0].resource["service.instance.id"]
    fleet.wait(lambda: total(fleet, f'hookspan_hook_events_total{{instance="{instance}"}}') == outcome["events"])


def test_an_agents_session_goes_through_with_its_token_from_a_file(fleet: Fleet, tmp_path: Path):
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    settings = {
        "EXPORT_ENDPOINT": fleet.endpoint,
        "EXPORT_CERTIFICATE": str(fleet.certificates.ca),
        "EXPORT_TOKEN_FILE": str(token),
        "EXPORT_METRIC_INTERVAL": "1",
    }
    arrived(fleet, demo.session("demo", settings))


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_with_client_certificates_an_agent_is_told_which_one_is_missing_and_loses_nothing_until_it_has_it(
    fleet: Fleet, protocol: str, tmp_path: Path
):
    """Without a certificate, with another authority's, and with the right one in the place of that."""
    gateway = fleet.other(fleet.gateway(f"gateway-mtls-{protocol}", COMPONENTS / "mtls" / "mtls.yaml"))
    ours, others = fleet.certificates, Certificates(tmp_path / "others")
    certificate, key = tmp_path / "machine.crt", tmp_path / "machine.key"
    settings = {
        "EXPORT_ENDPOINT": f"https://127.0.0.1:{fleet.ports[f'{gateway.name}_{protocol}']}",
        "EXPORT_PROTOCOL": {"http": "http/protobuf"}.get(protocol, protocol),
        "EXPORT_CERTIFICATE": str(ours.ca),
        "EXPORT_METRIC_INTERVAL": "1",
    }
    with sandbox("demo", settings) as home:

        def report(verb: str) -> Any:
            """What a verb says as JSON, whatever else of this machine it finds critical."""
            command = [sys.executable, "-m", "hookspan", verb, "--json"]
            told = subprocess.run(command, env=home.env, capture_output=True, text=True, check=False)
            assert told.stderr == ""
            return json.loads(told.stdout)

        def doctor(status: str) -> dict[str, Any]:
            (found,) = (one for one in report("doctor")["checks"] if one["check"] == "export")
            assert found["status"] == status, found
            return dict(found)

        def succeeds(*command: str) -> bool:
            with contextlib.suppress(UserError):
                home.cli(*command)
                return True
            return False

        def is_out() -> bool:
            return succeeds("flush", "--wait", "3s")

        def refused(why: str) -> None:
            def errors() -> tuple[str, str]:
                assert not is_out()
                export = report("status")["export"]
                assert (export["exported"], export["queue"] > 0) == (0, True)
                return export["last_error"], export["metrics"]["last_error"]

            until(lambda: all(why in (error or "") for error in errors()), f"not told: {why}")
            until(lambda: why in doctor("critical")["message"], f"doctor does not tell: {why}")

        demo.up(home)
        played = play(home)
        refused("the endpoint asks for a client certificate")
        for target, source in ((certificate, others.client), (key, others.client_key)):
            shutil.copy(source, target)
        home.cli("config", "set", "export.client_certificate", str(certificate))
        home.cli("config", "set", "export.client_key", str(key))
        refused(f"the endpoint refuses `export.client_certificate` ({certificate}): unknown ca")
        for target, source in ((certificate, ours.client), (key, ours.client_key)):
            shutil.copy(source, target)
        until(is_out, "spans and sums do not get out")
        outcome = demo.patient(lambda: await_outcome(home, played), "not all of it is out")
        until(lambda: doctor("healthy"), "doctor does not find it well")
    arrived(fleet, outcome)
    gateway.stop()


def test_a_kafka_with_passwords_is_waited_for_until_the_right_one_is_given(fleet: Fleet, service: str):
    overlay = COMPONENTS / "kafka-sasl" / "kafka-sasl.yaml"
    kafka = {
        "KAFKA_BROKERS": f"127.0.0.1:{fleet.ports['kafka_sasl']}",
        "KAFKA_CA": str(fleet.certificates.ca),
        "KAFKA_USER": KAFKA_USER,
    }
    for ingester in fleet.ingesters:
        ingester.stop()
    gateway, ingester = fleet.gateway("gateway-sasl", overlay), fleet.ingester("ingester-sasl", overlay)
    gateway.start(kafka | {"KAFKA_PASSWORD": "wrong"})
    fleet.other(gateway)
    developer = Developer(fleet, service, endpoint=gateway.url)
    developer.send(developer.trace())
    for said in ("SASL_AUTHENTICATION_FAILED", "Will retry the request after interval"):
        fleet.wait(lambda said=said: said in gateway.log.read_text())
    gateway.stop()
    for program in (gateway, ingester):
        program.start(kafka | {"KAFKA_PASSWORD": KAFKA_PASSWORD})
        fleet.other(program)
    all_arrive(fleet, [developer])
    developer.close()
    gateway.stop()
    ingester.stop()
