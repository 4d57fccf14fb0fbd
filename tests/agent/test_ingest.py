"""What the agent does with lines, disks and stores that are not as they should be: a fault each, seen from outside."""

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hookspan.agent.ingest import Ingest, upkeep
from hookspan.agent.key import read_key
from hookspan.agent.loop import Loop
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.journal import Journal, Segment, compaction
from hookspan.store import Reader, retention
from tests import late
from tests.journal.set_aside import counts
from tests.journal.test_numbers import KilledError, killed
from tests.otlp_sink import Sink
from tests.waiting import until

from .machine import Machine, append, event, launch, ready, small_session
from .test_late import Told

# Raises in the fold on every event of a session called `poison`, after changing the state: as a bug would.
FOLD_RAISES = """
import hookspan.model.fold as model
true_fold = model.fold
def fold(state, number, record):
    rows = true_fold(state, number, record)
    if record.session.startswith("poison"):
        raise ValueError("hunter2")
    return rows
model.fold = fold
"""
COMMIT_RAISES = """
from hookspan.store import Store
true_commit = Store.commit
def commit(self, commit):
    if any(row.session.startswith("poison") for rows in commit.rows for row in rows.events):
        raise ValueError("hunter2")
    true_commit(self, commit)
Store.commit = commit
"""
DECODE_RAISES = """
import hookspan.agent.ingest.fold as reading
true_decode = reading.decode
def decode(data, key, **options):
    if b"poison" in data:
        raise ValueError("hunter2")
    return true_decode(data, key, **options)
reading.decode = decode
"""
SHRINKS_SOON = """
import hookspan.agent.ingest.upkeep as upkeep
upkeep.LONG_BACKLOG = 3
"""
REFUSES_ONCE = """
import errno
from hookspan.journal import Writer
true_append, left = Writer.append, [True]
def append(self, lines):
    if left and any(b'"model_call"' in line for line in lines):
        left.pop()
        raise OSError(errno.EMFILE, "hunter2")
    true_append(self, lines)
Writer.append = append
"""
LISTENER_RAISES = """
import hookspan.agent.exports as exports
def committed(self, news): raise ValueError("hunter2")
exports.Exports.committed = committed
"""


def dropped(machine: Machine) -> dict[str, float]:
    """`hookspan.dropped` by `where/reason`."""
    reader = Reader(machine.paths)
    snapshot = reader.series()
    reader.close()
    found = {}
    for series in snapshot.series if snapshot is not None else ():
        if series.instrument == "hookspan.dropped":
            labels = dict(series.attributes)
            found[f"{labels['hookspan.dropped.where']}/{labels['hookspan.dropped.reason']}"] = series.value
    return found


def poison(number: int) -> dict[str, object]:
    return event("PreToolUse", f"poison-{number}", tool_name="Bash", tool_use_id=f"toolu_{number}", tool_input={})


@pytest.mark.parametrize(
    ("fault", "where"), [(DECODE_RAISES, "journal"), (FOLD_RAISES, "fold"), (COMMIT_RAISES, "commit")]
)
def test_a_record_that_breaks_something_is_set_aside_and_the_rest_goes_on(machine: Machine, fault: str, where: str):
    good = [small_session(tools=5) for _ in range(6)]
    for number, events in enumerate(good):
        append(machine, *events[:5], poison(number), *events[5:])
    append(machine, *(poison(number) for number in range(6, 9)))
    agent = launch(machine, "--stay", fault=fault)
    ready(machine)
    wanted = sum(map(len, good))
    until(lambda: machine.counts().events == wanted and machine.status()["ingest"]["caught_up"])
    assert dropped(machine) == {f"{where}/raised": 9}
    ingest = machine.status()["ingest"]
    assert ingest["quarantined"] == 9
    assert ingest["failures"] >= 9
    assert "hunter2" not in machine.paths.log.read_text()
    assert sum(counts(machine.paths).values()) == 9

    agent.send_signal(signal.SIGTERM)
    assert agent.wait(60) == 0
    launch(machine, "--stay")
    ready(machine)
    append(machine, *small_session())
    until(lambda: machine.counts().events == wanted + 6)
    assert dropped(machine) == {f"{where}/raised": 9}, "what was passed stays passed"


def test_an_entry_of_what_was_set_aside_that_was_cut_is_passed_over(machine: Machine):
    machine.paths.quarantine.mkdir(exist_ok=True)
    entry = '{"record":1,"reason":"not_json","at":1,"bytes":6,"data":"日本"}\n'.encode()
    (machine.paths.quarantine / "2026-11-26.jsonl").write_bytes(entry[:-4] + entry)
    append(machine, small_session()[0], b"not json")
    launch(machine, "--stay")
    until(lambda: machine.pid and sum(dropped(machine).values()) == 1)
    assert machine.counts().events == 1
    assert not list(machine.paths.state.glob("*.damaged*"))


