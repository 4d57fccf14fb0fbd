"""The kill campaign: whatever happens to the agent and to the endpoint, no event is lost and none is counted twice.

Sixteen sessions, every second one Codex's, run their hooks while one fault after the other lasts. After each the fault
is taken away, and the endpoint must have every hook's span once, and the counter must say what was sent. `make soak`
runs it with a million events, most of them appended straight to the journal; tests/faults/test_kill.py with as many as
CI has time for.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests import otlp_decode
from tests.agent.machine import Machine
from tests.otlp_decode import Message
from tests.otlp_sink import Received, Sink
from tests.waiting import until

HOOK_SCOPE = "hookspan.hooks"
RATE = 300  # hooks a second, of all sessions together: two busy people run a tenth of that
KILL_WITHIN = 0.8  # seconds to the next kill, at most
POISON = 0  # a span whose id ends so is what the endpoint can't stand when it answers 400: one of 256
REQUEST_MAX = 50_000  # bytes; over that the endpoint answers 413
TIMEOUT = 2  # seconds that the exporter waits for an endpoint that doesn't answer
SETTLE_PATIENCE = 900.0  # seconds; a soak's backlog takes a minute or two


class Backend(Sink):
    """Counts what a million events leave, without keeping them."""

    def __init__(self) -> None:
        super().__init__(keep=False)
        self.hooks: set[bytes] = set()
        self.refused_hooks: set[bytes] = set()
        self._series: dict[tuple[tuple[str, Any], ...], int] = {}  # of each service

    def store(self, signal: str, message: Message) -> None:
        super().store(signal, message)
        if signal == "traces":
            self.hooks.update(hook_ids(message))
        else:
            for point in otlp_decode.points(message):
                if point.name == "hookspan.hook.events":
                    about = {**point.attributes, "service.name": point.resource["service.name"]}
                    self._series[tuple(sorted(about.items()))] = int(point.value or 0)

    @property
    def counted(self) -> int:
        """What the counter of hook events says now, over all series."""
        return sum(self._series.values())

    def cannot_stand(self, request: Received) -> bool:
        """Whether a poisoned span is in it; one that stands alone is refused for good."""
        ids = list(otlp_decode.span_ids(request.message))
        if not any(span_id[-1] == POISON for span_id in ids):
            return False
        if len(ids) == 1:
            self.refused_hooks.update(hook_ids(request.message))
        return True


def hook_ids(message: Message) -> Iterator[bytes]:
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            if scope.scope.name == HOOK_SCOPE:
                yield from (span.span_id for span in scope.spans)


@dataclass(frozen=True, slots=True)
class Row:
    """What was sent while a fault lasted, and what had arrived of it once it was over."""

    fault: str
    sent: int
    hook_spans: int
    refused: int  # hook spans that the endpoint answered 400, each by itself
    counter: int
    hooks: int  # those of `sent` that relay processes wrote
    p50: float  # milliseconds of these
    p99: float
    longest: float
    seconds: float  # from the fault's begin until all had arrived


@dataclass
class Campaign:
    """A machine with an agent, an endpoint, and what was sent so far."""

    machine: Machine
    backend: Backend
    moments: random.Random
    sent: int = 0
    rows: list[Row] = field(default_factory=list)
    bare: dict[str, float] = field(default_factory=dict)  # of each row: median ms of a process that does nothing

    def run(self, fault: "Fault", hooks: int, append: int) -> Row:
        """Let a fault last while so many events are sent."""
        began, before = time.monotonic(), (len(self.backend.hooks), len(self.backend.refused_hooks))
        counted = self.backend.counted
        with fault.inflict(self):
            senders = [self._send("--hooks", hooks)] + ([self._send("--append", append)] if append else [])
            for _ in range(fault.kills):
                self._kill()
            (took, bare), *_ = [end(sender) for sender in senders]
        self.sent += hooks + append
        self._settle()
        self.bare[fault.name] = statistics.median(bare) / 1e6
        cuts = statistics.quantiles(took, n=100, method="inclusive")
        self.rows.append(
            Row(
                fault=fault.name,
                sent=hooks + append,
                hook_spans=len(self.backend.hooks) - before[0],
                refused=len(self.backend.refused_hooks) - before[1],
                counter=self.backend.counted - counted,
                hooks=hooks,
                p50=cuts[49] / 1e6,
                p99=cuts[98] / 1e6,
                longest=max(took) / 1e6,
                seconds=time.monotonic() - began,
            )
        )
        return self.rows[-1]

    def _send(self, what: str, count: int) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.faults.sessions", str(self.machine.paths.state), what, str(count)]
        return subprocess.Popen(
            [*command, "--rate", str(RATE), "--", *self.machine.relay], stdout=subprocess.PIPE, text=True
        )

    def _kill(self) -> None:
        time.sleep(self.moments.uniform(0.0, KILL_WITHIN))
        if not self.machine.pid:
            self.machine.up()  # killed before it was ready: hooks wait half a minute before they try again
        self.machine.kill()

    def _settle(self) -> None:
        """Wait until all that was sent has arrived, or nothing more comes."""
        self.machine.up()
        deadline = time.monotonic() + SETTLE_PATIENCE
        while True:
            flushed = self.machine.json("flush", "--wait", "60s")
            if flushed["drained"] and flushed["exported"]:
                break
            assert time.monotonic() < deadline, flushed
        with contextlib.suppress(TimeoutError):  # then the row says what is missing
            until(lambda: self.backend.counted >= self.sent)


def end(sender: "subprocess.Popen[str]") -> tuple[list[int], list[int]]:
    """What a sender measured."""
    said, _ = sender.communicate()
    assert sender.returncode == 0, said
    hooks, bare = json.loads(said)
    return hooks, bare


Inflict = Callable[[Campaign], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong for a while. `kills`: how often the agent is killed meanwhile."""

    name: str
    inflict: Inflict
    kills: int = 0


