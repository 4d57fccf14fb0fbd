"""A day of work: `python -m tests.faults.endure [--minutes N] [--rate N] [--write FOLDER]`, or `make endure`.

As many events as 20 a second are in a day, with everything on: relay processes write 450 events/s of 32 sessions whose
transcripts are archived, indexed and exported; their clients' telemetry comes to the receiver and is forwarded; log
records are sealed. Within that the journal is rotated, reduced, packed and deleted, store and archive are pruned, and
the exporter's endpoint goes away three times: refused, answering 503, and taking connections without an answer. Every
5 s the agent's memory, descriptors, lag, queues and disk are noted. At the end every event must be counted once and
its span delivered, everything that the clients told forwarded, and no sealed record missing.

What happens once an hour or a day is made to happen within the hour: upkeep and pruning come every two minutes,
finished segments are given a time two hours ago, and packed ones, but for the newest, one two days ago. `--write`
puts `endurance.md` and `endurance.svg` there.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from hookspan.agent.client import Client
from hookspan.catalogue.attributes import AUDIT_SEQUENCE
from hookspan.errors import UserError
from tests import otlp_decode
from tests.agent.machine import Machine, launch, ready
from tests.faults import endure_page
from tests.faults.working import Telemetry, Work
from tests.otlp_sink import Answer, Received, Signal, Sink
from tests.receive.requests import OWN

DAY = 1_728_000  # events: 20 a second
SEARCHABLE = 600.0  # seconds at most until all is
RATE = 450.0  # events a second
SESSIONS = 32
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
logs = true
audit = true
[content]
export = "conversation"
[archive]
enabled = true
bytes = 268435456
[receive]
enabled = true
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
import hookspan.agent.ingest.upkeep, hookspan.agent.keeping
hookspan.agent.keeping.PRUNE_INTERVAL = 120.0
hookspan.agent.ingest.upkeep.PRUNE_INTERVAL = 120.0
hookspan.agent.ingest.upkeep.INTERVAL = 120.0
"""


class CountingSink(Sink):
    """Keeps no message: only the ids of spans that were taken, the places of sealed records, how many a client told,
    and the newest value of the counter of events."""

    def __init__(self) -> None:
        super().__init__(keep=False)
        self.hooks: set[bytes] = set()
        self.clients_spans: set[bytes] = set()
        self.clients_records = 0
        self.sealed: set[int] = set()
        self.counted: dict[str, int] = {}

    def take(self, request: Received, signal: Signal, *, as_json: bool) -> Answer | None:
        answer = super().take(request, signal, as_json=as_json)
        if answer is None or answer.status != 200:
            return answer
        {"traces": self._spans, "logs": self._records, "metrics": self._points}[signal.name](request.message)
        self.requests.clear()  # a day of them
        return answer

    def _spans(self, message: Any) -> None:
        for scope in (scope for resource in message.resource_spans for scope in resource.scope_spans):
            if scope.scope.name == "hookspan.hooks":
                self.hooks.update(span.span_id for span in scope.spans)
            elif scope.scope.name.startswith(OWN):
                self.clients_spans.update(span.span_id for span in scope.spans)

    def _records(self, message: Any) -> None:
        for scope in (scope for resource in message.resource_logs for scope in resource.scope_logs):
            if scope.scope.name.startswith(OWN):
                self.clients_records += len(scope.log_records)
            else:
                self.sealed.update(map(place, scope.log_records))

    def _points(self, message: Any) -> None:
        for point in otlp_decode.points(message):
            if point.name == "hookspan.hook.events":
                self.counted[str(point.attributes["hook.event"])] = int(point.value or 0)


def place(record: Any) -> int:
    """Its place among the sealed ones; 0 if it has no seal."""
    places = (pair.value.int_value for pair in reversed(record.attributes) if pair.key == AUDIT_SEQUENCE)
    return next(places, 0)


