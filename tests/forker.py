"""The process that `tests/command.py` forks: it imports `hookspan`, then becomes a command for each order.

Not imported by tests: `python -P tests/forker.py DESCRIPTOR FOLDER` with the socket for orders and the folder for what
was compiled. It has no home, its folder is gone, and it finds nothing of the tests.

An agent that a forked command starts, or that a test starts by `Agent`, is forked, too: a start costs up to half a
second of a processor. It has the arguments, environment, folder, descriptors and session of a start, for others to see
as well. Agents that hooks and services start, or that are broken on purpose, are started.

A command waits for an agent as long as a test does: its own deadlines are for a machine of one user, and on one that
runs tests an agent may need longer to start, to answer or to end.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import mmap
import os
import pkgutil
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Final

import hookspan
import hookspan.agent.__main__ as agent
from hookspan.agent import client, exclusive, launch, status
from hookspan.cli.demo import outcome

CHUNK: Final = 1 << 16
CLONE_NEWNS: Final = 0x20000
CAPABILITIES, CAP_DAC_READ_SEARCH = 0x20080522, 2  # _LINUX_CAPABILITY_VERSION_3
PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_MM, PR_SET_MM_MAP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 4, 8, 35, 14, 47, 2
PATH: Final = tuple(sys.path)
PATIENCE: Final = 60.0  # seconds


def _prepare() -> None:
    """Without a home and in a folder that is gone, so that an import that needs either fails."""
    os.chdir(tempfile.mkdtemp())
    Path.cwd().rmdir()
    for module in pkgutil.walk_packages(hookspan.__path__, f"{hookspan.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("genai_prices")  # which each agent imports at its first model call: most of what that costs
    runpy.run_path(str(Path(__file__).with_name("compiled_once.py")))["begin"](Path(sys.argv[2]))
    vars(launch)["subprocess"] = SimpleNamespace(Popen=_Agent, DEVNULL=subprocess.DEVNULL)
    _wait_longer()
    gc.freeze()  # a collection in a fork would copy all of it


def _wait_longer() -> None:
    for module, *names in (
        (client, "READY_TIMEOUT"),
        (launch, "READY_TIMEOUT", "STOP_TIMEOUT", "LOCK_TIMEOUT"),
        (exclusive, "LOCK_TIMEOUT"),
        (status, "READY_TIMEOUT"),
        (sys.modules["hookspan.cli.verbs.flush"], "MARGIN"),
        (outcome, "PATIENCE"),
    ):
        for name in names:
            vars(module)[name] = max(vars(module)[name], PATIENCE)
    for ask in (client.Client.request, client.Client.ask):
        ask.__kwdefaults__["timeout"] = max(ask.__kwdefaults__["timeout"], PATIENCE)


# --- A command


def _serve(line: socket.socket) -> None:
    """Fork for each order, and be in the new process what it asks for; exit once nobody is there to order."""
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
    _follow(order)
    if order.get("agent"):
        _agent(order["words"])
    _command(order["words"], order["cwd"])


def _follow(order: Mapping[str, Any]) -> None:
    """Let this process have what the order says."""
    if order["etc"]:
        _put_over_etc(*order["etc"])
    if order["uid"] is not None:
        _become(order["uid"])
    _surround(order["env"], order["cwd"])
    os.umask(order["umask"])


def _surround(env: Mapping[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(folder)


def _become(uid: int) -> None:
    """Another user without groups, who keeps one of root's rights, as do all that it starts: to look everywhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kept = 1 << CAP_DAC_READ_SEARCH
    if libc.capset(struct.pack("=Ii", CAPABILITIES, 0), struct.pack("=6I", kept, kept, kept, 0, 0, 0)):
        raise OSError(ctypes.get_errno(), "capset")
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as after a start: its own /proc is its own


def _put_over_etc(script: str, files: str, scratch: str) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["sh", "-ec", script, "sh", scratch, files], cwd="/", check=True)


def _command(words: Sequence[str], folder: str) -> None:
    """Nothing of the interpreter is taken apart at the end: that would copy all memory, and take most of the time."""
    sys.path.insert(0, folder)
    sys.argv[1:] = words
    try:
        runpy.run_module("hookspan", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert isinstance(end.code, int)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


# --- An agent


class _Agent:
    """As `subprocess.Popen` where the agent is started, without a new Python. Its stdin and stdout are /dev/null."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: IO[bytes],
        start_new_session: bool,
        cwd: str,
        env: Mapping[str, str],
        pass_fds: Sequence[int],
    ) -> None:
        assert list(command[:4]) == [sys.executable, "-I", "-m", "hookspan.agent"]
        assert (stdin, stdout, start_new_session) == (subprocess.DEVNULL, subprocess.DEVNULL, True)
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()  # in the fork, what the command has left would close descriptors that are others' by then
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            _keep(stderr.fileno(), pass_fds)
            _surround(env, cwd)
            _agent(command)

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


def _agent(command: Sequence[str]) -> None:
    """Be the agent that this command starts."""
    status = 1
    try:
        sys.path[:] = PATH
        sys.argv[1:] = command[4:]
        try:
            shown = _show(command, os.environ)
        except OSError:  # a kernel without checkpoints: it is started
            os.execve(command[0], list(command), os.environ)
        status = agent.main()
        shown.close()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as Python ends
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _keep(errors: int, more: Sequence[int]) -> None:
    """Of the descriptors `more`, and /dev/null, /dev/null and `errors` as 0, 1 and 2."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for target, descriptor in enumerate((nothing, nothing, errors)):
        os.dup2(descriptor, target)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in more:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(int(name))


def _show(command: Sequence[str], env: Mapping[str, str]) -> mmap.mmap:
    """Let /proc have these arguments and this environment for as long as the returned memory is there."""
    words = b"".join(os.fsencode(word) + b"\0" for word in command)
    data = words + b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in env.items())
    memory = mmap.mmap(-1, len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(data)
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))  # which is let go at once
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sbrk.restype = ctypes.c_void_p
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    code, data_, heap, stack = (26, 27), (45, 46), (47,), (28,)  # as proc(5) counts them
    as_it_is = [int(fields[number - 3]) for number in (*code, *data_, *heap)] + [libc.sbrk(0)]
    as_it_is += [int(fields[number - 3]) for number in stack]
    ends = at + len(words), at + len(data)
    place = struct.pack("=11QQII", *as_it_is, at, ends[0], ends[0], ends[1], 0, 0, (1 << 32) - 1)
    if libc.prctl(PR_SET_MM, PR_SET_MM_MAP, place, len(place), 0):
        raise OSError(ctypes.get_errno(), "prctl")
    return memory


if __name__ == "__main__":
    _prepare()
    _serve(socket.socket(fileno=int(sys.argv[1])))
