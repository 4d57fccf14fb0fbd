"""`hookspan config show | get | set | unset | edit | import-otel | path`."""

from __future__ import annotations

import json
import os
import sys

import click

from hookspan.cli.terminal import completers
from hookspan.cli.terminal.options import JSON, YES
from hookspan.config import HIDDEN, TABLES, is_locked, is_named, load, nearest, values
from hookspan.errors import UserError
from hookspan.paths import Paths


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
    if keys and not rows and not changed and keys[0] not in TABLES:
        raise UserError(f"`{keys[0]}` is not a setting", hint="`hookspan config show` lists them")
    if as_json:
        click.echo(json.dumps({key: {"value": value, "origin": settings.origin(key)} for key, value in rows}, indent=2))
    for key, value in rows if not as_json else ():
        text = "none" if value is None else json.dumps(value, ensure_ascii=False)
        source = settings.origin(key) + (" (locked)" if is_locked(key, settings.locked) else "")
        click.echo(f"{key:<26} {text:<32} {source}".rstrip() if origin else f"{key:<26} {text}")
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)


@config.command()
@click.argument("key", shell_complete=completers.keys)
@click.option("--secret", is_flag=True, help="Print it even if it is secret.")
def get(key: str, secret: bool) -> None:
    """Print the value in force of KEY (`export.endpoint`, `resource.NAME`): a text as it is, anything else as JSON.

    Of a setting that is none it prints an empty line.
    """
    known = values(load(Paths.from_environment(), os.environ), secrets=secret)
    known |= {f"resource.{name}": text for name, text in known.get("resource", {}).items()}
    if key in TABLES:
        known.setdefault(key, [] if key == "notify" else {})
    if key not in known:
        raise UserError(
            f"`{key}` is not a setting{nearest(key, list(known))}", hint="`hookspan config show` lists them"
        )
    if known[key] == HIDDEN:
        raise UserError(f"`{key}` is secret", hint=f"`hookspan config get {key} --secret` prints it")
    value = "" if known[key] is None else known[key]
    click.echo(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


@config.command("set")
@click.argument("key", shell_complete=completers.keys)
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Set KEY (`export.endpoint`, `resource.NAME`) to VALUE in the user's file, whose comments stay.

    `-` reads VALUE from standard input: a secret in a command line can be read by every user of the machine.
    """
    if value == "-":
        value = click.prompt(key, hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    from hookspan.cli.settings.save import save

    save(Paths.from_environment(), {key: value})


@config.command()
@click.argument("key", shell_complete=completers.keys)
def unset(key: str) -> None:
    """Remove KEY from the user's file: back to what the administrator's file says, or the default."""
    from hookspan.cli.settings.save import save

    save(Paths.from_environment(), {key: None})


@config.command()
def edit() -> None:
    """Open the user's file in your editor (VISUAL, EDITOR) and save it, unless it says what is not allowed."""
    from hookspan.cli.settings.save import edit as edited

    edited(Paths.from_environment())


@config.command("import-otel")
@YES
@click.option("--dry-run", is_flag=True, help="Show the change and make none.")
def import_otel(yes: bool, dry_run: bool) -> None:
    """Take over what this shell's OTEL_* variables say into the user's file.

    Shows the change first, and which variables have no counterpart. The agent itself reads none of them: it outlives
    the shell, and they are often meant for the program that you work on.
    """
    from hookspan.cli.settings.import_otel import import_otel

    import_otel(Paths.from_environment(), os.environ, yes=yes, dry_run=dry_run)


@config.command()
def path() -> None:
    """Print the path of the user's settings file."""
    click.echo(str(Paths.from_environment().config))
