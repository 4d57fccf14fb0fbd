"""What the agent can handle and what it costs: throughput, memory during a backlog, idle load, losses."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from hookspan.agent.client import Client, lock_content
from hookspan.agent.lock import is_held
from hookspan.bench.endpoint import endpoint
from hookspan.bench.events import events as made_up_events
from hookspan.bench.hooks import payload, run
from hookspan.bench.load import sessions, write_backlog
from hookspan.errors import UserError
from hookspan.sandbox import Sandbox, sandbox
from hookspan.store import Reader

POLL: Final = 0.1
TICK: Final = 0.01  # seconds: the least time of a processor that the system tells
PATIENCE: Final = 60.0  # seconds without any progress, after which a measurement is given up
IDLE_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 8.0  # a turn's end is certain after 5
AT_REST: Final = 0.1  # seconds of a processor that an agent with nothing to do never takes in this time
SHORT_SESSION: Final = 50  # events
STATUS_RUNS: Final = 15
KILLS: Final = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """How a backlog was taken."""

    events: int
    seconds: float
    cpu: float  # seconds of the agent
    cpu_at_rest: float  # the same, until what they say is found by a search, too
    peak: int  # bytes of resident memory, at most

    @property
    def per_core(self) -> float:
        """Events a second, if the agent had one core for itself; 0 if all were taken before the first look."""
        return self.events / max(self.cpu, TICK)

    @property
    def per_core_at_rest(self) -> float:
        """The same, if the agent is to be at rest again."""
        return self.events / max(self.cpu_at_rest, TICK)


def backlog(events: int, *, export: bool, to_rest: bool = False) -> Taken:
    """Start an agent on a backlog, with or without an endpoint, and watch it until all is committed (and exported).

    `to_rest`: and until it has nothing to do any more.
    """
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(sandbox("bench"))
        target = stack.enter_context(endpoint()) if export else None
        if target is not None:
            home.cli("config", "set", "export.endpoint", target.url)
        write_backlog(home.paths, events)
        home.cli("up")
        reader = stack.enter_context(contextlib.closing(Reader(home.paths)))
        process = psutil.Process(pid_of(home))
        began, before, first, peak = time.monotonic(), _cpu(process), reader.counts().events, 0

        def progress() -> tuple[int, bool]:
            nonlocal peak
            peak = max(peak, process.memory_info().rss)
            counts = reader.counts()
            done = counts.events >= events
            if target is None or not done:
                return counts.events, done
            spans = int(target.counts()["spans"])
            return counts.events + spans, spans >= counts.spans

        _until(progress)
        seconds, cpu = time.monotonic() - began, _cpu(process) - before
        whole = at_rest(process) - before if to_rest else cpu
        return Taken(events - first, seconds, cpu, whole, peak)


@dataclass(frozen=True, slots=True)
class Idle:
    """An agent that has nothing to do, and how long `hookspan status` takes to ask it."""

    memory: int
    cpu: float  # share of a core
    status: list[int]  # nanoseconds


def idle() -> Idle:
    """An agent after one short session that has ended."""
    with sandbox("bench") as home, open(os.devnull, "wb") as null:  # noqa: PTH123 - a device
        home.cli("up")
        events = list(made_up_events(SHORT_SESSION, sessions=1))
        for event in (*events, events[0] | {"hook_event_name": "SessionEnd", "reason": "other"}):
            run(home.relay, payload(event, event["session_id"]), null.fileno())
        home.cli("flush")
        time.sleep(SETTLE_SECONDS)
        process = psutil.Process(pid_of(home))
        before = ran(process)
        time.sleep(IDLE_SECONDS)
        used = (ran(process) - before) / IDLE_SECONDS
        memory, status = process.memory_info().rss, []
        for _ in range(STATUS_RUNS):
            began = time.monotonic_ns()
            command = [sys.executable, "-m", "hookspan", "status"]
            subprocess.run(command, env=home.env, stdout=subprocess.DEVNULL, check=False)
            status.append(time.monotonic_ns() - began)
        return Idle(memory, used, status)


@dataclass(frozen=True, slots=True)
class Losses:
    """What was sent by relay processes while the agent was killed, and what is there of it."""

    sent: int
    stored: int
    counted: int
    exported: int  # distinct hook spans at the endpoint


def losses(events: int) -> Losses:
    """Sixteen sessions at once, the agent killed (-9) at random; at the second kill the endpoint hangs."""
    with sandbox("bench") as home, endpoint() as target:
        home.cli("config", "set", "export.endpoint", target.url)
        home.cli("up")
        with sessions(home, events, events / 10):
            for number in range(KILLS):
                with target.hung() if number == 1 else contextlib.nullcontext():
                    time.sleep(random.uniform(0.5, 3.0))  # noqa: S311 - no secret
                    if not is_held(home.paths.agent_lock):
                        home.cli("up")
                    with contextlib.suppress(KeyError, ProcessLookupError):  # it is just beginning, or gone
                        os.kill(lock_content(home.paths)["pid"], signal.SIGKILL)
        home.cli("up")
        home.cli("flush", "--wait", "60s")
        with contextlib.closing(Reader(home.paths)) as reader:
            counted = sum(int(total.value) for total in reader.totals("hookspan.hook.events")["hookspan.hook.events"])
            return Losses(events, reader.counts().events, counted, target.counts()["hooks"])


def pid_of(home: Sandbox) -> int:
    """The process of a home's agent."""
    return int(Client(home.paths).request("ping")["pid"])


def _cpu(process: psutil.Process) -> float:
    """Seconds of a processor that it has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def ran(process: psutil.Process) -> float:
    """Seconds of a processor that its threads of now have used, as the scheduler counts, where it tells.

    The usual count is of ticks of 10 ms: of a minute it can't tell 0.05 % from 0.07.
    """
    try:
        files = [Path(f"/proc/{process.pid}/task/{thread.id}/schedstat") for thread in process.threads()]
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9
    except OSError:
        return _cpu(process)


def at_rest(process: psutil.Process) -> float:
    """Wait until it has nothing to do any more: seconds of a processor that it has used by then."""
    used = _cpu(process)
    while True:
        time.sleep(SETTLE_SECONDS)
        now = _cpu(process)
        if now - used < AT_REST:
            return now
        used = now


def _until(progress: Callable[[], tuple[int, bool]]) -> None:
    """Ask for progress until it is done. UserError when there has been none for too long."""
    last, since = -1, time.monotonic()
    while True:
        reached, done = progress()
        if done:
            return
        if reached != last:
            last, since = reached, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise UserError(f"the agent has made no progress for {PATIENCE:.0f} s")
        time.sleep(POLL)
