"""`hookspan config show | set | path`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click
import tomlkit
from tomlkit.exceptions import TOMLKitError

from hookspan import atomic
from hookspan.cli.terminal import completers
from hookspan.config import OPTIONS, Option, is_locked, load, nearest, parse, read_file, values
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.setup import relay
from hookspan.values import Flag, Number, Size, without_secrets


@click.group()
def config() -> None:
    """Show or change settings."""


@config.command()
@click.argument("keys", nargs=-1, shell_complete=completers.keys)
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@click.option("--secrets", is_flag=True, help="Show headers and notification addresses.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(keys: tuple[str, ...], origin: bool, changed: bool, secrets: bool, as_json: bool) -> None:
    """Show the settings in force, or those named KEYS (`export.endpoint`, `export`)."""
    settings = load(Paths.from_environment(), os.environ)
    rows = [
        (key, value)
        for key, value in values(settings, secrets=secrets).items()
        if (not keys or is_locked(key, frozenset(keys))) and (not changed or settings.origin(key) != "default")
    ]
    if keys and not rows and not changed:
        raise UserError(f"`{keys[0]}` is no setting", hint="`hookspan config show` lists them")
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
@click.option("--unset", is_flag=True, help="Take the key out of the file: back to the default.")
def set_(key: str, value: str | None, unset: bool) -> None:
    """Set KEY (`export.endpoint`, `resource.NAME`) to VALUE in the user's file, whose comments stay.

    `-` reads VALUE from standard input: a secret in a command line can be read by every user of the machine.
    """
    if (value is None) != unset:
        raise click.UsageError("give a value, or --unset")
    if value == "-":
        value = click.prompt(key, hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    paths = Paths.from_environment()
    change(paths, key, value)
    settings = load(paths, os.environ)
    if settings.origin(key).startswith("HOOKSPAN_"):
        click.echo(f"warning: `{settings.origin(key)}` in the environment wins over the file", err=True)
    if paths.relay_conf.exists():
        relay.write_conf(paths, load(paths))
    heard = agent_reads_again(paths)
    click.echo(f"Saved in `{paths.config}`{'; the running agent goes by it' if heard else ''}.")


@config.command()
def path() -> None:
    """Print the path of the user's settings file."""
    click.echo(str(Paths.from_environment().config))


def change(paths: Paths, key: str, value: str | None) -> None:
    """Set a key of the user's file from a text, None takes it out; UserError for what isn't allowed."""
    locked = frozenset(read_file(paths.system_config)[0].get("locked", ()))
    if is_locked(key, locked):
        raise UserError(f"`{key}` is locked by `{paths.system_config}`")
    section, _, name = key.partition(".")
    option = OPTIONS.get(key)
    if option is None and not (section == "resource" and name):
        raise UserError(
            f"`{key}` can't be set here{nearest(key, list(OPTIONS))}",
            hint=f"`hookspan config show` lists keys; tables: `{paths.config}`",
        )
    read_file(paths.config)
    text = paths.config.read_text(encoding="utf-8-sig") if paths.config.exists() else ""
    document = tomlkit.parse(text)
    _edit(document, section, name, None if value is None else _plain(option, value))
    changed = tomlkit.dumps(document)
    parse(changed, str(paths.config))
    try:
        paths.make(paths.config.parent)
        atomic.write(paths.config, changed.encode(), mode=0o600)  # it may hold credentials in headers
    except OSError as error:
        raise UserError(f"can't write `{paths.config}`: {error.strerror}") from error


def agent_reads_again(paths: Paths) -> bool:
    """Have a running agent read its settings again; False if none did: the next one reads the files anyhow."""
    from hookspan.agent.client import Client

    try:
        return bool(Client(paths).request("reload")["reloaded"])
    except UserError:
        return False


def _plain(option: Option | None, value: str) -> Any:
    """The TOML value of a text."""
    if option is None:
        return value
    try:
        found = option.kind.read_text(value)
    except ValueError as error:
        shown = "that" if option.secret else f"`{without_secrets(value)}`"
        raise UserError(f"`{option.key}` can't be {shown}", hint=f"allowed: {option.kind.allowed}") from error
    if isinstance(option.kind, Size):
        return value if not value.isdigit() else found  # `2 GiB` reads better than its digits
    return list(found) if isinstance(found, tuple) else "" if found is None else found


def _edit(document: tomlkit.TOMLDocument, section: str, name: str, value: Any) -> None:
    try:
        if value is None:
            if name in document.get(section, {}):
                del document[section][name]
            return
        if section not in document:
            document[section] = tomlkit.table()
        document[section][name] = value
    except TOMLKitError as error:
        raise UserError(f"can't change `{section}.{name}`: {error}", hint="edit the file by hand") from error


def reference() -> str:
    """The reference page of the settings, in Markdown: a heading for each."""
    lines: list[str] = []
    section = ""
    for option in OPTIONS.values():
        if option.section != section:
            section = option.section
            lines += [f"## [{section}]", ""]
        lines += [f"### {option.key}", "", option.help, ""]
        lines += [f"- allowed: {option.kind.allowed}", f"- default: {_default(option)}"]
        lines += [f"- environment: `{option.variable}`", ""]
    return "\n".join(lines)


def _default(option: Option) -> str:
    if option.default is None or option.default in ({}, ()):
        return "none"
    value = str(option.default).lower() if isinstance(option.kind, Flag) else f"{option.default}"
    unit = f" {option.kind.unit}" if isinstance(option.kind, Number) and option.kind.unit else ""
    return f"`{value}`{unit}"
