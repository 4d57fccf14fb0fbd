"""What is on the disk is not what was written: the journal, the store, both after a power cut."""

import os
import random
import shutil
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.faults.stand import EVENTS, Stand, fault, stand
from tests.journal.set_aside import counts
from tests.waiting import until

GIB = 1 << 30
MEMORY_MAX = 150 << 20  # bytes, the bar for the agent; a GiB in memory would be seen
pytestmark = pytest.mark.need_cc


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path / "machine") as made:
        yield made


def aside(at: Stand) -> Counter[str]:
    """Lines that were set aside, by reason."""
    return Counter(counts(at.machine.paths))


def journal_lines(at: Stand) -> list[bytes]:
    return at.machine.paths.current.read_bytes().splitlines(keepends=True)


# --- the journal


@fault(
    "journal",
    "bits flipped in lines that nobody has read",
    "the line is set aside and counted, or read with its changed content; no other line is affected",
    "set aside",
)
def test_flipped_bits(at: Stand):
    at.hooks(4 * EVENTS)
    lines = journal_lines(at)
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    hit = sorted(dice.sample(range(len(lines)), EVENTS))
    for number in hit:
        line = bytearray(lines[number])
        line[dice.randrange(len(line) - 1) if number != hit[0] else 0] ^= 0x80  # no UTF-8 any more, wherever it hits
        lines[number] = bytes(line)
    at.machine.paths.current.write_bytes(b"".join(lines))
    at.hooks()
    at.start()
    until(lambda: at.rows().total() + aside(at).total() == len(at.written), f"seed {seed}")
    # Bytes that are no UTF-8 in a field that nobody reads do no harm: such a line is read. The first one is not.
    gone = [at.written[number] for number in hit if at.written[number] not in at.rows()]
    assert aside(at).total() == len(gone), seed
    at.status(says=f"{len(gone)} lines set aside")
    at.settle(gone=gone)


@fault(
    "journal", "cut in the middle of a line", "the next hook terminates the torn line, which is set aside", "set aside"
)
def test_truncated(at: Stand):
    at.hooks()
    os.truncate(at.machine.paths.current, at.machine.paths.current.stat().st_size - 100)
    torn = at.written[-1]
    at.hooks()
    at.start()
    at.status(says=" set aside")
    at.settle(gone=[torn])
    assert aside(at).total() == 1


@fault("journal", "lines of other programs", "set aside and counted", "set aside")
def test_foreign_lines(at: Stand):
    foreign = [
        b"not json\n",
        b"[1, 2]\n",
        b'{"v":1,"event":5}\n',
        b"\xff\xfe\x00\n",
        b'{"kind":"fact","of":"?"}\n',
        b"\n",
    ]
    at.start()
    for line in foreign:
        at.hooks(1)
        with at.machine.paths.current.open("ab") as file:
            file.write(line)
    at.hooks()
    at.settle()
    at.status(says=f"{aside(at).total()} lines set aside")
    assert aside(at).total() >= len(foreign) - 1  # an empty line says nothing


@fault("journal", "a line of 1 GiB", "read in constant memory; its beginning is set aside", "set aside")
def test_huge_line(at: Stand):
    at.hooks()
    os.truncate(at.machine.paths.current, at.machine.paths.current.stat().st_size + GIB)  # a hole: it takes no disk
    at.hooks()
    agent = at.start()
    at.settle()
    assert aside(at) == {"too_long": 1}
    at.status(says="set aside")
    assert psutil.Process(agent.pid).memory_info().rss < MEMORY_MAX


@fault("journal", "a reduced and packed segment is damaged", "its rows stay in the store; the journal continues")
def test_packed_segment(at: Stand):
    damage_packed(at)
    at.hooks()
    at.settle()


@fault(
    "journal",
    "a packed segment and the store are both damaged",
    "the store is rebuilt from everything before the damage and after the segment; counters keep what was counted",
    "packed segments that are damaged: 1",
)
def test_packed_segment_and_store(at: Stand):
    packed = damage_packed(at)
    header(at.machine.paths.store)
    before, after = readable(packed), at.written[4 * EVENTS :] + at.hooks()
    assert 0 < len(before) < 4 * EVENTS
    at.start()
    at.flush()
    rows = at.rows()
    assert set(rows.values()) == {1}
    assert {*before, *after} <= set(rows) <= set(at.written)
    assert {id_.replace("-", "") for id_ in rows} <= at.arrived()
    at.status(says="packed segments that are damaged: 1")
    until(lambda: at.counter() == len(at.written))


