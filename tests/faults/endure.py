"""An hour of work: `python -m tests.faults.endure [--minutes N] [--rate N] [--write FOLDER]`, or `make endure`.

Relay processes write 200 events/s of 32 sessions. Within that the journal is rotated, reduced, packed and deleted, the
store is pruned, and the exporter's endpoint goes away three times: refused, answering 503, and taking connections
without an answer. Every 5 s the agent's memory, descriptors, lag and queue are noted. At the end every event must be
counted once and its span delivered.

What happens once an hour or a day is made to happen within the hour: upkeep and pruning come every two minutes,
finished segments are given a time two hours ago, and packed ones, but for the newest, one two days ago. `--write`
puts `endurance.md` and `endurance.svg` there.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from hookspan.agent.client import Client
from hookspan.errors import UserError
from tests import otlp_decode
from tests.agent.machine import Machine, event, launch, ready
from tests.faults.chart import Panel, svg
from tests.otlp_sink import Answer, Received, Signal, Sink

SESSIONS = 32
TURNS = 12  # a session: then it ends, and another one takes its place
TOOLS = 8  # a turn
EVENT_BYTES = 1500  # the median of real events
TICK = 0.05  # seconds; what is due within one is started at once, as parallel sessions do
SAMPLE = 5.0  # seconds
AGED = 2 * 3600  # seconds that finished segments are made older by: past `raw_hours`
OLD = 2 * 86_400  # that packed ones are, but for the newest: past `days`
PACKED_KEPT = 3
OUTAGES = ((0.15, 0.22), (0.45, 0.52), (0.75, 0.82))  # shares of the whole time
SETTINGS = """\
[export]
endpoint = "{url}"
metric_interval = 10
[journal]
raw_hours = 1
days = 1
bytes = 268435456
[store]
bytes = 209715200
[agent]
autostart = false
"""
OFTEN = """\
import hookspan.agent.ingest.upkeep
hookspan.agent.ingest.upkeep.PRUNE_INTERVAL = 120.0
hookspan.agent.ingest.upkeep.INTERVAL = 120.0
"""


class CountingSink(Sink):
    """Keeps no message: only the ids of hook spans that were taken, and the newest value of the counter of events."""

    def __init__(self) -> None:
        super().__init__(keep=False)
        self.hooks: set[bytes] = set()
        self.counted: dict[str, int] = {}

    def take(self, request: Received, signal: Signal, *, as_json: bool) -> Answer | None:
        answer = super().take(request, signal, as_json=as_json)
        if answer is None or answer.status != 200:
            return answer
        if signal.name == "traces":
            for resource in request.message.resource_spans:
                for scope in resource.scope_spans:
                    if scope.scope.name == "hookspan.hooks":
                        self.hooks.update(span.span_id for span in scope.spans)
        else:
            for point in otlp_decode.points(request.message):
                if point.name == "hookspan.hook.events":
                    self.counted[str(point.attributes["hook.event"])] = int(point.value or 0)
        self.requests.clear()  # an hour of them
        return answer


@dataclass
class Run:
    """What was seen."""

    events: int = 0
    failed: int = 0  # relays that did not exit 0
    late: float = 0.0  # seconds that the writers were behind their pace, at most
    samples: list[dict[str, float]] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)  # minutes
    kinds: dict[str, int] = field(default_factory=dict)


def session() -> Iterator[dict[str, Any]]:
    """The events of one session."""
    id_ = str(uuid.uuid4())
    yield event("SessionStart", id_, source="startup")
    for turn in range(TURNS):
        prompt = str(uuid.uuid4())
        yield event("UserPromptSubmit", id_, prompt_id=prompt, prompt="Find out why the test fails. " * 20)
        for number in range(TOOLS):
            call = {
                "tool_name": ("Bash", "Read", "Edit", "Grep")[number % 4],
                "tool_input": {"command": "pytest -q", "file_path": "/home/u/shop/app.py"},
                "tool_use_id": f"toolu_{uuid.uuid4().hex}",
            }
            yield event("PreToolUse", id_, prompt_id=prompt, **call)
            if (turn + number) % 10 == 0:
                yield event("PermissionRequest", id_, prompt_id=prompt, **call)
            made = event("PostToolUse", id_, prompt_id=prompt, **call, duration_ms=12, tool_response={"stdout": ""})
            made["tool_response"]["stdout"] = "x" * max(0, EVENT_BYTES - len(json.dumps(made)))
            yield made
        yield event("Stop", id_, prompt_id=prompt)
    yield event("SessionEnd", id_, reason="other")


def spawn(machine: Machine, payload: bytes) -> int:
    """Start a relay with its event in the pipe, as Claude Code does; its pid."""
    end, start = os.pipe()
    try:
        os.write(start, payload)
        os.close(start)
        quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
        return os.posix_spawn(
            machine.relay[0], machine.relay, machine.env, file_actions=[(os.POSIX_SPAWN_DUP2, end, 0), *quiet]
        )
    finally:
        os.close(end)


def write(machine: Machine, run: Run, rate: float, seconds: float) -> None:
    """Events at that rate, by relay processes, a tick's worth at once."""
    open_ = [session() for _ in range(SESSIONS)]
    began, due, slot = time.monotonic(), 0, 0
    while (now := time.monotonic() - began) < seconds:
        due = int(now * rate)
        run.late = max(run.late, (due - run.events) / rate - TICK)
        pids = []
        for _ in range(min(due - run.events, int(rate))):
            slot = (slot + 1) % SESSIONS
            if (made := next(open_[slot], None)) is None:
                open_[slot] = session()
                made = next(open_[slot])
            pids.append(spawn(machine, json.dumps(made).encode()))
            run.kinds[made["hook_event_name"]] = run.kinds.get(made["hook_event_name"], 0) + 1
            run.events += 1
        for pid in pids:
            run.failed += os.waitpid(pid, 0)[1] != 0
        time.sleep(max(0.0, began + now + TICK - time.monotonic()))


