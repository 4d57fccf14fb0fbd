"""What starts the agent at login: systemd or launchd, and the file that configures it."""

from __future__ import annotations

import contextlib
import itertools
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

from hookspan.errors import UserError
from hookspan.folders import home_folder
from hookspan.paths import Paths
from hookspan.setup import relay

_STARTS: Final = re.compile(r"^ExecStart=(.*)$", re.MULTILINE)
UNIT: Final = "hookspan.service"
LABEL: Final = "dev.hookspan.agent"
TIMEOUT: Final = 60  # seconds for systemctl or launchctl
RESTART_AFTER: Final = 5  # seconds
HINT: Final = "nothing has changed, and no service is needed: the first hook of a session starts the agent"


@dataclass(frozen=True, slots=True)
class Manager:
    """What starts services on this system, and how: commands are lists of argument lists.

    There is one service for a user, whichever hookspan's it is: `state` is the folder of this one.
    """

    kind: str
    state: Path
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
            raise UserError(f"there is no `{self.ask[0]}` on this machine", hint=HINT)
        self.run(self.reach)

    def is_written(self) -> bool:
        """Whether the file is there as this hookspan would write it."""
        return self.file.exists() and self.file.read_bytes() == self.text

    def is_ours(self) -> bool:
        """Whether the file is there and starts this hookspan's agent, not that of another HOOKSPAN_HOME."""
        if not self.file.exists():
            return False
        words = (_in_plist if self.kind == "launchd" else _in_unit)(self.file.read_bytes())
        return ("--state", str(self.state)) in itertools.pairwise(words)

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
                    hint=HINT,
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
Description=hookspan, OpenTelemetry for coding agents
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
        state=paths.state,
        file=folder / UNIT,
        text=os.fsencode(text),
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
        state=paths.state,
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


def _in_unit(unit: bytes) -> list[str]:
    """The words of its ExecStart, which `_word` has written."""
    line = _STARTS.search(unit.decode(errors="replace"))
    try:
        words = shlex.split(line[1]) if line else []
    except ValueError:  # somebody else's, with other quotes
        return []
    return [word.replace("%%", "%").replace("$$", "$") for word in words]


def _in_plist(value: bytes) -> list[Any]:
    """Its ProgramArguments."""
    try:
        return list(plistlib.loads(value)["ProgramArguments"])
    except (ValueError, LookupError, TypeError, ExpatError):
        return []


def remove(paths: Paths) -> bool:
    """Stop this hookspan's service and delete its file; False if there was none."""
    manager = Manager.here(paths)
    if not manager.is_ours():
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
