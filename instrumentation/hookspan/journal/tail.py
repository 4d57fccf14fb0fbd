"""Reads the journal from a position to its live end, segment by segment."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from pathlib import Path
from typing import Final

from hookspan.journal import resume, segments
from hookspan.journal.position import Line, Position
from hookspan.journal.quarantine import Quarantine
from hookspan.journal.resume import Checkpoint
from hookspan.journal.segments import CHUNK, File, Segment
from hookspan.journal.writer import same
from hookspan.paths import Paths

LINE_MAX: Final = 32 << 20  # bytes; a relay cuts payloads at 16 MiB, so a longer line is nobody's
CHECKPOINT_EVERY: Final = 15.0  # seconds; four of them outlast the 30 s that Linux keeps written data in memory
_SAMPLE: Final = 1024  # bytes kept of a line that is too long
_MEAN_LINE: Final = 1500  # bytes, until lines have been seen


class Tail:
    """Reads lines in order, each with its record number.

    `position` is where an earlier reader stopped; None reads from the oldest record. `restarts` counts how often the
    journal had been cut by a power failure, replaced or truncated, `damaged` the compressed segments that couldn't be
    read to their end, `set_aside` the lines that are too long or have no end. `mend=False` is for readers beside the
    agent: they change nothing on disk. Belongs to one thread.
    """

    def __init__(self, paths: Paths, position: Position | None = None, *, mend: bool = True) -> None:
        self.restarts = 0
        self.damaged = 0
        self.set_aside = 0
        self._paths = paths
        self._folder = paths.journal
        self._mend = mend
        self._quarantine = Quarantine(paths)
        self._file: File | None = None
        self._path: Path = paths.current  # of `_file` when it was opened
        self._forget()
        self._segment = 0  # first number of the open segment, or of the last one that was read
        self._record = 1  # number of the next record to hand out ..
        self._offset = 0  # .. and the byte at which it begins
        self._checkpoints: deque[Checkpoint] = deque(maxlen=4)
        self._next_checkpoint = 0.0
        if position is not None:
            self._resume(position)

    def _forget(self) -> None:
        """Forget everything of the file that is in memory."""
        self._ready: list[bytes] = []  # whole lines
        self._taken = 0  # how many of them were handed out
        self._pending: list[bytes] = []  # the beginning of a line whose LF hasn't been read yet ..
        self._pending_size = 0  # .. and its length, of which `_pending` is only a sample past LINE_MAX
        self._broken = False  # the open file is damaged, and read as far as it can be
        self._end = 0  # the number at which a packed file ends, if that is known: damage can make lines more
        self._left = False  # the open file was seen not to be current.jsonl any more

    def close(self) -> None:
        """Close the file: the tail is done."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, max_lines: int = 500, max_bytes: int = 4 << 20, before: int = 0) -> list[Line]:
        """The next lines: at most `max_lines`, and no more after `max_bytes` are reached. Empty when caught up.

        Ends before record `before` if that comes later than the first line.

        JournalBusyError while the journal is to be mended and a stopped process keeps its lock: try later.
        """
        lines: list[Line] = []
        while len(lines) < max_lines and max_bytes > 0:
            if self._taken == len(self._ready) and not self._fill():
                break
            room = max_lines - len(lines)
            if lines and self._record >= before > lines[0].number:
                break
            if self._record < before:
                room = min(room, before - self._record)
            for data in self._ready[self._taken : self._taken + room]:
                lines.append(Line(self._record, data))
                size = len(data) + 1
                self._record += 1
                self._offset += size
                self._taken += 1
                max_bytes -= size
                if max_bytes <= 0:
                    break
        return lines

    @property
    def record(self) -> int:
        """The number of the next record."""
        return self._record

    @property
    def position(self) -> Position:
        """Where to go on after what `read` returned."""
        if self._file is None:
            return Position(self._record, self._record, 0, "")
        if self._path.suffix == ".gz":
            return Position(self._segment, self._record, self._offset, "")
        checkpoint = Checkpoint(self._offset, self._record, resume.fingerprint(self._file, self._offset))
        identity = resume.identity(checkpoint, self._checkpoints)
        now = time.monotonic()
        if now >= self._next_checkpoint:
            self._checkpoints.append(checkpoint)
            self._next_checkpoint = now + CHECKPOINT_EVERY
        return Position(self._segment, self._record, self._offset, identity)

    def backlog(self) -> tuple[int, int]:
        """What is still to be read: (bytes on disk, records; those of the current segment are an estimate).

        May be called from another thread.
        """
        current = segments.next_number(self._folder)  # the number at which the current segment begins
        try:
            current_bytes = self._paths.current.stat().st_size
        except FileNotFoundError:
            current_bytes = 0
        open_bytes = 0  # in the open file
        mean = _MEAN_LINE
        if (file := self._file) is not None:
            with contextlib.suppress(OSError, ValueError):  # closed by the reading thread just now
                open_bytes = os.fstat(file.fileno()).st_size
            if self._path.suffix != ".gz":
                open_bytes -= self._offset
                mean = self._offset // max(1, self._record - self._segment) or mean
            if self._segment == current:
                return max(0, open_bytes), -(-max(0, open_bytes) // mean)
        records = -(-current_bytes // mean)
        if self._record >= current:
            return current_bytes, records
        later = sum(segment.size for segment in segments.finished(self._folder, self._segment))
        return max(0, open_bytes) + later + current_bytes, current - self._record + records

    # Reading on

    def _fill(self) -> bool:
        """Make the next lines ready; False if there are none yet."""
        self._ready = []
        self._taken = 0
        while True:
            if self._file is None and not self._open_next():
                return False
            assert self._file is not None  # noqa: S101 - for the type checker
            try:
                chunk = b"" if self._broken else segments.read(self._file, CHUNK)
            except segments.DAMAGED:
                self.damaged += 1
                self._broken = True
                chunk = segments.salvage(self._path, self._file.tell())
            if chunk:
                self._split(chunk)
                if self._end and self._record + len(self._ready) > self._end:
                    self._drop_rest()
                if self._ready:
                    return True
            elif not self._at_end():
                return False

    def _split(self, chunk: bytes) -> None:
        """Cut a piece of the file into lines."""
        start, end = 0, chunk.rfind(b"\n")
        if self._pending_size and end >= 0:
            cut = chunk.find(b"\n")
            self._hold(chunk[:cut])
            if self._pending_size > LINE_MAX:
                self._skip()
            else:
                self._ready.append(b"".join(self._pending))
            self._pending, self._pending_size = [], 0
            start = cut + 1
        if start <= end:
            self._ready += chunk[start:end].split(b"\n")
        self._hold(chunk[end + 1 :] if end >= 0 else chunk)

    def _drop_rest(self) -> None:
        """Skip what comes after the damage, since its numbers would collide with those of later records."""
        self.damaged += not self._broken
        self._broken = True
        del self._ready[max(0, self._end - self._record) :]
        self._pending, self._pending_size = [], 0

    def _hold(self, part: bytes) -> None:
        if part:
            self._pending_size += len(part)
            if self._pending_size <= LINE_MAX:
                self._pending.append(part)
            else:
                self._pending = [self._pending[0][:_SAMPLE]] if self._pending else [part[:_SAMPLE]]

    def _skip(self) -> None:
        """A line that is too long has ended: it takes its number and is skipped."""
        self._set_aside("too_long")
        self._record += 1
        self._offset += self._pending_size + 1

    def _set_aside(self, reason: str) -> None:
        if self._mend and self._quarantine.add(self._record, b"".join(self._pending), reason, self._pending_size):
            self.set_aside += 1

    def _at_end(self) -> bool:
        """Nothing more in the open file. True if reading can go on, here or in the next one; False when caught up."""
        assert self._file is not None  # noqa: S101 - for the type checker
        if self._path != self._paths.current:
            self._leave()
            return True
        if not self._left:
            if same(self._file.fileno(), self._path):
                if os.fstat(self._file.fileno()).st_size < self._offset + self._pending_size:
                    self._resume(self.position)  # truncated while it was read
                    return True
                return False
            self._left = True  # renamed: its writers were done before that, but perhaps not before our last read
            return True
        # On disk the count must go on from here, or somebody took the segment out of the journal.
        self._leave(gone=segments.next_number(self._folder) < self._record)
        return True

    def _leave(self, *, gone: bool = False) -> None:
        """Done with the open file. `gone`: its records are no longer counted on disk."""
        if self._pending_size and self._record != self._end:  # as `segments.count` has it
            self._set_aside("unterminated")
            self._record += 1
        if gone:
            self.restarts += 1
            if self._mend:
                segments.mark(self._folder, self._record)
        self.close()
        self._forget()
        self._offset = 0
        self._checkpoints.clear()

    def _open_next(self) -> bool:
        """Open the segment after the last one that was read; False if there is none."""
        gap = 0
        while True:
            full = self._next_finished()
            if full is not None and full.first not in {self._record, gap}:
                gap = full.first  # a listing can miss a file that is renamed while it is made: look twice
                continue
            path = self._paths.current if full is None else full.path
            try:
                file = segments.open_segment(path)
            except FileNotFoundError:
                if full is None:
                    return False
                continue  # compacted or deleted since it was listed
            if full is None and self._next_finished() is not None:
                file.close()  # the current segment was rotated since the list: what we opened is the one after it
                continue
            self._use(file, path, self._record if full is None else full.first)
            return True

    def _next_finished(self) -> Segment | None:
        """The next finished segment that holds something. A mark on the way sets the count."""
        for segment in segments.finished(self._folder, self._segment):
            if segment.size:
                return segment
            self._record = max(self._record, segment.first)
        return None

    def _use(self, file: File, path: Path, first: int) -> None:
        self._forget()
        self._file, self._path, self._segment = file, path, first
        if path.suffix == ".gz":
            self._end = next((number for number, _ in segments.names(self._folder) if number > first), 0)
        self._record, self._offset = first, 0

    # Going on where an earlier reader stopped

    def _resume(self, position: Position) -> None:
        """Stand at `position`, or where the journal has it now."""
        while True:
            try:
                start = resume.find(self._paths, position, mend=self._mend)
                file = None if start.path is None else segments.open_segment(start.path)
            except FileNotFoundError:  # compacted or rotated in the meantime
                continue
            if file is None or start.path != self._paths.current or start.first == segments.next_number(self._folder):
                break
            file.close()  # rotated in the meantime
        self.close()  # not before: `find` raises while a stopped process keeps the journal's lock
        self._forget()
        self.restarts += start.restarted
        self._checkpoints.clear()
        self._segment, self._record = start.first - 1, start.first
        if file is None or start.path is None:
            return
        self._use(file, start.path, start.first)
        if start.offset:
            file.seek(start.offset)
            self._record, self._offset = position.record, start.offset
            self._checkpoints.extend(resume.checkpoints(position.identity)[1:])
        elif not start.restarted:
            while self._record < position.record and self.read(position.record - self._record):
                pass  # a compacted segment has other offsets, but the same lines
