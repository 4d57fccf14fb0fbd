"""A machine whose agent receives, and forwards to a sink."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.machine import Machine
from tests.otlp_sink import Sink
from tests.ports import Ports, as_before
from tests.receive.requests import Sender
from tests.waiting import until


class Receiving:
    """A machine with an agent that receives."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @property
    def port(self) -> int:
        known = until(lambda: self.machine.status().get("receive"), "the agent tells of no receiver")
        return int(known["ports"][0])

    def sender(self) -> Sender:
        return Sender(self.port)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def make_machine(tmp_path: Path) -> Iterator[Callable[[str], Receiving]]:
    machines: list[Machine] = []
    ports: list[Ports] = []

    def make(settings: str) -> Receiving:
        machine = Machine(tmp_path / str(len(machines)), settings=f"[dashboard]\nenabled = false\n{settings}").install()
        machines.append(machine)
        ports.append(as_before(machine.paths))
        machine.up()
        return Receiving(machine)

    yield make
    for machine in machines:
        machine.close()


@pytest.fixture
def receiving(make_machine: Callable[[str], Receiving], sink: Sink) -> Receiving:
    return make_machine(f'[receive]\nenabled = true\n[export]\nendpoint = "{sink.url}"\nmetrics = false\n')
