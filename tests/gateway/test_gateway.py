"""What a team is promised of the gateway: who may send, where it ends up, and that nothing is lost on the way."""

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from hookspan.cli.demo import await_outcome, play
from hookspan.cli.throw_away import throw_away_home
from tests.gateway.fleet import COMPONENTS, TOKEN, Fleet
from tests.gateway.senders import SPANS, Developer, everything

DELIVERY = 90  # s; a delivery takes 2 s, and up to 20 s more after an outage


def total(fleet: Fleet, promql: str) -> float:
    return sum(sample.value for sample in fleet.query(promql))


def found(fleet: Fleet, developers: list[Developer]) -> set[str]:
    """The ids of the spans in Jaeger of all traces that the developers sent."""
    return {span.span_id for developer in developers for trace in developer.traces for span in fleet.trace(trace)}


@pytest.fixture
def service() -> str:
    return f"team-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def developers(fleet: Fleet, service: str) -> Iterator[list[Developer]]:
    made = [Developer(fleet, service) for _ in range(3)]
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
            timeout=10,
        ).status_code
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer another-token"})
    ]
    assert answers == [401, 401, 200]


def test_spans_reach_jaeger_and_are_counted_once_by_the_ingester_that_has_their_trace(
    fleet: Fleet, service: str, developers: list[Developer]
):
    for developer in developers:
        for number in range(20):
            developer.send(developer.trace(url=f"https://user:hunter2@host/{number}"))
    fleet.wait(lambda: found(fleet, developers) == set(everything(developers)), DELIVERY)
    spans = fleet.trace(developers[0].traces[0])
    assert "hunter2" not in str(spans[0].attributes)

    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
    fleet.wait(lambda: total(fleet, calls) == 3 * 20 * SPANS, DELIVERY)
    counted = {sample.labels["collector_instance_id"] for sample in fleet.query(calls)}
    assert counted == {ingester.name for ingester in fleet.ingesters}
    assert {sample.labels["host_name"] for sample in fleet.query(calls)} == {"laptop"}


def test_sums_arrive_as_they_are_and_deltas_are_added_up(fleet: Fleet, service: str, developers: list[Developer]):
    for developer in developers:
        developer.count(40)
        assert developer.report()
        developer.count(2)
        assert developer.report()
    sums = f'gateway_test_events_total{{service_name="{service}", collector_instance_id=""}}'
    fleet.wait(lambda: [sample.value for sample in fleet.query(sums)] == [42] * 3, DELIVERY)

    deltas = developers[0].deltas()
    for _ in range(2):  # by one gateway and by the other
        for _ in range(3):
            deltas.send(5)
        fleet.gateways[0].stop()
    added = f'gateway_test_events_total{{service_name="{service}", collector_instance_id=~"gateway-.*"}}'
    fleet.wait(lambda: total(fleet, added) == 30, DELIVERY)


def test_every_span_arrives_and_every_sum_is_right_whatever_stops(
    fleet: Fleet, service: str, developers: list[Developer]
):
    stop = threading.Event()
    threads = [threading.Thread(target=developer.work, args=(stop,)) for developer in developers]
    for thread in threads:
        thread.start()

    def sent(more: int) -> None:
        """Go on when so many spans more were accepted."""
        enough = len(list(everything(developers))) + more
        fleet.wait(lambda: len(list(everything(developers))) >= enough, DELIVERY)

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
    assert fleet.lag() > 0
    fleet.ingesters[1].thaw()
    sent(100)
    stop.set()
    for thread in threads:
        thread.join()

    everybody = set(everything(developers))
    fleet.wait(lambda: everybody <= found(fleet, developers), DELIVERY)
    fleet.wait(lambda: fleet.lag() == 0, DELIVERY)
    for developer in developers:
        fleet.wait(developer.report, DELIVERY)
        series = f'gateway_test_events_total{{service_name="{service}", instance="{developer.name}"}}'
        fleet.wait(
            lambda series=series, developer=developer: (
                [one.value for one in fleet.query(series)] == [developer.counted]
            ),
            DELIVERY,
        )
    # Span metrics count what was delivered: a message that came twice counts twice, none is missed.
    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
    fleet.wait(lambda: total(fleet, calls) >= len(everybody), DELIVERY)


def test_an_agents_session_goes_through_with_its_token_from_a_file(fleet: Fleet, tmp_path: Path):
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    settings = {
        "EXPORT_ENDPOINT": fleet.endpoint,
        "EXPORT_CERTIFICATE": str(fleet.certificates.ca),
        "EXPORT_TOKEN_FILE": str(token),
        "EXPORT_METRIC_INTERVAL": "1",
    }
    with throw_away_home("hookspan-demo-", settings) as home:
        home.cli("up")
        outcome = await_outcome(home, play(home))
    assert outcome["spans"]
    traces = [*outcome["traces"], uuid.UUID(outcome["session"]).hex]
    fleet.wait(lambda: sum(len(fleet.trace(trace)) for trace in traces) == outcome["spans"], DELIVERY)
    events = 'hookspan_hook_events_total{service_name="claude-code-hooks"}'
    fleet.wait(lambda: total(fleet, events) == outcome["events"], DELIVERY)


def test_a_certificate_of_its_own_lets_an_agent_in_where_no_token_is_asked_for(fleet: Fleet, service: str):
    gateway = fleet.other(fleet.gateway("gateway-mtls", COMPONENTS / "mtls" / "mtls.yaml"))
    address = f"{gateway.url}/v1/traces"
    ca, client = fleet.certificates.ca, (fleet.certificates.client, fleet.certificates.client_key)
    with pytest.raises(requests.exceptions.RequestException):
        requests.post(address, json={"resourceSpans": []}, verify=ca, timeout=10)
    answer = requests.post(address, json={"resourceSpans": []}, verify=ca, cert=tuple(map(str, client)), timeout=10)
    assert answer.status_code == 200
    gateway.stop()


def test_a_sampled_ingester_keeps_what_failed_and_counts_everything(
    fleet: Fleet, service: str, developers: list[Developer]
):
    for ingester in fleet.ingesters:
        ingester.stop()
    overlay = COMPONENTS / "tail-sampling" / "tail-sampling.yaml"
    sampling = fleet.other(fleet.ingester("ingester-sampling", overlay, DECISION_WAIT="1s", SHARE=0))
    developer = developers[0]
    for number in range(10):
        developer.send(developer.trace(failed=number == 3))
    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
    fleet.wait(lambda: total(fleet, calls) == 10 * SPANS, DELIVERY)
    fleet.wait(lambda: len(fleet.trace(developer.traces[3])) == SPANS, DELIVERY)
    time.sleep(2)  # twice the wait for a verdict: the others would be there by now
    assert [trace for trace in developer.traces if fleet.trace(trace)] == [developer.traces[3]]
    sampling.stop()