@dataclass
class Run:
    """What was seen."""

    events: int = 0
    failed: int = 0  # relays that did not exit 0
    late: float = 0.0  # seconds that the writers were behind their pace, at most
    samples: list[dict[str, float]] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)  # minutes
    kinds: dict[str, int] = field(default_factory=dict)


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


def write(machine: Machine, work: Work, run: Run, rate: float, seconds: float) -> None:
    """Events at that rate, by relay processes, a tick's worth at once."""
    open_ = [work.session() for _ in range(SESSIONS)]
    began, due, slot = time.monotonic(), 0, 0
    while (now := time.monotonic() - began) < seconds:
        due = int(now * rate)
        run.late = max(run.late, (due - run.events) / rate - TICK)
        pids = []
        for _ in range(min(due - run.events, int(rate))):
            slot = (slot + 1) % SESSIONS
            if (made := next(open_[slot], None)) is None:
                open_[slot] = work.session()
                made = next(open_[slot])
            pids.append(spawn(machine, json.dumps(made).encode()))
            run.kinds[made["hook_event_name"]] = run.kinds.get(made["hook_event_name"], 0) + 1
            run.events += 1
        for pid in pids:
            run.failed += os.waitpid(pid, 0)[1] != 0
        work.tidy()
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
                "memory": (memory := process.memory_info()).rss / 2**20,
                "of files": memory.shared / 2**20,
                "descriptors": process.num_fds(),
                "threads": process.num_threads(),
                "cpu": (used.user + used.system - cpu.user - cpu.system) / SAMPLE * 100,
                "load": os.getloadavg()[0],
                "delay": found["ingest"]["delay_seconds"] * 1000,
                "backlog": found["ingest"]["backlog_bytes"] / 2**20,
                "queue": found["export"]["queue"],
                "records": found["export"]["logs"]["queue"],
                "oldest": found["export"]["oldest_age"],
                "received": sum(one["waiting_bytes"] for one in found["receive"]["forwarding"].values()) / 2**20,
                "journal": found["journal"]["bytes"] / 2**20,
                "store": found["store"]["bytes"] / 2**20,
                "content": size(machine.paths.content_db) / 2**20,
                "outbox": size(machine.paths.export_db) / 2**20,
                "packed": len(list(machine.paths.journal.glob("*.gz"))),
                "first": min((int(path.name[:20]) for path in machine.paths.journal.glob("0*.jsonl*")), default=0),
                "rows": found["store"].get("events", 0),
            }
        )
        cpu = used


def size(database: Path) -> int:
    """Bytes of a database and its write-ahead log."""
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(path.stat().st_size for path in files if path.exists())


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
            telemetry = Telemetry(machine.status()["receive"]["ports"][0])
            work = Work(machine.home / ".claude" / "projects" / "-home-u-shop", telemetry)
            beside = [
                threading.Thread(target=watch, args=(machine, run, agent, stop)),
                threading.Thread(target=break_down, args=(sink, run, minutes * 60, stop)),
            ]
            for thread in beside:
                thread.start()
            try:
                write(machine, work, run, rate, minutes * 60)
            finally:
                stop.set()
                telemetry.end()
                for thread in beside:
                    thread.join()
            flushed = machine.json("flush", "--wait", "300s")
            deadline = time.monotonic() + 120
            while not arrived(sink, run, telemetry) and time.monotonic() < deadline:
                time.sleep(0.2)
            found = {"events": run.events, "relays_failed": run.failed, "late_seconds": round(run.late, 2)}
            outcome = found | came(sink, run, telemetry) | stands(machine.status())
            outcome["same_agent"] = machine.pid == agent
            outcome["flushed"] = flushed["drained"] and flushed["exported"]
            outcome |= searchable(machine, work.last)
            machine.cli("down")
        finally:
            machine.close()
    return run, outcome


