"""The disk is full, read-only, or gone."""

import contextlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.agent.status import status_of
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.logs import DECISION, EVENTS_LOST
from hookspan.model.rows import LogRow
from hookspan.store import Reader, SpanKey
from tests.agent.machine import small_session
from tests.export.audited import attribute, each, place, requests, verified
from tests.faults.stand import (
    EVENTS,
    LATER_FORMAT,
    MIGRATIONS,
    Stand,
    fault,
    later_format,
    mounted,
    read_only,
    stand,
)
from tests.waiting import until

DISK = 32 << 20  # bytes; an empty store with its log takes 2 MB
pytestmark = [pytest.mark.need_root, pytest.mark.need_cc]


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[Stand]:
    with mounted(tmp_path / "disk", "-o", f"size={DISK}") as disk, stand(disk / "machine") as made:
        yield made


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path / "machine") as made:
        yield made


@contextlib.contextmanager
def full(at: Stand, *, left: int = 0) -> Iterator[None]:
    """Not a block is free, or `left` bytes."""
    ballast = at.machine.folder.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    if left:
        os.truncate(ballast, ballast.stat().st_size - left)
    try:
        yield
    finally:
        ballast.unlink()


def fill_page(at: Stand) -> None:
    """Until the journal's last block is full, lines find room on a full disk."""
    while not at.dropped:
        at.hooks(1)


@fault(
    "disk full",
    "when a relay appends to the journal",
    "the lost event is counted in place; the relay exits 0",
    "(write), the last",
)
def test_journal(on_small_disk: Stand):
    on_small_disk.start()
    on_small_disk.hooks()
    on_small_disk.flush()  # a database that can't be made gives its room back
    with full(on_small_disk):
        fill_page(on_small_disk)
        on_small_disk.hooks()
        assert on_small_disk.dropped > EVENTS / 2
        on_small_disk.status(says="(write), the last")
    on_small_disk.hooks()
    on_small_disk.settle()


@fault("disk full", "when the agent commits to the store", "the batch stays in memory and is tried again", "WAITING")
def test_store(on_small_disk: Stand):
    on_small_disk.start()
    on_small_disk.hooks()
    with full(on_small_disk, left=40_000):
        while not status_of(on_small_disk.machine.paths).get("ingest", {}).get("hold"):
            on_small_disk.hooks()
        on_small_disk.status(says="WAITING")
        on_small_disk.hooks()
    on_small_disk.settle()


@fault(
    "disk full",
    "before the agent ever ran",
    "it can't start, and events are counted as lost; it starts when there is room",
    "(write), the last",
)
def test_start(on_small_disk: Stand):
    on_small_disk.hooks()
    with full(on_small_disk):
        fill_page(on_small_disk)
        done = on_small_disk.machine.cli("up")
        assert done.returncode in {0, 1}, done.stderr
        on_small_disk.status(says="(write), the last")
    on_small_disk.settle()


@fault("disk full", "when the agent writes its log", "log lines are lost, and nothing else", "agent     running")
def test_log(at: Stand):
    at.machine.paths.log.symlink_to("/dev/full")
    at.start()
    at.hooks()
    at.settle()
    at.status(says="agent     running")


@fault(
    "disk full",
    "and the counter file was deleted",
    "the relay exits 0 in silence; what is not written can't be counted",
    "resources: ",
)
def test_counter_file(on_small_disk: Stand):
    on_small_disk.start()
    on_small_disk.hooks()
    with full(on_small_disk):
        fill_page(on_small_disk)
        counted = on_small_disk.dropped
        on_small_disk.machine.paths.drops.unlink()
        on_small_disk.uncounted += counted
        on_small_disk.hooks(may_vanish=True)
        on_small_disk.status(says="resources: ")
    on_small_disk.hooks()
    on_small_disk.settle()


