"""The page about a day of work, and its chart."""

import os
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.chart import Panel, svg

PAGE = """\
# A day of work

{events:,} events, as many as 20 a second are in a day, in {minutes:.0f} minutes: `make endure` ran {sessions} sessions
with a relay process for each event, on a machine with {cores} cores and a load of {load:.1f} (the median; {most:.0f} at
most){priority}. The target was {rate:g} events/s; {done:.0f} were written.

Everything was on. Sessions' transcripts were archived, indexed and exported (`archive.enabled`, `content.export`), the
receiver took what their clients tell of themselves and forwarded it (`receive.enabled`), log records were sealed
(`export.logs`, `export.audit`). The endpoint was away three times (shaded): refused, answering 503, and hanging.
Segments were reduced, packed and deleted, store and archive were pruned, every two minutes instead of every ten and
sixty. The limits were 200 MiB for the store and 256 MiB each for the journal and the archive; the client's transcripts
were deleted ten minutes after their session's end.

![memory, descriptors, lag, queues, disk and processor over the time](endurance.svg)

| what | number |
|---|---|
{rows}

The median of each quarter of the time shows whether anything grows:

| | first | second | third | last |
|---|---|---|---|---|
{quarters}

This page is written by `python -m tests.faults.endure --write docs`.
"""
VALUES = {
    "memory": "memory, MiB",
    "of files": "of it mapped files, MiB",
    "descriptors": "descriptors",
    "threads": "threads",
    "delay": "lag, ms",
    "cpu": "processor, %",
    "journal": "journal, MiB",
    "store": "store, MiB",
    "content": "archive and index, MiB",
    "outbox": "sums and cursors of the export, MiB",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run was, and what was seen of it."""

    minutes: float
    rate: float
    sessions: int
    outcome: dict[str, Any]
    problems: list[str]
    samples: list[dict[str, float]]
    outages: list[tuple[float, float]]

    @property
    def done(self) -> float:
        """Events a second."""
        return float(self.outcome["events"]) / self.minutes / 60


def priority() -> str:
    """What this program and the agent have over others: Linux schedules groups, one a session of processes."""
    group = Path("/proc/self/autogroup")
    nice = int(group.read_text().split()[-1]) if group.exists() else 0
    return f", of which it had its share first (nice {nice} as a group)" if nice < 0 else ""


def write(folder: Path, seen: Seen) -> None:
    """Both files."""
    (folder / "endurance.svg").write_text(chart(seen))
    (folder / "endurance.md").write_text(page(seen))


def quarters(samples: list[dict[str, float]], name: str) -> list[float]:
    """The median of a value in each quarter of the time."""
    values = [sample[name] for sample in samples]
    size = max(1, len(values) // 4)
    return [statistics.median(values[start : start + size] or values[-1:]) for start in range(0, 4 * size, size)]


def chart(seen: Seen) -> str:
    """Lines over the time."""

    def lines(*names: str) -> dict[str, list[tuple[float, float]]]:
        return {name: [(sample["minute"], sample[name]) for sample in seen.samples] for name in names}

    return svg(
        f"{seen.minutes:.0f} minutes at {seen.done:.0f} events/s, {seen.sessions} sessions, everything on",
        [
            Panel("resident memory, MiB (the store is mapped into it)", lines("memory", "of files")),
            Panel("open descriptors and threads", lines("descriptors", "threads")),
            Panel("from a hook's start to its commit, ms", lines("delay")),
            Panel("spans and records that wait for the endpoint (shaded: it is away)", lines("queue", "records")),
            Panel("received, waits to be forwarded, MiB", lines("received")),
            Panel("disk, MiB", lines("journal", "store", "content")),
            Panel("processor, % of one core", lines("cpu")),
            Panel("load of the machine", lines("load")),
        ],
        seen.outages,
    )


def page(seen: Seen) -> str:
    """The page of the documentation."""
    outcome, last = seen.outcome, seen.samples[-1]
    delays = sorted(sample["delay"] for sample in seen.samples)
    middle, most = statistics.median(delays), delays[int(len(delays) * 0.95)]
    loads = [sample["load"] for sample in seen.samples]
    rows = {
        "events written by relay processes": f"{outcome['events']:,}",
        "counted by `hookspan.hook.events`": f"{outcome['counted']:,}",
        "different hook spans that the endpoint accepted": f"{outcome['hook_spans']:,}",
        "spans of all kinds": f"{outcome['spans']:,}",
        "spans that arrived more than once, clients' included": f"{outcome['sent_twice']:,}",
        "sealed log records, missing": f"{outcome['sealed']:,}, {outcome['sealed_missing']:,}",
        "clients' requests that the receiver took, refused": f"{outcome['told']:,}, {outcome['told_refused']:,}",
        "until its answer, p95": f"{outcome['told_p95'] * 1000:.0f} ms",
        "from the end of all that to the newest prompt being found": f"{outcome['searchable_seconds']:g} s",
        "clients' spans and log records, not forwarded": f"{outcome['told_spans']:,} and {outcome['told_records']:,}, "
        f"{outcome['spans_not_forwarded']:,} and {outcome['records_not_forwarded']:,}",
        "facts that they became": f"{outcome['facts']:,}",
        "lost, set aside, not as it must be, errors in a loop": "; ".join(seen.problems) or "0",
        "lag (hook's start to commit)": f"median {middle:.0f} ms, p95 {most:.0f} ms, longest {delays[-1]:.0f} ms",
        "delay of writers behind their schedule": f"at most {outcome['late_seconds']:.1f} s",
        "segments that are reduced and packed, at the end": f"{last['packed']:.0f}",
        "first record that the journal still holds": f"{last['first']:,.0f}",
        "events in the store at the end, after pruning": f"{last['rows']:,.0f}",
    }
    return PAGE.format(
        events=outcome["events"],
        minutes=seen.minutes,
        rate=seen.rate,
        done=seen.done,
        sessions=seen.sessions,
        cores=os.cpu_count(),
        load=statistics.median(loads),
        most=max(loads),
        priority=priority(),
        rows="\n".join(f"| {name} | {value} |" for name, value in rows.items()),
        quarters="\n".join(
            f"| {title} | " + " | ".join(f"{value:,.0f}" for value in quarters(seen.samples, name)) + " |"
            for name, title in VALUES.items()
        ),
    )
