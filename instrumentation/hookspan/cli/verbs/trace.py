"""`hookspan trace`: where a turn's time went, as a tree."""

from __future__ import annotations

import click

from hookspan.cli.quick.trace import told
from hookspan.cli.terminal import completers
from hookspan.cli.terminal.options import JSON
from hookspan.paths import Paths


@click.command()
@click.argument("id_", metavar="[ID]", default="last", shell_complete=completers.traces)
@click.option("--hooks", is_flag=True, help="Also show the spans of hooks.")
@JSON
def trace(id_: str, hooks: bool, as_json: bool) -> None:
    """Show where the time of a turn or of a whole session went.

    ID is that of a session, a prompt or a trace, or its first digits; `last`, or none, is your newest turn. Turns after
    it that nobody typed (the end of a background task started them) are named below it. A `?` before a name marks a
    span whose parent is missing: the parent has not ended yet, or is past `store.days`. Works without an agent.
    """
    click.echo(told(Paths.from_environment(), id_, hooks=hooks, as_json=as_json))
