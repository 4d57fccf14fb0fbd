"""`hookspan bench`: what hookspan costs on this machine, against its bars.

Times are compared with those of programs that do nothing, run in turns with ours: on a machine that does other work
only such ratios say something. All of it happens in sandboxes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hookspan.cli.terminal.options import JSON
from hookspan.errors import EXIT_USER

if TYPE_CHECKING:
    from hookspan.bench.report import Row

ROUNDS: Final = 2000  # of hooks, in each state of the agent
BACKLOG: Final = 100_000  # events
SESSIONS: Final = 20  # of the real client, for each kind of hooks


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
    from hookspan.bench import sections
    from hookspan.bench.machine import machine, versions
    from hookspan.bench.report import Report

    report = Report()

    def add(section: str, rows: Iterator[Row]) -> None:
        text = report.add(section, list(rows))
        if not as_json:
            click.echo(text)

    if client is not None:
        add("The real client", sections.of_client(client, sessions, report))
    if jaeger is not None and endpoint is not None:
        add("Jaeger", sections.of_jaeger(endpoint, jaeger, report))
    if client is None and jaeger is None:
        for busy in (False, True):
            add(f"Hooks, 8 KB, {sections.STATES[busy]}", sections.of_hooks(rounds, report, busy=busy))
        add("Status line", sections.of_status_lines(rounds, report))
        add("Losses", sections.of_losses())
        add("Agent", sections.of_agent(backlog, report))
    on, of = machine(), versions(client)
    if as_json:
        answer = {"machine": on, "versions": of, "rows": report.as_rows(), "samples": report.samples}
        click.echo(json.dumps(answer, indent=2))
    else:
        click.echo(", ".join([*on.values(), *of.values()]))
    if report.missed:
        ctx.exit(EXIT_USER)
