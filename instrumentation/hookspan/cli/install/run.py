"""What `hookspan install` does: the relay, what it needs, and its hooks in Claude Code's settings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.cli.install import children, native, other
from hookspan.cli.install.archive import offer as offer_archive
from hookspan.cli.install.change import Change
from hookspan.cli.install.prompt import confirm, short_path
from hookspan.clients.claude_code import settings_files
from hookspan.clients.claude_code.handlers import all_hooks
from hookspan.clients.claude_code.settings_files import Scope
from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.config import load
from hookspan.errors import UserError
from hookspan.folders import working_folder
from hookspan.paths import Paths
from hookspan.setup import places, receipts, relay, settings_file
from hookspan.setup.installation import Installation, look
from hookspan.setup.problem import Area
from hookspan.units import counted
from hookspan.values import URL

NEXT: Final = "Start a session of Claude Code, then: hookspan open"
NEXT_DOWN: Final = "The agent was stopped with `hookspan down`; no hook starts it until: hookspan up"


def install(
    *,
    scope: Scope = "user",
    native_telemetry: bool | None = None,
    with_children: bool | None = None,
    status_line: bool | None = None,
    archive: bool | None = None,
    yes: bool = False,
    dry_run: bool = False,
    only_check: bool = False,
    only_print: bool = False,
    no_hooks: bool = False,
) -> None:
    """Do it, and print what is done; the arguments are the options of the verb."""
    paths, folder = Paths.from_environment(), working_folder()
    file = settings_files.of_scope(scope, os.environ, folder)
    settings = children.wanted(paths, load(paths, os.environ), with_children, any_port=not only_print)
    variables = native.variables(paths, settings, children.native(paths, file, with_children, native_telemetry))
    installation = look(paths, folder=folder)
    if only_check:
        _check(installation, file, variables or {})
        return
    new_relay = relay.prepare(paths)
    if only_print:
        _print(all_hooks(new_relay.command, installation.events), variables)
        return
    if no_hooks and dry_run:
        click.echo(f"The relay would be {short_path(new_relay.target)}, {new_relay.how}.")
        click.echo("\nnothing was changed (--dry-run)")
        return
    if no_hooks:
        relay.create_state(paths, load(paths))
        new_relay.install(paths)
        click.echo(f"The plugin's hooks run {short_path(new_relay.target)}, {new_relay.how}.\n\n{NEXT}")
        return
    change = Change.of(installation, file, new_relay, variables, status_line=status_line)
    change.show(whole=dry_run or not yes)
    if dry_run:
        click.echo("\nnothing was changed (--dry-run)" if change.needed else "nothing to change")
        return
    if change.needed:
        confirm(f"\nWrite this to {short_path(file)}?", yes=yes)
    relay.create_state(paths, load(paths))  # from the files alone, as the agent that a hook starts reads them
    new_relay.install(paths)
    children.save(paths, settings, with_children)
    change.make(paths)
    relay.keep_lines(paths)
    click.echo(change.done(new_relay))
    if not change.brought:
        _say_what_is_left_out(installation)
    for former in () if change.brought else installation.others:
        click.echo(
            f"Until now these hooks recorded to {short_path(former.state)}, which stays as it is.\n"
            f"To delete it: {places.call(former, os.environ, 'uninstall --purge')}"
        )
    native.say(variables)
    offer_archive(paths, settings, wanted=archive, yes=yes)
    other.offer(paths, yes=yes)
    _offer_endpoint(paths, settings.export.endpoint_of("traces"), yes=yes)
    if change.needed:
        click.echo(f"\n{NEXT if not paths.down.exists() else NEXT_DOWN}")


def _say_what_is_left_out(installation: Installation) -> None:
    """Which client is too old for which event."""
    for event, program in installation.left_out.items():
        since = next(one.since for one in CLAUDE_CODE.events if one.name == event)
        click.echo(f"Left out: {event}, which Claude Code {since} brought; {program} does not know it.")


def _print(block: dict[str, Any], variables: Mapping[str, str] | None) -> None:
    click.echo(json.dumps(block | ({"env": variables} if variables else {}), indent=2))


def _check(installation: Installation, file: Path, variables: Mapping[str, str]) -> None:
    paths = installation.paths
    wrong = [problem for problem in installation.problems if problem.broken or problem.area is Area.STARTER]
    problems = [problem.what for problem in wrong]
    if not problems and not installation.here:
        problems.append(f"none of hookspan's hooks runs in this folder; there are some in {installation.where}")
    text = SettingsText.of(str(file), settings_file.read(file) or b"")
    receipt = receipts.read(paths).get(str(file))
    wanted = {**(receipt.env if receipt is not None else {}), **variables}
    if lacking := [key for key, value in wanted.items() if text.env.get(key) != value]:
        problems.append(f"Claude Code's own telemetry is not sent: `env` in `{file}` lacks {', '.join(lacking)}")
    if problems:
        hint = next((problem.todo for problem in wrong), "`hookspan install`")
        raise UserError(f"hookspan is not fully installed: {'; '.join(problems)}", hint=hint)
    click.echo(f"hookspan is installed in {installation.where}: {counted(len(installation.events), 'events')}.")


def _offer_endpoint(paths: Paths, endpoint: str | None, *, yes: bool) -> None:
    """Offer OTEL_EXPORTER_OTLP_ENDPOINT, and don't obey it: it is often that of the application being worked on."""
    from hookspan.config.edit import change

    ambient = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if endpoint is not None or not URL.accept(ambient):
        return
    if not yes and sys.stdin.isatty() and click.confirm(f"\nExport to {ambient} (OTEL_EXPORTER_OTLP_ENDPOINT)?"):
        change(paths, "export.endpoint", ambient)
        if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
            change(paths, "export.protocol", "grpc")
    else:
        click.echo(f"\nNothing is exported. To export: hookspan config set export.endpoint {ambient}")
