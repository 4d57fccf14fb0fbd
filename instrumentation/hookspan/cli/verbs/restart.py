"""`hookspan restart`: replaces the running agent by a new one."""

from __future__ import annotations

import os

import click

from hookspan.agent import launch
from hookspan.cli.lifecycle import agent
from hookspan.cli.lifecycle.paused import paused
from hookspan.cli.terminal.options import JSON
from hookspan.paths import Paths


@click.command()
@JSON
def restart(as_json: bool) -> None:
    """Stop the agent and start it again.

    It stays or leaves as before, with the variables that it had, and by the service if that had started it. Where none
    runs it is as `hookspan up`.
    """
    paths = Paths.from_environment()
    agent.check_settings(paths)
    paths.down.unlink(missing_ok=True)
    with paused(paths, wished_port=True) as pause:
        pass
    agent.show(launch.ready(paths) if pause.ran else launch.start(paths, os.environ), as_json=as_json)
