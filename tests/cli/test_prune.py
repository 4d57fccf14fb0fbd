"""`hookspan prune`: what is past its time or too large goes, what is still needed stays, whenever it is interrupted."""

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan.clients.decode import decode
from hookspan.errors import EXIT_INTERRUPTED, EXIT_USER
from hookspan.journal import Journal, Tail, Writer
from hookspan.store import Reader, SpanKey
from hookspan.wire import encode
from hookspan.wire.facts import Title
from tests.agent.machine import Machine, event, small_session
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

DAY = 86_400
SETTINGS = "[journal]\nraw_hours = 1\ndays = 5\n[store]\ndays = 5\n[agent]\nautostart = false\n"
JOURNAL = int(os.environ.get("PRUNE_BYTES", str(12 << 20)))  # 2 GiB with `make faults`
SEGMENT = min(JOURNAL // 4, 64 << 20)
PRUNE_PATIENCE = max(5 * PATIENCE, JOURNAL >> 21)  # seconds: 2 MiB of them in one
MEMORY_MAX = 150 << 20  # bytes, as the agent's


MEASURED = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
from hookspan.__main__ import main
sys.exit(main())
"""


def memory(said: str) -> list[int]:
    """The most bytes that a MEASURED program took; empty if it was interrupted before it said so."""
    return [int(kilobytes) << 10 for kilobytes in re.findall(r"^VmHWM:\s+(\d+) kB", said, re.MULTILINE)]


def put(machine: Machine, days: float, *events: dict[str, Any]) -> None:
    """A segment of events that came so many days ago."""
    at = time.time() - days * DAY
    around = {"v": 1, "agent": "claude-code", "took": 100_000, "pid": 1, "ppid": 1, "host": "h", "pidns": 1, "env": {}}
    lines = [json.dumps({**around, "at": int(at * 1e9) + n, "event": one}).encode() for n, one in enumerate(events)]
    Writer(machine.paths).append(lines)
    journal = Journal(machine.paths)
    journal.rotate()
    os.utime(journal.segments()[-1].path, (at, at))


def files(machine: Machine) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in machine.paths.state.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.fixture
def old(make_machine: Callable[..., Machine]) -> Machine:
    """Sessions that ended 9 and 2 days ago and now, all in the store and none exported, and old copies."""
    machine = make_machine()
    for days in (9, 2, 0):
        put(machine, days, *small_session(tools=5))
    with (machine.paths.current).open("ab") as file:
        file.write(b"no JSON\n")
    machine.up()
    machine.json("flush", "--wait", "60s")
    assert machine.cli("down").returncode == 0
    machine.paths.config.write_text(SETTINGS)
    aside = machine.paths.state / f"store.db.damaged-{time.time_ns()}"  # set aside now, last written before
    for path in (machine.paths.quarantine / "2026-01-01.jsonl", machine.paths.state / "store.db.damaged-1", aside):
        path.write_bytes(b"x" * 1000)
        os.utime(path, (time.time() - 9 * DAY,) * 2)
    needed, unneeded = (machine.paths.backups / name for name in ("settings.json.1", "settings.json.2"))
    for path in (needed, unneeded):
        path.write_bytes(b"{}")
        os.utime(path, (time.time() - 9 * DAY,) * 2)
    machine.paths.installed.write_text(json.dumps({"x": {"backup": str(needed)}}))
    return machine


def test_what_is_past_its_days_goes_and_the_rest_stays(old: Machine):
    before, counts = files(old), old.counts()
    would = old.json("prune", "--dry-run")
    assert files(old) == before, "a dry run changes nothing"
    done = old.json("prune")
    assert {**would, "dry_run": False, "journal": 0, "store": 0} == {**done, "journal": 0, "store": 0}
    for found in (would, done):
        assert (found["journal"]["reduced"], found["journal"]["deleted"]) in {(1, 1), (2, 1)}
        assert (found["store"]["events"], found["store"]["sessions"]) == (14, 1)
        assert found["quarantine"]["bytes"] == 1000
        assert [Path(path).name for path in found["copies"]["files"]] == ["store.db.damaged-1", "settings.json.2"]
    assert old.counts().events == counts.events - 14 == 28
    heard = sorted(path.name for path in old.paths.journal.glob("0*") if path.name < f"{43:020}")
    assert heard == [f"{15:020}.jsonl.gz", f"{29:020}.jsonl"]
    again = old.json("prune")
    assert (again["journal"]["reduced"], again["journal"]["deleted"], again["store"]["events"]) == (0, 0, 0)
    old.up()
    old.hooks(*small_session())
    old.json("flush", "--wait", "60s")
    assert old.counts().events == 28 + 6
    assert "deleted" in old.cli("prune").stdout
    assert old.status()["agent"]["stay"], "an agent that was to stay runs again"


REFUSES = """
import errno, sys
from hookspan.journal import compaction
def compact(segment, reduce):
    raise OSError(errno.ENOSPC, "No space left on device")
compaction.compact = compact
from hookspan.cli.main import main
sys.argv[1:] = ["prune", "--json"]
main()
"""


def test_a_segment_that_can_not_be_reduced_keeps_none_of_the_rest(old: Machine):
    done = subprocess.run(
        [sys.executable, "-I", "-c", REFUSES], env=old.env, check=False, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    assert done.returncode == EXIT_USER
    name = f"{15:020}.jsonl"
    assert f"could not be reduced: {name}: No space left on device" in done.stderr
    assert (found["journal"]["reduced"], found["journal"]["failed"][0][: len(name)]) == (0, name)
    assert found["quarantine"]["bytes"] == 1000
    assert len(found["copies"]["files"]) == 2
    assert old.json("prune")["journal"]["failed"] == []


def test_what_waits_for_an_endpoint_stays_and_so_does_what_is_unread(make_machine: Callable[..., Machine]):
    with Sink() as sink:
        export = f'[export]\nendpoint = "{sink.url}"\nlogs = true\n'
        machine = make_machine(settings=export)
        sink.stop()
        machine.up()
        until(lambda: machine.status()["ingest"]["caught_up"])  # export has begun before the events come
        put(machine, 6, *small_session())
        until(lambda: machine.counts().events == 6)
        assert machine.cli("down").returncode == 0
        spans, logs = machine.counts().spans, log_records(machine)
        machine.paths.config.write_text(SETTINGS + export)
        put(machine, 6, *small_session())  # nobody read these
        found = machine.json("prune")
        assert found["store"]["spans"] == 0
        assert machine.counts().spans == spans > 0
        assert log_records(machine) == logs > 0
        sink.start()
        machine.up()
        assert machine.json("flush", "--wait", "60s")["exported"]
        assert len({span.span_id for span in sink.spans if span.scope == "hookspan.hooks"}) == 12


def log_records(machine: Machine) -> int:
    reader = Reader(machine.paths)
    count, _ = reader.count_logs(SpanKey.unpack(0))
    reader.close()
    return count


def large(machine: Machine) -> int:
    """Segments of JOURNAL bytes, two days old, that nobody has reduced; how many events are in them."""
    count, at = 0, time.time() - 2 * DAY
    machine.paths.create()
    for _ in range(JOURNAL // SEGMENT):
        path = machine.paths.journal / f"{count + 1:020}.jsonl"
        with path.open("wb") as file:
            while file.tell() < SEGMENT:
                for one in calls(100):
                    line = {"v": 1, "agent": "claude-code", "at": int(at * 1e9) + count, "env": {}, "event": one}
                    file.write(json.dumps(line).encode() + b"\n")
                    count += 1
        os.utime(path, (at, at))
    return count


def calls(number: int) -> Iterator[dict[str, Any]]:
    """So many events of a session that reads files."""
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    yield event("SessionStart", session, source="startup")
    for _ in range(number - 2):
        call = {"tool_name": "Read", "tool_input": {"file_path": "/x"}, "tool_use_id": f"toolu_{uuid.uuid4().hex}"}
        yield event("PostToolUse", session, prompt_id=prompt, **call, tool_response={"stdout": "word " * 250})
    yield event("SessionEnd", session, reason="other")


def raw(machine: Machine) -> list[Path]:
    """Segments that are not reduced; an empty one only marks where the count goes on."""
    return [path for path in machine.paths.journal.glob("0*.jsonl") if path.stat().st_size]


def at_work(machine: Machine) -> list[Path]:
    return list(machine.paths.journal.glob("*.tmp"))


def test_interrupted_at_any_moment_it_goes_on_and_memory_does_not_grow(make_machine: Callable[..., Machine]):
    machine = make_machine(settings=SETTINGS)
    count = large(machine)
    with (machine.paths.journal / f"{1:020}.jsonl").open("rb") as file:
        want = file.readline().rstrip()
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    command = [sys.executable, "-c", MEASURED, "prune", "--json"]
    said, peak = "", [""]
    for patience in (0.1, 0.5, None):
        process = subprocess.Popen(command, env=machine.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if patience is not None:
            until(lambda: at_work(machine) or not raw(machine))
            time.sleep(dice.uniform(0, patience))
            process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=PRUNE_PATIENCE)
        peak = memory(errors)
        assert not peak or max(peak) < MEMORY_MAX, (seed, peak)
        assert process.returncode in ({0} if patience is None else {0, EXIT_INTERRUPTED, -signal.SIGINT}), seed
    assert peak
    assert json.loads(said)["journal"]["deleted"] == 0
    assert not raw(machine)
    assert not at_work(machine)
    tail, read, first = Tail(machine.paths, mend=False), 0, b""
    while found := tail.read():
        first = first or found[0].data
        read += len(found)
    tail.close()
    assert read == count, seed
    assert first == encode(decode(want, machine.paths.key.read_bytes(), labels=True)), "one line stays one line"

    machine.up()
    until(lambda: machine.counts().events == count, timeout=PRUNE_PATIENCE)
    assert machine.json("flush", "--wait", "60s")["drained"]
    assert machine.cli("down").returncode == 0
    packed = list(machine.paths.journal.glob("0*.jsonl.gz"))
    machine.paths.config.write_text(SETTINGS.replace("days = 5", "days = 1"))
    done = subprocess.run(command, env=machine.env, capture_output=True, text=True, check=True, timeout=PRUNE_PATIENCE)
    assert json.loads(done.stdout)["journal"]["deleted"] == len(packed)
    left = [line for path in raw(machine) for line in path.read_bytes().splitlines()]
    assert all(line.startswith(b'{"v":1,"kind":"fact"') for line in left), "what the agent has just added"
    assert json.loads(done.stdout)["store"]["events"] == count
    assert (machine.counts().events, machine.counts().spans) == (0, 0)
    assert max(memory(done.stderr)) < MEMORY_MAX


def test_a_title_of_a_project_that_is_not_recorded_any_more_is_not_kept(make_machine: Callable[..., Machine]):
    """Its session ended before, so that the store has it; what is reduced after that names no folder."""
    machine = make_machine()
    events = small_session()
    put(machine, 3, *(one | {"cwd": "/home/u/diary"} for one in events))
    titled = Title(at=time.time_ns(), key="title:1", session=str(events[0]["session_id"]), label="what it is about")
    Writer(machine.paths).append([encode(titled)])
    machine.up()
    until(lambda: any(row.ended and row.title for row in Reader(machine.paths).sessions()))
    machine.down()
    assert machine.cli("prune").returncode == 0
    machine.paths.config.write_text("[agent]\nautostart = false\n[projects.diary]\nrecord = false\n")
    journal = Journal(machine.paths)
    journal.rotate()
    for segment in journal.segments():
        os.utime(segment.path, (time.time() - 2 * DAY,) * 2)
    assert machine.cli("prune").returncode == 0
    left = b"".join(gzip.decompress(path.read_bytes()) for path in machine.paths.journal.glob("*.gz"))
    assert b"SessionEnd" in left
    assert b"what it is about" not in left
