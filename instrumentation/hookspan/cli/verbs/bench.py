"""`hookspan bench`: what hookspan costs on this machine, against its bars.

Times are compared with those of programs that do nothing, run in turns with ours: on a machine that does other work
only such ratios say something. All of it happens in throw-away homes.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from hookspan import __version__
from hookspan.cli.terminal.options import JSON
from hookspan.errors import EXIT_USER, UserError
from hookspan.units import counted, size

ROUNDS: Final = 2000  # of hooks, in each state of the agent
BACKLOG: Final = 100_000  # events
PASSES: Final = 2  # over half such a backlog without and with export, in turns
LOSSES: Final = 2000  # events by relay processes while the agent is killed
DELAY_SECONDS: Final = 20.0
SESSIONS: Final = 20  # of the real client, for each kind of hooks
MILLION: Final = 1e6
STATES: Final = ("no agent running: a bare socket receives the wake-ups", "agent running")  # without and with one


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure, and what it has to be: at most, or at least (`floor`)."""

    name: str
    value: float
    unit: str = ""
    bar: float | None = None
    floor: bool = False

    @property
    def ok(self) -> bool | None:
        """Whether the bar is held; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.floor else self.value <= self.bar

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"{'at least' if self.floor else 'at most'} {rounded(self.bar)}"
        held = {None: "", True: "ok", False: "MISSED"}[self.ok]
        return f"  {self.name:<52}{rounded(self.value):>10} {self.unit:<9}{bar:<16}{held}".rstrip()


@dataclass
class Report:
    """What was measured so far, and on what."""

    rows: list[tuple[str, Row]] = field(default_factory=list)  # with the section that each is in
    samples: dict[str, Any] = field(default_factory=dict)  # percentiles behind the rows, milliseconds

    def section(self, title: str, rows: Sequence[Row], *, quiet: bool) -> None:
        """Add rows and print them."""
        self.rows += [(title, row) for row in rows]
        if not quiet:
            click.echo("\n".join([title, *map(str, rows), ""]))


@click.command()
@JSON
@click.option("--rounds", type=click.IntRange(100), default=ROUNDS, show_default=True, help="How many hooks to run.")
@click.option(
    "--backlog", type=click.IntRange(1000), default=BACKLOG, show_default=True, help="How many events to catch up on."
)
@click.option("--client", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Claude Code's program.")
@click.option(
    "--sessions", type=click.IntRange(2), default=SESSIONS, show_default=True, help="With --client: how many sessions."
)
@click.option("--jaeger", metavar="URL", help="Address of Jaeger, to look for the spans sent to --endpoint.")
@click.option("--endpoint", metavar="URL", help="The OTLP endpoint that feeds --jaeger.")
@click.pass_context
def bench(
    ctx: click.Context,
    as_json: bool,
    rounds: int,
    backlog: int,
    client: Path | None,
    sessions: int,
    jaeger: str | None,
    endpoint: str | None,
) -> None:
    """Measure what hookspan costs on this machine.

    It compares hooks with programs that do nothing, counts losses while the agent is killed, and measures
    throughput, memory and delays. With --client it measures only the cost to the real client, with --jaeger only
    how soon Jaeger shows a span. Your own data is neither read nor changed. Exits 1 if a limit is exceeded.
    """
    if (jaeger is None) != (endpoint is None):
        raise click.UsageError("`--jaeger` and `--endpoint` go together")
    report = Report()
    if client is not None:
        report.section("The real client", list(_client(client, sessions, report)), quiet=as_json)
    if jaeger is not None and endpoint is not None:
        report.section("Jaeger", list(_jaeger(endpoint, jaeger, report)), quiet=as_json)
    if client is None and jaeger is None:
        for busy in (False, True):
            report.section(f"Hooks, 8 KB, {STATES[busy]}", list(_hooks(rounds, report, busy=busy)), quiet=as_json)
        report.section("Losses", list(_losses()), quiet=as_json)
        report.section("Agent", list(_agent(backlog, report)), quiet=as_json)
    on, of = machine(), versions(client)
    if as_json:
        found = {"machine": on, "versions": of, "rows": _plain(report), "samples": report.samples}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(", ".join([*on.values(), *of.values()]))
    if any(row.ok is False for _, row in report.rows):
        ctx.exit(EXIT_USER)


def _hooks(rounds: int, report: Report, *, busy: bool) -> Iterator[Row]:
    from hookspan.bench import hooks as bench_hook
    from hookspan.sandbox import sandbox

    _say(f"Running {counted(rounds, 'hooks')} ..")
    with sandbox("hookspan-bench-", {}) as home:
        if busy:
            home.cli("up")
        took = bench_hook.compare(home, bench_hook.programs(home), rounds)
        figures = {name: bench_hook.percentiles(samples) for name, samples in took.items()}
        own = bench_hook.percentiles(bench_hook.own_work(home))
    report.samples[STATES[busy]] = figures | {"main.py, own work": own}
    relay, true, script, python = (figures[name] for name in ("relay", "/bin/true", "main.py", "python -c pass"))
    for name, row in figures.items():
        yield from (Row(f"{name}, {cut}", row[cut], "ms") for cut in ("p50", "p99"))
    yield Row("relay to /bin/true, p50", relay["p50"] / true["p50"], "x", 0.5)
    yield Row("relay to /bin/true, p99", relay["p99"] / true["p99"], "x", 1.0)
    yield Row("relay, p99", relay["p99"], "ms", 5.0)
    yield Row("main.py to python -c pass, p50", script["p50"] / python["p50"], "x", 1.2)
    yield Row("main.py, its own work, p50", own["p50"], "ms", 1.0)


def _losses() -> Iterator[Row]:
    from hookspan.bench import agent as bench_agent

    _say(f"Killing the agent while {counted(LOSSES, 'hooks')} run ..")
    found = bench_agent.losses(LOSSES)
    yield Row("hooks run, agent killed 3 times, endpoint hung once", found.sent, "events")
    yield Row("lost", found.sent - found.stored, "events", 0)
    yield Row("missing from the counter, or counted twice", abs(found.sent - found.counted), "events", 0)
    yield Row("missing at the endpoint", found.sent - found.exported, "spans", 0)


def _agent(backlog: int, report: Report) -> Iterator[Row]:
    from hookspan.bench import agent as bench_agent
    from hookspan.bench import hooks as bench_hook

    _say(f"Catching up on {counted(backlog, 'events')}, without and with export ..")
    taken: dict[bool, list[bench_agent.Taken]] = {False: [], True: []}
    for _ in range(PASSES):
        for export in (False, True):
            taken[export].append(bench_agent.backlog(backlog // (2 * PASSES), export=export))
    whole = bench_agent.backlog(backlog, export=False)
    report.samples["backlogs"] = [asdict(one) for one in (*taken[False], *taken[True], whole)]
    plain, exported = (statistics.median(one.per_core for one in taken[export]) for export in (False, True))
    yield Row("events/s of one core", plain, "/s", 5000, floor=True)
    yield Row("events/s of one core, with export", exported, "/s", 2500, floor=True)
    yield Row("with export to without", exported / plain, "x")
    yield Row(f"memory at most, backlog of {backlog:,}", whole.peak / MILLION, "MB", 150)
    _say("Watching an idle agent ..")
    idle = bench_agent.idle()
    yield Row("idle, memory", idle.memory / MILLION, "MB", 80)
    yield Row("idle, processor", idle.cpu * 100, "% of one", 0.1)
    yield Row("`hookspan status`, p50", statistics.median(idle.status) / MILLION, "ms", 150)
    _say("Sending 100 events a second ..")
    ages = bench_agent.delays(DELAY_SECONDS)
    report.samples["tool span to endpoint"] = bench_hook.percentiles([int(age * 1e9) for age in ages])
    yield Row("tool's end to its span at an endpoint, p50", statistics.median(ages), "s", 3.0)


def _jaeger(endpoint: str, jaeger: str, report: Report) -> Iterator[Row]:
    from hookspan.bench import agent as bench_agent
    from hookspan.bench import hooks as bench_hook

    _say("Sending 100 events a second ..")
    found = bench_agent.delays_to_jaeger(endpoint, jaeger, DELAY_SECONDS)
    figures = bench_hook.percentiles([int(seconds * 1e9) for seconds in found])
    report.samples["tool span to Jaeger"] = figures
    yield Row("spans looked for", len(found))
    yield Row("tool's end to its span in Jaeger, p50", figures["p50"] / 1000, "s", 3.0)
    yield Row("tool's end to its span in Jaeger, p95", figures["p95"] / 1000, "s")


def _client(claude: Path, sessions: int, report: Report) -> Iterator[Row]:
    from hookspan.bench import client as bench_client
    from hookspan.bench import hooks as bench_hook

    _say(
        f"Playing {counted(sessions, 'sessions')} each without hooks, with hooks that do nothing, and with hookspan .."
    )
    without, *others = bench_client.measure(claude, sessions)
    yield Row("no hooks, a session, p50", statistics.median(without.walls), "s")
    for variant in others:
        name = variant.name
        yield Row(f"{name}, a session, p50", statistics.median(variant.walls), "s")
        yield Row(f"{name}, events measured in a session", len(variant.hook_ms) / len(variant.walls))
        yield Row(f"{name}, added by one hook to the session", bench_client.per_hook(variant, without), "ms")
        for what, samples in (
            ("as the client measured it", variant.hook_ms),
            ("Stop, in the transcript", variant.stop_ms),
        ):
            figures = bench_hook.percentiles([int(ms * 1e6) for ms in samples])
            report.samples[f"{name}, {what}"] = figures
            yield from (Row(f"{name}, {what}, {cut}", figures[cut], "ms") for cut in ("p50", "p95", "p99"))


def machine() -> dict[str, str]:
    """What it was measured on."""
    import psutil

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    named = [line.partition(":")[2].strip() for line in lines.splitlines() if line.startswith("model name")]
    return {
        "processor": named[0] if named else platform.processor(),
        "processors": counted(os.cpu_count() or 1, "processors"),
        "memory": size(psutil.virtual_memory().total),
        "load": f"load {os.getloadavg()[0]:.1f}",
        "system": platform.platform(),
    }


def versions(client: Path | None) -> dict[str, str]:
    """What was measured."""
    found = {"hookspan": f"hookspan {__version__}", "python": f"Python {platform.python_version()}"}
    if client is not None:
        done = subprocess.run([str(client), "--version"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"`{client} --version` exited {done.returncode}")
        found["client"] = done.stdout.strip()
    return found


def rounded(value: float) -> str:
    """Three significant digits, no more."""
    if value == int(value) or abs(value) >= 1000:  # noqa: PLR2004 - no digit behind the point says anything then
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _plain(report: Report) -> list[Mapping[str, Any]]:
    return [{"section": section, **asdict(row), "ok": row.ok} for section, row in report.rows]


def _say(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(text, err=True)
