"""What a line of the journal says."""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.conformance.conftest import Relay, State

MIB = 1 << 20
TICKS = 20_000_000  # ns by which the kernel's account of a process may be off: it reads clocks that may be a tick old
EVENT = b'{"session_id":"s","hook_event_name":"Stop"}'
PROVIDERS = "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"


def payload_of(line: bytes) -> bytes:
    """What was written as the event, byte by byte."""
    return line.split(b'"event":', 1)[1].removesuffix(b"}")


def test_a_line_is_one_json_object_with_these_keys(relay: Relay, state: State) -> None:
    before = time.time_ns()
    hook = relay.run(state, EVENT + b"\n")
    [line] = state.lines()
    assert line.startswith(b'{"v":1,"agent":"claude-code","at":')
    record = json.loads(line)
    assert list(record) == ["v", "agent", "at", "took", "age", "pid", "ppid", "host", "pidns", "env", "event"]
    at, age, took = (record[key] for key in ("at", "age", "took"))
    assert before - TICKS <= at - age <= at <= at + took <= time.time_ns()
    assert (record["pid"], record["ppid"]) == (hook.pid, os.getpid())
    assert record["host"] == socket.gethostname()
    assert record["pidns"] == Path("/proc/self/ns/pid").stat().st_ino
    assert record["env"] == {}
    assert record["event"] == json.loads(EVENT)


@pytest.mark.parametrize(
    ("options", "agent"),
    [
        (("--agent", "codex"), "codex"),
        (("--agent", "a" * 32), "a" * 32),
        (("--agent", "a" * 33), "other"),
        (("--agent", 'a"'), "other"),
        (("--agent", ""), "other"),
    ],
)
def test_whose_hook_it_is_stands_among_the_arguments(
    relay: Relay, state: State, options: tuple[str, ...], agent: str
) -> None:
    Relay(relay.name, [*relay.command, str(state.path), *options]).run(state.path)
    [record] = state.records()
    assert record["agent"] == agent


def test_time_is_that_of_the_start_and_took_lasts_until_the_write(relay: Relay, state: State) -> None:
    hook = relay.start(state)
    hook.send(EVENT)
    hook.has_read()  # so it has started
    time.sleep(0.5)
    sent = time.time_ns()
    hook.end()
    [record] = state.records()
    assert record["took"] > 500_000_000
    assert record["at"] < sent
    assert record["at"] + record["took"] >= sent


def test_age_is_what_the_process_had_lived_through_before(relay: Relay, state: State, tmp_path: Path) -> None:
    burnt = 0.2
    lived = tmp_path / "lived"
    burn = f"""import os, sys, time
while time.process_time() < {burnt}: pass
open({str(lived)!r}, "w").write(open("/proc/self/schedstat").read())
os.execv(sys.argv[1], sys.argv[1:])"""
    before = time.time_ns()
    relay.run(state, before=[sys.executable, "-I", "-S", "-c", burn])
    [record] = state.records()
    ran, waited, _ = map(int, lived.read_text().split())
    assert ran + waited - TICKS <= record["age"] <= record["at"] - before + TICKS


@pytest.mark.parametrize(
    ("payload", "written"),
    [
        pytest.param(b"", b"null", id="empty"),
        pytest.param(b" \r\n\t\n", b"null", id="blank"),
        pytest.param(b"7", b"7", id="one byte"),
        pytest.param(b'{"a":\r\n"b"}\r\n', b'{"a":  "b"}', id="line ends"),
        pytest.param(b"\n\n7", b"  7", id="line ends before"),
        pytest.param(bytes(range(256)), bytes(32 if b in b"\r\n" else b for b in range(256)), id="binary"),
        pytest.param(b'{"a":"\xff\xc0\x80"}', b'{"a":"\xff\xc0\x80"}', id="invalid UTF-8"),
        pytest.param(b"x" * 8192, b"x" * 8192, id="8 KB"),
        pytest.param(b"x" * MIB, b"x" * MIB, id="1 MB"),
        pytest.param(b"x" * 16 * MIB, b"x" * 16 * MIB, id="at the cap"),
        pytest.param(
            b"x" * 16 * MIB + b"\n", b'null,"bytes":%d,"cut":true' % (16 * MIB + 1), id="one byte over the cap"
        ),
        pytest.param(b"x" * 17_000_000, b'null,"bytes":17000000,"cut":true', id="17 MB"),
        pytest.param(b"x" * 50_000_000, b'null,"bytes":50000000,"cut":true', id="50 MB"),
    ],
)
def test_payload(relay: Relay, state: State, payload: bytes, written: bytes) -> None:
    relay.run(state, payload)
    assert list(map(payload_of, state.lines())) == [written]
    assert state.drops() == {}


