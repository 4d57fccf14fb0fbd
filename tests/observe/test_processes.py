"""Which of a client's children tells that a dialog was answered, and until when a client was there."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from hookspan.model.state import SessionState, ToolCall, Wait
from hookspan.observe import processes
from hookspan.observe.processes import Processes

SECOND = 1_000_000_000


@contextmanager
def client_with_child(folder: Path, client: str, child: str) -> Iterator[int]:
    """A shell by one name that runs `sleep` by another; gives its pid once both are there."""
    for name, program in ((client, "sh"), (child, "sleep")):
        if not (folder / name).exists():
            shutil.copy(str(shutil.which(program)), folder / name)
    process = subprocess.Popen([folder / client, "-c", f"{folder / child} 60; exit"], start_new_session=True)
    try:
        while [one.name() for one in psutil.Process(process.pid).children()] != [child]:
            time.sleep(0.01)
        yield process.pid
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.mark.parametrize(
    ("child", "tells"),
    [pytest.param("bash", True, id="a tool"), pytest.param("hookspan-relay", False, id="a hook that waits its turn")],
)
def test_only_a_tool_s_process_tells_that_a_dialog_was_answered(tmp_path, child, tells):
    with client_with_child(tmp_path, "claude", child) as pid:
        now = time.time_ns()
        asked = now - 10 * SECOND
        session = SessionState(id="s", first=asked, opened=asked, start=asked, started=True, pid=pid, last=now)
        session.waits = [Wait(at=asked, tool="Bash")]
        found = Processes().step(now + SECOND, [session])
    assert bool(found) is tells


def asked_about(*commands: str, allowed: tuple[str, ...] = ()) -> tuple[SessionState, dict[int, bytes]]:
    """A session with a dialog for each command, the first asked first, and calls that nobody is asked about.

    Also the journal's lines of their PreToolUse.
    """
    now = time.time_ns()
    session = SessionState(id="s", first=now, opened=now, start=now, started=True, pid=os.getpid(), last=now)
    lines = {}
    for number, command in enumerate((*commands, *allowed), 1):
        at = now - (60 - number) * SECOND // 100  # no other child of this process is as young
        session.calls[command] = ToolCall(id=command, tool="Bash", at=at, record=number)
        if command in commands:
            session.waits.append(Wait(at=at, tool="Bash", tool_use_id=command))
        event = {"hook_event_name": "PreToolUse", "tool_input": {"command": command}}
        lines[number] = json.dumps({"at": at, "event": event}).encode()
    return session, lines


@contextmanager
def running(*commands: str, **env: str) -> Iterator[None]:
    """Children of this process that run commands as the client has them run: in quotes, with words of its own."""
    children = []
    try:
        for command in commands:
            script = f"shopt -u extglob 2>/dev/null || true && eval {shlex.quote(command)} \\< /dev/null; read -r _"
            children.append(subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE, env={**os.environ, **env}))
            time.sleep(0.02)  # births are told in hundredths of a second
        yield
    finally:
        for child in children:
            child.kill()
            child.communicate()


FIRST, SECOND_ONE, QUOTED = "true first", "true second", """true 'it'"'"'s' "a  b" \\$HOME;\ntrue"""


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        pytest.param([SECOND_ONE], [SECOND_ONE], id="the newer dialog's"),
        pytest.param([QUOTED], [QUOTED], id="whatever its quotes"),
        pytest.param([FIRST, QUOTED], [FIRST, QUOTED], id="each its own"),
        pytest.param(["true allowed"], [], id="that of a call that nobody was asked about"),
        pytest.param(["true"], [], id="the client's own"),
    ],
)
def test_a_child_tells_of_the_dialog_whose_command_it_runs(runs, told):
    session, lines = asked_about(FIRST, SECOND_ONE, QUOTED, allowed=("true allowed",))
    with running(*runs):
        found = Processes(lines.get).step(time.time_ns() + SECOND, [session])
    stamps = {wait.at: wait.tool_use_id for wait in session.waits}
    assert [stamps[fact.asked] for fact in found] == told


def test_a_child_that_has_its_call_in_its_environment_tells_of_that_call_at_once():
    session, lines = asked_about(FIRST, SECOND_ONE, allowed=("true allowed",))
    session.agent = "codex"
    with running(FIRST, CODEX_TOOL_CALL_ID="true allowed"):
        assert Processes(lines.get).step(time.time_ns(), [session]) == []
    with running("true", CODEX_TOOL_CALL_ID=SECOND_ONE):
        (fact,) = Processes(lines.get).step(time.time_ns(), [session])
    assert fact.asked == session.waits[1].at


def test_a_child_is_as_old_as_it_is():
    session, lines = asked_about(FIRST)
    before = time.time_ns()
    with running(FIRST):
        after = time.time_ns()
        (fact,) = Processes(lines.get).step(after + SECOND, [session])
    assert before - SECOND // 50 <= fact.at <= after


def test_where_it_can_t_be_told_a_child_tells_of_one_dialog():
    session, _ = asked_about(FIRST, SECOND_ONE)
    with running(SECOND_ONE):
        (fact,) = Processes().step(time.time_ns() + SECOND, [session])
        assert fact.asked == session.waits[0].at
        session.waits[0].running_at = fact.at
        assert not Processes().step(time.time_ns() + SECOND, [session]), "it has told already"


def test_a_client_that_was_seen_to_run_was_there_until_then(tmp_path):
    with client_with_child(tmp_path, "claude", "bash") as pid:
        heard = time.time_ns()
        session = SessionState(id="s", first=heard, opened=heard, start=heard, started=True, pid=pid, last=heard)
        watching, late = Processes(), Processes()
        watching.step(heard + 9 * SECOND, [session])
    ends = [one.step(heard + 20 * SECOND, [session])[0].at for one in (watching, late)]
    assert ends == [heard + 9 * SECOND, heard]


def no_descriptor(_pid: int) -> int:
    raise OSError(errno.EMFILE, "too many open files")


@pytest.mark.parametrize("by", ["a descriptor", "/proc", "psutil"])
def test_a_client_that_its_parent_has_not_buried_is_gone(by, monkeypatch):
    if by != "a descriptor":
        monkeypatch.setattr(os, "pidfd_open", no_descriptor)
    if by == "psutil":
        monkeypatch.setattr(processes, "start_of", lambda _pid: "")
    process = subprocess.Popen(["sleep", "60"])
    try:
        now = time.time_ns()
        session = SessionState(id="s", first=now, opened=now, start=now, started=True, pid=process.pid, last=now)
        watching = Processes()
        assert watching.step(now + 3 * SECOND, [session]) == []
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        (fact,) = watching.step(now + 6 * SECOND, [session])
    finally:
        process.wait()
    assert fact.at == now + 3 * SECOND


def test_nothing_is_held_of_a_client_whose_session_is_over():
    now = time.time_ns()
    session = SessionState(id="s", first=now, opened=now, start=now, started=True, pid=os.getpid(), last=now)
    watching, before = Processes(), len(os.listdir("/proc/self/fd"))
    watching.step(now, [session])
    assert len(os.listdir("/proc/self/fd")) > before
    watching.step(now, [])
    assert len(os.listdir("/proc/self/fd")) == before
