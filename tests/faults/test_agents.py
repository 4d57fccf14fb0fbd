"""Agents that are not alone, not of one version, short of descriptors, or asleep."""

import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.agent.lock import is_held
from hookspan.setup import relay
from tests.agent.machine import end, event, launch
from tests.faults.stand import EVENTS, LATER_FORMAT, MIGRATIONS, Stand, fault, later_format, stand
from tests.waiting import until

STANDARD = 3  # descriptors that are always open: no other can be opened, whichever come and go
pytestmark = pytest.mark.need_cc


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path / "machine") as made:
        yield made


# --- sockets


@fault("sockets", "other files have their names (a file, a link to a folder, a dead socket)", "the agent replaces them")
def test_names_are_taken(at: Stand):
    for path, content in ((at.machine.paths.poke_socket, b"x"), (at.machine.paths.control_socket, b"")):
        path.write_bytes(content)
    at.hooks()
    at.start()
    at.hooks()
    at.settle()
    at.stop()
    at.machine.paths.poke_socket.symlink_to("/tmp")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(at.machine.paths.control_socket))
    at.hooks()
    at.settle()


@fault(
    "sockets",
    "a live process listens on both before the agent starts",
    "hooks are recorded; the agent replaces the sockets",
)
def test_squatted_before(at: Stand):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as poke, socket.socket(socket.AF_UNIX) as control:
        poke.bind(str(at.machine.paths.poke_socket))
        control.bind(str(at.machine.paths.control_socket))
        control.listen()
        at.hooks()
        at.start()
        at.hooks()
        at.settle()


@fault(
    "sockets",
    "a live process replaces the sockets of a running agent",
    "events are still read within two seconds",
    "does not answer",
)
def test_squatted_while_running(at: Stand):
    agent = at.start()
    at.hooks()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as poke, socket.socket(socket.AF_UNIX) as control:
        for own, path in ((poke, at.machine.paths.poke_socket), (control, at.machine.paths.control_socket)):
            path.unlink()
            own.bind(str(path))
        control.listen()
        at.hooks()
        until(lambda: at.rows().total() == len(at.written))
        at.status(says="does not answer")
    agent.terminate()
    assert agent.wait(60) == 0
    at.hooks()
    at.settle()


# --- versions


@fault(
    "versions",
    "a newer agent starts while hooks run, then an older one",
    "the newer one takes over, the older one exits at once",
    "version 99.0",
)
def test_two_versions(at: Stand):
    first = at.start()
    at.hooks()
    newer = at.start(version="99.0")
    at.hooks()
    assert first.wait(60) == 0
    older = launch(at.machine, "--stay")
    assert older.wait(60) == 0
    at.hooks()
    assert at.machine.pid == newer.pid
    at.status(says="version 99.0")
    newer.terminate()
    assert newer.wait(60) == 0
    at.hooks()
    at.settle()


@fault(
    "versions",
    "the relay is replaced while hooks run: upgraded, downgraded to the one in Python, upgraded again",
    "no hook fails",
)
def test_relay_replaced(at: Stand):
    at.start()
    made = relay.prepare(at.machine.paths)
    for command in (
        made.command,
        ("/usr/bin/env", "python3", "-I", "-S", str(at.machine.paths.relay_script), made.command[-1]),
    ):
        running = []
        for _ in range(EVENTS):
            id_ = f"00000000-0000-4000-8000-{at.sent:012}"
            running.append(at.machine.hook(event("Notification", id_, message="m", notification_type="idle_prompt")))
            at.sent += 1
            at.written.append(id_)
            made.target.unlink()  # else it is seen to be there already
            made.install(at.machine.paths)
        for process in running:
            end(process)
        if command != made.command:
            break
        for file in (at.machine.paths.relay_module, at.machine.paths.relay_script):
            shutil.copy(Path(__file__).parents[2] / "hooks" / file.name, file)
        at.machine.relay = ("/usr/bin/env", "python3", "-I", "-S", str(at.machine.paths.relay_script), made.command[-1])
    at.settle()


@fault(
    "versions",
    "downgrade: the store is of a newer format",
    "the agent refuses it with a hint, hooks are recorded, nothing is changed; the newer version continues",
    "was written by a newer hookspan",
)
def test_store_of_a_newer_format(at: Stand):
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    at.stop()
    format_ = set_format(at, 99)
    agent = at.start()
    at.hooks()
    at.status(says="was written by a newer hookspan")
    at.stop()
    assert agent.wait(60) == 0
    set_format(at, format_)
    at.hooks()
    at.settle()