def test_payload_in_pieces(relay: Relay, state: State) -> None:
    hook = relay.start(state)
    for piece in (b'{"a":', b"1", b"}"):
        hook.send(piece)
        time.sleep(0.05)
    hook.end()
    assert payload_of(state.lines()[0]) == b'{"a":1}'


def test_payload_from_a_socket(relay: Relay, state: State) -> None:
    """Node gives its children sockets where others give pipes."""
    ours, theirs = socket.socketpair()
    hook = relay.start(state, stdin=theirs)
    theirs.close()
    ours.sendall(EVENT)
    ours.shutdown(socket.SHUT_WR)
    hook.wait()
    ours.close()
    assert payload_of(state.lines()[0]) == EVENT


@pytest.mark.slow
@pytest.mark.parametrize("blocked", [set(), {signal.SIGALRM}])
def test_stdin_that_is_never_closed_gives_what_came(relay: Relay, state: State, blocked: set[signal.Signals]) -> None:
    hook = relay.start(state, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked))
    hook.send(EVENT)
    hook.wait()
    hook.close()
    assert payload_of(state.lines()[0]) == EVENT
    assert state.records()[0]["took"] >= 2_000_000_000
    assert state.drops() == {}


@pytest.mark.slow
def test_stdin_that_never_says_anything_is_counted(relay: Relay, state: State) -> None:
    hook = relay.start(state)
    hook.wait()
    hook.close()
    assert (state.lines(), state.drops()) == ([], {"read": 1})


def test_closed_stdin_is_counted(relay: Relay, state: State) -> None:
    relay.start(state, stdin=None, preexec_fn=lambda: os.close(0)).wait()
    assert (state.lines(), state.drops()) == ([], {"read": 1})


def test_env_is_recorded_by_an_allow_list(relay: Relay, state: State) -> None:
    recorded = {
        "CLAUDE_PID": "4711",
        "CLAUDE_CODE_SESSION_ID": "s",
        "CLAUDE_CODE_ENTRYPOINT": "cli",
        "CLAUDE_PROJECT_DIR": '/tmp/"quoted" \\ päth\n\t\x01\x7f',
        "CLAUDE_CODE_REMOTE": "",
        "CLAUDE_EFFORT": "high",
        "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "TRACESTATE": "a=b",
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "CLAUDE_CODE_USE_MANTLE": "1",
        "CLAUDE_CODE_USE_VERTEX": "1",
        "CLAUDE_CODE_USE_FOUNDRY": "1",
    }
    secret = {
        "ANTHROPIC_API_KEY": "sk-secret",
        "CLAUDE_CODE_MESSAGING_TOKEN": "secret",
        "CLAUDE_PID2": "secret",
        "CLAUDE_CODE_USE_GATEWAY": "secret",
        "ANTHROPIC_BASE_URL": "https://user:secret@gateway",
        "AWS_BEARER_TOKEN_BEDROCK": "secret",
        "HTTPS_PROXY": "http://user:secret@proxy",
        "HOOKSPAN_HOME": "/tmp/secret",
        "PYTHONPATH": "/tmp/secret",
        "PYTHONSTARTUP": "/tmp/secret.py",
        "PYTHONVERBOSE": "1",
        "PATH": "/secret",
    }
    relay.run(state, env={**secret, **recorded})
    [line] = state.lines()
    assert json.loads(line)["env"] == recorded
    assert list(json.loads(line)["env"]) == list(recorded)
    assert b"secret" not in line


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("value", [b"1", b"true", b"yes", b"on", b"TRUE", b"On", b" \t\r\n\v\f1 \n"])
def test_of_a_provider_only_its_presence_is_recorded(relay: Relay, state: State, name: str, value: bytes) -> None:
    """The client trims the value and compares without case: what is set is recorded as `1`, however it is written."""
    relay.run(state, env={b"CLAUDE_PID": b"1", name.encode(): value})
    assert state.records()[0]["env"] == {"CLAUDE_PID": "1", name: "1"}


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b" ", b"0", b"false", b"no", b"off", b"2", b"11", b"1 1", b"tru", b"truer", b"one", b"1\xff", b"\xff"),
        *(b"sk-ant-secret", b"1 sk-ant-secret", b"true,sk-ant-secret", b"sk-ant-secret 1", b"1" * 5000, b" " * 5000),
    ],
)
def test_a_provider_that_the_client_takes_for_off_leaves_nothing(relay: Relay, state: State, value: bytes) -> None:
    relay.run(state, env={b"CLAUDE_PID": b"1", **{name.encode(): value for name in PROVIDERS}})
    [line] = state.lines()
    assert json.loads(line)["env"] == {"CLAUDE_PID": "1"}
    assert b"secret" not in line


