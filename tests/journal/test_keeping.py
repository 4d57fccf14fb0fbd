"""What the agent does with the journal beside reading: when it rotates, syncs, takes in, sets aside, counts."""

import fcntl
import os
import stat
import time

import pytest

from hookspan.journal import Journal, Tail, Writer, drops, quarantine
from hookspan.journal.records import Records
from hookspan.paths import Paths
from hookspan.setup.relay import DROP_REASONS
from tests.journal.set_aside import counts
from tests.journal.test_numbers import read_all

HOUR = 3600.0


@pytest.fixture
def paths(paths: Paths) -> Paths:
    paths.create()
    return paths


def test_a_segment_is_finished_by_size_or_by_the_age_of_its_first_line(paths):
    now = time.time()
    journal = Journal(paths)
    assert not journal.rotate_if_due(now, max_bytes=1)
    Writer(paths).append([b'{"v":1,"agent":"claude-code","at":%d,"took":1}' % ((now - 2 * HOUR) * 1e9)])
    Writer(paths).append([b'{"v":1,"agent":"claude-code","at":%d,"took":1}' % (now * 1e9)])
    assert not journal.rotate_if_due(now, max_age=3 * HOUR)
    assert Journal(paths).rotate_if_due(now, max_age=1 * HOUR)
    Writer(paths).append([b"no time"])  # counts from when it was first seen
    assert not journal.rotate_if_due(now, max_age=HOUR)
    assert journal.rotate_if_due(now + HOUR, max_age=HOUR)
    Writer(paths).append([b'{"at":%d}' % ((now + 9 * HOUR) * 1e9)])  # the clock was set back
    assert not journal.rotate_if_due(now, max_age=HOUR)
    assert not journal.rotate_if_due(now - 9 * HOUR, max_age=HOUR)  # and once more
    assert journal.rotate_if_due(now - 8 * HOUR, max_age=HOUR)
    Writer(paths).append([b'{"at":%d}' % (now * 1e9)])
    assert journal.rotate_if_due(now, max_bytes=1)
    assert [segment.first for segment in journal.segments()] == [1, 3, 4, 5]


