"""`hookspan restart`: replaces the running agent by a new one."""

from __future__ import annotations

import os

import click

from hookspan.agent import launch
from hookspan.cli.lifecycle import agent
from hookspan.cli.terminal.options import JSON
from hookspan.paths import Paths


@click.command()
@JSON
def restart(as_json: bool) -> None:
    """Stop the agent and start it again."""
    paths = Paths.from_environment()
    agent.check_settings(paths)
    paths.create()
    paths.down.touch(mode=0o600)
    try:
        launch.stop(paths)
    finally:
        paths.down.unlink(missing_ok=True)
    agent.show(launch.start(paths, os.environ), as_json=as_json)
