"""`hookspan demo`: a recorded session of the real client, played through the real relay into an agent of its own.

Nothing of it touches the user's state: everything lies in a temporary folder that goes with the demo.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from typing import Any

import click

from hookspan import hooktime
from hookspan.cli.demo.outcome import await_outcome
from hookspan.cli.demo.player import play
from hookspan.errors import EXIT_USER, UserError
from hookspan.sandbox import Sandbox, sandbox
from hookspan.units import counted


@click.command()
@click.option("--no-open", is_flag=True, help="Don't open the page in a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and clean up at once.")
@click.option("--endpoint", metavar="URL", help="Also export the demo to this OTLP endpoint.")
@click.pass_context
def demo(ctx: click.Context, no_open: bool, as_json: bool, endpoint: str | None) -> None:
    """Play a recorded session and show what comes out.

    It takes six seconds, as the session did. Your own data is neither read nor changed. Exits 1 if an event is lost.
    """
    with sandbox("demo", _settings(endpoint)) as home:
        if not as_json:
            click.echo(f"Playing a session of six seconds into {home.folder} ..", err=True)
        home.cli("up")
        played = play(home)
        outcome = await_outcome(home, played)
        if as_json:
            click.echo(json.dumps(outcome))
        else:
            _show(home, outcome, opened=not no_open)
    if outcome["lost"] or not outcome["spans"]:
        ctx.exit(EXIT_USER)


def _settings(endpoint: str | None) -> dict[str, str]:
    return {} if endpoint is None else {"EXPORT_ENDPOINT": endpoint, "EXPORT_METRIC_INTERVAL": "1"}


def _show(home: Sandbox, outcome: dict[str, Any], *, opened: bool) -> None:
    kinds = ", ".join(counted(count, name) for name, count in sorted(outcome["by_kind"].items()))
    click.echo(f"events    {outcome['events']}, each by a relay process")
    if outcome["hooks"]:
        click.echo(f"hooks     {hooktime.describe(outcome['hooks'])}")
    click.echo(f"spans     {outcome['spans']}: {kinds}")
    click.echo(f"metrics   {outcome['metrics']} series")
    if outcome["exported"] is not None:
        click.echo(f"exported  {counted(outcome['exported'], 'spans')}; traces {', '.join(outcome['traces'])}")
    click.echo(f"{outcome['lost']} lost\n")
    click.echo(home.cli("trace", outcome["session"]).rstrip())
    if not sys.stdin.isatty():
        click.echo("\nlook:     on a terminal, `hookspan demo` shows this session in your browser")
        return  # nobody is there to look, and the demo's data goes with it
    with_home = f"HOOKSPAN_HOME={shlex.quote(home.env['HOOKSPAN_HOME'])} hookspan"
    click.echo(f"\nlook:     {outcome['url'] or 'no page is served'}")
    click.echo(f"try:      {with_home} trace {outcome['session'][:8]}")
    if opened and outcome["url"]:
        with contextlib.suppress(UserError):  # there may be no browser: the address stands above
            home.cli("open")
    click.prompt("\nPress Enter to end the demo and delete its data", default="", show_default=False, prompt_suffix="")
