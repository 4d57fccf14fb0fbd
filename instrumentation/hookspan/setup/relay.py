"""Installs the relay and the files that it works with, where coding agents and the relay find them.

`relay.conf` is text, `key value` a line: `cap_bytes N`, `autostart 0|1`, and an `arg` line for every word of the
command that starts the agent. `drops` is preallocated, so that a full disk still counts: 64 bytes for each reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from hookspan import assets, atomic
from hookspan.clients import relay_command
from hookspan.config import Settings
from hookspan.errors import UserError
from hookspan.paths import RELAY_NAME, Paths
from hookspan.record import Record, replace

from . import receipts
from .installed_relay import C_SOURCES, PYTHON_SOURCES, is_newest, source_of

COMPILE_TIMEOUT: Final = 60  # seconds
TRIAL_TIMEOUT: Final = 10  # seconds; a run takes a millisecond
TRIAL_EVENT: Final = b'{"hook_event_name":"Trial","session_id":"trial"}'

DROP_REASONS: Final = ("cap", "heartbeat", "read", "open", "lock", "write", "other")  # the order of the file's lines


class Build(Record):
    """A way to make the relay from C."""

    compiler: str
    how: str  # in words
    linking: tuple[str, ...] = ()
    compiling: tuple[str, ...] = ()
    sources: tuple[str, ...] = ("relay.c",)  # in `hooks`


SEGMENTS: Final = "-Wl,-z,noseparate-code"  # fewer of them are fewer page faults
ALONE: Final = Build(
    "cc",
    "without a C library",
    ("-static", "-nostdlib", "-no-pie"),
    # What some compilers do unasked needs one: a canary on the stack, checked calls, an address chosen at the start.
    ("-fno-stack-protector", "-U_FORTIFY_SOURCE", "-fno-pie"),
    C_SOURCES,
)
"""For Linux on x86_64 and aarch64, as in the wheels. It starts sooner than any program with a C library."""
BUILDS: Final = (
    replace(ALONE, linking=(*ALONE.linking, SEGMENTS)),
    Build("musl-gcc", "static", ("-static", SEGMENTS)),
    Build("cc", "static", ("-static", SEGMENTS)),
    Build("cc", "with the system's C library"),
)
"""The first that works is taken."""


class Relay(Record):
    """A relay that has been tried on this machine."""

    target: Path  # where it is to be
    data: bytes
    command: tuple[str, ...]  # what a coding agent runs
    how: str  # in words
    module: bytes = b""  # what a script runs that is beside it

    def install(self, paths: Paths) -> bool:
        """Put it in place by a rename, since a live session may run the old one; False if it is there already."""
        for folder in (paths.data, paths.bin):  # an older hookspan made them as the umask said
            paths.private(folder)
        try:
            changed = not self._is_there(paths)
            for file, data, mode in ((paths.relay_module, self.module, 0o600), (self.target, self.data, 0o700)):
                if changed and data:
                    if file.is_symlink():  # or the file it points to would be written
                        file.unlink()
                    atomic.write(file, data, mode=mode)
            if not is_newest(paths, self.target):
                atomic.write(paths.relay_source, source_of(self.target), mode=0o600)
        except OSError as error:
            raise UserError(f"can't write `{self.target}`: {error.strerror}") from error
        return changed

    def _is_there(self, paths: Paths) -> bool:
        try:
            whole = not self.module or paths.relay_module.read_bytes() == self.module
            return whole and self.target.read_bytes() == self.data and os.access(self.target, os.X_OK)
        except OSError:
            return False


def prepare(paths: Paths) -> Relay:
    """Take the package's relay or build one, and try it; where that can't be done, take the one in Python.

    UserError if neither works.
    """
    for path in (paths.state, paths.data):
        if not str(path).isprintable():  # a newline in relay.conf, or bytes that are no UTF-8
            raise UserError(f"{str(path)!r} has characters that a settings file can't hold", hint="set `HOOKSPAN_HOME`")
    hooks = assets.root() / "hooks"
    with tempfile.TemporaryDirectory(prefix="hookspan-build-") as folder:
        built = Path(folder) / "relay"
        for how in _compiled(hooks, built):
            if _works([str(built)]):
                return Relay(paths.relay, built.read_bytes(), (str(paths.relay), str(paths.state)), how)
    data, module = ((hooks / name).read_bytes() for name in PYTHON_SOURCES)
    with tempfile.TemporaryDirectory(prefix="hookspan-build-") as folder:
        for name in PYTHON_SOURCES:  # beside which Python keeps what it has compiled
            shutil.copyfile(hooks / name, Path(folder) / name)
        for python in interpreters():
            if _works([*relay_command.in_python(python, script=Path(folder) / PYTHON_SOURCES[0])]):
                command = (*relay_command.in_python(python, script=paths.relay_script), str(paths.state))
                how = f"run by `{python}`, since nothing can be compiled here"
                return Relay(paths.relay_script, data, command, how, module)
    raise UserError(
        "neither the compiled relay nor the one in Python works on this machine",
        hint="install a C compiler, such as `sudo apt-get install gcc libc6-dev`, and try again",
    )


def interpreters() -> list[str]:
    """The Pythons that may run the relay: the system's outlives a venv, and starts faster than a venv's link to it."""
    return [python for python in ("/usr/bin/python3", os.path.realpath(sys.executable)) if os.access(python, os.X_OK)]


def _compiled(hooks: Path, target: Path) -> Iterator[str]:
    """Put the compiled relay to `target`, in one way after the other, and say each time in which."""
    packed = hooks / RELAY_NAME  # in the wheel of a platform: packaging/build_hook.py puts it there
    if packed.is_file():
        shutil.copyfile(packed, target)
        target.chmod(0o700)
        yield "from this package"
    for build in BUILDS:
        if _compile(build, hooks, target):
            yield f"compiled with {build.compiler}, {build.how}"


def _compile(build: Build, hooks: Path, target: Path) -> bool:
    if (program := shutil.which(build.compiler)) is None:
        return False
    sources = (str(hooks / name) for name in build.sources)
    command = [program, "-O3", *build.compiling, *build.linking, "-o", str(target), *sources]
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMPILE_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _works(command: list[str]) -> bool:
    """Whether the relay puts an event into a journal, in silence: a toolchain can be broken in many ways."""
    with tempfile.TemporaryDirectory(prefix="hookspan-trial-") as folder:
        state = Path(folder)
        (state / "journal").mkdir(mode=0o700)
        try:
            done = run([*command, folder], TRIAL_EVENT, timeout=TRIAL_TIMEOUT)
            line = (state / "journal" / "current.jsonl").read_bytes()
        except (OSError, subprocess.TimeoutExpired):
            return False
    return (done.returncode, done.stdout, done.stderr) == (0, b"", b"") and TRIAL_EVENT in line


def run(
    command: Sequence[str], event: bytes, *, timeout: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a relay as an agent runs a hook, for `timeout` seconds at most.

    The event is there when the relay begins: it waits two seconds for what comes, and on a busy machine we may not go
    on sooner. Raises OSError, subprocess.TimeoutExpired.
    """
    with tempfile.TemporaryFile() as given:
        given.write(event)
        given.seek(0)
        return subprocess.run(command, stdin=given, capture_output=True, timeout=timeout, env=env, check=False)


