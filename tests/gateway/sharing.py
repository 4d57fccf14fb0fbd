"""How ingesters share the work: one, two and four on the same backlog, and others while some join and leave.

Each has `SHARE` of a core and no more, by a control group of its own: so two cores are enough to see whether twice as
many do twice as much. They find the backlog while Jaeger is frozen, so that all begin at once.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.fleet import GROUPS, LEAST_SESSION, SPAN_METRICS, TOPICS, Fleet
from tests.gateway.senders import Developer
from tests.gateway.traffic import Density, developers, send
from tests.gateway.watch import Watch, handed_on, settle
from tests.stack import day
from tests.stack.stack import Program

COUNTS = (1, 2, 4)
SHARE = 0.04  # of a core, for each ingester
PERIOD = 100_000  # us, in which each has its share
COPIES = 3  # of all recorded sessions: the backlog
SENDERS = 3  # developers who work while ingesters come and go
BETWEEN = 3.0  # s
AS_SHIPPED = {
    "METRICS_INTERVAL": "15s",
    **LEAST_SESSION,
}  # the fleet of the tests is asked for its span metrics each second
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Shared:
    """What so many ingesters did with the backlog."""

    partitions: list[int]  # of spans, metrics and log records together, by ingester
    spans: list[int]
    cpu: list[float]  # s
    wall_seconds: float


@dataclass(frozen=True)
class Moves:
    """Who had how many partitions after each who came or went, and what became of the spans meanwhile."""

    after: list[tuple[str, list[int]]]
    spans: int
    missing: int


def measure(folder: Path, found: list[day.Recording], density: Density) -> tuple[list[Shared], Moves]:
    """Both."""
    fleet = Fleet(folder, measured=True)
    try:
        fleet.start()
        fleet.ingesters += [fleet.ingester(f"ingester-{number}", SPAN_METRICS) for number in (2, 3)]
        for program in (*fleet.ingesters, fleet.gateways[1], fleet.load_balancer):
            program.stop()
        send(fleet, f"{fleet.gateways[0].url}/v1/traces", bodies := list(developers(found, density, COPIES)))
        handed_on(fleet, fleet.gateways[0])
        backlog = sum(spans for _, spans in bodies)
        shared = [_share(fleet, number, backlog) for number in COUNTS]
        return shared, _moves(fleet)
    finally:
        fleet.close()


def _share(fleet: Fleet, number: int, backlog: int) -> Shared:
    settle(lambda: _from_the_beginning(fleet))
    ingesters = fleet.ingesters[:number]
    before = _arrived(fleet)
    fleet.jaeger.freeze()
    for ingester in ingesters:
        ingester.start(AS_SHIPPED)
    wanted = len(TOPICS) * fleet.partitions
    settle(lambda: _partitions(fleet, ingesters) == [wanted // number] * number)
    with _limited(ingesters):
        watch = Watch(*ingesters)
        began = time.monotonic()
        fleet.jaeger.thaw()
        settle(lambda: _arrived(fleet) >= before + backlog)  # to ask ingesters would take of their shares
        settle(lambda: sum(_spans(fleet, ingesters)) >= backlog)
        wall = time.monotonic() - began
        cpu = [watch.cpu(ingester) for ingester in ingesters]
    found = Shared(_partitions(fleet, ingesters), _spans(fleet, ingesters), cpu, wall)
    for ingester in ingesters:
        ingester.stop()
    return found


def _from_the_beginning(fleet: Fleet) -> bool:
    """Whether the group has nobody any more, and could be put where it began."""
    where = ("--group", GROUPS[0], "--topic", TOPICS[0], "--reset-offsets", "--to-earliest", "--execute")
    try:
        return "Error" not in fleet.kafka_tool("consumer.group.ConsumerGroupCommand", *where)
    except AssertionError:
        return False


def _arrived(fleet: Fleet) -> float:
    return fleet.own(fleet.jaeger, "otelcol_receiver_accepted_spans")


def _partitions(fleet: Fleet, ingesters: list[Program]) -> list[int]:
    return [int(fleet.partitions_of(ingester)) for ingester in ingesters]


def _spans(fleet: Fleet, ingesters: list[Program]) -> list[int]:
    return [int(fleet.own(ingester, "otelcol_receiver_accepted_spans")) for ingester in ingesters]


@contextmanager
def _limited(ingesters: list[Program]) -> Iterator[None]:
    """Each in a control group that has its share of a core, and that share before all others."""
    old = (CGROUPS / "cpu" / "cpu.shares").exists()  # version 1
    groups = [(CGROUPS / "cpu" if old else CGROUPS) / f"hookspan-{one.pid}" for one in ingesters]
    quota = int(PERIOD * SHARE)
    try:
        for group, ingester in zip(groups, ingesters, strict=True):
            group.mkdir()
            if old:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
                (group / "cpu.shares").write_text("262144")
            else:
                (group / "cpu.max").write_text(f"{quota} {PERIOD}")
                (group / "cpu.weight").write_text("10000")
            (group / "cgroup.procs").write_text(str(ingester.pid))
        yield
    finally:
        for group, ingester in zip(groups, ingesters, strict=True):
            if group.is_dir():
                if ingester.pid:
                    (group.parent / "cgroup.procs").write_text(str(ingester.pid))
                group.rmdir()


def _moves(fleet: Fleet) -> Moves:
    """Developers work while ingesters join and leave, one of them without a word."""
    people = [Developer(fleet, "moves", endpoint=fleet.gateways[0].url) for _ in range(SENDERS)]
    stop = threading.Event()
    threads = [threading.Thread(target=one.work, args=(stop,)) for one in people]
    running: list[Program] = []
    after = []

    def settled(what: str) -> None:
        wanted = len(TOPICS) * fleet.partitions
        settle(lambda: sum(found := _partitions(fleet, running)) == wanted and max(found) - min(found) <= len(TOPICS))
        after.append((what, _partitions(fleet, running)))
        time.sleep(BETWEEN)  # work goes on

    try:
        for thread in threads:
            thread.start()
        for what, number in (("one", 1), ("a second joined", 1), ("two more joined", 2)):
            for ingester in fleet.ingesters[len(running) : len(running) + number]:
                ingester.start(AS_SHIPPED)
                running.append(ingester)
            settled(what)
        running.pop().stop()
        settled("one was stopped")
        running.pop().kill()
        settled("one was killed")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    missing: list[int] = []

    def arrived() -> bool:
        sent = {trace: spans for one in people for trace, spans in one.sent.items()}
        there = {trace: {span.span_id for span in fleet.trace(trace)} for trace in sent}
        missing[:] = [len(spans - there[trace]) for trace, spans in sent.items()]
        return not sum(missing)

    settle(arrived)
    for one in people:
        one.close()
    return Moves(after, sum(len(spans) for one in people for spans in one.sent.values()), sum(missing))
