"""`hookspan config show | set | path`."""

from __future__ import annotations

import json
import os
import sys

import click

from hookspan.cli.lifecycle.agent import reload_settings
from hookspan.cli.terminal import completers
from hookspan.cli.terminal.options import JSON
from hookspan.config import is_locked, is_named, load, values
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.setup import relay


@click.group()
def config() -> None:
    """Show or change settings."""


@config.command()
@click.argument("keys", nargs=-1, shell_complete=completers.keys)
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@click.option("--secrets", is_flag=True, help="Show headers and notification addresses.")
@JSON
def show(keys: tuple[str, ...], origin: bool, changed: bool, secrets: bool, as_json: bool) -> None:
    """Show the settings in force, or those named KEYS (`export.endpoint`, `export`)."""
    settings = load(Paths.from_environment(), os.environ)
    rows = [
        (key, value)
        for key, value in values(settings, secrets=secrets).items()
        if (not keys or is_named(key, keys)) and (not changed or settings.origin(key) != "default")
    ]
    if keys and not rows and not changed:
        raise UserError(f"`{keys[0]}` is not a setting", hint="`hookspan config show` lists them")
    if as_json:
        click.echo(json.dumps({key: {"value": value, "origin": settings.origin(key)} for key, value in rows}, indent=2))
    for key, value in rows if not as_json else ():
        text = "none" if value is None else json.dumps(value, ensure_ascii=False)
        source = settings.origin(key) + (" (locked)" if is_locked(key, settings.locked) else "")
        click.echo(f"{key:<26} {text:<32} {source}".rstrip() if origin else f"{key:<26} {text}")
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)


@config.command("set")
@click.argument("key", shell_complete=completers.keys)
@click.argument("value", required=False)
@click.option("--unset", is_flag=True, help="Remove the key from the file: back to the default.")
def set_(key: str, value: str | None, unset: bool) -> None:
    """Set KEY (`export.endpoint`, `resource.NAME`) to VALUE in the user's file, whose comments stay.

    `-` reads VALUE from standard input: a secret in a command line can be read by every user of the machine.
    """
    if (value is None) != unset:
        raise click.UsageError("give a value, or --unset")
    if value == "-":
        value = click.prompt(key, hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    paths = Paths.from_environment()
    from hookspan.config.edit import change

    change(paths, key, value)
    settings = load(paths, os.environ)
    if settings.origin(key).startswith("HOOKSPAN_"):
        click.echo(f"warning: `{settings.origin(key)}` in the environment overrides the file", err=True)
    if paths.relay_conf.exists():
        relay.write_conf(paths, load(paths))
    reloaded = reload_settings(paths)
    click.echo(f"Saved in `{paths.config}`{'; the running agent applies it' if reloaded else ''}.")


@config.command()
def path() -> None:
    """Print the path of the user's settings file."""
    click.echo(str(Paths.from_environment().config))