def watch(machine: Machine, run: Run, agent: int, stop: threading.Event) -> None:
    """Note how the agent stands, and make its finished segments old."""
    process = psutil.Process(agent)
    began, cpu = time.monotonic(), process.cpu_times()
    while not stop.wait(SAMPLE):
        now = time.time()
        packed = sorted(machine.paths.journal.glob("0*.jsonl.gz"))
        ages = dict.fromkeys(machine.paths.journal.glob("0*.jsonl"), AGED) | dict.fromkeys(packed[:-PACKED_KEPT], OLD)
        for path, age in ages.items():
            with contextlib.suppress(FileNotFoundError):  # packed or deleted meanwhile
                os.utime(path, (now - age, now - age))
        used = process.cpu_times()
        try:
            found = Client(machine.paths).request("status")
        except UserError:
            continue  # a late answer is a gap in the chart
        run.samples.append(
            {
                "minute": (time.monotonic() - began) / 60,
                "memory": process.memory_info().rss / 2**20,
                "descriptors": process.num_fds(),
                "threads": process.num_threads(),
                "cpu": (used.user + used.system - cpu.user - cpu.system) / SAMPLE * 100,
                "load": os.getloadavg()[0],
                "delay": found["ingest"]["delay_seconds"] * 1000,
                "backlog": found["ingest"]["backlog_bytes"] / 2**20,
                "queue": found["export"]["queue"],
                "oldest": found["export"]["oldest_age"],
                "journal": found["journal"]["bytes"] / 2**20,
                "store": found["store"]["bytes"] / 2**20,
                "packed": len(list(machine.paths.journal.glob("*.gz"))),
                "first": min((int(path.name[:20]) for path in machine.paths.journal.glob("0*.jsonl*")), default=0),
                "rows": found["store"].get("events", 0),
            }
        )
        cpu = used


