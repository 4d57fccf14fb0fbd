"""`hookspan status`: the current state, with or without an agent, and what to do next."""

from __future__ import annotations

import json
import sys
import time
from typing import Final

import click

from hookspan.cli.quick.status import gather, is_bad, lines
from hookspan.cli.terminal.options import JSON
from hookspan.cli.terminal.text import may_draw
from hookspan.errors import EXIT_USER
from hookspan.paths import Paths

WATCH_INTERVAL: Final = 2.0  # seconds
CLEAR: Final = "\033[H\033[2J"


@click.command()
@JSON
@click.option("--watch", is_flag=True, help="Show it again every 2 s until interrupted.")
@click.pass_context
def status(ctx: click.Context, as_json: bool, watch: bool) -> None:
    """Say whether the agent is running, and whether everything is healthy.

    Exits 1 when something is critical, when the agent holds its lock but doesn't answer, when the journal can't be
    written, or when events were lost in the last day.
    """
    paths = Paths.from_environment()
    while True:
        report = gather(paths)
        if as_json:
            click.echo(json.dumps(report))
        else:
            text = "\n".join(lines(report))
            click.echo(CLEAR + text if watch and may_draw(sys.stdout) else text)
        if not watch:
            break
        time.sleep(WATCH_INTERVAL)
        if not as_json and not may_draw(sys.stdout):
            click.echo()
    if is_bad(report):
        ctx.exit(EXIT_USER)