def readable(packed: Path) -> list[str]:
    """The sessions of the lines that come before the damage."""
    data = packed.read_bytes()
    lines = zlib.decompressobj(wbits=31).decompress(data[: len(data) // 2]).split(b"\n")
    sessions = [msgspec.json.decode(line).get("session") for line in lines[:-1]]
    return [id_ for id_ in sessions if id_]  # facts about the agent have none


def damage_packed(at: Stand) -> Path:
    """Events, reduced and packed in a segment that is damaged then, and some after it; no agent runs."""
    first = at.start(fault="import hookspan.agent.ingest.upkeep as u; u.FIRST = 0.2; u.INTERVAL = 0.2")
    at.hooks(4 * EVENTS)
    until(lambda: at.rows().total() == 4 * EVENTS)
    at.stop()
    first.wait(60)
    target = at.machine.paths.journal / f"{1:020}.jsonl"
    at.machine.paths.current.rename(target)
    os.utime(target, (0, target.stat().st_mtime - 2 * 86400))
    at.start(fault="import hookspan.agent.ingest.upkeep as u; u.FIRST = 0.2; u.INTERVAL = 0.2")
    packed = until(lambda: list(at.machine.paths.journal.glob("*.gz")))[0]
    at.hooks()
    at.stop()
    with packed.open("r+b") as file:
        file.seek(packed.stat().st_size // 2)
        file.write(b"\xde\xad\xbe\xef" * 8)
    return packed


@fault(
    "power cut",
    "the journal is shorter than the store's position",
    "what the store has stays; new lines get new numbers",
    "was cut, replaced or deleted",
)
def test_power_cut(at: Stand):
    at.start()
    at.hooks(2 * EVENTS)
    until(lambda: at.rows().total() == 2 * EVENTS)
    at.machine.kill()
    kept = journal_lines(at)[:EVENTS]
    at.machine.paths.current.write_bytes(b"".join(kept) + b'{"v":1,"agent":"cl')  # and the last one torn
    at.hooks()
    at.start()
    at.settle()
    at.status(says="was cut, replaced or deleted")


# --- the store


def header(store: Path) -> None:
    with store.open("r+b") as file:
        file.write(os.urandom(100))


def pages(store: Path) -> None:
    with store.open("r+b") as file:
        for offset in range(4096, store.stat().st_size, 4096):
            file.seek(offset)
            file.write(b"\xde\xad\xbe\xef" * 64)


def foreign(store: Path) -> None:
    store.unlink()
    with sqlite3.connect(store) as other:
        other.execute("CREATE TABLE somebody_elses (thing)")
    other.close()


REBUILT = "was damaged, is rebuilt from the journal"


@fault("store", "its header is garbage", "the store is set aside and rebuilt from the journal", REBUILT)
def test_store_header(at: Stand):
    rebuilt(at, header)


@fault("store", "its pages are garbage", "the same", REBUILT)
def test_store_pages(at: Stand):
    rebuilt(at, pages)


@fault("store", "is a database of another program", "the same", REBUILT)
def test_store_foreign(at: Stand):
    rebuilt(at, foreign)


def rebuilt(at: Stand, damage: Callable[[Path], None]) -> None:
    at.start()
    at.hooks(4 * EVENTS)
    until(lambda: at.rows().total() == 4 * EVENTS)
    at.stop()
    damage(at.machine.paths.store)
    at.hooks()
    at.start()
    at.status(says=REBUILT)
    at.hooks()
    at.settle()
    assert list(at.machine.paths.state.glob("store.db.damaged-*"))


@fault("store", "was emptied or deleted", "it is rebuilt from the journal", "read from its beginning to its end")
@pytest.mark.parametrize("emptied", [True, False])
def test_store_deleted(at: Stand, emptied: bool):
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    at.machine.kill()
    for path in at.machine.paths.state.glob("store.db*"):
        path.unlink()
    if emptied:
        at.machine.paths.store.touch()
    at.hooks()
    at.settle()
    at.status(says="read from its beginning to its end")


@fault(
    "store",
    "its write-ahead log is torn and has garbage at the end",
    "what was lost is read again from the journal, and counted once",
)
def test_torn_wal(at: Stand):
    at.start()
    for _ in range(4):
        at.hooks()
        until(lambda: at.rows().total() == len(at.written))
    at.machine.kill()
    log = at.machine.paths.store.with_name("store.db-wal")
    size = log.stat().st_size
    assert size > 40_000
    os.truncate(log, int(size * 0.6) + 7)
    with log.open("r+b") as file:
        file.seek(int(size * 0.5))
        file.write(os.urandom(64))
    at.machine.paths.store.with_name("store.db-shm").unlink()
    at.hooks()
    at.settle()


@fault("store", "breaks while the agent runs", "a reader notices, and the store is rebuilt", REBUILT)
def test_store_breaks(at: Stand):
    at.start()
    at.hooks(4 * EVENTS)
    until(lambda: at.rows().total() == 4 * EVENTS)
    at.stop()  # the write-ahead log is merged into the file
    at.start()
    pages(at.machine.paths.store)
    at.hooks()
    at.status(says=REBUILT)
    at.settle()


@fault(
    "store",
    "the exporter's database is garbage",
    "it is set aside; spans of the last day are sent again, none is skipped",
    "export.db was damaged",
)
def test_export_db(at: Stand):
    at.start()
    at.hooks()
    at.settle()
    at.stop()
    header(at.machine.paths.export_db)
    at.hooks()
    at.settle()
    at.status(says="export.db was damaged")
    assert list(at.machine.paths.state.glob("export.db.damaged-*"))


@fault(
    "store",
    "the store and the journal are restored from a backup",
    "events of the backup are counted once, and so are all later ones",
)
def test_restored_backup(at: Stand):
    at.start()
    at.hooks()
    at.settle()
    at.stop()
    copy = at.machine.folder / "backup"
    shutil.copytree(at.machine.paths.state, copy, ignore=shutil.ignore_patterns("*.sock"))
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == len(at.written))
    at.stop()
    shutil.rmtree(at.machine.paths.state)
    shutil.copytree(copy, at.machine.paths.state)
    del at.written[EVENTS:]
    at.sent = EVENTS
    at.hooks()
    at.settle()
