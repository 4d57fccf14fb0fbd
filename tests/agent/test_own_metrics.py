"""The agent's own counters at an endpoint: nothing is counted again by another agent, nor by another exporter."""

import os
import signal
from collections.abc import Callable

import pytest

from hookspan.catalogue import attributes as sc
from tests import otlp_decode
from tests.otlp_sink import Received, Sink
from tests.waiting import until

from .machine import Machine, small_session

SETTINGS = '[export]\nendpoint = "{url}"\ntemporality = "delta"\nmetric_interval = {interval}\n'


def counted(sink: Sink, name: str) -> float:
    """What a backend of deltas has added up."""
    points = [point for point in sink.points if point.name == name]
    return sum(
        point.value or 0 for point in points if point.attributes.get(sc.EXPORT_OUTCOME, "exported") == "exported"
    )


@pytest.mark.slow
def test_another_agent_or_exporter_counts_nothing_again(make_machine: Callable[..., Machine], sink: Sink) -> None:
    machine = make_machine(settings=SETTINGS.format(url=sink.url, interval=3600))

    def sessions(number: int) -> float:
        """One more is recorded, and all that comes of it is counted; how many records the backend knows then."""
        machine.hooks(*small_session(tools=2))

        def is_counted() -> bool:
            assert machine.json("flush", "--wait", "60s")["exported"]
            assert [span.name for span in sink.spans].count("session") == number
            return counted(sink, "hookspan.agent.export.spans") == len(sink.spans)

        until(is_counted)
        return counted(sink, "hookspan.agent.ingest.records")

    machine.up()
    first = sessions(1)
    machine.restart()
    second = sessions(2)
    read = machine.status()["ingest"]["records"]
    assert second <= first + read

    machine.paths.config.write_text(SETTINGS.format(url=sink.url, interval=1800))
    os.kill(machine.pid, signal.SIGHUP)
    until(lambda: [line["event"] for line in machine.log()].count("exporting") == 3)
    third = sessions(3)
    assert second < third <= first + machine.status()["ingest"]["records"]


@pytest.mark.slow
def test_what_is_on_its_way_when_the_exporter_is_exchanged_counts_once(
    make_machine: Callable[..., Machine], sink: Sink
) -> None:
    held: list[float] = []

    def counts_calls(request: Received) -> bool:
        """Not the zero that announces them."""
        if request.signal != "metrics" or held:
            return False
        points = [point for point in otlp_decode.points(request.message) if point.name == "hookspan.tool.calls"]
        if any(point.value for point in points):
            held.append(request.time)
        return bool(held)

    sink.fault(delay=4, when=counts_calls)
    machine = make_machine(settings=SETTINGS.format(url=sink.url, interval=1))
    machine.up()
    machine.hooks(*small_session(tools=2))
    until(lambda: held)
    machine.paths.config.write_text(SETTINGS.format(url=sink.url, interval=2))
    os.kill(machine.pid, signal.SIGHUP)
    until(lambda: [line["event"] for line in machine.log()].count("exporting") == 2)
    assert machine.json("flush", "--wait", "60s")["exported"]
    until(lambda: held[0] in {request.time for request in sink.requests}, "its answer")
    assert counted(sink, "hookspan.tool.calls") == 2