def test_lines_that_are_no_events_are_set_aside_and_counted_once(machine: Machine):
    append(
        machine, b"not json", small_session()[0], b"[1]", b'{"v":1,"at":1,"event":5}', b"\xff\xfe", small_session()[0]
    )
    launch(machine, "--stay")
    until(lambda: machine.pid and machine.counts().events == 2)
    first = dropped(machine)
    assert sum(first.values()) == 4
    assert all(name.startswith("journal/") for name in first)
    machine.kill()
    machine.up()
    machine.json("flush", "--wait", "60s")
    assert dropped(machine) == first


def test_events_that_come_after_a_long_backlog_are_taken(machine: Machine):
    append(machine, *small_session())
    launch(machine, "--stay", fault=SHRINKS_SOON)
    until(lambda: machine.pid and machine.counts().events == 6)
    append(machine, *small_session())
    until(lambda: machine.counts().events == 12)
    assert machine.status()["ingest"]["failures"] == 0


def test_a_listener_that_raises_harms_nobody(machine: Machine):
    launch(machine, "--stay", fault=LISTENER_RAISES)
    ready(machine)
    append(machine, *small_session())
    until(lambda: machine.counts().events == 6)
    until(lambda: machine.status()["ingest"]["failures"] > 0, "the listener was told of it")


def damage(path: Path) -> None:
    """Garbage into every page but the first."""
    with path.open("r+b") as file:
        for offset in range(4096, file.seek(0, os.SEEK_END), 4096):
            file.seek(offset)
            file.write(b"\xde\xad\xbe\xef" * 64)


def test_a_damaged_store_is_set_aside_and_rebuilt_from_the_journal(machine: Machine):
    events = [event for _ in range(30) for event in small_session(tools=3)]
    append(machine, *events)
    machine.up()
    machine.json("flush", "--wait", "60s")
    before = machine.counts()
    assert machine.cli("down").returncode == 0
    damage(machine.paths.store)
    machine.up()
    until(lambda: machine.status()["ingest"]["mended"])  # the damaged one can't be asked until then
    until(lambda: machine.counts().events == before.events)
    until(lambda: machine.counts() == before, "the rebuilt store holds something else")
    aside = machine.status()["ingest"]["mended"]["aside"]
    assert Path(aside).exists()
    assert aside in machine.cli("status").stdout


def test_a_store_that_breaks_while_the_agent_runs_is_rebuilt(machine: Machine):
    append(machine, *(event for _ in range(30) for event in small_session(tools=3)))
    machine.up()
    machine.json("flush", "--wait", "60s")
    before = machine.counts().events
    machine.cli("restart")  # the write-ahead log is merged into the file
    damage(machine.paths.store)
    append(machine, *small_session())
    until(lambda: machine.status()["ingest"]["mended"] and machine.counts().events == before + 6)


def test_what_relays_lost_is_counted_once(machine: Machine):
    launch(machine, "--stay")
    ready(machine)
    table = machine.paths.drops.read_bytes()
    machine.paths.drops.write_bytes(table.replace(b"%020d" % 0, b"%020d" % 3, 1))
    append(machine, *small_session())  # wakes the observers
    until(lambda: dropped(machine) == {"relay/cap": 3})
    machine.kill()
    machine.up()
    append(machine, *small_session())
    machine.json("flush", "--wait", "60s")
    time.sleep(2.5)  # longer than the observers' own interval
    assert dropped(machine) == {"relay/cap": 3}


def test_what_a_transcript_tells_is_written_again_when_the_journal_refused_it(machine: Machine, tmp_path: Path):
    launch(machine, "--stay", fault=REFUSES_ONCE)
    ready(machine)
    session = Told(machine, tmp_path)
    session.hook("SessionStart", source="startup")
    session.hook("UserPromptSubmit", prompt="go")
    for kind in ("user", "assistant", "user"):  # a call is told when there is a line behind it
        session.say(kind, "main")
    until(lambda: machine.status()["ingest"]["failures"], "it was refused")
    for kind in ("assistant", "user"):
        session.say(kind, "main")
    until(lambda: b'"model_call"' in machine.paths.current.read_bytes())
    session.hook("Stop")
    until(lambda: [span["name"] for span in late.store(machine.paths)[0].values()].count("chat m") == 2)
    assert machine.status()["ingest"]["failures"] == 1


