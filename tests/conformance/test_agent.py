"""What a hook does about the agent: poke it, and start it where there is none."""

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conformance.build import compile_c
from tests.conformance.conftest import LONG, Relay, State


@dataclass
class Started:
    """What a started agent wrote down."""

    pid: int
    facts: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Agent:
    """A real program in the agent's place."""

    program: Path
    folder: Path
    state: State

    def conf(self, mode: str) -> None:
        """Names it in relay.conf."""
        words = [self.program, self.folder, mode, self.state.path / "run" / "poke.sock"]
        self.state.conf("autostart 1\n" + "".join(f"arg {word}\n" for word in words))

    def started(self) -> list[Started]:
        found = []
        for file in self.folder.glob("[0-9]*"):
            agent = Started(int(file.name))
            for line in file.read_text().splitlines():
                key, _, value = line.partition(" ") if ":" not in line.split()[0] else line.partition(":")
                agent.facts.setdefault(key, []).append(value.strip())
            found.append(agent)
        return found

    def wait(self) -> Started:
        """Waits for the one that was started."""
        end = time.monotonic() + LONG
        while not (found := self.started()):
            assert time.monotonic() < end
            time.sleep(0.01)
        [agent] = found
        return agent

    def wait_ready(self) -> None:
        lock = self.state.path / "run" / "start.lock"
        end = time.monotonic() + LONG
        while lock.read_bytes():
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.fixture
def agent(state: State, tmp_path: Path) -> Iterator[Agent]:
    folder = tmp_path / "agent records"  # arguments may hold spaces
    folder.mkdir()
    # Outside the cache: its name must be short enough to be seen in a process list by whoever looks for leftovers.
    program = Path(shutil.copy(compile_c([Path(__file__).with_name("agent.c")], "cc", "-O1"), tmp_path / "agent"))
    agent = Agent(program, folder, state)
    yield agent
    for started in agent.started():
        with contextlib.suppress(OSError):  # it has ended; its number may be another's by now
            if Path(f"/proc/{started.pid}/exe").readlink() == program:
                os.kill(started.pid, signal.SIGKILL)


@pytest.fixture
def poke(state: State) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(state.path / "run" / "poke.sock"))
        sock.settimeout(LONG)
        yield sock


def tries(state: State) -> str:
    """What the start lock says, without the time."""
    return state.path.joinpath("run", "start.lock").read_text().split(" ")[1]


@pytest.mark.need_strace
def test_poke_comes_after_the_line(relay: Relay, state: State, poke: socket.socket, tmp_path: Path) -> None:
    log = tmp_path / "trace"
    relay.run(state, before=["strace", "-e", "trace=writev,sendto", "-o", str(log)])
    assert re.findall(r"^\w+", log.read_text(), re.MULTILINE)[:2] == ["writev", "sendto"]
    assert poke.recv(16) == b"!"
    assert len(state.lines()) == 1
    poke.settimeout(0)
    with pytest.raises(BlockingIOError):
        poke.recv(16)


def test_poke_comes_even_if_nothing_could_be_written_or_counted(
    relay: Relay, state: State, poke: socket.socket
) -> None:
    state.journal.rmdir()
    state.journal.touch()
    (state.path / "drops").mkdir()
    relay.run(state)
    assert poke.recv(16) == b"!"