def break_down(sink: CountingSink, run: Run, seconds: float, stop: threading.Event) -> None:
    """The endpoint's three outages."""
    began = time.monotonic()
    for kind, (first, last) in enumerate(OUTAGES):
        if stop.wait(max(0.0, began + first * seconds - time.monotonic())):
            return
        from_ = (time.monotonic() - began) / 60
        if kind == 0:
            sink.stop()
        else:
            sink.fault(**({"status": 503} if kind == 1 else {"hang": True}))
        stop.wait(max(0.0, began + last * seconds - time.monotonic()))
        sink.heal()
        sink.start()
        run.outages.append((from_, (time.monotonic() - began) / 60))


def endure(folder: Path, minutes: float, rate: float) -> tuple[Run, dict[str, Any]]:
    """Do it; what was seen, and what came out."""
    run, stop = Run(), threading.Event()
    with CountingSink() as sink:
        machine = Machine(folder, settings=SETTINGS.format(url=sink.url)).install()
        try:
            launch(machine, "--stay", fault=OFTEN)
            agent = ready(machine)
            beside = [
                threading.Thread(target=watch, args=(machine, run, agent, stop)),
                threading.Thread(target=break_down, args=(sink, run, minutes * 60, stop)),
            ]
            for thread in beside:
                thread.start()
            try:
                write(machine, run, rate, minutes * 60)
            finally:
                stop.set()
                for thread in beside:
                    thread.join()
            flushed = machine.json("flush", "--wait", "300s")
            deadline = time.monotonic() + 60
            while sum(sink.counted.values()) < run.events and time.monotonic() < deadline:
                time.sleep(0.2)
            status = machine.status()
            outcome = {
                "events": run.events,
                "relays_failed": run.failed,
                "late_seconds": round(run.late, 2),
                "hook_spans": len(sink.hooks),
                "counted": sum(sink.counted.values()),
                "counts_equal": sink.counted == run.kinds,
                "spans": sink.distinct_spans,
                "sent_twice": sink.span_count - sink.distinct_spans,
                "drops": status["drops"],
                "quarantined": status["ingest"]["quarantined"],
                "loop_failures": {name: loop["failures"] for name, loop in status["loops"].items()},
                "same_agent": machine.pid == agent,
                "flushed": flushed["drained"] and flushed["exported"],
            }
            machine.cli("down")
        finally:
            machine.close()
    return run, outcome


def problems(run: Run, outcome: dict[str, Any]) -> list[str]:
    """What is not as it must be."""
    wanted = {
        "relays_failed": 0,
        "hook_spans": run.events,
        "counted": run.events,
        "counts_equal": True,
        "drops": {},
        "quarantined": 0,
        "same_agent": True,
        "flushed": True,
    }
    found = [f"{name}: {outcome[name]} instead of {value}" for name, value in wanted.items() if outcome[name] != value]
    return found + [
        f"the loop {name} failed {count} times" for name, count in outcome["loop_failures"].items() if count
    ]


