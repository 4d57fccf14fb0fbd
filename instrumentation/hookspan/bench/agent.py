"""What the agent can take and what it costs: throughput, memory over a backlog, idle, losses, delays."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import psutil

from hookspan.agent.client import Client, lock_content
from hookspan.agent.lock import is_held
from hookspan.bench import events as bench_events
from hookspan.bench import hooks as bench_hook
from hookspan.bench.endpoint import endpoint
from hookspan.errors import UserError
from hookspan.journal import Writer
from hookspan.paths import Paths
from hookspan.sandbox import Sandbox, sandbox
from hookspan.store import Reader

PREFIX: Final = "hookspan-bench-"
POLL: Final = 0.1
PATIENCE: Final = 60.0  # seconds without any progress, after which a measurement is given up
LINES: Final = 100  # a write
STEP: Final = 1_000_000  # nanoseconds between two events of a backlog
IDLE_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 8.0  # a turn's end is certain after 5
SHORT_SESSION: Final = 50  # events
STATUS_RUNS: Final = 15
RATE: Final = 100.0  # events a second for delays, as the bars have it
KILLS: Final = 3
ASKERS: Final = 8


@dataclass(frozen=True, slots=True)
class Taken:
    """How a backlog was taken."""

    events: int
    seconds: float
    cpu: float  # seconds of the agent
    peak: int  # bytes of resident memory, at most

    @property
    def per_core(self) -> float:
        """Events a second, if the agent had one core for itself."""
        return self.events / self.cpu

    @property
    def per_second(self) -> float:
        """Events a second by the clock."""
        return self.events / self.seconds


def write(paths: Paths, count: int) -> None:
    """A backlog of so many events of 1.5 KB."""
    writer = Writer(paths)
    lines = bench_events.lines(count, time.time_ns() - count * STEP, STEP)
    while batch := list(islice(lines, LINES)):
        writer.append(batch)


def backlog(events: int, *, export: bool) -> Taken:
    """Start an agent on a backlog, with or without an endpoint, and watch it until all is committed (and exported)."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(sandbox(PREFIX, {}))
        target = stack.enter_context(endpoint()) if export else None
        if target is not None:
            home.cli("config", "set", "export.endpoint", target.url)
        write(home.paths, events)
        home.cli("up")
        reader = stack.enter_context(contextlib.closing(Reader(home.paths)))
        process = psutil.Process(_pid(home))
        began, before, first, peak = time.monotonic(), process.cpu_times(), reader.counts().events, 0

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
        after = process.cpu_times()
        cpu = after.user + after.system - before.user - before.system
        return Taken(events - first, time.monotonic() - began, cpu, peak)


@dataclass(frozen=True, slots=True)
class Idle:
    """An agent that has nothing to do, and how long `hookspan status` takes to ask it."""

    memory: int
    cpu: float  # share of a core
    status: list[int]  # nanoseconds


def idle() -> Idle:
    """An agent after one short session that has ended."""
    with sandbox(PREFIX, {}) as home, open(os.devnull, "wb") as null:  # noqa: PTH123 - a device
        home.cli("up")
        events = list(bench_events.events(SHORT_SESSION, sessions=1))
        for event in (*events, events[0] | {"hook_event_name": "SessionEnd", "reason": "other"}):
            bench_hook.run(home.relay, bench_hook.payload(event, event["session_id"]), null.fileno())
        home.cli("flush")
        time.sleep(SETTLE_SECONDS)
        process = psutil.Process(_pid(home))
        before = process.cpu_times()
        time.sleep(IDLE_SECONDS)
        after = process.cpu_times()
        used = (after.user + after.system - before.user - before.system) / IDLE_SECONDS
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
    with sandbox(PREFIX, {}) as home, endpoint() as target:
        home.cli("config", "set", "export.endpoint", target.url)
        home.cli("up")
        with _sessions(home, events, events / 10):
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
            total = sum(int(one.value) for one in reader.totals("hookspan.hook.events")["hookspan.hook.events"])
            return Losses(events, reader.counts().events, total, target.counts()["hooks"])


def delays(seconds: float) -> list[float]:
    """Seconds from a tool's end to its span at an endpoint, at RATE events a second by relay processes."""
    with sandbox(PREFIX, {}) as home, endpoint() as target:
        home.cli("config", "set", "export.endpoint", target.url)
        home.cli("up")
        with _sessions(home, int(RATE * seconds), RATE):
            pass
        home.cli("flush")
        return list(target.counts()["ages"])


def delays_to_jaeger(otlp: str, jaeger: str, seconds: float) -> list[float]:
    """Seconds from a tool's end until Jaeger shows its span in the turn's trace, at RATE events a second."""
    watch = _Watch(f"{jaeger.rstrip('/')}/api/v3/traces/")
    with sandbox(PREFIX, {}) as home:
        home.cli("config", "set", "export.endpoint", otlp)
        home.cli("up")
        with _sessions(home, int(RATE * seconds), RATE, watch.heard):
            watch.start()
        watch.stop()
    if not watch.found:
        raise UserError(f"no span of a tool was found at {jaeger} within {PATIENCE:.0f} s")
    return watch.found


class _Watch:
    """Threads that each take the newest tool call and ask for its trace until its span is there."""

    def __init__(self, traces: str) -> None:
        self.found: list[float] = []
        self._traces = traces
        self._newest: deque[tuple[float, str, str]] = deque(maxlen=1)  # ended when, trace, call
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(ASKERS)]

    def heard(self, event: Mapping[str, Any]) -> None:
        """An event was recorded."""
        if event["hook_event_name"] == "PostToolUse":
            self._newest.append((time.time(), event["prompt_id"].replace("-", ""), event["tool_use_id"]))

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait for the calls that are being looked for, and take no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL / 4):
            with contextlib.suppress(IndexError):
                self._look(*self._newest.pop())

    def _look(self, ended: float, trace: str, call: str) -> None:
        while time.time() - ended < PATIENCE:
            if call.encode() in _get(self._traces + trace):
                self.found.append(time.time() - ended)
                return
            time.sleep(POLL / 4)


@contextlib.contextmanager
def _sessions(
    home: Sandbox, count: int, rate: float, heard: Callable[[Mapping[str, Any]], None] = lambda _: None
) -> Iterator[None]:
    """Meanwhile SESSIONS sessions send `count` events, `rate` a second together; they are waited for at the end."""
    shares = [
        count // bench_events.SESSIONS + (n < count % bench_events.SESSIONS) for n in range(bench_events.SESSIONS)
    ]
    failures: list[Exception] = []
    with open(os.devnull, "wb") as null:  # noqa: PTH123 - a device

        def session(share: int) -> None:
            began, pause = time.monotonic(), bench_events.SESSIONS / rate
            try:
                for number, event in enumerate(bench_events.events(share, sessions=1)):
                    time.sleep(max(0.0, began + number * pause - time.monotonic()))
                    bench_hook.run(home.relay, bench_hook.payload(event, event["session_id"]), null.fileno())
                    heard(event)
            except (OSError, RuntimeError) as error:
                failures.append(error)

        threads = [threading.Thread(target=session, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join()
    if failures:
        raise failures[0]


def _pid(home: Sandbox) -> int:
    return int(Client(home.paths).request("ping")["pid"])


def _until(progress: Callable[[], tuple[int, bool]]) -> None:
    """Ask for progress until it is done. UserError when there has been none for too long."""
    known, since = -1, time.monotonic()
    while True:
        reached, done = progress()
        if done:
            return
        if reached != known:
            known, since = reached, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise UserError(f"the agent has made no progress for {PATIENCE:.0f} s")
        time.sleep(POLL)


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return b""
