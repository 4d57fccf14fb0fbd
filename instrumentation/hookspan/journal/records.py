"""Reads single records by number, for the page that shows raw events."""

from __future__ import annotations

import bisect
import contextlib
import gzip
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterable
from typing import Final, NamedTuple

from hookspan.journal import segments
from hookspan.journal.segments import File
from hookspan.journal.tail import LINE_MAX
from hookspan.paths import Paths

_STEP: Final = 16 << 10  # bytes between two entries of an index: 4,000 entries for a segment
_KEPT: Final = 8  # indexes


class _Index:
    """An index of a file that only grows: how many lines end before each step."""

    def __init__(self) -> None:
        self.size = 0  # bytes that were counted, in whole steps
        self.ends = [0]  # `ends[i]` lines end in the first i steps

    def grow(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size < self.size:  # truncated
            self.__init__()  # type: ignore[misc]
        while len(step := os.pread(descriptor, _STEP, self.size)) == _STEP:
            self.ends.append(self.ends[-1] + step.count(b"\n"))
            self.size += _STEP

    def step(self, line: int) -> tuple[int, int]:
        """The step in which a line, counted from 0, begins, or its last byte before; how many lines end there first."""
        step = max(0, bisect.bisect_left(self.ends, line) - 1)
        return step, line - self.ends[step]


class _Layout(NamedTuple):
    """Which files the journal has: it changes whenever one is added, renamed or deleted."""

    changed: int
    device: int
    inode: int

    @classmethod
    def of(cls, paths: Paths) -> _Layout | None:
        """As it is now; None without a current segment."""
        try:
            changed, current = paths.journal.stat().st_mtime_ns, paths.current.lstat()
        except FileNotFoundError:
            return None
        return cls(changed, current.st_dev, current.st_ino)


class _Part:
    """An open segment. Its records: from `first` on, and before `end`."""

    def __init__(self, file: File, first: int, end: int, index: _Index) -> None:
        self.file, self.first, self.end = file, first, end
        self._index = index
        self._step, self._data = -1, b""  # that was read last

    def line(self, number: int, *, packed: bool) -> bytes | None:
        """A record's line; None if it is not there, or not ended yet, or too long."""
        if isinstance(self.file, gzip.GzipFile):
            return _line_of_compressed(self.file, number - self.first) if packed else None
        step, before = self._index.step(number - self.first)
        if step != self._step:
            self.file.seek(step * _STEP)
            self._step, self._data = step, self.file.read(_STEP)
        data, at = self._data, -1
        for _ in range(before):
            at = data.find(b"\n", at + 1)
            if at < 0:
                return None
        start, end = at + 1, data.find(b"\n", at + 1)
        return data[start:end] if end >= 0 else self._long(data[start:])

    def _long(self, beginning: bytes) -> bytes | None:
        """The whole of a line that goes on behind the step which was read."""
        self.file.seek(self._step * _STEP + len(self._data))
        parts, size = [beginning], len(beginning)
        while size <= LINE_MAX and (part := self.file.read(_STEP)):
            end = part.find(b"\n")
            if end >= 0:
                return b"".join((*parts, part[:end]))
            parts.append(part)
            size += len(part)
        return None


class Records:
    """Reads single records. Thread-safe."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._indexes: OrderedDict[tuple[int, int, int], _Index] = OrderedDict()
        self._known: tuple[_Layout | None, int] = (None, 0)

    def read(self, number: int, *, packed: bool = True) -> bytes | None:
        """The line without LF; None if there is no such record, or it has been deleted.

        `packed`: also of a compressed segment, which takes a tenth of a second or more a line, and has no content.
        """
        with contextlib.closing(self.lines([number], packed=packed)) as lines:
            return next(lines)

    def lines(self, numbers: Iterable[int], *, packed: bool = True) -> Generator[bytes | None]:
        """Those of records that are in the journal by now, in rising order: a tenth of the time of reading each."""
        part: _Part | None = None
        try:
            for number in numbers:
                if part is None or not part.first <= number < part.end:
                    if part is not None:
                        part.file.close()
                    part = self._part(number)
                yield None if part is None else part.line(number, packed=packed)
        finally:
            if part is not None:
                part.file.close()

    def _part(self, number: int) -> _Part | None:
        """The segment that has a record; None if there is none."""
        with self._lock:
            while True:
                try:
                    return self._opened(number)
                except FileNotFoundError:  # compacted or rotated between list and open
                    continue

    def _opened(self, number: int) -> _Part | None:
        folder = self._paths.journal
        layout = _Layout.of(self._paths)
        if layout is None or layout != self._known[0]:  # to list a month of segments takes half a millisecond
            self._known = (layout, segments.next_number(folder))
        following = self._known[1]
        if number >= following:
            if layout is None:
                return None
            path, first, end = self._paths.current, following, sys.maxsize
        else:
            names = segments.names(folder)
            after = bisect.bisect_right(names, number, key=lambda named: named[0])
            if not after:
                return None
            first, name = names[after - 1]
            path, end = folder / name, names[after][0] if after < len(names) else following
        with contextlib.ExitStack() as opened:
            file = segments.open_segment(path)
            opened.callback(file.close)
            if path == self._paths.current and _Layout.of(self._paths) != layout:
                raise FileNotFoundError(path)  # rotated in the meantime
            part = _Part(file, first, end, self._index(file, first))
            opened.pop_all()
            return part

    def _index(self, file: File, first: int) -> _Index:
        if isinstance(file, gzip.GzipFile):
            return _Index()
        status = os.fstat(file.fileno())
        key = (status.st_dev, status.st_ino, first)  # a new file may get the inode of a deleted one
        index = self._indexes.setdefault(key, _Index())
        self._indexes.move_to_end(key)
        if len(self._indexes) > _KEPT:
            self._indexes.popitem(last=False)
        index.grow(file.fileno())
        return index


def _line_of_compressed(file: File, line: int) -> bytes | None:
    """A line of a compressed segment, which is unpacked up to there: 64 MiB of raw events are about 10 MiB reduced."""
    try:
        file.seek(0)
        for _ in range(line):
            if not file.readline(LINE_MAX + 1).endswith(b"\n"):
                return None
        data = file.readline(LINE_MAX + 1)
    except segments.DAMAGED:
        return None
    return data[:-1] if data.endswith(b"\n") else None
