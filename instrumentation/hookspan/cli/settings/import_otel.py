"""Takes the shell's `OTEL_*` variables over into the user's settings, after showing what that changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from hookspan.cli.install.prompt import confirm, short_path
from hookspan.cli.settings.save import save
from hookspan.cli.terminal.text import printable
from hookspan.config import HIDDEN, OPTIONS, SIGNALS, Settings, is_locked, load, otel
from hookspan.paths import Paths
from hookspan.values import URL, origin, without_secrets

GRPC_PORT: Final = 4317


def import_otel(paths: Paths, env: Mapping[str, str], *, yes: bool, dry_run: bool) -> None:
    """Do it, and print what is done."""
    settings = load(paths)  # as the agent reads them: without this shell's variables
    found = otel.read(env)
    if not found.settings and not found.left:
        click.echo("Nothing to take over: no `OTEL_*` variable is set here.")
        return
    locked = [key for key in found.settings if is_locked(key, settings.locked)]
    for key in locked:
        variable = found.settings.pop(key).variable
        found.left[variable] = f"`{paths.system_config}` locks `{key}`"
    new = {key: setting for key, setting in found.settings.items() if _value(settings, key) != setting.value}
    click.echo(short_path(paths.config))
    for line in _diff(settings, new):
        click.secho(line, fg={"+": "green", "-": "red"}[line[:1]])
    if same := len(found.settings) - len(new):
        click.echo(f"as they are: {same}")
    if found.left:
        click.echo("\nNot taken over:")
    for variable, why in sorted(found.left.items()):
        click.echo(f"  {printable(variable)}: {why}")
    if not new or dry_run:
        click.echo("\nnothing was changed (--dry-run)" if new else "\nNothing to change.")
        return
    confirm("\nWrite this to your settings?", yes=yes)
    save(paths, {key: setting.text for key, setting in new.items()})
    for line in _warnings(settings, load(paths), new):
        click.echo(f"warning: {line}", err=True)


def _value(settings: Settings, key: str) -> Any:
    if key.startswith("resource."):
        return settings.resource.get(key.removeprefix("resource."))
    return settings.value(key)


def _diff(settings: Settings, new: Mapping[str, otel.Setting]) -> Iterator[str]:
    """What the file says now and then, by key: lines of the file would show keys that stand beside them."""
    for key, setting in new.items():
        old = _value(settings, key)
        if old is not None and (key not in OPTIONS or settings.origin(key) != "default"):
            yield f"- {key:<26} {_shown(key, old)}"
        yield f"+ {key:<26} {_shown(key, setting.value):<32} {setting.variable}"


def _shown(key: str, value: Any) -> str:
    option = OPTIONS.get(key)
    if option is not None and option.secret:
        return f"{HIDDEN} {', '.join(map(printable, value))}"  # names of headers
    if option is not None and option.kind is URL:
        value = without_secrets(value)
    return printable(json.dumps(value, ensure_ascii=False))


def _warnings(before: Settings, now: Settings, new: Mapping[str, otel.Setting]) -> Iterator[str]:
    """What is not as the variables have it, since of some settings they say nothing."""
    export = now.export
    if export.protocol == "http/protobuf" and any(origin(url)[2] == GRPC_PORT for url in export.endpoints):
        yield f"port {GRPC_PORT} is usually that of gRPC: `hookspan config set export.protocol grpc`"
    if "export.endpoint" in new:
        for signal in SIGNALS:
            if (key := f"export.{signal}_endpoint") not in new and now.value(key):
                yield f"`{key}` stays as it is, so {signal} don't go to `export.endpoint`"
        old = before.export.endpoint
        if old and origin(old) != origin(new["export.endpoint"].value):
            for key in ("export.headers", "export.token_file"):
                if key not in new and now.value(key):
                    yield f"`{key}` stays as it is, and is sent to the new endpoint"
    if export.off:
        yield f"nothing is exported: {export.off}"
