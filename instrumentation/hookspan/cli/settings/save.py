"""Saves settings in the user's file, and has them take effect."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import click

from hookspan.cli.lifecycle.agent import reload_settings
from hookspan.config import load
from hookspan.config.edit import change_all, write
from hookspan.config.files import read_text
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.setup import relay

NEW = "# Settings of hookspan: `hookspan config show` lists them with what is in force.\n"


def save(paths: Paths, values: Mapping[str, str | None]) -> None:
    """Change keys of the user's file, as `change_all`; the relay and a running agent get to know. Prints what is so."""
    change_all(paths, values)
    settings = load(paths, os.environ)
    for variable in dict.fromkeys(settings.origin(key) for key in values):
        if variable.startswith("HOOKSPAN_"):
            click.echo(f"warning: `{variable}` in the environment overrides the file", err=True)
    _apply(paths)


def edit(paths: Paths) -> None:
    """Open the user's file in their editor and save what they made of it, unless it says what isn't allowed."""
    before = read_text(paths.config)
    text = before or NEW
    while True:
        edited = click.edit(text, extension=".toml")
        if edited is None or edited == before:
            click.echo("Nothing was changed.")
            return
        try:
            _replace(paths, before, edited)
            break
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            if not sys.stdin.isatty() or not click.confirm("Edit it again?", default=True, err=True):
                raise UserError(
                    "nothing was changed", hint="`hookspan config edit` opens the file as it was"
                ) from error
            text, before = edited, read_text(paths.config)
    for warning in load(paths, os.environ).warnings:
        click.echo(f"warning: {warning}", err=True)
    _apply(paths)


def _replace(paths: Paths, before: str | None, text: str) -> None:
    """Write the user's file, unless it has come to hold something else. Raises UserError."""
    if read_text(paths.config) != before:
        raise UserError(f"`{paths.config}` was changed meanwhile by somebody else; to save it again replaces that")
    write(paths, text)


def _apply(paths: Paths) -> None:
    if paths.relay_conf.exists():
        relay.write_conf(paths, load(paths))
    reloaded = reload_settings(paths)
    click.echo(f"Saved in `{paths.config}`{'; the running agent applies it' if reloaded else ''}.")
