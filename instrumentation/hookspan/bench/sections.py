"""The sections of the report: what is measured for each, and its limits."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from hookspan import hooktime
from hookspan.bench import agent, client, delays, hooks
from hookspan.bench.report import Report, Row
from hookspan.sandbox import sandbox
from hookspan.units import counted

PASSES: Final = 2  # over half such a backlog without and with export, in turns
LOSSES: Final = 2000  # events by relay processes while the agent is killed
DELAY_SECONDS: Final = 20.0
MILLION: Final = 1e6
STATES: Final = ("no agent running: a bare socket receives the wake-ups", "agent running")  # without and with one


def of_hooks(rounds: int, report: Report, *, busy: bool) -> Iterator[Row]:
    """Hooks, with and without an agent at work, beside programs that do nothing."""
    say(f"Running {counted(rounds, 'hooks')} ..")
    with sandbox("bench") as home:
        if busy:
            home.cli("up")
        took = hooks.compare(home, hooks.relays_and_others(home), rounds)
        figures = {name: hooks.percentiles(samples) for name, samples in took.items()}
        own = hooks.percentiles(hooks.own_work(home))
    report.samples[STATES[busy]] = figures | {"main.py, own work": own}
    relay, true, script, python = (figures[name] for name in ("relay", "/bin/true", "main.py", "python -c pass"))
    for name, row in figures.items():
        yield from (Row(f"{name}, {cut}", row[cut], "ms") for cut in ("p50", "p99"))
    yield Row("relay to /bin/true, p50", relay["p50"] / true["p50"], "x", 0.4)
    yield Row("relay to /bin/true, p99", relay["p99"] / true["p99"], "x", 1.0)
    yield Row("relay, p99", relay["p99"], "ms", hooktime.PROMISE * 1e3)
    yield Row("relay --agent to relay, p50", figures[hooks.OF_ANOTHER]["p50"] / relay["p50"], "x", 1.1)
    yield Row("main.py to python -c pass, p50", script["p50"] / python["p50"], "x", 1.2)
    yield Row("main.py, its own work, p50", own["p50"], "ms", 1.0)


def of_status_lines(rounds: int, report: Report) -> Iterator[Row]:
    """What the relay adds to the status line that was there before."""
    say(f"Showing {counted(rounds, 'status lines')} ..")
    with sandbox("bench") as home:
        took = hooks.compare(home, hooks.status_lines(home), rounds)
    figures = {name: hooks.percentiles(samples) for name, samples in took.items()}
    report.samples["status line"] = figures
    for name, row in figures.items():
        yield from (Row(f"{name}, {cut}", row[cut], "ms") for cut in ("p50", "p99"))
    for name in hooks.LINES:
        before, after = figures[name], figures[hooks.THROUGH.format(name)]
        for cut in ("p50", "p99"):
            yield Row(f"added to {name}, {cut}", after[cut] - before[cut], "ms", 1.0)


def of_losses() -> Iterator[Row]:
    """Events that are missing after the agent was killed while hooks ran."""
    say(f"Killing the agent while {counted(LOSSES, 'hooks')} run ..")
    outcome = agent.losses(LOSSES)
    yield Row("hooks run, agent killed 3 times, endpoint hung once", outcome.sent, "events")
    yield Row("lost", outcome.sent - outcome.stored, "events", 0)
    yield Row("missing from the counter, or counted twice", abs(outcome.sent - outcome.counted), "events", 0)
    yield Row("missing at the endpoint", outcome.sent - outcome.exported, "spans", 0)


def of_agent(backlog: int, report: Report) -> Iterator[Row]:
    """Throughput, memory, idle costs and the delay to an endpoint."""
    say(f"Catching up on {counted(backlog, 'events')}, without and with export ..")
    taken: dict[bool, list[agent.Taken]] = {False: [], True: []}
    for _ in range(PASSES):
        for export in (False, True):
            taken[export].append(agent.backlog(backlog // (2 * PASSES), export=export, to_rest=not export))
    whole = agent.backlog(backlog, export=False)
    report.samples["backlogs"] = [asdict(each) for each in (*taken[False], *taken[True], whole)]
    plain, exported = (statistics.median(each.per_core for each in taken[export]) for export in (False, True))
    yield Row("events/s of one core", plain, "/s", 5000, floor=True)
    found = statistics.median(each.per_core_at_rest for each in taken[False])
    yield Row("events/s of one core, until all is searchable", found, "/s")
    yield Row("events/s of one core, with export", exported, "/s", 2500, floor=True)
    yield Row("with export to without", exported / plain if plain else 0.0, "x")  # 0: taken before the first look
    yield Row(f"{backlog:,} events taken in, as by a rebuild", whole.seconds, "s")
    yield Row(f"memory at most, backlog of {backlog:,}", whole.peak / MILLION, "MB", 120)
    say("Watching an idle agent ..")
    idle = agent.idle()
    yield Row("idle, memory", idle.memory / MILLION, "MB", 50)
    yield Row("idle, processor", idle.cpu * 100, "% of one", 0.1)
    yield Row("`hookspan status`, p50", statistics.median(idle.status) / MILLION, "ms", 150)
    say("Sending 100 events a second ..")
    ages = delays.to_endpoint(DELAY_SECONDS)
    report.samples["tool span to endpoint"] = hooks.percentiles([int(age * 1e9) for age in ages])
    yield Row("tool's end to its span at an endpoint, p50", statistics.median(ages), "s", 3.0)


def of_jaeger(endpoint: str, jaeger: str, report: Report) -> Iterator[Row]:
    """How soon a Jaeger behind the endpoint shows a span."""
    say("Sending 100 events a second ..")
    seconds_each = delays.to_jaeger(endpoint, jaeger, DELAY_SECONDS)
    figures = hooks.percentiles([int(seconds * 1e9) for seconds in seconds_each])
    report.samples["tool span to Jaeger"] = figures
    yield Row("spans looked for", len(seconds_each))
    yield Row("tool's end to its span in Jaeger, p50", figures["p50"] / 1000, "s", 3.0)
    yield Row("tool's end to its span in Jaeger, p95", figures["p95"] / 1000, "s")


def of_client(claude: Path, sessions: int, report: Report) -> Iterator[Row]:
    """What hooks add to sessions of the real client."""
    say(f"Playing {counted(sessions, 'sessions')} each without hooks, with hooks that do nothing, and with hookspan ..")
    without, *others = client.measure(claude, sessions)
    yield Row("no hooks, a session, p50", statistics.median(without.walls), "s")
    for variant in others:
        name = variant.name
        yield Row(f"{name}, a session, p50", statistics.median(variant.walls), "s")
        yield Row(f"{name}, events measured in a session", len(variant.hook_ms) / len(variant.walls))
        yield Row(f"{name}, added by one hook to the session", client.per_hook(variant, without), "ms")
        for what, samples in (
            ("as the client measured it", variant.hook_ms),
            ("Stop, in the transcript", variant.stop_ms),
        ):
            figures = hooks.percentiles([int(ms * 1e6) for ms in samples])
            report.samples[f"{name}, {what}"] = figures
            yield from (Row(f"{name}, {what}, {cut}", figures[cut], "ms") for cut in ("p50", "p95", "p99"))


def say(text: str) -> None:
    """Tell somebody at a terminal what is being done."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")