def quarters(run: Run, name: str) -> list[float]:
    """The median of a value in each quarter of the time."""
    values = [sample[name] for sample in run.samples]
    size = max(1, len(values) // 4)
    return [statistics.median(values[start : start + size] or values[-1:]) for start in range(0, 4 * size, size)]


def chart(run: Run, title: str) -> str:
    def line(name: str) -> list[tuple[float, float]]:
        return [(sample["minute"], sample[name]) for sample in run.samples]

    return svg(
        title,
        [
            Panel("resident memory, MiB", {"memory": line("memory")}),
            Panel("open descriptors and threads", {"descriptors": line("descriptors"), "threads": line("threads")}),
            Panel("from a hook's start to its commit, ms", {"delay": line("delay")}),
            Panel("spans that wait for the endpoint (shaded: it is away)", {"queue": line("queue")}),
            Panel("disk, MiB", {"journal": line("journal"), "store": line("store")}),
            Panel("processor, % of one core", {"cpu": line("cpu")}),
        ],
        run.outages,
    )


PAGE = """\
# An hour of work

`make endure` ran {minutes:g} minutes with {sessions} sessions and a relay process for each event, on a machine with
{cores} cores and a load of {load:.1f} (the median). The target was {rate:g} events/s; {done:.0f} were written.
The endpoint was away three times (shaded): refused, answering 503, and hanging. Segments were reduced,
packed and deleted, and the store was pruned, every two minutes instead of every ten and sixty.

![memory, descriptors, lag, queue, disk and processor over the time](endurance.svg)

| what | number |
|---|---|
{rows}

The median of each quarter of the hour shows whether anything grows:

| | first | second | third | last |
|---|---|---|---|---|
{quarters}

This page is written by `python -m tests.faults.endure --write docs`.
"""
VALUES = {
    "memory": "memory, MiB",
    "descriptors": "descriptors",
    "threads": "threads",
    "delay": "lag, ms",
    "cpu": "processor, %",
    "journal": "journal, MiB",
    "store": "store, MiB",
}


def report(run: Run, outcome: dict[str, Any], minutes: float, rate: float) -> str:
    """The page of the documentation."""
    delays = sorted(sample["delay"] for sample in run.samples)
    middle, most = statistics.median(delays), delays[int(len(delays) * 0.95)]
    last = run.samples[-1]
    rows = {
        "events written by relay processes": f"{outcome['events']:,}",
        "counted by `hookspan.hook.events`": f"{outcome['counted']:,}",
        "different hook spans that the endpoint accepted": f"{outcome['hook_spans']:,}",
        "spans of all kinds": f"{outcome['spans']:,}, of which {outcome['sent_twice']:,} arrived more than once",
        "events lost or set aside, errors in a loop": "; ".join(problems(run, outcome)) or "0",
        "lag (hook's start to commit)": f"median {middle:.0f} ms, p95 {most:.0f} ms, longest {delays[-1]:.0f} ms",
        "delay of writers behind their schedule": f"at most {outcome['late_seconds']:.1f} s",
        "segments that are reduced and packed, at the end": f"{last['packed']:.0f}",
        "first record that the journal still holds": f"{last['first']:,.0f}",
        "events in the store at the end, after pruning": f"{last['rows']:,.0f}",
    }
    return PAGE.format(
        minutes=minutes,
        rate=rate,
        done=outcome["events"] / minutes / 60,
        sessions=SESSIONS,
        cores=os.cpu_count(),
        load=statistics.median(sample["load"] for sample in run.samples),
        rows="\n".join(f"| {name} | {value} |" for name, value in rows.items()),
        quarters="\n".join(
            f"| {title} | " + " | ".join(f"{value:,.0f}" for value in quarters(run, name)) + " |"
            for name, title in VALUES.items()
        ),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200, help="events a second")
    parser.add_argument("--write", type=Path, help="folder for the report and its chart")
    parser.add_argument("--samples", type=Path, help="file for the samples that the chart is made of, JSON")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="hookspan-endure-") as folder:
        run, outcome = endure(Path(folder), given.minutes, given.rate)
    found = problems(run, outcome)
    print(json.dumps(outcome, indent=1))
    for name in VALUES:
        print(f"{name:<12}", *(f"{value:10.1f}" for value in quarters(run, name)))
    if given.write:
        done = outcome["events"] / given.minutes / 60
        title = f"{given.minutes:g} minutes at {done:.0f} events/s, {SESSIONS} sessions"
        (given.write / "endurance.svg").write_text(chart(run, title))
        (given.write / "endurance.md").write_text(report(run, outcome, given.minutes, given.rate))
    if given.samples:
        given.samples.write_text(json.dumps({"outages": run.outages, "outcome": outcome, "samples": run.samples}))
    for line in found:
        print("NOT AS IT MUST BE:", line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
