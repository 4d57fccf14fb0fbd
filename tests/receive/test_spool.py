"""Requests on disk: what was stored is read once by each reader, whatever happens to the process or the files."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookspan.receive import spool as module
from hookspan.receive.receiver import spools
from hookspan.receive.spool import Spool, SpoolReader, Stored

BODIES = st.lists(st.binary(max_size=300), max_size=30)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT", 1000)


def made(folder: Path, limit: int = 1 << 20) -> Spool:
    return Spool(folder, ("forward", "facts"), limit)


def stored(*bodies: bytes) -> list[Stored]:
    return [Stored(index + 1, body, json=index % 2 == 0, gzip=index % 3 == 0) for index, body in enumerate(bodies)]


def rest(reader: SpoolReader) -> list[Stored]:
    found = []
    while (request := reader.read()) is not None:
        found.append(request)
        reader.done()
    return found


@given(BODIES, BODIES, st.integers(0, 30))
def test_each_reader_gets_all_and_nothing_stays(
    tmp_path_factory: pytest.TempPathFactory, first: list[bytes], second: list[bytes], read: int
):
    folder = tmp_path_factory.mktemp("spool")
    before, after = stored(*first), stored(*second)
    spool = made(folder)
    for request in before:
        spool.append(request)
    early = []
    for _ in range(min(read, len(before))):
        early.append(spool.readers["forward"].read())
        spool.readers["forward"].done()
    # A process that is killed closes nothing.
    spool = made(folder)
    for request in after:
        spool.append(request)
    assert early + rest(spool.readers["forward"]) == before + after
    assert rest(spool.readers["facts"]) == before + after
    assert spool.bytes == 0
    assert not list(folder.glob("*.requests"))


def test_a_request_that_is_not_done_is_read_again(tmp_path: Path):
    spool = made(tmp_path)
    spool.append(Stored(1, b"one"))
    assert spool.readers["facts"].read() == spool.readers["facts"].read() == Stored(1, b"one")
    assert made(tmp_path).readers["facts"].read() == Stored(1, b"one")


@pytest.mark.parametrize("cut", [1, 3, 10, 26])
def test_a_torn_end_costs_what_was_never_answered(tmp_path: Path, cut: int):
    spool = made(tmp_path)
    for request in stored(b"one", b"two"):
        spool.append(request)
    (file,) = tmp_path.glob("*.requests")
    os.truncate(file, file.stat().st_size - cut)
    spool = made(tmp_path)
    spool.append(Stored(9, b"three"))
    assert [request.body for request in rest(spool.readers["forward"])] == [b"one", b"three"]
    assert spool.damaged == 1


def test_damage_costs_the_rest_of_its_file(tmp_path: Path):
    spool = made(tmp_path)
    for request in stored(*[bytes([letter]) * 300 for letter in b"abcdefgh"]):
        spool.append(request)
    first = min(tmp_path.glob("*.requests"))
    data = bytearray(first.read_bytes())
    data[50] ^= 1
    first.write_bytes(data)
    assert [request.body[:1] for request in rest(made(tmp_path).readers["facts"])] == [b"e", b"f", b"g", b"h"]


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 20])
def test_a_cursor_that_says_nothing_begins_anew(tmp_path: Path, content: bytes):
    spool = made(tmp_path)
    spool.append(Stored(1, b"one"))
    (tmp_path / "facts.cursor").write_bytes(content)
    assert rest(made(tmp_path).readers["facts"]) == [Stored(1, b"one")]


def test_above_the_limit_the_oldest_go_and_are_counted(tmp_path: Path):
    spool = made(tmp_path, limit=3000)
    requests = stored(*[bytes([number]) * 300 for number in range(40)])
    for request in requests:
        spool.append(request)
    kept = rest(spool.readers["forward"])
    assert kept == requests[-len(kept) :]
    assert spool.dropped == len(requests) - len(kept) > 0
    assert rest(spool.readers["facts"]) == kept


def test_a_disk_that_is_full_stores_nothing_or_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spool = made(tmp_path)
    spool.append(Stored(1, b"one"))
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda file, parts: writev(file, [parts[0], parts[1][:1]]))
    with pytest.raises(OSError, match="No space"):
        spool.append(Stored(2, b"two"))
    monkeypatch.undo()
    monkeypatch.setattr(module, "SEGMENT", 1000)
    spool.append(Stored(3, b"three"))
    assert [request.body for request in rest(spool.readers["facts"])] == [b"one", b"three"]
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o600"}


def test_a_closed_spool_has_no_file_open_and_who_is_late_changes_nothing(tmp_path: Path):
    """A thread that is still forwarding, or answering, when another receiver begins."""

    def open_files() -> int:
        links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
        return sum(link.is_symlink() and str(link.readlink()).startswith(str(tmp_path)) for link in links)

    spool = made(tmp_path)
    late = spool.readers["forward"]
    spool.append(Stored(1, b"one"))
    spool.append(Stored(2, b"two"))
    assert late.read() == Stored(1, b"one")
    assert open_files() == 3
    spool.close()
    assert open_files() == 0
    after = made(tmp_path)
    late.done()
    with pytest.raises(OSError, match="closed"):
        spool.append(Stored(3, b"three"))
    after.append(Stored(4, b"four"))
    assert [request.body for request in rest(after.readers["forward"])] == [b"one", b"two", b"four"]
    assert rest(made(tmp_path).readers["forward"]) == []
    assert [request.body for request in rest(after.readers["facts"])] == [b"one", b"two", b"four"]


def test_what_can_not_be_opened_leaves_nothing_open(tmp_path: Path):
    """It is tried again and again."""
    (tmp_path / "metrics" / "forward.cursor").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=r"forward\.cursor"):
        spools(tmp_path, 1 << 20)
    assert len(os.listdir("/proc/self/fd")) == before
