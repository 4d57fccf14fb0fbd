"""The journal isn't what it was: every line that is new is read, and no number is given out twice."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookspan.atomic import sync_folder
from hookspan.journal import Journal, Line, Position, Tail, Writer, resume, tail
from hookspan.paths import Paths
from tests.journal.set_aside import counts
from tests.journal.test_numbers import KilledError, killed, read_all


@pytest.fixture(autouse=True)
def _checkpoints_at_every_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "CHECKPOINT_EVERY", 0.0)


@pytest.fixture
def paths(paths: Paths) -> Paths:
    paths.create()
    return paths


@pytest.fixture
def journal(paths: Paths) -> Journal:
    return Journal(paths)


def lines(start: int, end: int) -> list[bytes]:
    return [b"line %d" % number for number in range(start, end)]


def numbers(found: list[Line]) -> list[tuple[int, bytes]]:
    return [(line.number, line.data) for line in found]


def read_in_steps(paths: Paths, position: Position | None = None, step: int = 10) -> Position:
    """Read to the end in batches of `step`; the position after it."""
    reader = Tail(paths, position)
    with contextlib.closing(reader):
        while True:
            here = reader.position
            if not reader.read(step):
                return here


def cut(path: Path, to: int) -> None:
    """What a power failure leaves: whole lines and perhaps a torn one."""
    os.truncate(path, to)


@pytest.mark.parametrize("torn", [0, 3])
@pytest.mark.parametrize("appended", [0, 1, 40])  # by relays, before there was an agent again
def test_after_a_power_failure_what_may_be_new_is_read_under_new_numbers(paths, journal, torn, appended):
    Writer(paths).append(lines(1, 101))
    position = read_in_steps(paths)
    assert position.record == 101
    kept = sum(len(line) + 1 for line in lines(1, 95))
    cut(paths.current, kept + torn)
    new = [b"new %d" % number for number in range(appended)]
    Writer(paths).append(new)

    reader = Tail(paths, position)
    found = read_all(reader)
    # The last checkpoint that holds is that of record 91: 91 to 94 are read again, 95 to 100 are lost.
    expected = [*lines(91, 95), *([b"line 95"[:torn]] if torn and appended else []), *new]
    assert reader.restarts == 1
    if torn and not appended:
        assert numbers(found)[: len(expected)] == list(enumerate(expected, 101))
    else:
        assert numbers(found) == list(enumerate(expected, 101))
    assert [journal.read_record(number) for number in (1, 90, 91, 101)] == [b"line 1", b"line 90", None, b"line 91"]

    # And from then on it is a journal like any other.
    after = read_in_steps(paths, position)
    Writer(paths).append([b"more"])
    assert [data for _, data in numbers(read_all(Tail(paths, after)))][-1] == b"more"
    assert journal.segments()[-1].first > 101


def emptied(paths: Paths) -> None:
    cut(paths.current, 0)


def replaced(paths: Paths) -> None:
    paths.current.unlink()
    Writer(paths).append([b"other %d" % number for number in range(50)])


def unlinked(paths: Paths) -> None:
    paths.current.unlink()


def moved_away(paths: Paths) -> None:
    paths.current.rename(paths.state / "aside.jsonl")


def wiped(paths: Paths) -> None:
    for path in paths.journal.glob("*.jsonl*"):
        path.unlink()


def folder_gone(paths: Paths) -> None:
    shutil.rmtree(paths.journal)


def first_segment_gone(paths: Paths) -> None:
    wiped(paths)
    Writer(paths).append([b"other %d" % number for number in range(50)])


@pytest.mark.parametrize("damage", [emptied, replaced, unlinked, moved_away, wiped, folder_gone, first_segment_gone])
@pytest.mark.parametrize("running", [True, False], ids=["running", "down"])
def test_a_journal_that_was_taken_away_goes_on_with_new_numbers(paths, journal, damage, running):
    Writer(paths).append(lines(1, 21))
    journal.rotate()
    Writer(paths).append(lines(21, 31))
    reader = Tail(paths)
    reader.read()
    position = reader.position
    assert position.record == 31
    damage(paths)
    if not running:
        reader.close()
        reader = Tail(paths, position)
    there = [data for _, data in numbers(reader.read())]
    assert there == ([b"other %d" % n for n in range(50)] if damage in {replaced, first_segment_gone} else [])
    Writer(paths).append([b"new"])
    assert numbers(read_all(reader)) == [(31 + len(there), b"new")]
    assert reader.restarts == 1
    assert journal.read_record(31 + len(there)) == b"new"
    assert numbers(read_all(Tail(paths, position))) == [*enumerate([*there, b"new"], 31)]


def test_a_short_write_that_was_taken_back_is_no_damage(paths):
    """A relay on a full disk truncates what it wrote of its line; the tail may have seen it."""
    Writer(paths).append([b"whole"])
    end = paths.current.stat().st_size
    with paths.current.open("ab") as file:
        file.write(b"half a li")
    reader = Tail(paths)
    assert numbers(reader.read()) == [(1, b"whole")]
    cut(paths.current, end)
    assert reader.read() == []
    Writer(paths).append([b"next"])
    assert numbers(read_all(reader)) == [(2, b"next")]
    assert reader.restarts == 0


def test_a_restored_backup_is_the_same_journal(paths):
    Writer(paths).append(lines(1, 31))
    position = read_in_steps(paths)
    copy = paths.current.read_bytes()
    paths.current.unlink()
    paths.current.write_bytes(copy)  # another inode
    Writer(paths).append([b"new"])
    reader = Tail(paths, position)
    assert numbers(read_all(reader)) == [(31, b"new")]
    assert reader.restarts == 0


@given(at=st.integers(0, 5))
def test_a_crash_while_renumbering_loses_nothing(tmp_path_factory, at):
    """Killed at the n-th change of the disk; the agent that comes next gets all that may be new."""
    top = tmp_path_factory.mktemp("state")
    paths = Paths(state=top / "state", config=top / "config.toml", data=top / "data")
    paths.create()
    Writer(paths).append(lines(1, 101))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "CHECKPOINT_EVERY", 0.0)
        position = read_in_steps(paths)
    cut(paths.current, sum(len(line) + 1 for line in lines(1, 95)))
    Writer(paths).append([b"new 1", b"new 2"])
    steps = iter(range(100))

    def step(real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: killed() if next(steps) == at else real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KilledError):
        patch.setattr(Path, "rename", step(Path.rename))
        patch.setattr(Path, "replace", step(Path.replace))
        patch.setattr(os, "truncate", step(os.truncate))
        patch.setattr(resume, "sync_folder", step(sync_folder))
        Tail(paths, position).close()
    found = read_all(Tail(paths, position))
    assert [line.data for line in found] == [*lines(91, 95), b"new 1", b"new 2"]
    assert [line.number for line in found] == [*range(101, 107)]


def test_a_reader_beside_the_agent_changes_nothing(paths):
    Writer(paths).append(lines(1, 101))
    position = read_in_steps(paths)
    cut(paths.current, 500)
    before = sorted(path.name for path in paths.journal.iterdir())
    reader = Tail(paths, position, mend=False)
    reader.read()
    paths.current.unlink()
    read_all(reader)
    assert sorted(path.name for path in paths.journal.iterdir()) == [name for name in before if name != "current.jsonl"]


def long_lines() -> Iterator[bytes]:
    yield b"before"
    yield b"x" * (tail.LINE_MAX + 1)
    yield b"y" * tail.LINE_MAX
    yield b"after"


def test_a_line_that_is_too_long_takes_a_number_and_no_more(paths, journal):
    for line in long_lines():
        Writer(paths).append([line])
    reader = Tail(paths)
    found = read_all(reader)
    assert [(line.number, len(line.data)) for line in found] == [(1, 6), (3, tail.LINE_MAX), (4, 5)]
    assert counts(paths) == {"too_long": 1}
    journal.rotate()
    journal.compact(1, lambda data: data[:9])
    assert [(line.number, line.data) for line in read_all(Tail(paths))] == [
        *((1, b"before"), (2, b""), (3, b"y" * 9), (4, b"after"))
    ]
    assert counts(paths) == {"too_long": 1}  # the replay set nothing aside again


def test_a_cut_compressed_segment_ends_early(paths, journal):
    Writer(paths).append(lines(1, 2001))
    journal.rotate()
    journal.compact(1, bytes.upper)
    Writer(paths).append([b"new"])
    packed = journal.segments()[0].path
    cut(packed, packed.stat().st_size // 2)
    reader = Tail(paths)
    found = read_all(reader)
    assert (found[0].data, found[-1].data) == (b"LINE 1", b"new")
    assert reader.damaged == 1
    read = [line.number for line in found]
    assert read == [*range(1, len(found)), 2001], "what comes after it keeps its numbers"


def test_what_a_foreign_program_left_without_line_feed_is_set_aside(paths, journal):
    (paths.journal / f"{7:020}.jsonl").write_bytes(b"no line at all")
    Writer(paths).append([b"a"])
    assert numbers(read_all(Tail(paths))) == [(8, b"a")]
    assert journal.read_record(8) == b"a"
    journal.compact(7, bytes.upper)
    assert numbers(read_all(Tail(paths))) == [(7, b"NO LINE AT ALL"), (8, b"a")]
    assert counts(paths) == {"unterminated": 1}