def test_poke_where_the_path_is_too_long_for_a_socket(relay: Relay, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / ("x" * 100) / ("y" * 100)
    (path / "run").mkdir(mode=0o700, parents=True)
    path.chmod(0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        monkeypatch.chdir(path / "run")
        sock.bind("poke.sock")
        sock.settimeout(LONG)
        relay.run(path)
        assert sock.recv(16) == b"!"


@pytest.mark.need_cc
def test_a_full_queue_means_that_the_agent_lives(relay: Relay, state: State, poke: socket.socket, agent: Agent) -> None:
    agent.conf("hold")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, pytest.raises(BlockingIOError):
        while True:
            sock.sendto(b"!", socket.MSG_DONTWAIT, poke.getsockname())
    relay.run(state)
    assert len(state.lines()) == 1
    assert not (state.path / "run" / "start.lock").exists()


@pytest.mark.need_cc
def test_a_stopped_agent_is_neither_waited_for_nor_replaced(relay: Relay, state: State, agent: Agent) -> None:
    agent.conf("ready")
    relay.run(state)
    started = agent.wait()
    agent.wait_ready()
    os.kill(started.pid, signal.SIGSTOP)
    hooks = 20 if relay.name == "python" else 600  # more than its queue holds, where that is quick
    for _ in range(hooks):
        relay.run(state)
    assert len(state.records()) == hooks + 1
    assert [one.pid for one in agent.started()] == [started.pid]


@pytest.mark.need_cc
@pytest.mark.parametrize("trace", ["a stale socket", "no socket", "no folder"])
def test_starts_the_agent(relay: Relay, state: State, agent: Agent, trace: str) -> None:
    if trace == "a stale socket":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(str(state.path / "run" / "poke.sock"))
    elif trace == "no folder":
        (state.path / "run").rmdir()
    agent.conf("hold")
    relay.run(state)
    agent.wait()
    assert tries(state) == "1\n"
    assert abs(int((state.path / "run" / "start.lock").read_text().split()[0]) - time.time()) < LONG


@pytest.mark.need_cc
def test_a_started_agent_is_detached_and_knows_no_secret(relay: Relay, state: State, agent: Agent) -> None:
    kept = {
        "HOME": "/home/me",
        "USER": "me",
        "LOGNAME": "me",
        "LANG": "de_DE.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "Europe/Berlin",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus",
    }
    hostile = {
        "PATH": "/evil",
        "TMPDIR": "/evil",
        "ANTHROPIC_API_KEY": "secret",
        "HOOKSPAN_HOME": "/evil",
        "PYTHONPATH": "/evil",
        "LD_LIBRARY_PATH": "/evil",
        "HTTPS_PROXY": "http://evil",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://evil",
        "XDG_CONFIG_HOME": "/evil",
        "CLAUDE_PID": "1",
        "HOMEBREW": "x",
        "LANGUAGE": "x",
    }

    def be_odd() -> None:
        os.umask(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    agent.conf("hold")
    reader, writer = os.pipe()
    output = os.pipe()
    hook = relay.start(
        state, env=hostile | kept, preexec_fn=be_odd, pass_fds=[writer], stdout=output[1], start_new_session=True
    )
    os.close(writer)
    os.close(output[1])
    hook.send(b"{}")
    hook.end()
    # Claude Code waits until nobody holds the pipes any more: these reads would, too.
    assert (os.read(output[0], 1), os.read(reader, 1)) == (b"", b"")
    os.close(reader)
    os.close(output[0])

    started = agent.wait()
    facts = started.facts
    poke = state.path / "run" / "poke.sock"
    words = [*map(str, [agent.program, agent.folder, "hold", poke]), "--start-lock-fd", "3"]
    assert facts["arg"] == words
    assert sorted(facts["env"]) == sorted(
        [*(f"{name}={value}" for name, value in kept.items()), "PATH=/usr/local/bin:/usr/bin:/bin"]
    )
    lock = state.path / "run" / "start.lock"
    assert facts["fd"] == ["0 /dev/null", "1 /dev/null", "2 /dev/null", f"3 {lock}"]
    assert (facts["cwd"], facts["umask"], facts["session"]) == (["/"], ["077"], [str(started.pid)])
    internal = (
        3 << 31
    )  # 32 and 33, which glibc's posix_spawn leaves ignored; a threaded program sets them when it needs them
    assert {int(mask, 16) & ~internal for mask in facts["SigBlk"] + facts["SigIgn"]} == {0}
    with contextlib.suppress(ProcessLookupError):  # as Claude Code does to a hook that takes too long
        os.killpg(hook.pid, signal.SIGKILL)
    os.kill(started.pid, 0)


@pytest.mark.need_cc
@pytest.mark.parametrize("count", [1, 2, 3])
def test_descriptors_are_right_whatever_the_host_closed(relay: Relay, state: State, agent: Agent, count: int) -> None:
    """The relay's own files get those numbers, and the lock may be number 3 already."""
    agent.conf("hold")
    relay.start(state, stdin=None, preexec_fn=lambda: os.closerange(0, count)).wait()
    lock = state.path / "run" / "start.lock"
    assert agent.wait().facts["fd"] == ["0 /dev/null", "1 /dev/null", "2 /dev/null", f"3 {lock}"]


@pytest.mark.need_cc
def test_20_hooks_at_once_start_one_agent(relay: Relay, state: State, agent: Agent) -> None:
    agent.conf("ready")
    hooks = [relay.start(state) for _ in range(20)]
    for hook in hooks:
        hook.send(b"{}")  # all of it: one that is not ended in time goes on
    for hook in hooks:
        hook.end()
    agent.wait()
    agent.wait_ready()
    relay.run(state)
    assert len(agent.started()) == 1
    assert len(state.records()) == 21
    assert (state.path / "run" / "start.lock").read_bytes() == b""


@pytest.mark.need_cc
def test_an_agent_that_is_starting_is_not_started_again(relay: Relay, state: State, agent: Agent) -> None:
    """Even if it takes longer than the time between two tries: the lock is what counts."""
    agent.conf("hold")
    relay.run(state)
    agent.wait()
    (state.path / "run" / "start.lock").write_text("1 1\n")
    relay.run(state)
    assert tries(state) == "1\n"


@pytest.mark.need_cc
@pytest.mark.need_strace
def test_an_agent_that_got_ready_just_now_is_not_started_again(relay: Relay, state: State, agent: Agent) -> None:
    """Between the poke that finds none and the start, where the relay is stopped here."""
    agent.conf("hold")
    lock, poke = state.path / "run" / "start.lock", state.path / "run" / "poke.sock"
    lock.touch()
    stop = ["strace", "-D", "-o", "/dev/null", "-P", str(lock), "-e", "inject=flock:signal=STOP"]
    hook = relay.start(state, before=stop)
    hook.close()
    os.waitid(os.P_PID, hook.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(poke))
        sock.settimeout(LONG)
        os.kill(hook.pid, signal.SIGCONT)
        hook.wait()
        assert sock.recv(16) == b"!"
    assert lock.read_bytes() == b""


@pytest.mark.need_cc
def test_an_agent_that_left_is_started_again(relay: Relay, state: State, agent: Agent) -> None:
    agent.conf("ready")
    relay.run(state)
    started = agent.wait()
    agent.wait_ready()
    os.kill(started.pid, signal.SIGKILL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        while sock.connect_ex(str(state.path / "run" / "poke.sock")) == 0:  # until the kernel has ended it
            time.sleep(0.01)
    agent.folder.joinpath(str(started.pid)).unlink()
    relay.run(state)
    assert agent.wait().pid != started.pid


@pytest.mark.parametrize("kind", ["fails", "missing", "not executable", "no program", "a folder"])
@pytest.mark.need_cc
def test_a_broken_agent_makes_no_storm(relay: Relay, state: State, agent: Agent, kind: str) -> None:
    agent.conf("fail")
    if kind == "missing":
        agent.program.unlink()
    elif kind == "not executable":
        agent.program.chmod(0o600)
    elif kind == "no program":
        agent.program.write_text("echo hello >&2\n")
    elif kind == "a folder":
        agent.program.unlink()
        agent.program.mkdir()
    for _ in range(5):
        relay.run(state)
    assert tries(state) == "1\n"
    if kind == "fails":
        agent.wait()
    assert len(state.lines()) == 5


@pytest.mark.parametrize(
    ("ago", "before", "after"),
    [
        (25, 1, 1),
        (31, 1, 2),
        (55, 2, 2),
        (61, 2, 3),
        (235, 4, 4),
        (241, 4, 5),
        (475, 5, 5),
        (481, 5, 6),
        (595, 6, 6),
        (601, 6, 7),
        (595, 10**9, 10**9),
        (601, 10**9, 10**9 + 1),
        (-3600, 6, 7),  # the clock was set back
    ],
)
def test_time_between_tries_doubles_up_to_10_minutes(
    relay: Relay, state: State, ago: int, before: int, after: int
) -> None:
    state.conf("autostart 1\narg /nonexistent\n")
    for _ in range(20):
        now = int(time.time())
        (state.path / "run" / "start.lock").write_text(f"{now - ago} {before}\n")
        relay.run(state)
        if time.time() < now + 5:  # on a loaded machine the time between two tries may be over by now
            break
    assert tries(state) == f"{after}\n"


@pytest.mark.parametrize("content", ["", "rubbish", "1\n", "-1 3\n", "\x00\x00\x00", "9" * 200])
def test_a_start_lock_that_says_nothing_is_a_first_try(relay: Relay, state: State, content: str) -> None:
    state.conf("autostart 1\narg /nonexistent\n")
    (state.path / "run" / "start.lock").write_text(content)
    relay.run(state)
    assert tries(state) == "1\n"


@pytest.mark.parametrize(
    "conf",
    [
        None,
        "arg {agent}\n",
        "autostart 0\narg {agent}\n",
        "autostart 1\n",
        "autostart 1\narg agent\n",
        "autostart 1\n# arg {agent}\n",
        "autostart 1\narg {agent}\narg " + "x" * 20000 + "\n",
    ],
    ids=["no file", "not said", "off", "no command", "relative", "a comment", "cut short"],
)
@pytest.mark.need_cc
def test_no_start_without_a_setting_and_an_absolute_program(
    relay: Relay, state: State, agent: Agent, conf: str | None
) -> None:
    if conf is not None:
        state.conf(conf.format(agent=agent.program))
    relay.run(state, cwd=agent.program.parent)
    assert not (state.path / "run" / "start.lock").exists()


@pytest.mark.need_cc
def test_down_means_down(relay: Relay, state: State, agent: Agent) -> None:
    agent.conf("hold")
    (state.path / "down").touch()
    relay.run(state)
    assert len(state.lines()) == 1
    assert not (state.path / "run" / "start.lock").exists()


@pytest.mark.parametrize("plant", ["link", "fifo", "folder"])
@pytest.mark.need_cc
def test_files_of_another_kind_start_nothing(relay: Relay, state: State, agent: Agent, plant: str) -> None:
    agent.conf("hold")
    lock, conf = state.path / "run" / "start.lock", state.path / "relay.conf"
    if plant == "link":
        lock.symlink_to(agent.folder / "9")
    elif plant == "folder":
        lock.mkdir()
    else:
        conf.unlink()
        os.mkfifo(conf)
    relay.run(state)
    assert agent.started() == []
    assert not lock.exists() or stat.S_ISDIR(lock.stat().st_mode)
    assert len(state.lines()) == 1