def test_sync_touches_the_disk_only_for_something_new(paths, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    journal = Journal(paths)
    assert not journal.sync()
    Writer(paths).append([b"a"])
    assert journal.sync()
    assert not journal.sync()
    Writer(paths).append([b"b"])
    assert journal.sync()
    assert synced == [2, 4]


def test_a_stray_is_taken_in_when_its_writer_is_done(paths):
    journal = Journal(paths)
    whole, busy, torn, dead, planted = (paths.journal / f"stray-{at}-9" for at in (10, 9, 8, 7, 6))
    whole.write_bytes(b"whole\n")
    busy.write_bytes(b"busy\n")
    torn.write_bytes(b"half a li")
    dead.write_bytes(b"half of ano")
    os.utime(dead, (1, 1))
    planted.symlink_to("/etc/hostname")
    with busy.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert journal.take_in_strays() == 1
    assert not whole.exists()
    assert not dead.exists()
    torn.write_bytes(b"half a line\n")
    assert journal.take_in_strays() == 2
    assert [line.data for line in read_all(Tail(paths))] == [b"whole", b"half a line", b"busy"]
    assert counts(paths) == {"torn_stray": 1}


def test_a_stray_that_cannot_be_unlinked_is_appended_once(paths, monkeypatch):
    journal = Journal(paths)
    journal.take_in_strays()
    (paths.journal / "stray-1-2").write_bytes(b"line\n")

    def refuse(*_args, **_kwargs):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", refuse)
        journal.take_in_strays()
        journal.take_in_strays()
    journal.take_in_strays()
    assert [line.data for line in read_all(Tail(paths))] == [b"line"]
    assert list(paths.journal.glob("stray-*")) == []


def test_a_record_is_set_aside_once_for_a_reason_also_after_a_restart(paths):
    assert Journal(paths).quarantine(5, b"\xff{", "not_json")
    journal = Journal(paths)
    assert not journal.quarantine(5, b"\xff{", "not_json")
    assert journal.quarantine(5, b"\xff{", "fold")
    assert journal.quarantine(6, b"x" * (1 << 20), "not_json")
    assert counts(paths) == {"not_json": 2, "fold": 1}
    assert journal.size() < 2 * quarantine.SAMPLE


def test_a_flood_of_foreign_lines_does_not_fill_the_disk(paths, monkeypatch):
    monkeypatch.setattr(quarantine, "CAP", 5000)
    journal = Journal(paths)
    for number in range(1, 101):
        journal.quarantine(number, b"x" * 1000, "not_json")
    assert 5000 <= journal.size() < 7000
    assert journal.delete_quarantined(hours=0, now=time.time() + 60)
    assert journal.size() == 0
    journal.quarantine(101, b"x" * 1000, "not_json")
    assert counts(paths) == {"not_json": 1}


def test_drops_are_read_as_the_relay_counts_them(paths):
    assert drops.read(paths) == {}
    drops.create(paths)
    assert drops.read(paths) == {}
    table = bytearray(paths.drops.read_bytes())
    assert len(table) == 64 * len(DROP_REASONS)
    line = b"%-16s%020d %020d" % (b"lock", 3, 1_700_000_000_000_000_000)
    at = 64 * DROP_REASONS.index("lock")
    table[at : at + len(line)] = line
    paths.drops.write_bytes(table)
    drops.create(paths)  # keeps what is there
    assert drops.read(paths) == {"lock": (3, 1_700_000_000_000_000_000)}
    paths.drops.write_bytes(table[:70] + b"\0" * 100)
    assert drops.read(paths) == {}


def test_deletion_goes_by_age_then_by_size_and_spares_what_is_unread(paths):
    journal = Journal(paths)
    now = time.time()
    for number in range(1, 6):
        Writer(paths).append([b"%d" % number * 1000])
        journal.rotate()
        os.utime(journal.segments()[-1].path, (now - (40 - number) * 86400,) * 2)
    assert [s.first for s in journal.delete_old(days=37.5, max_bytes=10**9, unread=100, now=now)] == [1, 2]
    assert [s.first for s in journal.delete_old(days=90, max_bytes=2500, unread=3, now=now)] == []
    assert [s.first for s in journal.delete_old(days=90, max_bytes=2500, unread=100, now=now)] == [3]
    Writer(paths).append([b"6"])
    assert [s.first for s in journal.delete_old(days=0, max_bytes=0, unread=6, now=now)] == [4, 5]
    assert [(line.number, line.data) for line in read_all(Tail(paths))] == [(6, b"6")]
    assert Journal(paths).read_record(6) == b"6"


def test_a_segment_of_when_the_clock_was_ahead_is_as_old_as_the_next_one(paths):
    journal = Journal(paths)
    now = time.time()
    for age in (100, -400, 90, -400):
        Writer(paths).append([b"x"])
        journal.rotate()
        os.utime(journal.segments()[-1].path, (now - age * 86400,) * 2)
    assert [s.first for s in journal.raw_older_than(24, now)] == [1, 2, 3]
    assert [s.first for s in journal.raw_older_than(24, now + 2 * 86400)] == [
        1,
        2,
        3,
    ]  # nothing says how old the last is
    assert [s.first for s in journal.delete_old(days=30, max_bytes=10**9, unread=100, now=now)] == [1, 2, 3]


def test_a_reduction_that_makes_two_lines_leaves_the_segment_as_it_was(paths):
    journal = Journal(paths)
    Writer(paths).append([b"a", b"b"])
    journal.rotate()
    with pytest.raises(ValueError, match="line feed"):
        journal.compact(1, lambda line: line + b"\n")
    assert [segment.path.name for segment in journal.segments()] == [f"{1:020}.jsonl"]
    os.utime(journal.segments()[0].path, (1000, 1000))
    after = journal.compact(1, bytes.upper)
    assert after is not None
    assert after == journal.segments()[0]
    assert after.modified == 1000
    assert [line.data for line in read_all(Tail(paths))] == [b"A", b"B"]
    assert journal.compact(7, bytes) is None


def test_a_record_of_a_packed_segment_is_read_only_by_those_who_need_no_content(paths):
    """An export that asked for each span's record once took minutes for a few thousand spans."""
    journal = Journal(paths)
    Writer(paths).append([b"a", b"b"])
    journal.rotate()
    journal.compact(1, bytes.upper)
    records = Records(paths)
    assert (records.read(2), records.read(2, packed=False)) == (b"B", None)


def test_a_record_is_found_again_wherever_rotation_has_put_it(paths):
    journal, records = Journal(paths), Records(paths)
    assert records.read(1) is None
    for first in (1, 3, 5):
        Writer(paths).append([b"%d" % first, b"%d" % (first + 1)])
        assert [records.read(number) for number in range(1, first + 3)] == [b"%d" % n for n in range(1, first + 2)] + [
            None
        ]
        journal.rotate()
        assert [records.read(number) for number in range(1, first + 3)] == [b"%d" % n for n in range(1, first + 2)] + [
            None
        ]
    journal.compact(1, bytes.upper)
    assert records.read(1) == b"1"


def test_a_record_is_not_looked_up_by_the_index_of_a_file_that_had_the_same_inode(paths, monkeypatch):
    """A file system may give a new file the number of one that was deleted: here all have the same."""
    journal, records, fstat = Journal(paths), Records(paths), os.fstat

    def of_one_inode(descriptor):
        status = list(fstat(descriptor))
        status[stat.ST_INO] = 7
        return os.stat_result(status)

    def read(*numbers):
        with monkeypatch.context() as patch:  # not while anybody writes
            patch.setattr(os, "fstat", of_one_inode)
            return [(records.read(number) or b"")[:3] for number in numbers]

    Writer(paths).append([b"%03d" % number + b"x" * 300 for number in range(1, 201)])
    assert read(150) == [b"150"]
    journal.rotate()
    journal.compact(1, lambda _line: b"")
    Writer(paths).append([b"%03d" % number + b"y" * 900 for number in range(201, 401)])
    assert read(230, 350, 400) == [b"230", b"350", b"400"]


def test_what_can_not_be_read_of_what_is_set_aside_keeps_nothing_else_from_it(paths: Paths):
    paths.create()
    assert Journal(paths).quarantine(5, b"\xff{", "not_json")
    (paths.quarantine / "2026-01-01.jsonl").mkdir()
    journal = Journal(paths)
    assert not journal.quarantine(5, b"\xff{", "not_json")
    assert journal.quarantine(6, b"\xff{", "not_json")
