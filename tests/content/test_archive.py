"""The archive gives back what it was given, however that came."""

import contextlib
import os
import random
import sqlite3
import zlib
from collections.abc import Iterator
from hashlib import blake2b

import pytest

from hookspan.content import ContentDb, Copies, HookEvents, Kept, Search, archived_lines
from hookspan.content import archive as module
from hookspan.content.archive import BLOCK_BYTES, Archive
from hookspan.content.database import File
from hookspan.paths import Paths
from hookspan.store import Reader, database
from hookspan.store.database import open_reader

SESSION, OTHER = "0b1c2d3e-0000-4000-8000-000000000001", "0b1c2d3e-0000-4000-8000-000000000002"
HOUR = 3600 * 10**9


def lines(session: str, count: int) -> list[bytes]:
    chance = random.Random(count)
    found = [
        b'{"promptId":"prompt-%06d","n":%d,"sessionId":"%s","text":"%s"}\n'
        % (number // 7, number, session.encode(), chance.randbytes(chance.randrange(60)).hex().encode())
        for number in range(count)
    ]
    found[3:3] = [b"\n", b"not JSON \x00 \x01\n", b"a\rb \xff\n", b'{"text":"' + b"x" * 2 * BLOCK_BYTES + b'"}\n']
    return found


@pytest.fixture
def content(paths: Paths) -> Iterator[ContentDb]:
    paths.create()
    with contextlib.closing(ContentDb.open(paths)) as opened:
        yield opened


def take(content: ContentDb, archive: Archive, session: str, some: list[bytes], last: int = 0) -> File:
    """Some more lines of a session's only file."""
    with content.transaction():
        file = content.file(content.session(Kept(id=session, last=last)), f"/{session}", "", 1, 1 << 40)
        for line in some:
            archive.add(file, session, line)
        archive.end(file)
        content.save(file)
    return file


def count(content: ContentDb, table: str) -> int:
    return int(content.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_lines_come_back_as_they_were_however_they_came(content: ContentDb) -> None:
    wanted, chance, archive = lines(SESSION, 1000), random.Random(2), Archive(content)
    at = 0
    while at < len(wanted):
        if chance.random() < 0.3:
            archive = Archive(content)  # another agent
        step = chance.choice([1, 1, 2, 5, 150])
        file = take(content, archive, SESSION, wanted[at : at + step])
        at += step
        if chance.random() < 0.1:
            with content.transaction():
                archive.settle(HOUR)
    assert [*archived_lines(content.db, SESSION, file.key)] == wanted
    assert file.lines == len(wanted)
    assert 10 < count(content, "part") < 400
    with content.transaction():
        assert not archive.settle(0), "it has done something since"
        archive.settle(HOUR)
        assert not archive.settle(HOUR)
    assert count(content, "tail") == 0
    assert [*archived_lines(content.db, SESSION, file.key)] == wanted
    content.forget([SESSION])
    assert [count(content, table) for table in ("line", "part", "tail", "file")] == [0, 0, 0, 0]


def test_a_copy_with_something_before_it_is_kept_once_but_for_its_ends(content: ContentDb) -> None:
    take(content, Archive(content), SESSION, lines(SESSION, 1000))
    blocks = count(content, "line")
    file = take(content, Archive(content), OTHER, [b'{"summary":"of before"}\n', *lines(OTHER, 1000)])
    assert count(content, "line") <= blocks + 2
    content.forget([SESSION])
    assert [*archived_lines(content.db, OTHER, file.key)][1:] == lines(OTHER, 1000)


def test_what_a_former_version_has_kept_line_by_line_goes_on(content: ContentDb) -> None:
    wanted = lines(SESSION, 200)
    file = take(content, Archive(content), SESSION, [])
    for number, line in enumerate(wanted[:100]):
        data, prompt = Archive(content)._without_ids(line, SESSION.encode())
        packer = zlib.compressobj(6, zlib.DEFLATED, -15, 6, zdict=module._COMMON)
        packed = packer.compress(data) + packer.flush()
        key = content.db.execute(
            "INSERT INTO line (digest, data) VALUES (?, ?)", (blake2b(data, digest_size=16).digest(), packed)
        ).lastrowid
        content.db.execute("INSERT INTO part VALUES (?, ?, ?, ?)", (file.key, number, key, prompt))
        file.lines += 1
    content.save(file)
    take(content, Archive(content), SESSION, wanted[100:])
    assert [*archived_lines(content.db, SESSION, file.key)] == wanted


def test_what_is_forgotten_is_given_back_to_the_disk(content: ContentDb, paths: Paths) -> None:
    chance = random.Random(1)
    take(content, Archive(content), OTHER, lines(OTHER, 50))
    content.erase()
    before = paths.content_db.stat().st_size
    take(content, Archive(content), SESSION, [b"%s\n" % chance.randbytes(4_000).hex().encode() for _ in range(1_500)])
    content.forget([SESSION])
    assert paths.content_db.stat().st_size <= before + (64 << 10)


def test_what_another_program_cuts_once_nobody_reads_was_given_back(content: ContentDb, paths: Paths) -> None:
    take(content, Archive(content), OTHER, lines(OTHER, 1000))
    take(content, Archive(content), SESSION, lines(SESSION, 1000))
    content.erase()
    long = paths.content_db.stat().st_size
    with contextlib.closing(open_reader(paths.content_db)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM line").fetchone()
        content.db.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(sqlite3.OperationalError):
            content.forget([SESSION])
    later, other = ContentDb.open(paths), sqlite3.connect(paths.content_db)
    with contextlib.closing(later), contextlib.closing(other):
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        assert paths.content_db.stat().st_size < long
        content.check()
        later.check()
    take(content, Archive(content), SESSION, lines(SESSION, 100))


def test_a_log_that_two_large_transactions_have_written_was_not_cut(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAL_LIMIT", 1 << 20)
    monkeypatch.setattr(database, "CHECKPOINT", 100)
    paths.create()
    with contextlib.closing(ContentDb.open(paths)) as content:
        for size in (4 << 20, 2 << 20, 1):
            with content.transaction():
                content.db.execute("INSERT OR REPLACE INTO meta VALUES ('large', zeroblob(?))", (size,))


def test_a_copy_that_can_not_be_made_leaves_no_file_open(content: ContentDb, paths: Paths) -> None:
    take(content, Archive(content), SESSION, lines(SESSION, 1000))
    content.db.execute("UPDATE file SET archived = 1")
    content.db.execute("UPDATE line SET data = x'ff'")
    with contextlib.closing(Reader(paths)) as reader, contextlib.closing(Search(paths, reader)) as search:
        copies = Copies(search, HookEvents(paths, reader))
        opened = []
        for _ in range(3):
            with pytest.raises(zlib.error):
                copies.open(f"/{SESSION}")
            opened.append(len(os.listdir("/proc/self/fd")))
    assert opened[-1] <= opened[0]
