"""`hookspan service`: the agent started at login, by systemd or launchd, and started again if it should die.

Nobody needs it: a hook starts the agent when there is something to do. It is for those who want the page before the
first session, or the agent's settings from a unit.
"""

from __future__ import annotations

import contextlib
import json
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from hookspan import atomic
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths, home_folder
from hookspan.setup import relay

UNIT: Final = "hookspan.service"
LABEL: Final = "dev.hookspan.agent"
TIMEOUT: Final = 60  # seconds for systemctl or launchctl
RESTART_AFTER: Final = 5  # seconds
WITHOUT: Final = "nothing has changed and nothing is lost: the first hook of a session starts the agent"

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def service() -> None:
    """Start the agent at login.

    A hook starts it anyway. This is for the page before the first session, and for an agent that comes back by itself.
    """


@service.command()
@click.option("--dry-run", is_flag=True, help="Print the file that would be written, and change nothing.")
def install(dry_run: bool) -> None:
    """Write the service's file, and start the service now and at every login."""
    from hookspan.cli.lifecycle.paused import paused

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


@service.command()
def uninstall() -> None:
    """Stop the service and delete its file."""
    click.echo("The service is gone." if remove(Paths.from_environment()) else "There is no service.")


@service.command()
@JSON
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Say whether the service is there and runs. Exits 1 if not, or if its file is of another installation."""
    manager = Manager.here(Paths.from_environment())
    there = manager.file.exists()
    found = {
        "file": str(manager.file) if there else None,
        "current": there and manager.is_written(),
        "runs": there and manager.runs(),
    }
    if as_json:
        click.echo(json.dumps(found))
    elif not there:
        click.echo("There is no service. `hookspan service install` makes one.")
    else:
        click.echo(f"{manager.file}: {'runs' if found['runs'] else 'does not run'}")
        if not found["current"]:
            click.echo("It starts another hookspan than this one. `hookspan service install` writes it anew.")
    if not (found["current"] and found["runs"]):
        ctx.exit(EXIT_USER)


def remove(paths: Paths) -> bool:
    """Stop the service and delete its file; False if there was none."""
    manager = Manager.here(paths)
    if not manager.file.exists():
        return False
    with contextlib.suppress(UserError):  # without a running systemd there is nothing to stop
        manager.run(*manager.stop)
    manager.file.unlink()
    for link in manager.links:
        link.unlink(missing_ok=True)
    with contextlib.suppress(UserError):
        manager.run(*manager.forget)
    paths.unmake()
    return True


@dataclass(frozen=True, slots=True)
class Manager:
    """What starts services on this system, and how: commands are lists of argument lists."""

    kind: str
    file: Path
    text: bytes
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    forget: tuple[tuple[str, ...], ...]  # once the file is gone
    ask: tuple[str, ...]  # succeeds while the service runs
    reach: tuple[str, ...]  # succeeds where the manager can be asked anything
    resume: tuple[tuple[str, ...], ...]  # starts the service where it has ended
    links: tuple[Path, ...] = ()

    @classmethod
    def here(cls, paths: Paths) -> Manager:
        """Launchd on macOS, systemd elsewhere."""
        return launchd(paths) if sys.platform == "darwin" else systemd(paths)

    def check(self) -> None:
        """UserError where this system has no such manager, or this user none."""
        if shutil.which(self.ask[0]) is None:
            raise UserError(f"there is no `{self.ask[0]}` on this machine", hint=WITHOUT)
        self.run(self.reach)

    def is_written(self) -> bool:
        """Whether the file is there as this hookspan would write it."""
        return self.file.exists() and self.file.read_bytes() == self.text

    def run(self, *commands: tuple[str, ...]) -> None:
        """Run commands one after the other; UserError with the words of the first that fails."""
        for command in commands:
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise UserError(f"`{' '.join(command)}` failed: {error}") from error
            if done.returncode:
                raise UserError(
                    f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}",
                    hint=WITHOUT,
                )

    def runs(self) -> bool:
        """Whether the manager says that the service runs."""
        try:
            self.run(self.ask)
        except UserError:
            return False
        return True


def systemd(paths: Paths) -> Manager:
    """A unit of the user's own systemd."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home_folder() / ".config")
    folder = config / "systemd" / "user"
    control = ("systemctl", "--user")
    text = f"""\
[Unit]
Description=hookspan, OpenTelemetry for Claude Code hooks
# `hookspan down` holds until `hookspan up`.
ConditionPathExists=!{_specifiers(str(paths.down))}

[Service]
ExecStart={" ".join(map(_word, (*relay.agent_command(paths), "--stay")))}
Restart=on-failure
RestartSec={RESTART_AFTER}
UMask=0077

[Install]
WantedBy=default.target
"""
    return Manager(
        kind="systemd",
        file=folder / UNIT,
        text=text.encode(),
        start=((*control, "daemon-reload"), (*control, "enable", "--quiet", UNIT), (*control, "restart", UNIT)),
        stop=((*control, "disable", "--quiet", "--now", UNIT),),
        forget=((*control, "daemon-reload"),),
        ask=(*control, "is-active", "--quiet", UNIT),
        reach=(*control, "show-environment"),
        resume=((*control, "start", UNIT),),
        links=(folder / "default.target.wants" / UNIT,),
    )


def launchd(paths: Paths) -> Manager:
    """A launch agent of the user's session."""
    file = home_folder() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    value = {
        "Label": LABEL,
        "ProgramArguments": [*relay.agent_command(paths), "--stay"],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_AFTER,
        "Umask": 0o077,
    }
    domain = f"gui/{os.getuid()}"
    return Manager(
        kind="launchd",
        file=file,
        text=plistlib.dumps(value),
        start=(("launchctl", "bootstrap", domain, str(file)),),
        stop=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        forget=(),
        ask=("launchctl", "print", f"{domain}/{LABEL}"),
        reach=("launchctl", "print", domain),
        resume=(("launchctl", "kickstart", f"{domain}/{LABEL}"),),
    )


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """One word of ExecStart, as systemd.syntax(7) and systemd.service(5) quote it."""
    escaped = _specifiers(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if escaped != text or any(c in text for c in " \t';") else text
