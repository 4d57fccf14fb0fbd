"""`hookspan up`: starts the agent, which then stays."""

from __future__ import annotations

import os

import click

from hookspan.agent import launch
from hookspan.cli.lifecycle import agent
from hookspan.cli.terminal.options import JSON
from hookspan.paths import Paths


@click.command()
@JSON
def up(as_json: bool) -> None:
    """Start the agent and keep it running.

    It gets the HOOKSPAN_* variables of this shell, and stays until `hookspan down`.
    """
    paths = Paths.from_environment()
    agent.check_settings(paths)
    paths.down.unlink(missing_ok=True)
    agent.show(launch.start(paths, os.environ), as_json=as_json)