@fault(
    "versions",
    "upgrade in place to another format of the store while hooks run, and downgrade, with the store moved aside",
    "a copy is kept and everything continues; the older version rebuilds its store from the journal",
    "was written by a newer hookspan",
)
def test_upgrade_and_downgrade(at: Stand, monkeypatch: pytest.MonkeyPatch):
    older = at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    newer = at.start(version="99.0", fault=LATER_FORMAT)
    assert older.wait(60) == 0
    at.hooks()
    with monkeypatch.context() as patch:
        later_format(patch)
        until(lambda: at.rows().total() == 2 * EVENTS)
    assert at.machine.paths.store.with_name(f"store.db.v{len(MIGRATIONS)}").exists()
    newer.terminate()
    assert newer.wait(60) == 0
    older = at.start()
    at.hooks()
    at.status(says="was written by a newer hookspan")
    at.stop()
    assert older.wait(60) == 0
    for path in at.machine.paths.state.glob("store.db*"):
        path.rename(path.with_name(f"aside-{path.name}"))
    at.hooks()
    at.settle()


def set_format(at: Stand, number: int) -> int:
    """What it was before."""
    with contextlib.closing(sqlite3.connect(at.machine.paths.store)) as store:
        before = store.execute("PRAGMA user_version").fetchone()[0]
        store.execute(f"PRAGMA user_version = {number}")
    return int(before)


# --- descriptors


@fault(
    "descriptors",
    "a relay can open no or few files",
    "the event is written, or counted as lost if there are too few; the relay exits 0",
    "events (open), the last",
)
def test_relay_without_descriptors(at: Stand):
    at.start()
    plain = at.machine.relay
    for limit in (3, 4, 5, 6, 8):
        at.machine.relay = ("/usr/bin/prlimit", f"--nofile={limit}:{limit}", *plain)
        at.hooks(2)
    at.machine.relay = plain
    assert 0 < at.dropped < 10
    at.status(says="events (open), the last")
    at.hooks()
    at.settle()


@fault(
    "descriptors",
    "the agent can open no more files",
    "it continues with those that are open; everything is read once it can open more",
    "does not answer",
)
def test_agent_without_descriptors(at: Stand):
    agent = at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    before = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (STANDARD, before[1]))
    at.hooks()
    at.status(says="does not answer")
    os.kill(agent.pid, 0)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, before)
    at.hooks()
    at.settle()
    assert at.machine.pid == agent.pid


# --- sleep


@fault(
    "sleep",
    "everything is stopped (SIGSTOP), including hooks in the middle of their work",
    "everything continues; hooks that ran in the meantime leave strays, which the agent takes in",
    "does not answer",
)
def test_sleep(at: Stand):
    agent = at.start()
    at.hooks()
    asleep = []
    for _ in range(EVENTS):
        id_ = f"00000000-0000-4000-8000-{at.sent:012}"
        process = subprocess.Popen(at.machine.relay, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=at.machine.env)
        process.send_signal(signal.SIGSTOP)
        asleep.append((process, id_))
        at.sent += 1
        at.written.append(id_)
    agent.send_signal(signal.SIGSTOP)
    with at.machine.paths.current.open("ab") as file:  # as a hook that was stopped while it held the lock
        fcntl.flock(file, fcntl.LOCK_EX)
        at.hooks()
        assert len(list(at.machine.paths.journal.glob("stray-*"))) == EVENTS
    assert is_held(at.machine.paths.agent_lock)
    at.status(says="does not answer")
    agent.send_signal(signal.SIGCONT)
    for process, id_ in asleep:
        process.send_signal(signal.SIGCONT)
        made = event("Notification", id_, message="m", notification_type="idle_prompt")
        process.communicate(json.dumps(made).encode())
        assert process.returncode == 0
    # The two seconds in which a hook waits for its event may have gone by in its sleep: then it counts.
    until(lambda: at.rows().total() + at.dropped == at.sent)
    late = [id_ for id_ in at.written if id_ not in at.rows()]
    assert len(late) <= EVENTS
    at.written = [id_ for id_ in at.written if id_ not in late]
    at.settle()
    assert at.machine.pid == agent.pid
