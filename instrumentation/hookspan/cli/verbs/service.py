"""`hookspan service`: the agent started at login, by systemd or launchd, and started again if it should die.

Nobody needs it: a hook starts the agent when there is something to do. It is for those who want the page before the
first session, or the agent's settings from a unit.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import click

from hookspan import atomic
from hookspan.cli.lifecycle.manager import Manager, remove
from hookspan.cli.lifecycle.paused import paused
from hookspan.cli.terminal.options import JSON
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths


@click.group()
def service() -> None:
    """Start the agent at login.

    A hook starts it anyway. Use this to have the page before the first session, and an agent that restarts by itself.
    """


@service.command()
@click.option("--dry-run", is_flag=True, help="Print the file that would be written, and change nothing.")
def install(dry_run: bool) -> None:
    """Write the service's file, and start the service now and at every login."""
    paths = Paths.from_environment()
    manager = Manager.here(paths)
    if dry_run:
        click.echo(f"# {manager.file}\n{manager.text.decode()}", nl=False)
        return
    manager.check()
    with _taken_back(manager, paths), paused(paths) as pause:  # or the service's agent would find one at work, and end
        _write(manager, paths)
        paths.down.unlink(missing_ok=True)
        manager.run(*manager.start)
        pause.over = True
    click.echo(f"The agent starts at login: {manager.file}")
    if manager.kind == "systemd":
        click.echo("On a machine where you are not always logged in: sudo loginctl enable-linger $USER")


@service.command()
def uninstall() -> None:
    """Stop the service and delete its file."""
    paths = Paths.from_environment()
    removed, file = remove(paths), Manager.here(paths).file
    if not removed and file.exists():
        raise UserError(
            f"the service is of another hookspan: `{file}` starts it",
            hint="call that one, with the `HOOKSPAN_HOME` or `XDG_STATE_HOME` that it has; or delete the file",
        )
    click.echo("The service was removed." if removed else "There is no service.")


@service.command()
@JSON
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Say whether the service is installed and running. Exits 1 if not, or if its file starts another installation."""
    manager = Manager.here(Paths.from_environment())
    there = manager.file.exists()
    answer = {
        "file": str(manager.file) if there else None,
        "current": there and manager.is_written(),
        "runs": there and manager.runs(),
    }
    if as_json:
        click.echo(json.dumps(answer))
    elif not there:
        click.echo("There is no service. `hookspan service install` installs one.")
    else:
        click.echo(f"{manager.file}: {'runs' if answer['runs'] else 'does not run'}")
        if not answer["current"]:
            click.echo("It starts a different hookspan. `hookspan service install` rewrites it.")
    if not (answer["current"] and answer["runs"]):
        ctx.exit(EXIT_USER)


def _write(manager: Manager, paths: Paths) -> None:
    if manager.is_written():
        return
    try:
        for folder in (manager.file.parent, *(link.parent for link in manager.links)):
            paths.make(folder)
        atomic.write(manager.file, manager.text, mode=0o644)
    except OSError as error:
        raise UserError(f"can't write `{manager.file}`: {error.strerror}") from error


@contextlib.contextmanager
def _taken_back(manager: Manager, paths: Paths) -> Iterator[None]:
    """If the block fails the service's file, and whether `down` was said, are as before."""
    before = manager.file.read_bytes() if manager.file.exists() else None
    down = paths.down.exists()
    try:
        yield
    except BaseException:
        if before is not None:
            atomic.write(manager.file, before, mode=0o644)
        elif manager.file.exists():
            with contextlib.suppress(UserError):
                manager.run(*manager.stop)
            for path in (manager.file, *manager.links):
                path.unlink(missing_ok=True)
            paths.unmake()
        if down:
            paths.down.touch(mode=0o600)
        raise
