"""Relays, the agent's own writer and rotation at the same time; every line once."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from hookspan.journal import Journal, Tail, Writer, writer
from hookspan.paths import Paths
from hookspan.setup.relay import run
from tests.conformance.build import compile_relay
from tests.journal.test_numbers import read_all
from tests.waiting import PATIENCE

HOSTS = 4  # sessions that run hooks at the same time
EVENTS = 300  # of each session


@pytest.fixture
def paths(paths: Paths) -> Paths:
    paths.create()
    return paths


def session(relay: Path, paths: Paths, host: int) -> None:
    for number in range(EVENTS):
        event = json.dumps({"n": f"{host}/{number}", "pad": "x" * (number * 97 % 5000)}).encode()
        run([str(relay), str(paths.state)], event, timeout=PATIENCE).check_returncode()


# A writer of facts in a process of its own; it dies by SIGKILL, so a line may be torn but never lost or doubled.
FACTS = """
import pathlib, sys, time
from hookspan.journal import Writer
from hookspan.paths import Paths
top = pathlib.Path(sys.argv[1])
writer = Writer(Paths(state=top, config=top, data=top))
for number in range(10**9):
    lines = [b'{"fact":"%d/%d","pad":"%s"}' % (number, part, b"y" * 40000) for part in range(3)]
    writer.append(lines)
    print(number, flush=True)
    time.sleep(0.005)
"""


@pytest.mark.need_cc
def test_nothing_is_lost_or_doubled_while_segments_are_rotated_and_a_writer_is_killed(paths):
    relay = compile_relay()
    journal, reader = Journal(paths), Tail(paths)
    facts = subprocess.Popen([sys.executable, "-c", FACTS, paths.state], stdout=subprocess.PIPE)
    assert facts.stdout is not None
    threads = [threading.Thread(target=session, args=(relay, paths, host)) for host in range(HOSTS)]
    for thread in threads:
        thread.start()
    found = []
    rotations = 0
    for turn in range(10**9):
        found += reader.read(50)
        journal.take_in_strays()
        rotations += journal.rotate_if_due(time.time(), max_bytes=100_000)
        if turn % 5 == 0:  # as a new agent would
            position = reader.position
            reader.close()
            reader = Tail(paths, position)
        if not any(thread.is_alive() for thread in threads):
            break
    os.kill(facts.pid, signal.SIGKILL)
    acknowledged = [int(line) for line in facts.stdout]
    facts.stdout.close()
    facts.wait()
    journal.take_in_strays()
    found += read_all(reader)

    assert [line.number for line in found] == [*range(1, len(found) + 1)]
    assert rotations > 5
    assert reader.restarts == 0
    records = []
    for line in found:
        with contextlib.suppress(ValueError):  # the torn one
            records.append(json.loads(line.data))
    assert len(found) - len(records) <= 1
    events = Counter(record["event"]["n"] for record in records if "event" in record)
    assert events == Counter(f"{host}/{number}" for host in range(HOSTS) for number in range(EVENTS))
    written = Counter(record["fact"] for record in records if "fact" in record)
    assert set(written.values()) == {1}
    assert set(written) >= {f"{number}/{part}" for number in acknowledged for part in range(3)}
    assert read_all(Tail(paths)) == found


def test_a_stopped_process_that_holds_the_lock_delays_facts_and_loses_none(paths):
    journal = Journal(paths)
    Writer(paths).append([b"before"])
    with paths.current.open("ab") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        Writer(paths).append([b"during 1", b"during 2"])
        assert journal.rotate() is False
        assert journal.take_in_strays() == 0
        Writer(paths).append([b"during 3"])
    assert journal.take_in_strays() == 2
    assert [line.data for line in read_all(Tail(paths))] == [b"before", b"during 1", b"during 2", b"during 3"]
    assert list(paths.journal.glob("stray-*")) == []


def test_a_writer_that_waited_for_a_rotation_writes_to_the_new_segment(paths, monkeypatch):
    monkeypatch.setattr(writer, "LOCK_WAIT", 60.0)
    waiting = threading.Event()
    monkeypatch.setattr(time, "sleep", lambda _: waiting.set())
    Writer(paths).append([b"old"])
    with paths.current.open("ab") as rotator:
        fcntl.flock(rotator, fcntl.LOCK_EX)
        thread = threading.Thread(target=Writer(paths).append, args=([b"new"],))
        thread.start()
        waiting.wait()
        paths.current.rename(paths.journal / f"{1:020}.jsonl")
    thread.join()
    assert paths.current.read_bytes() == b"new\n"


def test_lines_are_appended_all_or_none(paths):
    """A full disk: the file size limit stands for it."""
    program = """
import pathlib, resource, signal, sys
from hookspan.journal import Writer
from hookspan.paths import Paths
top = pathlib.Path(sys.argv[1])
writer = Writer(Paths(state=top, config=top, data=top))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
writer.append([b"a" * 500])
try:
    writer.append([b"b" * 300, b"c" * 300])
except OSError as error:
    print(error.strerror)
writer.append([b"d" * 300])
"""
    done = subprocess.run([sys.executable, "-c", program, paths.state], capture_output=True, text=True, check=True)
    assert done.stdout == "No space left on device\n"
    assert [line.data for line in read_all(Tail(paths))] == [b"a" * 500, b"d" * 300]


def test_a_line_feed_in_a_line_is_refused(paths):
    with pytest.raises(ValueError, match="line feed"):
        Writer(paths).append([b"a", b"b\nc"])
    assert not paths.current.exists()


def test_files_are_private_and_a_symlink_is_not_followed(paths):
    Writer(paths).append([b"a"])
    journal = Journal(paths)
    journal.rotate()
    journal.compact(1, bytes)
    journal.quarantine(1, b"a", "not_json")
    Writer(paths).append([b"b"])
    files = [path for path in paths.journal.rglob("*") if path.is_file()]
    assert len(files) == 4  # one of them a mark
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    victim = paths.state / "victim"
    victim.write_bytes(b"")
    paths.current.unlink()
    paths.current.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        Writer(paths).append([b"c"])
    assert victim.read_bytes() == b""
