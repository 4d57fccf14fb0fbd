"""The parts of ingest, each by itself."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hookspan.agent import status
from hookspan.agent.ingest import Ingest, Watermark
from hookspan.agent.ingest import disk as disks
from hookspan.agent.ingest.disk import Disk, is_disk
from hookspan.agent.ingest.keeper import StoreKeeper
from hookspan.agent.ingest.reader import JournalReader
from hookspan.agent.ingest.state import SESSIONS_KEPT, FoldState
from hookspan.agent.key import read_key
from hookspan.agent.loop import Interval, Loop
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.journal import Writer, segments
from hookspan.model.state import SessionState
from hookspan.paths import Paths
from hookspan.store import SpanKey, StoreDamaged


@pytest.fixture
def loop() -> Loop:
    return Loop("test", lambda: None)


def following(**exporter: Any) -> Watermark:
    watermark = Watermark()
    watermark.follow(cast("Any", SimpleNamespace(**exporter)))
    return watermark


@pytest.mark.parametrize("furthest", ["metrics", "spans", "logs"])
def test_numbers_go_on_behind_what_was_exported_after_store_and_journal_are_lost(paths: Paths, furthest: str):
    paths.create()
    key = SpanKey(5000, 3).pack()
    watermark = following(
        db=SimpleNamespace(measured=5001 if furthest == "metrics" else 0),
        protected=key if furthest == "spans" else None,
        protected_logs=key if furthest == "logs" else None,
    )
    poke = Poke(paths.poke_socket)
    ingest = Ingest(paths, AgentSettings(paths, None), poke, read_key(paths), watermark=watermark)
    assert ingest.drain(float("inf"))
    ingest.close()
    poke.close()
    assert segments.next_number(paths.journal) == 5001


def test_a_full_disk_is_waited_for_and_told(loop: Loop, monkeypatch: pytest.MonkeyPatch):
    disk, written = Disk(loop), list[str]()
    reasons: list[str] = []

    def pause(_seconds: float) -> None:
        assert disk.hold is not None
        reasons.append(disk.hold.reason)

    monkeypatch.setattr(loop, "pause", pause)

    def write() -> None:
        if len(reasons) < 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append("line")

    disk.patiently(write)
    assert (written, disk.hold) == (["line"], None)
    assert reasons == ["OSError: No space left on device"] * 2


def test_what_is_not_the_disks_fault_is_not_waited_for(loop: Loop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disks, "FULL_PAUSE", 0.0)

    def fail(error: Exception) -> Any:
        raise error

    with pytest.raises(PermissionError):
        Disk(loop).patiently(lambda: fail(PermissionError(errno.EACCES, "Permission denied")))
    loop.stop()
    with pytest.raises(OSError, match="No space"):
        Disk(loop).patiently(lambda: fail(OSError(errno.ENOSPC, "No space left on device")))
    assert not is_disk(sqlite3.OperationalError("no such table"))


def test_a_reader_ends_where_metrics_were_exported_and_counts_on(paths: Paths):
    paths.create()
    Writer(paths).append([b"%d" % number for number in range(1, 10)])
    reader = JournalReader(paths, following(db=SimpleNamespace(measured=4), protected=None))
    with pytest.raises(RuntimeError):
        reader.read(500)
    reader.begin(None)
    assert [line.number for line in reader.read(500)] == [1, 2, 3]
    position = reader.position
    assert [line.number for line in reader.read(500)] == [4, 5, 6, 7, 8, 9]
    assert reader.backlog() == 0
    reader.begin(position)
    assert reader.read(1)[0].number == 4
    paths.current.write_bytes(b"")
    reader.begin(position)
    assert reader.restarts == 1
    reader.leave()
    assert (reader.restarts, reader.damaged, reader.set_aside, reader.backlog()) == (1, 0, 0, 0)


def test_without_an_exporter_nothing_is_held():
    watermark = following(db=SimpleNamespace(measured=7), protected=9)
    assert (watermark.metrics, watermark.spans) == (7, 9)
    watermark.follow(None)
    assert (watermark.metrics, watermark.spans) == (0, None)


def test_of_very_many_open_sessions_the_longest_untouched_are_let_go(paths: Paths, loop: Loop):
    state = FoldState(StoreKeeper(paths, loop, Disk(loop), lambda: False))
    names = [str(number) for number in range(SESSIONS_KEPT + 3)]
    state.now.sessions = {name: SessionState(id=name, first=1, opened=1, start=1, last=1) for name in names}
    state.let_go(["0"])
    assert list(state.now.sessions) == [*names[4:], "0"]
    state.now.sessions["5"].ended, state.now.sessions["5"].written = 1, True
    state.let_go(["5"])
    assert "5" not in state.now.sessions


def test_a_store_is_rebuilt_for_readers_once_and_then_not_soon_again(paths: Paths, loop: Loop):
    paths.create()
    keeper = StoreKeeper(paths, loop, Disk(loop), lambda: False)
    assert keeper.damage() is None
    keeper.open()
    assert keeper.damage() is None
    assert keeper.damage_met(keeper.store.identity)
    damage = keeper.damage()
    assert damage is not None
    assert not keeper.save(damage)
    keeper.set_aside(damage)
    assert keeper.mended is not None
    assert keeper.mended.text == "was damaged, is rebuilt from the journal"
    keeper.open()
    assert not keeper.damage_met(keeper.store.identity)
    assert keeper.damage() is None
    keeper.close()


def test_lost_files_are_written_anew_unless_all_is_vanishing(paths: Paths, loop: Loop):
    paths.create()
    vanishing = True
    keeper = StoreKeeper(paths, loop, Disk(loop), lambda: vanishing)
    keeper.open()
    paths.store.with_name(f"{paths.store.name}-wal").unlink()
    lost = keeper.damage()
    assert lost is not None
    with pytest.raises(type(lost)):
        keeper.save(lost)
    vanishing = False
    assert keeper.save(lost)
    assert not keeper.is_open
    assert keeper.mended is not None
    assert "was written again" in keeper.mended.text


def test_what_was_cut_is_named_though_something_else_met_the_damage_first(paths: Paths, loop: Loop):
    paths.create()
    keeper = StoreKeeper(paths, loop, Disk(loop), lambda: False)
    keeper.open()
    met = StoreDamaged(paths.store, "database disk image is malformed")
    assert keeper.cause(met) is met
    os.truncate(f"{paths.store}-wal", 1)
    keeper.set_aside(keeper.cause(met))
    assert keeper.mended is not None
    assert keeper.mended.text == "was damaged (`store.db-wal` was cut), is rebuilt from the journal"


def test_an_interval_is_due_at_once_and_then_not_before_its_time():
    interval = Interval(3600.0)
    assert interval.is_due()
    assert not interval.is_due()
    interval.again_in(0.0)
    assert interval.is_due()


def test_a_file_that_is_taken_in_while_all_are_listed_is_not_counted(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    paths.create()
    for name in ("stray-1", "stray-2"):
        (paths.journal / name).write_text("x")

    @contextmanager
    def listing(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        def entries() -> Iterator[os.DirEntry[str]]:
            for entry in sorted(found, key=lambda entry: entry.name):
                if entry.name == "stray-1":
                    os.unlink(entry.path)
                yield entry

        with scandir(folder) as found:
            yield entries()

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", listing)
    told = status.journal(paths)
    assert (told["strays"], told["bytes"]) == (1, 1)
