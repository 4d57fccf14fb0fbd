"""Whatever happens to the journal, each line keeps its number: a random history against a list."""

import contextlib
import random
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hookspan.journal import Journal, Line, Position, Tail, Writer, segments, tail
from hookspan.journal.segments import finished
from hookspan.paths import Paths

# Arbitrary bytes without LF: nothing in the journal may depend on what a line says.
LINES = st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"\r")), min_size=1, max_size=6)


class History(RuleBasedStateMachine):
    """`self.lines[i]` is what record i + 1 holds."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        top = Path(self.folder.name)
        self.paths = Paths(state=top / "state", config=top / "config.toml", data=top / "data")
        self.lines: list[bytes] = []
        self.torn = b""  # what a writer that died has left at the end of the current segment
        self.strays: dict[int, list[bytes]] = {}  # by the time in their name
        self.clock = time.time_ns()
        self.kept_from = 1  # what is older was deleted
        self.read = 0  # records that the tail has handed out

    @initialize(chunk=st.sampled_from([1, 7, 64, 1 << 20]))
    def begin(self, chunk):
        self.paths.create()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(tail, "CHUNK", chunk)  # so that lines are cut by the end of a read
        self.patch.setattr(tail, "CHECKPOINT_EVERY", 0.0)
        self.journal = Journal(self.paths)
        self.tail = Tail(self.paths)
        self.positions = [Position(1, 1, 0, "")]

    def teardown(self):
        if not hasattr(self, "patch"):
            self.folder.cleanup()
            return
        self.rest()
        assert self.tail.restarts == 0
        size, records = self.tail.backlog()
        assert (size, records > 0) == (len(self.torn), bool(self.torn))
        self.tail.close()
        found = [(line.number, line.data) for line in read_all(Tail(self.paths, mend=False), 7)]
        assert found == [(n, self.stored(n, data)) for n, data in enumerate(self.lines, 1) if n >= self.kept_from]
        self.patch.undo()
        self.folder.cleanup()

    def stored(self, number: int, data: bytes) -> bytes:
        """The line as its segment has it now."""
        holder = [segment for segment in finished(self.paths.journal) if segment.size and segment.first <= number]
        return reduce(data) if holder and holder[-1].compressed and number < self.first() else data

    def first(self) -> int:
        """First number of the current segment."""
        current = [segment.first for segment in self.journal.segments() if segment.current]
        return current[0] if current else len(self.lines) + 1

    def end_torn(self) -> None:
        if self.torn:
            self.lines.append(self.torn)
            self.torn = b""

    @rule(lines=LINES)
    def append(self, lines):
        Writer(self.paths).append(lines)
        self.end_torn()
        self.lines += lines

    @rule(data=st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\n", b"\r")))
    def tear(self, data):
        with self.paths.current.open("ab") as file:
            file.write(data)
        self.torn += data

    @rule(body=st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"\r")))
    def stray(self, body):
        self.clock += 1
        line = b'{"at":%d}' % self.clock + body  # what makes a relay's line unlike any other
        (self.paths.journal / f"stray-{self.clock}-77").write_bytes(line + b"\n")
        self.strays[self.clock] = [line]

    @rule()
    def take_in(self):
        assert self.journal.take_in_strays() == len(self.strays)
        if self.strays:
            self.end_torn()
        for at in sorted(self.strays):
            self.lines += self.strays[at]
        self.strays = {}

    @rule(rotate=st.booleans())
    def take_in_and_die(self, rotate):
        """The agent is killed between appending and unlinking; the next one finds the files again."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "unlink", killed)
            with contextlib.suppress(KilledError):
                self.journal.take_in_strays()
        if self.strays:
            self.end_torn()
        for at in sorted(self.strays):
            self.lines += self.strays[at]
        self.journal = Journal(self.paths)
        if rotate:
            self.rotate()
        assert self.journal.take_in_strays() == len(self.strays)
        self.strays = {}

    @rule()
    def rotate(self):
        there = self.paths.current.exists() and self.paths.current.stat().st_size > 0
        assert self.journal.rotate() is there
        self.end_torn()

    @rule(which=st.randoms(use_true_random=False))
    def compact(self, which: random.Random):
        raw = [segment for segment in self.journal.segments() if not segment.current]
        if raw:
            self.journal.compact(which.choice(raw), reduce)

    @rule()
    def compact_and_die(self):
        """KilledError with both forms there."""
        raw = self.journal.raw_older_than(-1)
        if raw:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Path, "unlink", killed)
                with pytest.raises(KilledError):
                    self.journal.compact(raw[0], reduce)

    @rule()
    def delete_leftovers(self):
        self.journal.delete_leftovers()
        assert len(segments.names(self.paths.journal)) == len(list(self.paths.journal.glob("0*")))

    @rule()
    def restart_keeper(self):
        self.journal = Journal(self.paths)

    @rule(max_lines=st.integers(1, 9), max_bytes=st.integers(1, 100))
    def read_some(self, max_lines, max_bytes):
        lines = self.tail.read(max_lines, max_bytes)
        assert len(lines) <= max_lines
        assert bool(lines) == (self.read < len(self.lines))
        for line in lines:
            self.read += 1
            assert line.number == self.read
            # A tail that has the file open may give the raw line after it was compacted.
            assert line.data in (self.lines[self.read - 1], reduce(self.lines[self.read - 1]))
        self.positions.append(self.tail.position)

    @rule()
    def rest(self):
        while self.read < len(self.lines):
            self.read_some(9, 100)

    @rule(which=st.randoms(use_true_random=False))
    def restart_tail(self, which: random.Random):
        """From any position that was ever committed."""
        position = which.choice([known for known in self.positions if known.record >= self.kept_from])
        self.tail.close()
        self.tail = Tail(self.paths, position)
        self.read = position.record - 1
        assert self.tail.record == position.record
        assert self.tail.restarts == 0

    @precondition(lambda self: self.read)
    @rule(keep=st.integers(0, 200))
    def delete_old(self, keep):
        self.journal.delete_old(days=1, max_bytes=keep, unread=self.read + 1)
        segments = self.journal.segments()
        self.kept_from = segments[0].first if segments else len(self.lines) + 1
        assert self.kept_from <= self.read + 1
        self.positions = [*self.positions, self.tail.position]

    @rule(which=st.randoms(use_true_random=False))
    def read_record(self, which: random.Random):
        number = which.randint(0, len(self.lines) + 1)
        there = self.kept_from <= number <= len(self.lines)
        assert self.journal.read_record(number) == (self.stored(number, self.lines[number - 1]) if there else None)


