"""`hookspan sessions`: lists sessions, those that need you first."""

from __future__ import annotations

from collections.abc import Sequence

import click

from hookspan.cli.quick.sessions import COUNT, STATES, listing
from hookspan.cli.terminal import completers
from hookspan.cli.terminal.moments import Moment
from hookspan.cli.terminal.options import AGENT, JSON
from hookspan.paths import Paths


@click.command()
@click.option(
    "-n", "count", type=click.IntRange(1, 100_000), default=COUNT, show_default=True, help="Maximum number of sessions."
)
@click.option("--open", "open_only", is_flag=True, help="Only those that have not ended.")
@click.option("--project", default="", help="Only sessions of this project.", shell_complete=completers.projects)
@click.option("--branch", default="", help="Only sessions whose branch this is.", shell_complete=completers.branches)
@AGENT
@click.option("--state", type=click.Choice(list(STATES)), multiple=True, help="Only sessions in this state.")
@click.option(
    "--since", type=Moment(), default="all", show_default=True, help="Only with an event since: `24h`, `7d`, a date."
)
@JSON
def sessions(
    count: int,
    open_only: bool,
    project: str,
    branch: str,
    agent: str | None,
    state: Sequence[str],
    since: int,
    as_json: bool,
) -> None:
    """List sessions, those that need you first. Works without an agent.

    What the watchdog has noticed stands as the state, with how often and what was spent since.

    `(no hooks)` marks a session that only its client's own registry tells of, so that its turns, tools and cost are
    not known. `!` marks one that writes what another session or agent writes at the same time, and says what.
    """
    paths = Paths.from_environment()
    click.echo(
        listing(
            paths,
            count=count,
            open_only=open_only,
            project=project,
            branch=branch,
            agent=agent or "",
            state=state,
            since=since,
            as_json=as_json,
        )
    )