@fault(
    "disk full",
    "when the exporter records what was sent",
    "spans that were sent but could not be recorded as sent are sent again",
    "database or disk is full",
)
def test_export(on_small_disk: Stand):
    on_small_disk.start()
    on_small_disk.hooks()
    on_small_disk.settle()
    on_small_disk.sink.stop()
    on_small_disk.hooks()
    until(lambda: on_small_disk.rows().total() == 2 * EVENTS)
    with full(on_small_disk):
        on_small_disk.sink.start()
        on_small_disk.status(says="database or disk is full")
    on_small_disk.hooks()
    on_small_disk.settle()


@pytest.fixture
def sealing(tmp_path: Path) -> Iterator[Stand]:
    """On a small disk, with log records that are sealed."""
    export = "logs = true\naudit = true\n"
    with (
        mounted(tmp_path / "disk", "-o", f"size={DISK}") as disk,
        stand(disk / "machine", export=export) as made,
    ):
        yield made


@fault(
    "disk full",
    "with sealed log records, when the exporter notes how far the chain is, an outage before it and a kill in it",
    "nothing is sent that is not noted; the chain is whole, each record in it once, and lost events are told in it",
    "database or disk is full",
)
def test_chain(sealing: Stand):
    at, tools = sealing, 2

    def session() -> None:
        at.machine.hooks(*small_session(tools=tools))

    def stored() -> list[LogRow]:
        reader = Reader(at.machine.paths)
        try:
            return reader.logs_after(SpanKey(0, 0), 10_000)[0]
        finally:
            reader.close()

    def decided() -> int:
        return sum(log.event == DECISION.name for log in stored())

    at.start()
    until(lambda: bool(at.sink.logs), "records are not wanted yet")
    session()
    until(lambda: decided() == tools)
    at.flush()
    at.sink.fault(status=503)
    session()
    until(lambda: decided() == 2 * tools)
    with full(at):
        at.sink.heal()
        at.status(says="database or disk is full")
        while not at.dropped:  # until the journal's last block is full
            session()
        assert at.machine.pid
        os.kill(at.machine.pid, 9)
    at.start()
    session()
    until(lambda: decided() >= 3 * tools)
    known = until(lambda: (logs := stored()) and any(log.event == EVENTS_LOST.name for log in logs) and logs)
    at.flush()
    key = at.machine.cli("audit", "key").stdout.strip()
    taken = requests(at.sink)
    report = verified(taken, keys=[key])
    (chain,) = report.chains
    assert (report.faults, report.unsealed, chain.first, chain.records) == ([], 0, 1, chain.last)
    assert +chain.gaps == Counter(), "nothing is missing, told or not"
    sent = {place(record): attribute(record, sc.LOG_RECORD_UID) for record in each(taken)}
    assert len(sent) == chain.records == len(set(sent.values())), "none is there twice under another place"
    assert {str(log.attributes[sc.LOG_RECORD_UID]) for log in known} <= set(sent.values()), "none was lost"
    at.well()


@fault("disk full", "when a line is set aside", "it is skipped and counted; the journal keeps it", "set aside")
def test_quarantine(at: Stand):
    at.machine.paths.quarantine.mkdir(exist_ok=True)
    with mounted(at.machine.paths.quarantine, "-o", "size=8192") as disk:
        (ballast := disk / "ballast").write_bytes(b"x" * 4096)
        at.start()
        at.hooks()
        with at.machine.paths.current.open("ab") as file:
            file.write("{日本語}".encode() * 1000 + b"\n")  # of whose entry a page can be written
        at.hooks()
        at.settle()
        at.status(says="set aside")
        assert at.machine.status()["ingest"]["quarantined"] == 1
        ballast.unlink()
        with at.machine.paths.current.open("ab") as file:
            file.write(b"not json\n")
        until(lambda: at.machine.status()["ingest"]["quarantined"] == 2)
        (day,) = disk.iterdir()
        assert json.loads(day.read_bytes())["data"] == "not json", "nothing of the first is before it"


