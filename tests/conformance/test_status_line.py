"""The relay in front of a status line: what it is told is recorded, and the line is what it was before."""

import os
import select
import shlex
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import LONG, Relay, State, compiled, sanitized
from tests.waiting import until

SESSION = "2fdc5994-7f80-46c8-8e7c-f55bf2922f93"
TOLD = b'{"session_id":"%s","cost":{"total_cost_usd":0.5,"total_duration_ms":6045,"total_api_duration_ms":0}}\n'
ALL_OF_IT = """cat; echo said >&2; pwd; umask; env | sort; ls /proc/$$/fd; grep -E '^Sig(Blk|Ign)' /proc/self/status
echo "$0 $1"; exit 3"""


def told(session: str = SESSION, ms: int = 6045) -> bytes:
    return (TOLD % session.encode()).replace(b"6045", b"%d" % ms)


def show(
    command: list[str], payload: bytes = told(), *, env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    variables = {"PATH": "/usr/bin:/bin", "CLAUDE_CODE_SESSION_ID": SESSION, "SECRET": "hunter2", **(env or {})}
    return subprocess.run(
        command, input=payload, capture_output=True, env=variables, timeout=LONG, check=False, **options
    )


def shell(relay: Relay, state: State, line: str) -> list[str]:
    """A line that the host's own shell runs, after a relay that looks at its input."""
    return ["/bin/sh", "-c", f"{shlex.join([*relay.command, str(state.path)])} --status-line-look; {line}"]


def through(relay: Relay, state: State | Path, *program: str) -> list[str]:
    return [*relay.command, str(state.path if isinstance(state, State) else state), "--status-line", *program]


@pytest.mark.parametrize("size", [0, 1, 60_000, 300_000, 17_000_000])
def test_the_line_of_before_has_the_same_of_all_and_gives_the_same(
    relay: Relay, state: State, tmp_path: Path, size: int
) -> None:
    program = ["/bin/sh", "-c", ALL_OF_IT, "shell", "argument"]
    payload = (b"{\r\n" + b"x" * size)[:size]
    options: dict[str, Any] = {"cwd": tmp_path, "umask": 0o027}
    before = show(program, payload, **options)
    after = show(through(relay, state, *program), payload, **options)
    assert (after.returncode, after.stderr) == (3, b"said\n")
    assert after.stdout == before.stdout
    assert before.stdout.startswith(payload)


def test_the_line_of_before_is_found_as_a_shell_finds_it(relay: Relay, state: State) -> None:
    assert show(through(relay, state, "sh", "-c", "echo found")).stdout == b"found\n"


@pytest.mark.parametrize("kind", ["a program", "no program", "not executable", "without a first line", "a folder"])
def test_a_line_that_is_a_program_is_run_with_a_second_shell_or_without(
    relay: Relay, state: State, tmp_path: Path, kind: str
) -> None:
    line = tmp_path / "line.sh"
    if kind == "a folder":
        line.mkdir()
    elif kind != "no program":
        line.write_text(("" if kind == "without a first line" else "#!/bin/sh\n") + ALL_OF_IT)
        line.chmod(0o600 if kind == "not executable" else 0o700)
    options: dict[str, Any] = {"cwd": tmp_path, "umask": 0o027}
    before = show(["/bin/sh", "-c", f"{line} argument"], **options)
    after = show(through(relay, state, "/bin/sh", "-c", f"{line} argument", "--", str(line), "argument"), **options)
    assert (after.returncode, after.stdout, after.stderr) == (before.returncode, before.stdout, before.stderr)
    assert before.returncode == {"no program": 127, "not executable": 126, "a folder": 126}.get(kind, 3)
    assert len(state.records()) == 1


def test_a_shell_that_tells_programs_of_itself_still_does(relay: Relay, state: State) -> None:
    """bash says in `_` what it runs."""
    command = through(relay, state, "/bin/bash", "-c", "/usr/bin/env", "--", "/usr/bin/env")
    before = show(["/bin/bash", "-c", "/usr/bin/env"]).stdout
    assert show(["/bin/bash", "-c", f"exec {shlex.join(command)}"]).stdout == before


@pytest.fixture(params=[compiled, sanitized])
def looking(request: pytest.FixtureRequest) -> Relay:
    """Python can't look into a pipe."""
    made: Relay = request.param()
    return made


@pytest.mark.need_cc
@pytest.mark.parametrize("size", [0, 30_000, 300_000])
@pytest.mark.parametrize("kind", ["pipe", "socket", "file"])
def test_a_line_that_the_host_s_shell_runs_has_the_same_of_all_and_gives_the_same(
    looking: Relay, state: State, tmp_path: Path, kind: str, size: int
) -> None:
    payload = told()[:-2] + b',"x":"' + b"x" * size + b'"}\n'

    def shown(command: list[str]) -> tuple[int, bytes]:
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        given, said = tmp_path / "given", tmp_path / "said"
        given.write_bytes(payload)
        with ours, theirs, given.open("rb") as file, open(reader, "rb") as pipe, said.open("wb") as output:
            stdin = {"pipe": pipe, "socket": theirs, "file": file}[kind]
            variables = {"PATH": "/usr/bin:/bin", "CLAUDE_CODE_SESSION_ID": SESSION}
            process = subprocess.Popen(command, stdin=stdin, stdout=output, stderr=output, env=variables, cwd=tmp_path)
            with open(writer, "wb", buffering=0) as into_pipe, ours.makefile("wb", buffering=0) as into_socket:
                host = {"pipe": into_pipe, "socket": into_socket}.get(kind)
                for piece in (payload[:10], payload[10:]) if host else ():
                    host.write(piece)
                    time.sleep(0.05)  # it says the rest a moment later, and then nothing
            ours.close()
            code = process.wait(LONG)
        return code, said.read_bytes()

    before = shown(["/bin/sh", "-c", ALL_OF_IT])
    assert shown(shell(looking, state, ALL_OF_IT)) == before
    assert before[0] == 3
    assert before[1].startswith(payload)
    whole = kind != "file" and size < 32_000
    assert [record["event"]["x"] for record in state.records()] == ["x" * size] * whole
    assert state.drops() == ({} if whole else {"read": 1})


@pytest.mark.need_cc
def test_of_an_input_that_stays_open_what_came_is_recorded_and_all_is_left(looking: Relay, state: State) -> None:
    command = shell(looking, state, "exec cat")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(told())
        process.stdin.flush()
        assert select.select([process.stdout], [], [], LONG)[0], "the relay's patience does not end"
        assert process.stdout.readline() == told()
        process.stdin.write(b"more")
        process.stdin.close()
        assert process.stdout.read() == b"more"
        assert process.wait(LONG) == 0
    assert [record["kind"] for record in state.records()] == ["status_line"]


def test_the_line_of_before_ends_by_the_signal_that_a_newer_one_sends(relay: Relay, state: State) -> None:
    command = through(relay, state, "/bin/sh", "-c", "echo on; exec sleep 600")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"}, start_new_session=True
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(told())
        process.stdin.close()
        assert process.stdout.readline() == b"on\n"
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(LONG) == -signal.SIGTERM


@pytest.mark.slow
def test_a_status_line_s_stdin_that_stays_open_is_passed_on(relay: Relay, state: State) -> None:
    command = through(relay, state, "/bin/sh", "-c", "cat")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(told())
        process.stdin.flush()
        assert select.select([process.stdout], [], [], LONG)[0], "the relay's patience does not end"
        assert process.stdout.readline() == told()
        process.stdin.write(b"more")
        process.stdin.close()
        assert process.stdout.read() == b"more"
        assert process.wait(LONG) == 0
    assert [record["kind"] for record in state.records()] == ["status_line"]


def test_what_a_status_line_is_told_is_a_record_of_its_own_kind(relay: Relay, state: State) -> None:
    show(through(relay, state, "/bin/true"))
    [record] = state.records()
    keys = ["v", "agent", "at", "took", "age", "kind", "pid", "ppid", "host", "pidns", "env", "event"]
    assert list(record) == keys
    assert record["kind"] == "status_line"
    assert record["env"] == {"CLAUDE_CODE_SESSION_ID": SESSION}
    assert state.lines()[0].endswith(b'"event":' + told().strip() + b"}")


def test_what_says_nothing_new_is_not_appended(relay: Relay, state: State) -> None:
    other = SESSION.replace("2", "3")
    for payload, session in [
        (told(ms=1), SESSION),
        (told(ms=20), SESSION),  # only time has passed
        (told(other, ms=3), other),
        (told(ms=300), SESSION),
        (told().replace(b"0.5", b"0.6"), SESSION),
        (told(), SESSION),
    ]:
        shown = show(through(relay, state, "/bin/cat"), payload, env={"CLAUDE_CODE_SESSION_ID": session})
        assert shown.stdout == payload
    assert [record["event"]["cost"]["total_duration_ms"] for record in state.records()] == [1, 3, 6045, 6045]


def test_what_could_not_be_appended_is_tried_again(relay: Relay, state: State) -> None:
    state.journal.chmod(0)
    if os.access(state.journal, os.W_OK):  # root may write everywhere
        state.journal.rmdir()
        state.journal.write_text("no folder")
    show(through(relay, state, "/bin/true"))
    assert state.drops() == {"open": 1}
    state.journal.chmod(0o700)
    if state.journal.is_file():
        state.journal.unlink()
    show(through(relay, state, "/bin/true"))
    assert len(state.records()) == 1


@pytest.mark.parametrize("fault", ["no folder", "locked", "others may write", "seen is a folder", "seen is a link"])
def test_the_line_is_shown_whatever_becomes_of_the_record(relay: Relay, state: State, fault: str) -> None:
    seen = state.path / "status-seen"
    folder = state.path / "nowhere" if fault == "no folder" else state.path
    if fault == "others may write":
        state.path.chmod(0o777)
    if fault == "seen is a folder":
        seen.mkdir()
    if fault == "seen is a link":
        seen.symlink_to("elsewhere")
    if fault == "locked":
        with state.locked():
            shown = show(through(relay, folder, "/bin/sh", "-c", "cat; exit 4"))
    else:
        shown = show(through(relay, folder, "/bin/sh", "-c", "cat; exit 4"))
    assert (shown.returncode, shown.stdout, shown.stderr) == (4, told(), b"")
    assert not (state.path / "elsewhere").exists()
    assert len(state.records()) == (fault not in {"no folder", "others may write"})


def test_the_line_is_shown_also_by_the_relay_that_starts_the_agent(relay: Relay, state: State, tmp_path: Path) -> None:
    started = tmp_path / "started"
    state.conf(f"autostart 1\narg /bin/sh\narg -c\narg echo >> '{started}'\n")
    program = ["/bin/sh", "-c", ALL_OF_IT, "shell", "argument"]
    options: dict[str, Any] = {"cwd": tmp_path, "umask": 0o027}
    before = show(program, **options)
    after = show(through(relay, state, *program), **options)
    assert (after.returncode, after.stdout, after.stderr) == (before.returncode, before.stdout, before.stderr)
    until(lambda: started.exists() and started.read_text() == "\n")
    (state.path / "run" / "start.lock").unlink()
    lines = state.path / "lines"
    lines.mkdir()
    (lines / SESSION).write_text("1\nworking, $0.50")
    assert show(through(relay, state), told().replace(b"0.5", b"0.6")).stdout == b"working, $0.50"
    until(lambda: started.read_text() == "\n\n")


def test_without_a_line_of_before_the_agent_s_line_is_printed(relay: Relay, state: State) -> None:
    lines = state.path / "lines"
    lines.mkdir()
    (lines / SESSION).write_text("1\nworking, $0.50")
    assert show(through(relay, state)).stdout == b"working, $0.50"
    assert show(through(relay, state), env={"CLAUDE_CODE_SESSION_ID": f"../lines/{SESSION}"}).stdout == b""
    (lines / SESSION).unlink()
    shown = show(through(relay, state))
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, b"", b"")


def test_the_agent_s_line_is_waited_for_where_an_agent_makes_a_new_one(relay: Relay, state: State) -> None:
    lines = state.path / "lines"
    lines.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as agent:
        agent.bind(str(state.path / "run" / "poke.sock"))
        agent.settimeout(LONG)

        def answer() -> None:
            agent.recv(1)
            time.sleep(0.05)  # it is not that quick
            (lines / "new").write_text(f"{time.time_ns()}\nnew")
            (lines / "new").replace(lines / SESSION)

        for turn in range(20):  # on a loaded machine the relay's second may be over too soon
            (lines / SESSION).write_text("1\nold")
            thread = threading.Thread(target=answer)
            thread.start()
            shown = show(through(relay, state), told().replace(b"0.5", b"1.%d" % turn))
            thread.join()
            if shown.stdout == b"new":
                break
    assert shown.stdout == b"new"
    assert show(through(relay, state), told().replace(b"0.5", b"0.7")).stdout == b"new"  # nobody makes another
