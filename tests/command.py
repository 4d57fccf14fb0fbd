"""`python -m hookspan` for tests: each call is a process of its own, forked from one that has imported it.

A start of Python costs 0.2 s of a processor, nearly all of it for imports, and tests call the command a thousand times.
The fork of a process that has done nothing but import (`tests/forker.py`) has the environment, folder, umask,
arguments, output and exit of a start for a fraction; only its patience with agents is a test's. What a start itself
does is tested by those that start Python: tests/cli/test_main.py, and tests/cli/test_homeless.py with every verb.
"""

import contextlib
import functools
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from tests.cache import cache

CHUNK: Final = 1 << 16
FORKER: Final = Path(__file__).with_name("forker.py")
AT_A_START: Final = ("LD_", "PYTHON")  # variables that count when a program is started
# /etc as the machine has it, with files of our own over it: in a mount namespace of its own.
OVER_ETC: Final = """
mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" && cp -r "$2/." "$1/upper"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
"""

_one_at_a_time = threading.Lock()


def call(
    *words: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    timeout: float | None = None,
    etc: tuple[Path, Path] | None = None,
    uid: int | None = None,
) -> "subprocess.CompletedProcess[str]":
    """One call, whose stdin is empty. Raises TimeoutExpired after it has killed one that takes longer.

    `etc`: files that it finds in /etc beside the machine's own, and an empty folder to mount things in. `uid`: another
    user, who may look everywhere: Pythons of a version manager are often where only their owner may. Both need root.
    """
    command = [sys.executable, "-m", "hookspan", *words]
    if any(name.startswith(AT_A_START) for name in env):
        assert (etc, uid) == (None, None)
        return subprocess.run(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    (out, its_out), (err, its_err) = os.pipe(), os.pipe()
    order = _order(words, env=env, cwd=cwd or Path.cwd(), etc=etc, uid=uid)
    pid, told = _forked(order, its_out, its_err)
    with told:
        try:
            stdout, stderr = _read(out, err, timeout)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, timeout or 0) from None
        return subprocess.CompletedProcess(command, int(told.readline()), stdout, stderr)


class Agent:
    """An agent by itself, forked as those that our command starts: of `subprocess.Popen` what tests use."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str]) -> None:
        order = _order(command, env=env, cwd=Path.cwd()) | {"agent": True}
        self._command = command
        self.pid, self._told = _forked(order, *(os.open(os.devnull, os.O_WRONLY) for _ in range(2)))
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status. Raises TimeoutExpired if it takes longer, and leaves it running."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._command, timeout or 0)
            with self._told:
                self.returncode = int(self._told.readline())
        return self.returncode

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        """Nothing if it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """By SIGTERM."""
        self.send_signal(signal.SIGTERM)


def _order(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    etc: tuple[Path, Path] | None = None,
    uid: int | None = None,
) -> dict[str, Any]:
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        "words": words,
        "env": dict(env),
        "cwd": str(cwd),
        "umask": umask,
        "etc": [f"mount --make-rprivate /{OVER_ETC}", *map(str, etc)] if etc else [],
        "uid": uid,
    }


def _forked(order: Mapping[str, Any], out: int, err: int) -> tuple[int, TextIO]:
    """A new process without input, whose outputs are the two descriptors: its pid, and what will tell its status."""
    report, its_report = socket.socketpair()
    nothing = os.open(os.devnull, os.O_RDONLY)
    text = json.dumps(order).encode() + b"\n"
    with _one_at_a_time:
        line, _ = _prepared()
        sent = socket.send_fds(line, [text], [its_report.fileno(), nothing, out, err])
        line.sendall(text[sent:])
    its_report.close()
    for descriptor in (nothing, out, err):
        os.close(descriptor)
    with report:
        told = report.makefile()
    return int(told.readline()), told


def _read(out: int, err: int, timeout: float | None) -> tuple[str, str]:
    """What the two pipes give until both are closed. Raises TimeoutError."""
    deadline = None if timeout is None else time.monotonic() + timeout
    got = {out: bytearray(), err: bytearray()}
    with contextlib.ExitStack() as stack:
        for pipe in got:
            stack.callback(os.close, pipe)
        selector = stack.enter_context(selectors.DefaultSelector())
        for pipe in got:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(None if deadline is None else deadline - time.monotonic())
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, CHUNK)
                got[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
    return got[out].decode(), got[err].decode()


@functools.cache
def _prepared() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """The line to the process that forks, and that process; it ends with this one."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-P", str(FORKER), str(its.fileno()), str(cache())],
            pass_fds=[its.fileno()],
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
        )
    return ours, process