@fault("disk full", "when an old segment is reduced and packed", "it stays as it is until there is room", "resources: ")
def test_packing(on_small_disk: Stand):
    at, often = on_small_disk, "import hookspan.agent.ingest.upkeep as u; u.FIRST = 0.2; u.INTERVAL = 0.2"
    at.start(fault=often)
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    at.stop()
    segment = at.machine.paths.journal / f"{1:020}.jsonl"
    at.machine.paths.current.rename(segment)
    raw = segment.read_bytes()
    with full(at):
        os.utime(segment, (0, segment.stat().st_mtime - 2 * 86400))
        at.start(fault=often)
        until(lambda: status_of(at.machine.paths)["loops"]["upkeep"]["failures"] > 1)
        at.status(says="resources: ")
        assert segment.read_bytes() == raw
    until(lambda: list(at.machine.paths.journal.glob("*.gz")) and not segment.exists())
    assert not list(at.machine.paths.journal.glob("*.tmp"))
    at.hooks()
    at.settle()


@fault(
    "disk full",
    "when an upgrade keeps a copy of the store",
    "nothing is changed; the store is upgraded when there is room",
    "WAITING",
)
def test_upgrade(on_small_disk: Stand, monkeypatch: pytest.MonkeyPatch):
    at = on_small_disk
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    at.stop()
    with full(at, left=20_000):
        at.start(fault=LATER_FORMAT)
        at.hooks()
        at.status(says="WAITING")
    later_format(monkeypatch)
    at.hooks()
    at.settle()
    assert (at.machine.paths.state / f"store.db.v{len(MIGRATIONS)}").exists()


@fault("read-only", "the journal's folder", "lost events are counted", "CAN'T BE WRITTEN")
def test_read_only_journal(at: Stand):
    at.start()
    at.hooks()
    with read_only(at.machine.paths.journal):
        at.hooks()
        assert at.dropped == EVENTS
        at.status(says="events (open), the last")
        at.status(says="CAN'T BE WRITTEN")
    at.hooks()
    at.settle()


@fault(
    "read-only",
    "the whole state folder",
    "the relay exits 0 in silence; nothing can be counted",
    "CAN'T BE WRITTEN",
)
def test_read_only_state(at: Stand):
    at.start()
    at.hooks()
    with read_only(at.machine.paths.state):
        at.hooks(may_vanish=True)
        assert at.uncounted == EVENTS
        at.status(says="CAN'T BE WRITTEN")
    at.hooks()
    at.settle()


def vanish(folder: Path) -> None:
    """All at once: where file after file is deleted, the agent may write a new one before the folder is."""
    shutil.rmtree(folder.rename(folder.with_name(f"{folder.name}-vanished")))


@fault(
    "vanished",
    "the journal's folder, after the agent has read it",
    "the next hook creates it again; record numbers continue",
    "was cut, replaced or deleted",
)
def test_journal_vanishes(at: Stand):
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    vanish(at.machine.paths.journal)
    at.hooks()
    at.settle()
    at.status(says="was cut, replaced or deleted")


@fault(
    "vanished",
    "the sockets and locks (`run`), while the agent runs",
    "one agent remains, and it has everything",
    "agent     running",
)
def test_run_vanishes(at: Stand):
    first = at.start()
    at.hooks()
    at.machine.paths.down.unlink()
    vanish(at.machine.paths.run)
    at.hooks()  # one of them starts an agent, as nobody answers
    until(lambda: at.machine.pid not in {0, first.pid})
    at.hooks()
    assert first.wait(60) == 0, "the agent that lost its lock leaves"
    at.settle()
    at.status(says="agent     running")


@fault(
    "vanished",
    "the whole state folder, while the agent runs",
    "hooks do nothing until `install`; then everything works again",
    "next: hookspan install",
)
def test_state_vanishes(at: Stand):
    first = at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    vanish(at.machine.paths.state)
    at.machine.hooks()
    at.status(says="next: hookspan install")
    at.written.clear()
    at.sent = 0
    assert first.wait(60) == 0, "the agent that lost its lock leaves"
    at.sink.clear()
    at.machine.install()
    at.machine.paths.down.touch()
    at.hooks()
    at.settle()
