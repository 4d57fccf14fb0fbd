"""`hookspan install`: adds hookspan's hooks to the settings of a coding agent."""

from __future__ import annotations

import os

import click

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.cli.install import other, run
from hookspan.cli.terminal.options import YES
from hookspan.clients.claude_code import programs
from hookspan.clients.claude_code.settings_files import Scope
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.setup.others import OTHERS


@click.command()
@click.option(
    "--agent",
    type=click.Choice([CLAUDE_CODE.name, *OTHERS]),
    help="The coding agent to be recorded. Default: those that were installed before; else Claude Code, or where that "
    "is not here, the others that are.",
)
@click.option("--dry-run", is_flag=True, help="Show the change and make none.")
@click.option("--check", is_flag=True, help="Say whether everything is installed (exit 1 if not); change nothing.")
@YES
@click.option("--print", "print_block", is_flag=True, help="Print the hooks, for managed settings, and change nothing.")
@click.option("--no-hooks", is_flag=True, help="Install only what the plugin's hooks need; change no settings.")
@click.option(
    "--scope",
    type=click.Choice(["user", "local"]),
    default="user",
    help="All your projects (default), or the one in this folder.",
)
@click.option(
    "--native-telemetry/--no-native-telemetry",
    "native",
    default=None,
    help="Have Claude Code send its own telemetry to `export.endpoint`, or stop it. Default: leave it as it is.",
)
@click.option(
    "--children/--no-children",
    default=None,
    help="Have spans of programs that Bash commands run below their call (`receive.children`); this needs, and brings "
    "along, --native-telemetry to hookspan's receiver. Default: leave it as it is.",
)
@click.option(
    "--status-line/--no-status-line",
    "status_line",
    default=None,
    help="Hear what Claude Code tells its status line (the account's quota), and show the line of before, or one of "
    "hookspan's; or stop that. Default: leave it as it is.",
)
@click.option(
    "--archive/--no-archive",
    default=None,
    help="Keep copies of transcripts, which Claude Code deletes after 30 days (`archive.enabled`). Default: ask.",
)
def install(
    agent: str | None,
    dry_run: bool,
    check: bool,
    yes: bool,
    print_block: bool,
    no_hooks: bool,
    scope: Scope,
    native: bool | None,
    children: bool | None,
    status_line: bool | None,
    archive: bool | None,
) -> None:
    """Add hookspan's hooks to the settings of a coding agent.

    Shows the change and asks first. Other hooks and settings stay as they are, byte for byte.
    """
    if os.name == "nt":
        raise UserError("hookspan does not run on native Windows; use it inside WSL2.")
    if children and native is False:
        raise click.UsageError("--children needs Claude Code's own telemetry: it goes without --no-native-telemetry")
    its_options = (native, children, status_line)
    of_claude_code = (
        print_block or no_hooks or scope != "user" or any(one is not None for one in its_options) or bool(archive)
    )
    if of_claude_code and agent in OTHERS:
        raise click.UsageError(f"--agent {agent} goes with --dry-run, --check and --yes alone")
    if print_block and status_line:
        raise click.UsageError("--print is for managed settings, in which no status line of a user's is kept")
    if no_hooks and (scope != "user" or any(one is not None for one in (*its_options, archive))):
        raise click.UsageError("--no-hooks changes no settings: it goes with --dry-run, --check and --yes alone")
    paths = Paths.from_environment()
    names = [agent] if agent else [CLAUDE_CODE.name] if of_claude_code else other.meant(paths)
    for name in names:
        if name == CLAUDE_CODE.name:
            run.install(
                scope=scope,
                native_telemetry=native,
                with_children=children,
                status_line=status_line,
                archive=archive,
                yes=yes,
                dry_run=dry_run,
                only_check=check,
                only_print=print_block,
                no_hooks=no_hooks,
            )
        elif check or name == names[0] or not other.is_complete(name, paths):
            other.install(name, yes=yes, dry_run=dry_run, only_check=check)
    if CLAUDE_CODE.name not in names and not agent and not check and programs.is_there(os.environ):
        click.echo(
            f"\n{CLAUDE_CODE.title} is here, too, and is not recorded. To do so: hookspan install --agent claude-code"
        )
