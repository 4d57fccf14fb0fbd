"""Reads single records by number, for the page that shows raw events."""

from __future__ import annotations

import bisect
import io
import os
import threading
from collections import OrderedDict
from typing import Final, NamedTuple

from hookspan.journal import segments
from hookspan.journal.segments import File
from hookspan.journal.tail import LINE_MAX
from hookspan.paths import Paths

_STEP: Final = 64 << 10  # bytes between two entries of an index: 1,000 entries for a segment
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

    def seek(self, file: File, line: int) -> bool:
        """Put the file at the beginning of a line, counted from 0; False if there is none yet."""
        if line == 0:
            file.seek(0)
            return True
        step = bisect.bisect_left(self.ends, line) - 1  # the step in which the line before it ends
        start = step * _STEP
        file.seek(start)
        data = file.read(_STEP)
        at = -1
        for _ in range(line - self.ends[step]):
            at = data.find(b"\n", at + 1)
            if at < 0:
                return False
        file.seek(start + at + 1)
        return True


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


class Records:
    """Reads single records. Thread-safe."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._indexes: OrderedDict[tuple[int, int], _Index] = OrderedDict()
        self._known: tuple[_Layout | None, int] = (None, 0)

    def read(self, number: int, *, packed: bool = True) -> bytes | None:
        """The line without LF; None if there is no such record, or it has been deleted.

        `packed`: also of a compressed segment, which takes a tenth of a second or more a line, and has no content.
        """
        with self._lock:
            while True:
                try:
                    return self._read(number, packed=packed)
                except FileNotFoundError:  # compacted or rotated between list and open
                    continue

    def _read(self, number: int, *, packed: bool) -> bytes | None:
        folder = self._paths.journal
        layout = _Layout.of(self._paths)
        if layout is None or layout != self._known[0]:  # to list a month of segments takes half a millisecond
            self._known = (layout, segments.next_number(folder))
        following = self._known[1]
        if number >= following:
            if layout is None:
                return None
            with segments.open_segment(self._paths.current) as file:
                if _Layout.of(self._paths) != layout:
                    raise FileNotFoundError(self._paths.current)  # rotated in the meantime
                return self._line(file, number - following)
        within = [(first, name) for first, name in segments.names(folder) if first <= number]
        if not within:
            return None
        first, name = within[-1]
        with segments.open_segment(folder / name) as file:
            if isinstance(file, io.FileIO):
                return self._line(file, number - first)
            return _line_of_compressed(file, number - first) if packed else None

    def _line(self, file: File, line: int) -> bytes | None:
        status = os.fstat(file.fileno())
        key = (status.st_dev, status.st_ino)
        index = self._indexes.setdefault(key, _Index())
        self._indexes.move_to_end(key)
        if len(self._indexes) > _KEPT:
            self._indexes.popitem(last=False)
        index.grow(file.fileno())
        if not index.seek(file, line):
            return None
        parts: list[bytes] = []
        size = 0
        while size <= LINE_MAX and (part := file.read(_STEP)):
            end = part.find(b"\n")
            if end >= 0:
                return b"".join((*parts, part[:end]))
            parts.append(part)
            size += len(part)
        return None  # not ended yet, or too long


def _line_of_compressed(file: File, line: int) -> bytes | None:
    """A line of a compressed segment, which is unpacked up to there: 64 MiB of raw events are about 10 MiB reduced."""
    try:
        for _ in range(line):
            if not file.readline(LINE_MAX + 1).endswith(b"\n"):
                return None
        data = file.readline(LINE_MAX + 1)
    except segments.DAMAGED:
        return None
    return data[:-1] if data.endswith(b"\n") else None