def test_a_hostile_environment_changes_nothing(relay: Relay, state: State, tmp_path: Path) -> None:
    """Not where the line goes, not what runs: a cloned repository's settings can set every variable."""
    trap = tmp_path / "trap"
    (trap / "journal").mkdir(parents=True)
    for name in ("posix", "fcntl", "_socket", "_signal", "sitecustomize", "usercustomize"):
        (trap / f"{name}.py").write_text(f"open({str(trap / 'sprung')!r}, 'w')")
    before = sorted(trap.rglob("*"))
    folders = (
        "HOOKSPAN_HOME",
        "HOOKSPAN_STATE",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONUSERBASE",
        "XDG_STATE_HOME",
        "TMPDIR",
    )
    hostile = dict.fromkeys((*folders, "HOME"), str(trap)) | {
        "PYTHONSTARTUP": str(trap / "fcntl.py"),
        "PYTHONVERBOSE": "1",
        "PYTHONINSPECT": "1",
        "PYTHONWARNINGS": "error",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "HOOKSPAN_AGENT_AUTOSTART": "1",
    }
    relay.run(state, EVENT, env=hostile, cwd=trap)
    assert payload_of(state.lines()[0]) == EVENT
    assert sorted(trap.rglob("*")) == before


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b"ok\xe2\x82", id="cut short"),
        pytest.param(b"\xc0\x80", id="overlong 2"),
        pytest.param(b"\xe0\x80\x80", id="overlong 3"),
        pytest.param(b"\xf0\x80\x80\x80", id="overlong 4"),
        pytest.param(b"\xed\xa0\x80", id="surrogate"),
        pytest.param(b"\xf4\x90\x80\x80", id="over U+10FFFF"),
        pytest.param(b"\xf8\x88\x80\x80\x80", id="five bytes"),
        pytest.param(b"x" * 1025, id="too long"),
        pytest.param("é".encode() * 513, id="too long in bytes"),
    ],
)
def test_env_value_that_is_no_short_text_is_left_out(relay: Relay, state: State, value: bytes) -> None:
    relay.run(state, env={b"CLAUDE_PID": b"1", b"CLAUDE_EFFORT": value, b"TRACESTATE": b"t"})
    assert state.records()[0]["env"] == {"CLAUDE_PID": "1", "TRACESTATE": "t"}


@pytest.mark.parametrize("value", ["x" * 1024, "\x1f" * 1024, '"' * 1024, "\u07ff\uffff\ud7ff\ue000\U0010ffff\u2028"])
def test_env_value_at_the_limits(relay: Relay, state: State, value: str) -> None:
    names = [
        "CLAUDE_PID",
        "CLAUDE_CODE_SESSION_ID",
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_PROJECT_DIR",
        "CLAUDE_CODE_REMOTE",
    ]
    names += ["CLAUDE_EFFORT", "TRACEPARENT", "TRACESTATE"]
    env = {name.encode(): value.encode() for name in names} | {name.encode(): b"on" for name in PROVIDERS}
    relay.run(state, env=env)
    assert state.records()[0]["env"] == dict.fromkeys(names, value) | dict.fromkeys(PROVIDERS, "1")
