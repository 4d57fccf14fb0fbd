"""What `hookspan install --agent NAME` does for another coding agent than Claude Code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.cli.install.diff import show_change
from hookspan.cli.install.prompt import confirm, short_path
from hookspan.clients.claude_code import programs
from hookspan.config import load
from hookspan.errors import UserError
from hookspan.folders import working_folder
from hookspan.paths import Paths
from hookspan.setup import receipts, recorded, relay, settings_file
from hookspan.setup.agents import look
from hookspan.setup.others import OTHERS, Hooks, Other
from hookspan.setup.receipts import Receipt
from hookspan.units import counted


def install(agent: str, *, yes: bool = False, dry_run: bool = False, only_check: bool = False) -> None:
    """Do it, and print what is done; the arguments are options of the verb."""
    paths, other = Paths.from_environment(), OTHERS[agent]
    hooks = other.look(paths, os.environ)
    if only_check:
        _check(hooks)
        return
    made = relay.prepare(paths)
    old = settings_file.read(hooks.file)
    after = hooks.text.with_ours(made.command, paths, other.client.registered)
    changed = old is None or after.data() != old
    if changed:
        show_change(hooks.file, old or b"", after.data(), whole=dry_run or not yes)
    if dry_run:
        click.echo("\nnothing was changed (--dry-run)" if changed else "nothing to change")
        return
    if changed:
        confirm(f"\nWrite this to {short_path(hooks.file)}?", yes=yes)
    relay.create_state(paths, load(paths))
    made.install(paths)
    if not changed:
        click.echo(f"Nothing to change: hookspan is installed in {short_path(hooks.file)}.")
        return
    clean, empty = _without_ours(hooks, old)
    told = Receipt.of(clean, after.data(), empty, agent=agent)
    recorded.put(paths, hooks.file, old, after.data(), clean, told)
    events = counted(len(other.client.registered), "events")
    click.echo(f"Installed in {short_path(hooks.file)}: {events}, relay {made.how}.\n\n{other.then}")


def _without_ours(hooks: Hooks, old: bytes | None) -> tuple[bytes | None, list[str]]:
    """The file as `uninstall` gives it back (None: without it), and the containers that were empty in it."""
    receipt = receipts.read(hooks.paths).get(str(hooks.file))
    if receipt is not None and old is not None and receipt.after == settings_file.digest(old):
        saved = None if receipt.backup is None else settings_file.read(Path(receipt.backup))
        if receipt.backup is None or saved is not None:
            return saved, receipt.empty
    text = hooks.text.without_ours(hooks.paths)
    if old is None or (receipt is not None and receipt.before is None and text.value == {}):
        return None, []  # nobody else has put anything in
    return old if text is hooks.text else text.data(), hooks.text.empty()


def _check(hooks: Hooks) -> None:
    problems = list(hooks.problems)
    if not hooks.ours:
        raise UserError(
            f"`{hooks.file}` has no hook of hookspan's", hint=f"`hookspan install --agent {hooks.client.name}`"
        )
    if problems:
        raise UserError("; ".join(problem.what for problem in problems), hint=problems[0].todo)
    click.echo(f"hookspan is installed in `{hooks.file}`: {counted(len(hooks.ours), 'events')}.")


def meant(paths: Paths) -> list[str]:
    """The agents that `install` is about where nobody names one: those it was run for, else those that are here."""
    agents = look(paths, folder=working_folder())
    wanted = list(dict.fromkeys(hooks.client.name for hooks in agents.others if hooks.wanted))
    if agents.claude_code.wanted:
        return [CLAUDE_CODE.name, *wanted]
    here = wanted or [name for name, other in OTHERS.items() if other.is_there(os.environ)]
    return here if here and (wanted or not programs.is_there(os.environ)) else [CLAUDE_CODE.name]


def is_complete(agent: str, paths: Paths) -> bool:
    """Whether there is nothing for `install` to do."""
    hooks = OTHERS[agent].look(paths, os.environ)
    return bool(hooks.ours) and not any(problem.mends for problem in hooks.problems)


def offer(paths: Paths, *, yes: bool) -> None:
    """After Claude Code: say which other agents are here, and ask, unless that was to be done without asking."""
    for name, other in OTHERS.items():
        if not other.is_there(os.environ) or _is_set_up(other, paths):
            continue
        how = f"hookspan install --agent {name}"
        title = other.client.title
        if not yes and sys.stdin.isatty() and click.confirm(f"\n{title} is here, too. Add hooks to it?"):
            install(name)
        else:
            click.echo(f"\n{title} is here, too, and is not recorded. To do so: {how}")


def _is_set_up(other: Other, paths: Paths) -> bool:
    try:
        return bool(other.look(paths, os.environ).ours)
    except UserError:
        return True  # its file can't be read, which `install --agent` would say