def agent_command(paths: Paths) -> list[str]:
    """The command that starts the agent, whoever starts it; `-I`: neither PYTHON* nor the current folder counts."""
    return [
        *(sys.executable, "-I", "-m", "hookspan.agent"),
        *("--state", str(paths.state), "--config", str(paths.config), "--data", str(paths.data)),
    ]


def create_state(paths: Paths, settings: Settings) -> None:
    """Make the folders and files that the relay expects; what is there keeps its counts."""
    paths.create()
    write_conf(paths, settings)
    if not paths.heartbeat.exists():  # the 7 days without an agent, after which a relay stops writing, begin now
        atomic.write(paths.heartbeat, b"")
    if not paths.drops.exists():
        atomic.write(paths.drops, b"".join(drop_line(reason, 0, 0) for reason in DROP_REASONS))


def keep_lines(paths: Paths) -> None:
    """Have the folder for status lines of ours, which the agent fills where it is, if one is installed."""
    if any(receipt.status_line == "" for receipt in receipts.read(paths).values()):
        paths.private(paths.lines)
    elif paths.lines.is_dir():
        shutil.rmtree(paths.lines, ignore_errors=True)


def write_conf(paths: Paths, settings: Settings) -> None:
    """Write `relay.conf` anew, if that changes it."""
    lines = [
        f"cap_bytes {settings.journal.bytes}",
        f"autostart {int(settings.agent.autostart)}",
        *(f"arg {word}" for word in agent_command(paths)),
    ]
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    if not paths.relay_conf.exists() or paths.relay_conf.read_bytes() != data:
        atomic.write(paths.relay_conf, data, mode=0o600)


def drop_line(reason: str, count: int, last: int) -> bytes:
    """A line of `drops`: 64 bytes with the reason, how often, and when last in Unix nanoseconds."""
    return f"{reason:<16}{count:020d} {last:020d}".ljust(63).encode() + b"\n"
