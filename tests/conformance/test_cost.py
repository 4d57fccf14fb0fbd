"""The hook path is paid for by every event: what is on it is counted here, not timed."""

import collections
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hookspan.setup.relay import BUILDS, Build
from tests.conformance.build import HOOKS, compile_relay
from tests.conformance.conftest import LONG, Relay, State, compiled, interpreted, python

# Of the compiled relay, for an event that came in one piece, with an agent alive.
SYSTEM_CALLS = collections.Counter(
    [
        *("execve", *["clock_gettime"] * 7),
        *("openat", "read", "close"),  # what the process had lived through before
        *("rt_sigaction", "rt_sigaction", "umask", "ppoll", "read", "ppoll", "read"),
        *("chdir", "newfstatat", "geteuid", "newfstatat"),  # the state folder, the heartbeat
        *("uname", "readlinkat", "getpid", "getppid"),
        *("openat", "openat", "flock", "fstat", "newfstatat", "pread64", "writev", "close"),
        *("socket", "sendto", "exit_group"),
    ]
)


@pytest.mark.parametrize("build", [pytest.param(compiled, marks=pytest.mark.need_cc), interpreted])
@pytest.mark.need_strace
def test_no_file_is_opened_through_a_link_or_created_over_another(
    build: Callable[[], Relay], state: State, tmp_path: Path
) -> None:
    state.conf("autostart 1\narg /nonexistent\n")
    log = tmp_path / "trace"
    strace = ["strace", "-e", "trace=open,openat,flock", "-o", str(log)]
    with state.locked():
        build().run(state, before=strace)
    ours = "journal", "current.jsonl", "stray-", "relay.conf", "run/start.lock"
    lines = log.read_text().splitlines()
    opened = {name: line for name in ours for line in lines if f'"{name}' in line}
    assert sorted(opened) == sorted(ours)
    assert all("O_NOFOLLOW" in line and "O_CLOEXEC" in line for line in opened.values())
    assert "O_EXCL" in opened["stray-"]
    assert "O_APPEND" in opened["current.jsonl"]
    locks = [line for line in lines if "flock(" in line]
    assert locks
    assert all("LOCK_EX|LOCK_NB" in line for line in locks)


@pytest.mark.parametrize("build", [pytest.param(compiled, marks=pytest.mark.need_cc), interpreted])
@pytest.mark.need_strace
def test_no_path_comes_from_the_payload(build: Callable[[], Relay], state: State, tmp_path: Path) -> None:
    names = "cwd", "transcript_path", "session_id", "agent_transcript_path"
    payload = json.dumps({name: f"/nowhere/payload/{name}/../../.." for name in names}).encode()
    log = tmp_path / "trace"
    build().run(state, payload, before=["strace", "-f", "-e", "trace=%file", "-o", str(log)])
    assert "current.jsonl" in log.read_text()
    assert "payload" not in log.read_text()


def trace(relay: Relay, state: State, tmp_path: Path) -> list[str]:
    """The names of the system calls of a hook that finds everything in its place."""
    (state.path / "heartbeat").touch()
    state.current.write_bytes(b"{}\n")
    log = tmp_path / "trace"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(state.path / "run" / "poke.sock"))
        sock.settimeout(LONG)
        event = tmp_path / "event"
        event.write_bytes(b"x" * 8192)
        with event.open("rb") as stdin:
            relay.start(state, stdin=stdin, before=["strace", "-f", "-o", str(log)]).wait()
        assert sock.recv(1) == b"!"
    assert len(state.lines()) == 2
    return re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)


@pytest.mark.need_cc
@pytest.mark.need_strace
def test_system_calls_of_the_compiled_relay(state: State, tmp_path: Path) -> None:
    assert collections.Counter(trace(compiled(), state, tmp_path)) - SYSTEM_CALLS == {}


@pytest.mark.need_strace
def test_the_interpreted_relay_starts_nothing_and_writes_once(state: State, tmp_path: Path) -> None:
    calls = collections.Counter(trace(interpreted(), state, tmp_path))
    assert (calls["writev"], calls["write"], calls["sendto"], calls["execve"]) == (1, 0, 1, 1)
    assert not {"fork", "vfork", "clone", "clone3", "fsync", "fdatasync"} & set(calls)


@pytest.mark.parametrize("kept", ["all", "nothing", "a part", "rubbish"])
def test_what_python_keeps_of_the_interpreted_relay_is_no_condition(kept: str, state: State, tmp_path: Path) -> None:
    for name in ("main.py", "relay.py"):
        shutil.copy(HOOKS / name, tmp_path)
    relay = Relay("python", [python(), "-I", "-S", str(tmp_path / "main.py")])
    cache = tmp_path / "__pycache__"
    if kept == "nothing":
        cache.touch()  # in the place of the folder
    relay.run(state)
    if kept != "nothing":
        (file,) = cache.iterdir()
        whole = file.read_bytes()
        file.write_bytes({"all": whole, "a part": whole[:-50], "rubbish": whole[:16] + b"\xff" * 50}[kept])
    relay.run(state)
    assert len(state.lines()) == 2


def test_the_interpreted_relay_imports_three_extension_modules(state: State) -> None:
    def imported(*arguments: str) -> list[str]:
        done = subprocess.run(
            [python(), "-I", "-S", "-X", "importtime", *arguments], input=b"{}", capture_output=True, check=True, env={}
        )
        return re.findall(r"\| +(\S+)$", done.stderr.decode(), re.MULTILINE)

    bare = set(imported("-c", "pass"))
    assert "posix" in bare
    assert set(imported(str(HOOKS / "main.py"), str(state.path))) - bare <= {"fcntl", "_socket", "_signal"}
    assert len(state.lines()) == 1


@pytest.mark.parametrize("how", BUILDS, ids=lambda how: f"{how.compiler} {how.how}")
@pytest.mark.parametrize(
    "compiler",
    [
        pytest.param("cc", marks=pytest.mark.need_cc),
        pytest.param("clang", marks=pytest.mark.need_clang),
        pytest.param("musl-gcc", marks=pytest.mark.need_musl),
    ],
)
def test_relay_compiles_without_a_warning(compiler: str, how: Build, state: State) -> None:
    Relay(compiler, [str(compile_relay(how, compiler))]).run(state)
    assert len(state.lines()) == 1