def read_all(tail: Tail, max_lines: int = 500) -> list[Line]:
    with contextlib.closing(tail):
        return [line for lines in iter(lambda: tail.read(max_lines), []) for line in lines]


class KilledError(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def killed(*_args: object, **_kwargs: object) -> None:
    raise KilledError


def reduce(data: bytes) -> bytes:
    """Doing it twice gives the same, as the real one."""
    return data if data.startswith(b"r:") else b"r:" + data


TestHistory = pytest.mark.slow(History.TestCase)
TestHistory.settings = settings(max_examples=150, stateful_step_count=40)


def test_what_came_between_the_last_read_and_the_rotation_is_read_first(paths: Paths) -> None:
    paths.create()
    writer, journal, reader = Writer(paths), Journal(paths), Tail(paths)
    writer.append([b"1"])
    assert [line.number for line in reader.read()] == [1]
    writer.append([b"2"])
    journal.rotate()
    writer.append([b"3"])
    journal.rotate()
    journal.compact(3, reduce)
    writer.append([b"4"])
    assert [(line.number, line.data) for line in read_all(reader)] == [(2, b"2"), (3, b"r:3"), (4, b"4")]
    assert not list(paths.quarantine.iterdir())


@pytest.mark.parametrize("position", [None, Position(1, 1, 0, "")])
def test_a_rotation_between_listing_and_opening_skips_nothing(paths: Paths, monkeypatch, position) -> None:
    paths.create()
    writer, journal = Writer(paths), Journal(paths)
    writer.append([b"1"])
    opened = segments.open_segment
    later = iter([b"2", b"3"])

    def rotated_first(path: Path) -> segments.File:
        if path != paths.current:  # to count its lines
            return opened(path)
        monkeypatch.setattr(segments, "open_segment", opened)
        journal.rotate()
        writer.append([next(later)])
        return opened(path)

    monkeypatch.setattr(segments, "open_segment", rotated_first)
    assert [(line.number, line.data) for line in read_all(Tail(paths, position))] == [(1, b"1"), (2, b"2")]
    monkeypatch.setattr(segments, "open_segment", rotated_first)
    assert journal.read_record(2) == b"2"


def last(paths: Paths, lines: int) -> Tail:
    """A reader beside the agent that begins that many lines before the end, or where the journal begins."""
    files = Journal(paths).segments()
    if not files:
        following = segments.next_number(paths.journal)
        return Tail(paths, Position(following, following, 0, ""), mend=False)
    record = max(files[0].first, segments.end(files[-1]) - lines)
    within = [segment.first for segment in files if segment.first <= record]
    return Tail(paths, Position(within[-1], record, 0, ""), mend=False)


def test_a_reader_that_follows_begins_a_few_lines_before_the_end(paths: Paths) -> None:
    paths.create()
    assert read_all(last(paths, 3)) == []
    Writer(paths).append([b"%d" % number for number in range(1, 11)])
    Journal(paths).rotate()
    assert [line.number for line in read_all(last(paths, 3))] == [8, 9, 10]
    Writer(paths).append([b"11", b"12"])
    assert [[line.number for line in read_all(last(paths, lines))] for lines in (0, 2, 4, 99)] == [
        *([], [11, 12], [9, 10, 11, 12], [*range(1, 13)])
    ]
