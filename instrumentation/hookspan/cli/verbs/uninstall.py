"""`hookspan uninstall`: removes the hooks from settings of coding agents; `--purge` deletes all that hookspan keeps."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.cli.install.diff import show_change
from hookspan.cli.install.prompt import confirm, short_path
from hookspan.cli.install.purge import purge as delete_all
from hookspan.cli.install.purge import to_delete
from hookspan.cli.terminal.options import YES
from hookspan.clients.claude_code.settings_files import Scope
from hookspan.folders import working_folder
from hookspan.paths import Paths
from hookspan.setup import places, relay, removal
from hookspan.setup.agents import look as look_at_all
from hookspan.setup.installation import Installation, look
from hookspan.setup.others import OTHERS


@click.command()
@click.option("--dry-run", is_flag=True, help="Show the change and make none.")
@YES
@click.option("--agent", type=click.Choice([CLAUDE_CODE.name, *OTHERS]), help="Only of this one. Default: of all.")
@click.option("--scope", type=click.Choice(["user", "local"]), help="Only there. Default: everywhere it was installed.")
@click.option("--purge", is_flag=True, help="Also delete the relay, the settings and everything that was recorded.")
def uninstall(dry_run: bool, yes: bool, agent: str | None, scope: Scope | None, purge: bool) -> None:
    """Take hookspan out of the settings of coding agents.

    A file that nobody else has changed is restored byte for byte; from any other, only our entries are removed.
    """
    _refuse(agent, scope, purge=purge)
    paths, folder = Paths.from_environment(), working_folder()
    installation = look(paths, folder=folder)
    planned = removal.plan(installation, scope, os.environ, folder, agent)
    doomed = to_delete(planned.places) if purge else []
    if not planned.changes and not doomed:
        if not _forget(planned, dry_run=dry_run):
            click.echo(f"Nothing to change: hookspan is not installed {f'for {agent}' if agent else 'here'}.")
        _say_where_else(installation)
        return
    for change in planned.changes:
        show_change(change.file, change.old, change.new or b"", whole=dry_run or not yes)
    if doomed:
        click.echo(f"\nTo be deleted, with every session recorded: {', '.join(map(short_path, doomed))}")
    if dry_run:
        click.echo("\nnothing was changed (--dry-run)")
        return
    write = f"Write this to {', '.join(short_path(change.file) for change in planned.changes)}?"
    confirm(f"\n{'Go ahead? Close all sessions of coding agents first.' if purge else write}", yes=yes)
    for change in planned.changes:
        planned.carry_out(change)
        click.echo(f"Removed from {short_path(change.file)}.")
    _forget(planned, dry_run=False)
    for place in planned.places:
        relay.keep_lines(place)
    if purge:
        delete_all(planned.places)
    left = look_at_all(paths, folder=folder)
    if (agent or scope) and left.names:
        click.echo(f"\nhookspan stays installed in {left.where}.")
        return
    _say_what_is_left(left.claude_code, planned.places, purged=purge)


def _refuse(agent: str | None, scope: Scope | None, *, purge: bool) -> None:
    """UsageError for options that don't go together."""
    if purge and (scope or agent):
        raise click.UsageError("--purge removes all of hookspan and can't be combined with --scope or --agent")
    if scope and agent in OTHERS:
        raise click.UsageError("--scope is of Claude Code's settings")


def _forget(planned: removal.Plan, *, dry_run: bool) -> bool:
    """Expect no hooks any more where somebody has taken ours out; whether there is such a file."""
    for file in planned.forgotten:
        if not dry_run:
            planned.forget(file)
        click.echo(f"{short_path(file)} has no hook of hookspan's any more.")
    return bool(planned.forgotten)


def _say_where_else(installation: Installation) -> bool:
    others = _where_else(installation)
    if others:
        click.echo(others)
    return bool(others)


def _say_what_is_left(installation: Installation, owners: Sequence[Paths], *, purged: bool) -> None:
    """After an uninstall: what stays, and how to be rid of it."""
    others = _say_where_else(installation)
    if not purged:
        for place in owners:
            if place.state.exists():
                click.echo(
                    f"\nThe relay stays in {short_path(place.bin)}, since a session that is open now would show errors "
                    f"without it,\nand what was recorded in {short_path(place.state)}. "
                    f"When no session is open: {places.call(place, os.environ, 'uninstall --purge')}"
                )
        return
    left = [folder for place in owners for folder in (place.state, place.data) if folder.exists()]
    if left:
        click.echo(f"{', '.join(map(short_path, left))} was there before hookspan, and stays.")
    elif not others:
        click.echo("Only the command itself is left of hookspan.")


def _where_else(installation: Installation) -> str:
    """Hooks that `uninstall` leaves: the plugin's, the administrator's, and those of another hookspan."""
    lines = []
    for source in installation.sources:
        if source.handlers and source.kind == "plugin":
            lines.append(f"{source.name} provides hooks: `claude plugin uninstall {source.plugin}` removes them.")
        elif source.handlers and source.kind in {"managed", "project"}:
            lines.append(f"{source.name} has hookspan's hooks, and `hookspan uninstall` doesn't change it.")
    for state, sources in installation.elsewhere.items():
        if any(source.of_install for source in sources):
            place = installation.place(state)
            how = f": `{places.call(place, installation.env, 'uninstall')}`" if place is not None else "."
            lines.append(f"The hooks in {', '.join(source.name for source in sources)} record to `{state}`{how}")
    return "\n".join(lines)
