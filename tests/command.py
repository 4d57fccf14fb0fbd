"""`python -m hookspan` for tests: each call is a process of its own, forked from one that has imported it.

A start of Python costs 0.2 s of a processor, nearly all of it for imports, and tests call the command a thousand times.
The fork of a process that has done nothing but import has the environment, folder, umask, arguments, output and exit of
a start for a fraction. What a start itself does is tested by those that start Python: tests/cli/test_main.py, and
tests/cli/test_homeless.py with every verb.

`install` compiles the relay, which takes as long as all else that it does. As with ccache, what a compiler of the
system has made of the same source is taken from where the tests keep what they build; other compilers are run.
"""

import contextlib
import ctypes
import functools
import gc
import hashlib
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from hookspan import cli
from hookspan.setup import relay

CHUNK: Final = 1 << 16
AT_A_START: Final = ("LD_", "PYTHON")  # variables that count when a program is started
SYSTEM: Final = Path("/usr/bin")  # where the system's compilers are
CLONE_NEWNS: Final = 0x20000
# /etc as the machine has it, with files of our own over it: in a mount namespace of its own.
OVER_ETC: Final = """
mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" && cp -r "$2/." "$1/upper"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
"""

_one_at_a_time = threading.Lock()


# --- In the test


def call(
    *words: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    timeout: float | None = None,
    etc: tuple[Path, Path] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """One call, whose stdin is empty. Raises TimeoutExpired after it has killed one that takes longer.

    `etc`: files that it finds in /etc beside the machine's own, and an empty folder to mount things in. Needs root.
    """
    command = [sys.executable, "-m", "hookspan", *words]
    if any(name.startswith(AT_A_START) for name in env):
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
    report, its_report = socket.socketpair()
    (out, its_out), (err, its_err) = os.pipe(), os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    with report, report.makefile() as told:
        with _one_at_a_time:
            umask = os.umask(0o077)
            os.umask(umask)
            order = {
                "words": words,
                "env": dict(env),
                "cwd": str(cwd or Path.cwd()),
                "umask": umask,
                "etc": [str(folder) for folder in etc or ()],
            }
            text = json.dumps(order).encode() + b"\n"
            line, _ = _prepared()
            sent = socket.send_fds(line, [text], [its_report.fileno(), nothing, its_out, its_err])
            line.sendall(text[sent:])
            its_report.close()
            for descriptor in (nothing, its_out, its_err):
                os.close(descriptor)
            pid = int(told.readline())
        try:
            stdout, stderr = _read(out, err, timeout)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, timeout or 0) from None
        return subprocess.CompletedProcess(command, int(told.readline()), stdout, stderr)


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
    from tests.cache import cache  # noqa: PLC0415 - not to be found by that process

    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(its.fileno()), str(cache())],
            pass_fds=[its.fileno()],
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
        )
    return ours, process


# --- In the process that forks


def _prepare() -> None:
    """Without a home and in a folder that is gone, so that an import that needs either fails."""
    os.chdir(tempfile.mkdtemp())
    Path.cwd().rmdir()
    for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}."):
        importlib.import_module(module.name)
    run = functools.partial(_run_compiler, Path(sys.argv[2]))
    relay.subprocess = SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired)  # type: ignore[attr-defined]
    gc.freeze()  # a collection in a fork would copy all of it


def _run_compiler(kept: Path, command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[Any]":
    """`subprocess.run` where a relay is made and tried. `kept`: the folder for what was made."""
    sources = [word for word in command if word.endswith(".c")]
    if not sources or Path(command[0]).parent != SYSTEM:
        return subprocess.run(command, **options)  # noqa: PLW1510 - the relay's module says it
    target = command[command.index("-o") + 1]
    digest = hashlib.sha256(repr([word for word in command if word != target]).encode())
    for file in sorted(Path(sources[0]).parent.glob("*.[ch]")):
        digest.update(file.read_bytes())
    made = kept / f"relay-{digest.hexdigest()[:16]}"
    if not made.exists():
        done = subprocess.run(command, **options)  # noqa: PLW1510 - the same
        if done.returncode:
            return done
        made.parent.mkdir(parents=True, exist_ok=True)
        fresh = made.with_suffix(f".{os.getpid()}")
        shutil.copy(target, fresh)
        fresh.rename(made)  # several may make it
    shutil.copy(made, target)
    return subprocess.CompletedProcess(command, 0)


def _serve(line: socket.socket) -> None:
    """Fork for each order, and return in the new process, which is the command; exit once nobody is there to order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that report
    while True:
        text, descriptors, *_ = socket.recv_fds(line, CHUNK, 4)
        while text and not text.endswith(b"\n"):
            text += line.recv(CHUNK)
        if not text:
            sys.exit()
        if os.fork() == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
    line.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    report = socket.socket(fileno=descriptors.pop(0))
    if command := os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        report.sendall(f"{command}\n".encode())
        status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        report.sendall(f"{status}\n".encode())
        os._exit(0)
    report.close()
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    order = json.loads(text)
    if order["etc"]:
        _put_over_etc(*order["etc"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.umask(order["umask"])
    os.chdir(order["cwd"])
    sys.path.insert(0, order["cwd"])
    sys.argv[1:] = order["words"]


def _put_over_etc(files: str, scratch: str) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["sh", "-ec", f"mount --make-rprivate /{OVER_ETC}", "sh", scratch, files], check=True)


def _command() -> None:
    """Nothing of the interpreter is taken apart at the end: that would copy all memory, and take most of the time."""
    try:
        runpy.run_module("hookspan", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert isinstance(end.code, int)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


if __name__ == "__main__":
    _prepare()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    _command()