def test_strays_are_taken_in(machine: Machine):
    machine.up()
    with machine.paths.current.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        machine.hooks(*small_session())
        assert len(list(machine.paths.journal.glob("stray-*"))) == 6
        until(lambda: machine.status()["ingest"]["caught_up"])  # what is in the journal itself
    assert machine.json("flush", "--wait", "60s")["drained"]
    assert machine.counts().events == 6, "recorded is recorded"
    assert not list(machine.paths.journal.glob("stray-*"))


def test_a_flush_has_taken_in_the_strays_of_before(machine: Machine):
    machine.up()
    for number in range(1, 4):
        with machine.paths.current.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            machine.hooks(*small_session())
        assert machine.json("flush", "--wait", "60s")["drained"]
        assert machine.counts().events == 6 * number


def test_a_backlog_that_never_ends_puts_off_nothing_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upkeep, "OVERDUE", 0.0)
    machine = Machine(tmp_path).install()
    machine.paths.down.touch()
    with machine.paths.current.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        machine.hooks(*small_session())
    poke = Poke(machine.paths.poke_socket)
    ingest = Ingest(machine.paths, AgentSettings(machine.paths, None), poke, read_key(machine.paths))

    def work() -> None:
        append(machine, *small_session())
        ingest.step()

    for _ in range(3):
        work()
    assert not ingest.progress.caught_up
    assert not list(machine.paths.journal.glob("stray-*"))
    ingest.close()
    poke.close()


def test_a_prune_goes_on_while_events_keep_coming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upkeep, "PRUNE_PAUSE", 0.0)
    monkeypatch.setattr(retention, "CHUNK", 50)
    machine = Machine(tmp_path).install()
    machine.paths.down.touch()
    poke = Poke(machine.paths.poke_socket)
    ingest = Ingest(machine.paths, AgentSettings(machine.paths, None), poke, read_key(machine.paths))
    append(machine, *(event for _ in range(40) for event in small_session()))
    assert ingest.drain(float("inf"))
    monkeypatch.setattr(retention, "size", lambda _: 2**60)  # larger than it may be
    ingest.upkeep.between_batches()
    for _ in range(10):
        append(machine, *small_session())
        ingest.step()
    assert not ingest.progress.caught_up
    assert machine.counts().events < 60 < 40 * 6
    ingest.close()
    poke.close()


def test_what_a_kill_left_of_compaction_stays_no_longer_than_raw_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    machine = Machine(tmp_path).install()
    poke = Poke(machine.paths.poke_socket)
    ingest = Ingest(machine.paths, AgentSettings(machine.paths, None), poke, read_key(machine.paths))
    append(machine, *small_session())
    assert ingest.drain(float("inf"))
    assert Journal(machine.paths).rotate()
    raw = machine.paths.journal / f"{1:020}.jsonl"
    os.utime(raw, (0, time.time() - 2 * 86_400))
    monkeypatch.setattr(ingest.upkeep.loop, "pause", lambda _: None)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KilledError):
            ingest.upkeep.step()
    assert b"hi" in raw.read_bytes()
    raw.with_suffix(".tmp").write_bytes(b"half of a segment")
    packed = raw.with_suffix(".jsonl.gz")
    content = packed.read_bytes()
    ingest.upkeep.step()
    assert list(machine.paths.journal.glob(f"{1:020}*")) == [packed]
    assert packed.read_bytes() == content
    ingest.close()
    poke.close()


