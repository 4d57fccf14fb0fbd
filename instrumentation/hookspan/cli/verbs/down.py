"""`hookspan down`: stops the agent, and nothing starts it until `up`."""

from __future__ import annotations

import json

import click

from hookspan.agent import launch
from hookspan.cli.terminal.options import JSON
from hookspan.paths import Paths


@click.command()
@JSON
def down(as_json: bool) -> None:
    """Stop the agent; hooks keep recording, and nothing starts it until `hookspan up`."""
    paths = Paths.from_environment()
    paths.create()
    paths.down.touch(mode=0o600)  # before it ends, or the next hook starts another one
    stopped = launch.stop(paths)
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))
    else:
        click.echo("The agent has stopped." if stopped else "No agent was running.")
        click.echo("Hooks keep recording. Nothing starts the agent until: hookspan up")
