"""What `hookspan` alone says: how things stand, and the next command."""

from __future__ import annotations

import click

from hookspan.paths import Paths


def show() -> None:
    """Print the state in a line and the next command in another."""
    state, command = next_step(Paths.from_environment())
    click.echo(f"{state}\n\nnext: {command}    (all commands: hookspan --help)")


def next_step(paths: Paths) -> tuple[str, str]:
    """The state and the command that comes next, from files alone: cheap, and right without an agent."""
    if not paths.installed.exists():
        return "hookspan is not installed.", "hookspan install"
    if paths.down.exists():
        return "hookspan is installed and was told to stay down.", "hookspan up"
    return "hookspan is installed; hooks are recorded.", "hookspan open"