def searchable(machine: Machine, words: str) -> dict[str, Any]:
    """Whether what was said last is found, and so many seconds after all was flushed: it is indexed behind the rest."""
    began = time.monotonic()
    found = False
    while not found and time.monotonic() < began + SEARCHABLE:
        found = bool(machine.json("search", words))
    return {"newest_prompt_found": found, "searchable_seconds": round(time.monotonic() - began, 1)}


def arrived(sink: CountingSink, run: Run, telemetry: Telemetry) -> bool:
    """Whether all that can be known to come has come."""
    told = len(sink.clients_spans) >= telemetry.spans and sink.clients_records >= telemetry.records
    return told and sum(sink.counted.values()) >= run.events


def came(sink: CountingSink, run: Run, telemetry: Telemetry) -> dict[str, Any]:
    """What the endpoint has, and what the receiver was told."""
    return {
        "hook_spans": len(sink.hooks),
        "counted": sum(sink.counted.values()),
        "counts_equal": sink.counted == run.kinds,
        "spans": sink.distinct_spans - len(sink.clients_spans),
        "sent_twice": sink.span_count - sink.distinct_spans,
        "sealed": len(sink.sealed),
        "sealed_missing": max(sink.sealed, default=0) - len(sink.sealed - {0}),
        "unsealed": 0 in sink.sealed,
        "told": telemetry.answered,
        "told_refused": telemetry.refused,
        "told_p95": sorted(telemetry.took)[int(len(telemetry.took) * 0.95)],
        "told_spans": telemetry.spans,
        "told_records": telemetry.records,
        "spans_not_forwarded": telemetry.spans - len(sink.clients_spans),
        "records_not_forwarded": max(0, telemetry.records - sink.clients_records),
    }


def stands(status: dict[str, Any]) -> dict[str, Any]:
    """How the agent says that it stands."""
    receive = status["receive"]
    return {
        "drops": status["drops"],
        "quarantined": status["ingest"]["quarantined"],
        "undecodable": receive["undecodable"],
        "receive_failures": receive["failures"],
        "receive_dropped": sum(one["dropped"] + one["expired"] for one in receive["forwarding"].values()),
        "facts": receive["facts"],
        "loop_failures": {name: loop["failures"] for name, loop in status["loops"].items()},
    }


def problems(run: Run, outcome: dict[str, Any]) -> list[str]:
    """What is not as it must be."""
    wanted = {
        "relays_failed": 0,
        "hook_spans": run.events,
        "counted": run.events,
        "counts_equal": True,
        "sealed_missing": 0,
        "unsealed": False,
        "told_refused": 0,
        "spans_not_forwarded": 0,
        "records_not_forwarded": 0,
        "drops": {},
        "quarantined": 0,
        "undecodable": 0,
        "receive_failures": 0,
        "receive_dropped": 0,
        "newest_prompt_found": True,
        "same_agent": True,
        "flushed": True,
    }
    found = [f"{name}: {outcome[name]} instead of {value}" for name, value in wanted.items() if outcome[name] != value]
    return found + [
        f"the loop {name} failed {count} times" for name, count in outcome["loop_failures"].items() if count
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=DAY / RATE / 60)
    parser.add_argument("--rate", type=float, default=RATE, help="events a second")
    parser.add_argument("--write", type=Path, help="folder for the report and its chart")
    parser.add_argument("--samples", type=Path, help="file for the samples that the chart is made of, JSON")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="hookspan-endure-") as folder:
        run, outcome = endure(Path(folder), given.minutes, given.rate)
    found = problems(run, outcome)
    print(json.dumps(outcome, indent=1))
    for name in endure_page.VALUES:
        print(f"{name:<12}", *(f"{value:10.1f}" for value in endure_page.quarters(run.samples, name)))
    if given.write:
        seen = endure_page.Seen(given.minutes, given.rate, SESSIONS, outcome, found, run.samples, run.outages)
        endure_page.write(given.write, seen)
    if given.samples:
        given.samples.write_text(json.dumps({"outages": run.outages, "outcome": outcome, "samples": run.samples}))
    for line in found:
        print("NOT AS IT MUST BE:", line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
