"""From what is stored to the journal: each program's span reaches it once, whatever the journal and the sender do."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from hookspan.config import Signal
from hookspan.receive import intake as module
from hookspan.receive import joining
from hookspan.receive.children import ChildrenTaker
from hookspan.receive.intake import Intake
from hookspan.receive.spool import Spool, SpoolReader, Stored
from hookspan.wire import read_line
from hookspan.wire.facts import Children
from tests.waiting import PATIENCE, until

from .test_children import client, execution, id_, span, suite


class Journal:
    """What was written; `refuses` so many writes."""

    def __init__(self) -> None:
        self.facts: list[Children] = []
        self.refuses = 0

    def append(self, lines: Sequence[bytes]) -> None:
        if self.refuses:
            self.refuses -= 1
            raise OSError(errno.ENOSPC, "full")
        for line in lines:
            fact = read_line(line)
            assert isinstance(fact, Children)
            self.facts.append(fact)

    def spans(self) -> list[str]:
        """Their ids."""
        return [one.span_id for fact in self.facts for one in fact.spans]


class Agent:
    """One that takes in what is stored in a folder."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._spool = Spool(folder / "traces", ("facts",), 1 << 20)
        self.taker = ChildrenTaker(folder, lambda: True)
        readers: dict[Signal, SpoolReader] = {"traces": self._spool.readers["facts"]}
        self.intake = Intake(readers, journal, lambda: None, spans=[self.taker], logs=[])  # type: ignore[arg-type]
        self.intake.start()

    def receives(self, *resources: ResourceSpans) -> None:
        """A request."""
        body = ExportTraceServiceRequest(resource_spans=resources).SerializeToString()
        self._spool.append(Stored(time.time_ns(), body, own=False))

    def stop(self) -> None:
        self.intake.stop()
        self.intake.join(PATIENCE)


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[[Journal], Agent]]:
    agents: list[Agent] = []

    def make(journal: Journal) -> Agent:
        for before in agents:
            before.stop()
        agents.append(Agent(tmp_path, journal))
        return agents[-1]

    yield make
    agents[-1].stop()


def with_two_that_wait(agent: Agent) -> Agent:
    """An agent that has spans of a program, and does not know the call yet that ran it."""
    agent.receives(suite(span(3, 2), span(2, 1)))
    until(lambda: agent.taker.stats()["waiting"] == 2)
    return agent


def test_what_the_journal_refuses_is_written_once_it_takes_it_again(
    make_agent: Callable[[Journal], Agent], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "TRY_AGAIN", 0.01)
    journal = Journal()
    agent = with_two_that_wait(make_agent(journal))
    journal.refuses = 3
    agent.receives(client(execution(1)))
    until(lambda: agent.intake.left == 0)
    assert journal.spans() == [id_(2), id_(3)]
    agent.receives(suite(span(4, 2)))
    until(lambda: agent.intake.left == 0)
    assert journal.spans() == [id_(2), id_(3), id_(4)]
    assert agent.intake.failures == 3


def test_what_the_journal_refuses_until_the_end_is_written_by_the_next_agent(make_agent: Callable[[Journal], Agent]):
    journal = Journal()
    agent = with_two_that_wait(make_agent(journal))
    journal.refuses = 1
    agent.receives(client(execution(1)))
    until(lambda: agent.intake.failures)
    assert not journal.facts
    agent = make_agent(journal)
    until(lambda: agent.intake.left == 0)
    assert journal.spans() == [id_(2), id_(3)]


def test_what_is_due_is_written_though_nothing_is_sent_any_more_and_then_nobody_looks(
    make_agent: Callable[[Journal], Agent], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(joining, "ORPHANED", 10**8)
    monkeypatch.setattr(joining, "LOOK", 0)
    monkeypatch.setattr(module, "LOOK", 0.05)
    pauses: list[float | None] = []
    wait = threading.Event.wait

    def waited(event: threading.Event, seconds: float | None = None) -> bool:
        if threading.current_thread().name == "received":
            pauses.append(seconds)
        return wait(event, seconds)

    monkeypatch.setattr(threading.Event, "wait", waited)
    journal = Journal()
    agent = make_agent(journal)
    until(lambda: pauses == [None])
    agent.receives(suite(span(3, 2, "of one that was killed")))
    agent.receives(client(execution(1)))
    until(lambda: journal.spans() == [id_(3)])
    until(lambda: len(pauses) > 1 and pauses[-1] is None)
    assert 0.05 in pauses
    assert "killed" not in (tmp_path / "children").read_text()
