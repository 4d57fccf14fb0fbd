"""`hookspan up`, `down` and `restart`: the agent's life, as far as people decide about it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from hookspan.agent import launch
from hookspan.agent.client import Ready
from hookspan.paths import Paths

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@JSON
def up(as_json: bool) -> None:
    """Start the agent and keep it running.

    It gets the HOOKSPAN_* variables of this shell, and stays until `hookspan down`.
    """
    paths = Paths.from_environment()
    _check_settings(paths)
    paths.down.unlink(missing_ok=True)
    _show(launch.start(paths, os.environ), as_json=as_json)


@click.command()
@JSON
def down(as_json: bool) -> None:
    """Stop the agent; hooks go on recording, and nothing starts it until `hookspan up`."""
    paths = Paths.from_environment()
    paths.create()
    paths.down.touch(mode=0o600)  # before it ends, or the next hook starts another one
    stopped = launch.stop(paths)
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))
    else:
        click.echo("The agent has ended." if stopped else "No agent was running.")
        click.echo("Hooks go on recording. Nothing starts the agent until: hookspan up")


@click.command()
@JSON
def restart(as_json: bool) -> None:
    """Stop the agent and start it again."""
    paths = Paths.from_environment()
    _check_settings(paths)
    paths.create()
    paths.down.touch(mode=0o600)
    try:
        launch.stop(paths)
    finally:
        paths.down.unlink(missing_ok=True)
    _show(launch.start(paths, os.environ), as_json=as_json)


def _check_settings(paths: Paths) -> None:
    """A mistake in the settings is told to who is at the terminal, not to a log."""
    from hookspan.config import load

    for warning in load(paths, os.environ).warnings:
        click.echo(f"warning: {warning}", err=True)


def _show(agent: Ready, *, as_json: bool) -> None:
    found: dict[str, Any] = {"pid": agent.pid, "version": agent.version, "url": agent.about.get("url")}
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"The agent is ready (pid {agent.pid}).")
    if found["url"]:
        click.echo(f"{found['url']}    (hookspan open signs you in)")


def short(path: Path) -> str:
    """A path as people write it."""
    home = os.environ.get("HOME", "")
    text = str(path)
    return "~" + text[len(home) :] if home and text.startswith(home.rstrip("/") + "/") else text