@contextlib.contextmanager
def nothing(_: Campaign) -> Iterator[None]:
    yield


@contextlib.contextmanager
def stopped(campaign: Campaign) -> Iterator[None]:
    """An agent that is alive and does nothing, whatever it had in hand."""
    pid = campaign.machine.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def down(campaign: Campaign) -> Iterator[None]:
    campaign.backend.stop()
    try:
        yield
    finally:
        campaign.backend.start()


def answers(**how: Any) -> Inflict:
    """An endpoint that misbehaves as the sink's `Fault` says."""

    @contextlib.contextmanager
    def inflict(campaign: Campaign) -> Iterator[None]:
        campaign.backend.fault(**how)
        try:
            yield
        finally:
            campaign.backend.heal()

    return inflict


@contextlib.contextmanager
def poisoned(campaign: Campaign) -> Iterator[None]:
    with answers(signal="traces", status=400, when=campaign.backend.cannot_stand)(campaign):
        yield


LATER: Mapping[str, str] = {"Retry-After": "1"}
GARBAGE = b"\xff\x00<html>It works!</html>"
FAULTS = (
    Fault("none", nothing),
    Fault("agent killed (-9)", nothing, kills=3),
    Fault("agent stopped (SIGSTOP)", stopped),
    Fault("endpoint down, agent killed", down, kills=1),
    Fault("endpoint slow (1 s an answer)", answers(delay=1.0)),
    Fault("endpoint hangs, agent killed", answers(hang=True), kills=1),
    Fault("400 for one span of 256", poisoned),
    Fault("401", answers(status=401)),
    Fault("413 over 50 KB", answers(signal="traces", status=413, when=lambda request: request.size > REQUEST_MAX)),
    Fault("429", answers(status=429, headers=LATER)),
    Fault("503", answers(status=503, headers=LATER)),
    Fault("502 with garbage", answers(status=502, body=GARBAGE)),
    Fault("200 with a web page", answers(body=GARBAGE, headers={"Content-Type": "text/html"}, store=False)),
    Fault("none, again", nothing),
)


@contextlib.contextmanager
def begin(folder: Path, seed: int) -> Iterator[Campaign]:
    """A machine with an agent that exports to the endpoint."""
    settings = "[export]\nendpoint = {!r}\nmetric_interval = 1\ntimeout = {}\n"
    with Backend() as backend:
        machine = Machine(folder, settings=settings.format(backend.url, TIMEOUT)).install()
        try:
            machine.up()
            yield Campaign(machine, backend, random.Random(seed))
        finally:
            machine.close()


HEADINGS = ("events", "hook spans", "refused", "counter", "hooks", "p50 ms", "p99 ms", "max ms", "s")


def table(rows: list[Row]) -> Iterator[str]:
    """The rows as Markdown."""
    yield f"| fault | {' | '.join(HEADINGS)} |"
    yield "|---" * (len(HEADINGS) + 1) + "|"
    for row in rows:
        name, *figures = asdict(row).values()
        cells = [f"{value:.2f}" if isinstance(value, float) else f"{value:,}" for value in figures]
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--hooks", type=int, default=20_000, help="those of them that relay processes write")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    options = parser.parse_args()
    hooks, append = (options.hooks // len(FAULTS), (options.events - options.hooks) // len(FAULTS))
    with tempfile.TemporaryDirectory() as folder, begin(Path(folder), options.seed) as campaign:
        print(f"seed {options.seed}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.0f}", *table([]), sep="\n")
        for fault in FAULTS:
            campaign.run(fault, hooks, append)
            print([*table(campaign.rows)][-1], flush=True)
        faults = wrong(campaign)
        if options.json:
            options.json.write_text(json.dumps([asdict(row) for row in campaign.rows], indent=2) + "\n")
    print(*faults, sep="\n")
    if faults:
        sys.exit(1)


def wrong(campaign: Campaign) -> list[str]:
    """What was lost or doubled, in words; nothing should be."""
    faults = [
        f"{row.fault}: {row.sent} sent, {row.hook_spans} hook spans, {row.refused} refused, {row.counter} counted"
        for row in campaign.rows
        if row.hook_spans + row.refused != row.sent or row.counter != row.sent
    ]
    try:
        until(lambda: unaccounted(campaign) == 0)
    except TimeoutError:
        faults.append(f"{unaccounted(campaign)} spans of the store neither arrived nor were refused")
    stored, status = campaign.machine.counts().events, campaign.machine.status()
    if stored != campaign.sent:
        faults.append(f"{campaign.sent} sent, {stored} events in the store")
    if status["drops"] or status["ingest"]["quarantined"]:
        faults.append(f"drops {status['drops']}, quarantined {status['ingest']['quarantined']}")
    return faults


def unaccounted(campaign: Campaign) -> int:
    """Spans of every kind that are in the store only; those of turns come some seconds after the last event."""
    refused = campaign.machine.status()["export"]["refused"]
    return int(campaign.machine.counts().spans) - campaign.backend.distinct_spans - int(refused)


if __name__ == "__main__":
    main()
