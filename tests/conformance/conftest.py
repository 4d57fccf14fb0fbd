"""The relays under test, and a state folder to run them on."""

import contextlib
import fcntl
import functools
import json
import os
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.build import HOOKS, SANITIZED, compile_c, compile_relay

LOCK_NAME = "current.jsonl"
PIPE, PIPE_MAX = 1 << 16, 1 << 20  # bytes that a pipe holds, and may
LONG = 60  # seconds; that a program hangs is found out by waiting longer than a loaded machine ever takes


@dataclass
class State:
    """A state folder, as the agent sees it."""

    path: Path

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    @property
    def current(self) -> Path:
        return self.journal / "current.jsonl"

    def lines(self) -> list[bytes]:
        """The lines of current.jsonl, all of which must end in LF."""
        if not self.current.exists():
            return []
        *lines, rest = self.current.read_bytes().split(b"\n")
        assert rest == b""
        return lines

    def strays(self) -> list[bytes]:
        files = sorted(self.journal.glob("stray-*"))
        contents = [file.read_bytes() for file in files]
        assert all(content.count(b"\n") == 1 and content.endswith(b"}\n") for content in contents)
        return [content[:-1] for content in contents]

    def records(self) -> list[dict[str, Any]]:
        """Everything that was written, in current.jsonl and in strays."""
        return [json.loads(line) for line in (*self.lines(), *self.strays())]

    def drops(self) -> dict[str, int]:
        """The counts in `drops` that aren't 0; its form is checked on the way."""
        file = self.path / "drops"
        if not file.exists():
            return {}
        data = file.read_bytes()
        assert len(data) == 7 * 64
        counts = {}
        for i in range(7):
            line = data[64 * i : 64 * i + 64].decode()
            assert (line[36], line[57:]) == (" ", " " * 6 + "\n")
            counts[line[:16].rstrip()] = int(line[16:36])
            assert (int(line[37:57]) > 0) == (int(line[16:36]) > 0)
        assert list(counts) == ["cap", "heartbeat", "read", "open", "lock", "write", "other"]
        return {reason: count for reason, count in counts.items() if count}

    def conf(self, text: str) -> None:
        (self.path / "relay.conf").write_text(text)

    @contextlib.contextmanager
    def locked(self, name: str = "journal/current.jsonl") -> Iterator[None]:
        with (self.path / name).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Hook:
    """A running relay. Its stdin is a pipe, and a relay that doesn't read it to the end breaks that pipe."""

    def __init__(
        self, command: list[str], env: dict[str, str] | dict[bytes, bytes] | None = None, **options: Any
    ) -> None:
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        options = {"stdin": subprocess.PIPE, "stdout": self.output, "stderr": self.output, **options}
        self.process = subprocess.Popen(command, env=env or {}, bufsize=0, **options)

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, payload: bytes) -> None:
        assert self.process.stdin
        if len(payload) > PIPE:
            # As much at once as the system lets a pipe hold: on a busy machine the two of us are seldom at work, and a
            # relay has 2 s for all of it.
            fcntl.fcntl(self.process.stdin, fcntl.F_SETPIPE_SZ, PIPE_MAX)
        view = memoryview(payload)
        while view:
            view = view[self.process.stdin.write(view) :]

    def has_read(self) -> None:
        """Waits until it has taken what was sent."""
        assert self.process.stdin
        end = time.monotonic() + LONG
        while struct.unpack("i", fcntl.ioctl(self.process.stdin, termios.FIONREAD, bytes(4)))[0]:
            assert time.monotonic() < end
            time.sleep(0.01)

    def close(self) -> None:
        """Ends its stdin."""
        if self.process.stdin:
            self.process.stdin.close()

    def end(self) -> None:
        self.close()
        self.wait()

    def wait(self) -> None:
        """Waits for its end. A hook always exits 0 and says nothing."""
        try:
            code = self.process.wait(LONG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.output.seek(0)
        said = self.output.read()
        self.output.close()
        assert (code, said) == (0, b"")


@dataclass
class Relay:
    """One of the implementations."""

    name: str
    command: list[str]

    def start(self, state: Path | State, **options: Any) -> Hook:
        folder = state.path if isinstance(state, State) else state
        return Hook([*options.pop("before", ()), *self.command, str(folder)], **options)

    def run(self, state: Path | State, payload: bytes = b'{"hook_event_name":"Stop"}\n', **options: Any) -> Hook:
        hook = self.start(state, **options)
        hook.send(payload)
        hook.end()
        return hook


def python() -> str:
    """The interpreter itself, not a venv's or a version manager's script in front of it."""
    return os.path.realpath(Path(sys.base_prefix, "bin", "python3"))


def compiled() -> Relay:
    """As `install` builds it."""
    return Relay("compiled", [str(compile_relay())])


def sanitized() -> Relay:
    """With a C library, and built so that a slip of memory, arithmetic or types ends it with a report."""
    return Relay("sanitized", [str(compile_c([HOOKS / "relay.c"], "cc", *SANITIZED))])


@functools.cache
def interpreted() -> Relay:
    """With what Python keeps of it already compiled."""
    subprocess.run([python(), "-I", "-m", "py_compile", str(HOOKS / "relay.py")], check=True)
    return Relay("python", [python(), "-I", "-S", str(HOOKS / "main.py")])


RELAYS: dict[str, Callable[[], Relay]] = {"compiled": compiled, "sanitized": sanitized, "python": interpreted}


@pytest.fixture(params=[pytest.param(name, marks=() if name == "python" else pytest.mark.need_cc) for name in RELAYS])
def relay(request: pytest.FixtureRequest) -> Relay:
    return RELAYS[request.param]()


@pytest.fixture
def state(tmp_path: Path) -> State:
    """As `install` leaves it, without the files that a relay can do without."""
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    (path / "journal").mkdir(mode=0o700)
    (path / "run").mkdir(mode=0o700)
    return State(path)