def test_a_segment_that_can_not_be_reduced_keeps_none_of_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    machine = Machine(tmp_path).install()
    poke = Poke(machine.paths.poke_socket)
    ingest = Ingest(machine.paths, AgentSettings(machine.paths, None), poke, read_key(machine.paths))
    monkeypatch.setattr(ingest.upkeep.loop, "pause", lambda _: None)
    first, days = 1, (90, 2, 2, 2)  # by the settings 90 days are too many
    for age in days:
        append(machine, *small_session())
        assert Journal(machine.paths).rotate()
        os.utime(machine.paths.journal / f"{first:020}.jsonl", (0, time.time() - age * 86_400))
        first += 6
    assert ingest.drain(float("inf"))
    (old := machine.paths.state / "store.db.v3").write_bytes(b"x")
    os.utime(old, (0, 0))
    true = compaction.compact

    def compact(segment: Segment, reduce: Callable[[bytes], bytes]) -> Segment:
        if segment.first == 7:
            raise OSError(errno.EACCES, "hunter2")
        return true(segment, reduce)

    monkeypatch.setattr(compaction, "compact", compact)
    ingest.upkeep.step()
    left = [segment.path.name for segment in Journal(machine.paths).segments() if not segment.current]
    assert left == [f"{7:020}.jsonl", f"{13:020}.jsonl.gz", f"{19:020}.jsonl.gz"]
    assert not old.exists()
    assert ingest.upkeep.loop.failures == 1
    ingest.close()
    poke.close()


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("why", ["it is told to stop", "the disk is full"])
def test_what_may_fit_once_it_is_reduced_is_not_deleted_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
):
    machine = Machine(tmp_path, settings="[journal]\nbytes = '1 MiB'\n").install()
    poke = Poke(machine.paths.poke_socket)
    ingest = Ingest(machine.paths, AgentSettings(machine.paths, None), poke, read_key(machine.paths))
    for first in range(1, 4 * 1202, 1202):
        append(machine, *small_session(tools=599))
        assert Journal(machine.paths).rotate()
        os.utime(machine.paths.journal / f"{first:020}.jsonl", (0, time.time() - 2 * 86_400))
    assert ingest.drain(float("inf"))
    before = Journal(machine.paths).segments()
    assert sum(segment.size for segment in before) > 2 << 20
    monkeypatch.setattr(ingest.upkeep.loop, "pause", lambda _: None)
    with monkeypatch.context() as patch:
        if why == "the disk is full":
            patch.setattr(compaction, "compact", full)
        else:
            patch.setattr(Loop, "stopping", True)
        ingest.upkeep.step()
    assert Journal(machine.paths).segments() == before
    ingest.upkeep.step()
    assert [segment.first for segment in Journal(machine.paths).segments()] == [segment.first for segment in before]
    ingest.close()
    poke.close()


@pytest.mark.parametrize("archive", [False, True])
def test_old_copies_go_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: bool):
    paths = Machine(tmp_path, settings=f"[archive]\nenabled = {str(archive).lower()}\n").install().paths
    poke = Poke(paths.poke_socket)
    ingest = Ingest(paths, AgentSettings(paths, None), poke, read_key(paths))
    monkeypatch.setattr(ingest.upkeep.loop, "pause", lambda _: None)
    now = time.time_ns()
    (paths.state / "reports").mkdir()
    old = ("store.db.v3", "content.db.damaged-1", "reports/crash-1.md", "backups/settings.json.1")
    new = (f"store.db.damaged-{now}", f"store.db.damaged-{now}-wal")
    of_yesterday = ("store.db.v4", "content.db.v1", "content.db.damaged-2", "content.db.damaged-2-wal")
    for name in (*old, *new, *of_yesterday):
        (paths.state / name).write_bytes(b"x")
        os.utime(paths.state / name, (now / 1e9 - (1.1 if name in of_yesterday else 31) * 86_400,) * 2)
    ingest.upkeep.step()
    kept = (*new, *(of_yesterday if archive else ["store.db.v4"]))
    assert [name for name in (*old, *new, *of_yesterday) if (paths.state / name).exists()] == [*kept]
    ingest.close()
    poke.close()


def test_spans_wait_for_an_endpoint_that_is_down_and_none_is_lost(make_machine: Callable[..., Machine]):
    with Sink() as sink:
        machine = make_machine(settings=f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n')
        sink.stop()
        machine.up()
        machine.hooks(*small_session(tools=4))
        until(lambda: machine.counts().events == 12)
        flushed = until(lambda: (told := machine.json("flush", "--wait", "5s"))["drained"] and told)
        assert not flushed["exported"]
        assert machine.cli("down").returncode == 0
        sink.start()
        machine.up()
        assert machine.json("flush", "--wait", "60s")["exported"]
        assert len({span.span_id for span in sink.spans if span.scope == "hookspan.hooks"}) == 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.need_root
def test_a_full_disk_is_waited_for(small_disk: Path):
    machine = Machine(small_disk / "machine").install()
    try:
        machine.cli("config", "set", "content.local", "false")  # else the index of what was said wants room, too
        machine.up()
        append(machine, *small_session())
        machine.json("flush", "--wait", "60s")
        ballast = small_disk / "ballast"
        events = [event for _ in range(40) for event in small_session(tools=10)]
        append(machine, *events[:10])
        machine.json("flush", "--wait", "60s")  # or what is made of these takes the room of the others
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 4096):
                pass
        # Room for the journal, but not for what becomes of it.
        os.truncate(ballast, ballast.stat().st_size - 540_000)
        append(machine, *events[10:])
        hold = until(lambda: machine.status()["ingest"]["hold"])
        assert "OperationalError" in hold["reason"] or "No space" in hold["reason"]
        ballast.unlink()
        until(lambda: machine.counts().events == 6 + len(events))
        until(lambda: machine.status()["ingest"]["hold"] is None, "nothing is waited for any more")
    finally:
        machine.close()
