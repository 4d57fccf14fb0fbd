"""Requests on disk, one folder a signal: stored as they came, read by each reader at its own pace, then deleted.

A segment is a file of frames. What `append` has returned from survives the end of this process at any instruction; a
power cut may take what the system has not written yet, as it may with the sender's own data.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from hookspan import atomic

SEGMENT: Final = 4 << 20  # bytes after which a segment is full
_FRAME: Final = struct.Struct("<4sBBHIQI")  # magic, flags, version, unused, length, time, crc32 of the body
_MAGIC: Final = b"HSRQ"
_VERSION: Final = 1
_CURSOR: Final = struct.Struct("<QQI")  # segment, offset, crc32 of both
_JSON: Final = 1
_GZIP: Final = 2
_OWN: Final = 4


@dataclass(frozen=True, slots=True)
class Stored:
    """A request as it came.

    Attributes:
        at: When, in Unix nanoseconds.
        body: Its body.
        json: It is JSON, else protobuf.
        gzip: It is compressed.
        own: All of it is Claude Code's own telemetry.
    """

    at: int
    body: bytes
    json: bool = False
    gzip: bool = False
    own: bool = True


class Place(NamedTuple):
    """A place in the spool: the segment's number, and the offset in it."""

    segment: int
    offset: int


@dataclass(slots=True)
class _Segments:
    """What is there. `written`: how far the last one may be read."""

    numbers: list[int]
    written: int = 0
    bytes: dict[int, int] = field(default_factory=dict)


class Spool:
    """The requests of one signal. One thread appends; any may read."""

    def __init__(self, folder: Path, readers: tuple[str, ...], limit: int) -> None:
        """Raises OSError, with nothing left open. Above `limit` bytes the oldest requests go, read or not."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        numbers = sorted(int(path.stem) for path in folder.glob("*.requests") if path.stem.isdigit())
        self._segments = _Segments(numbers, bytes={number: self._path(number).stat().st_size for number in numbers})
        self._file = -1
        self._is_closed = False
        self.limit = limit
        self.dropped = 0
        self.damaged = 0
        if numbers:
            self._mend(numbers[-1])
        self.readers: dict[str, SpoolReader] = {}
        with contextlib.ExitStack() as made:
            made.callback(self.close)
            for name in readers:
                self.readers[name] = SpoolReader(self, folder / f"{name}.cursor")
            made.pop_all()

    @property
    def bytes(self) -> int:
        """What is on disk."""
        with self._lock:
            return sum(self._segments.bytes.values())

    def append(self, request: Stored) -> None:
        """Store a request; raises OSError, and has then stored nothing."""
        head = _head(request)
        with self._lock:
            if self._is_closed:
                raise OSError(errno.EBADF, "the spool is closed")
            segments = self._segments
            if self._file < 0 or segments.written >= SEGMENT:
                self._begin()
                self._drop_oldest()
            wanted = len(head) + len(request.body)
            try:
                written = os.writev(self._file, (head, request.body))
            except OSError:
                os.ftruncate(self._file, segments.written)
                raise
            if written != wanted:
                os.ftruncate(self._file, segments.written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            segments.written += written
            segments.bytes[segments.numbers[-1]] = segments.written
        for reader in self.readers.values():
            reader.ring()

    def close(self) -> None:
        """Close the files. What was not read, or is not done by now, is read after the next start."""
        with self._lock:
            self._close_segment()
            if not self._is_closed:
                self._is_closed = True
                for reader in self.readers.values():
                    reader.close()

    # --- For readers

    def first(self) -> Place:
        """Where reading begins."""
        with self._lock:
            return Place(self._segments.numbers[0], 0) if self._segments.numbers else Place(1, 0)

    def read(self, place: Place) -> tuple[Stored, Place] | None:
        """The request at a place or after it, and the place after that; None if there is none yet."""
        while True:
            with self._lock:
                numbers, written = self._segments.numbers, self._segments.written
                following = [number for number in numbers if number >= place.segment]
                is_last = bool(following) and following[0] == numbers[-1] and self._file >= 0
            if not following:
                return None
            if following[0] != place.segment:
                place = Place(following[0], 0)
            if is_last and place.offset >= written:
                return None
            request, size = self._frame(place)
            if request is not None:
                return request, Place(place.segment, place.offset + size)
            if is_last or len(following) == 1:  # nothing is behind it, until there is a new segment
                return None
            self.damaged += size < 0
            place = Place(following[1], 0)

    def left(self, place: Place) -> int:
        """How many bytes there are from a place on."""
        with self._lock:
            sizes = self._segments.bytes
            return sum(size for number, size in sizes.items() if number >= place.segment) - (
                place.offset if place.segment in sizes else 0
            )

    def done(self, reader: SpoolReader, place: Place) -> None:
        """A reader has dealt with all before a place: what all of them have is deleted."""
        with self._lock:
            if not self._is_closed:  # else it belongs to others already
                reader.move(place)
                self._drop_read()

    def count(self, place: Place) -> int:
        """How many requests there are from a place on."""
        total = 0
        while (found := self.read(place)) is not None:
            total, place = total + 1, found[1]
        return total

    def rewrite(self, change: Callable[[Stored], Stored | None]) -> int:
        """Replace each request by what `change` gives for it, None: by nothing; how many others there are now.

        Nobody may read or append meanwhile. What is damaged goes. A reader begins with a segment anew while that is
        replaced: after the end of this process at any instruction requests are read twice, and none is left out.
        """
        with self._lock:
            self._close_segment()
            return sum(self._rewrite(number, change) for number in self._segments.numbers)

    # --- Inside

    def _rewrite(self, number: int, change: Callable[[Stored], Stored | None]) -> int:
        """The lock is held."""
        place, changed = Place(number, 0), 0
        whole, moved = bytearray(), {0: 0}
        while (found := self._frame(place))[0] is not None:
            request = change(found[0])
            changed += request is not found[0]
            if request is not None:
                whole += _head(request) + request.body
            place = Place(number, place.offset + found[1])
            moved[place.offset] = len(whole)
        if changed or found[1]:
            behind = {reader: reader.place for reader in self.readers.values() if reader.place.segment == number}
            for reader in behind:
                reader.move(Place(number, 0))
            atomic.write(self._path(number), bytes(whole), mode=0o600)
            for reader, was in behind.items():
                reader.move(Place(number, moved.get(was.offset, 0)))
            self._segments.bytes[number] = len(whole)
        return changed

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:020d}.requests"

    def _begin(self) -> None:
        """A new segment; after a start always, since the last one may end within a frame."""
        number = max([*self._segments.numbers, *(reader.place.segment for reader in self.readers.values()), 0]) + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._path(number), flags, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file = file
        self._segments.numbers = [*self._segments.numbers, number]
        self._segments.written = self._segments.bytes[number] = 0

    def _frame(self, place: Place) -> tuple[Stored | None, int]:
        """The request at a place, and how long it is; none at the segment's end (0), or where it is damaged (-1)."""
        try:
            file = os.open(self._path(place.segment), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None, 0
        try:
            head = os.pread(file, _FRAME.size, place.offset)
            if not head:
                return None, 0
            if len(head) == _FRAME.size:
                magic, flags, version, _, length, at, crc = _FRAME.unpack(head)
                if magic == _MAGIC and version == _VERSION:
                    body = os.pread(file, length, place.offset + _FRAME.size)
                    if len(body) == length and zlib.crc32(body) == crc:
                        stored = Stored(
                            at, body, json=bool(flags & _JSON), gzip=bool(flags & _GZIP), own=bool(flags & _OWN)
                        )
                        return stored, _FRAME.size + length
        finally:
            os.close(file)
        return None, -1

    def _drop_read(self) -> None:
        """The lock is held."""
        segments, lowest = self._segments, min(reader.place for reader in self.readers.values())
        if segments.numbers and lowest >= (segments.numbers[-1], segments.bytes[segments.numbers[-1]]) > (0, 0):
            self._close_segment()  # nothing of it is kept for longer than it is needed
            lowest = Place(lowest.segment + 1, 0)
        for number in [number for number in segments.numbers if number < lowest.segment]:
            self._delete(number)

    def _close_segment(self) -> None:
        """What comes next goes into a new file; the lock is held."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _drop_oldest(self) -> None:
        """Delete the oldest requests where there are too many, and count those that were not read; the lock is held."""
        sizes = self._segments.bytes
        while sum(sizes.values()) > self.limit and len(sizes) > 1:
            number = self._segments.numbers[0]
            place = max(Place(number, 0), min(reader.place for reader in self.readers.values()))
            while place.segment == number:
                request, size = self._frame(place)
                if request is None:
                    break
                self.dropped, place = self.dropped + 1, Place(number, place.offset + size)
            self._delete(number)

    def _mend(self, number: int) -> None:
        """End a segment after its last whole frame: a process that was killed may have been writing."""
        place = Place(number, 0)
        while True:
            request, size = self._frame(place)
            if request is None:
                break
            place = Place(number, place.offset + size)
        if size:
            self.damaged += 1
            os.truncate(self._path(number), place.offset)
            self._segments.bytes[number] = place.offset

    def _delete(self, number: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(number).unlink()
        self._segments.numbers = [each for each in self._segments.numbers if each != number]
        self._segments.bytes.pop(number, None)


def _head(request: Stored) -> bytes:
    """What precedes a request's body."""
    flags = (_JSON if request.json else 0) | (_GZIP if request.gzip else 0) | (_OWN if request.own else 0)
    return _FRAME.pack(_MAGIC, flags, _VERSION, 0, len(request.body), request.at, zlib.crc32(request.body))


class SpoolReader:
    """One who reads all requests in order, and goes on after a restart where it was; one thread."""

    def __init__(self, spool: Spool, path: Path) -> None:
        self._spool = spool
        self.bell = threading.Event()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self.place = self._kept() or spool.first()
        except OSError:
            os.close(self._file)
            raise
        self._next = self.place
        self._oldest: tuple[Place, int] = (self.place, 0)

    def read(self) -> Stored | None:
        """The next request; the same one again until it is `done`."""
        self._next = self.place
        return self.read_on()

    def read_on(self) -> Stored | None:
        """The one behind that; `done` is then for all that was read."""
        found = self._spool.read(self._next)
        if found is None:
            return None
        self._next = found[1]
        return found[0]

    def done(self) -> None:
        """What was read is dealt with."""
        self._spool.done(self, self._next)

    def close(self) -> None:
        """Close its file; only its spool does that, and moves it."""
        os.close(self._file)

    def move(self, place: Place) -> None:
        """Go on at a place."""
        self.place = place
        packed = struct.pack("<QQ", *place)
        os.pwrite(self._file, packed + struct.pack("<I", zlib.crc32(packed)), 0)

    def wait(self, seconds: float) -> None:
        """Until something was appended, or `ring` was called; at most so long."""
        self.bell.wait(seconds)
        self.bell.clear()

    def ring(self) -> None:
        """End a wait."""
        self.bell.set()

    @property
    def left(self) -> int:
        """Bytes that wait."""
        return self._spool.left(self.place)

    def oldest_age(self) -> float:
        """Seconds that the next request has waited, 0 if there is none. From any thread."""
        place = self.place
        if self._oldest[0] != place or not self._oldest[1]:
            found = self._spool.read(place)
            self._oldest = place, found[0].at if found else 0
        at = self._oldest[1]
        return max(0.0, time.time() - at / 1e9) if at else 0.0

    def _kept(self) -> Place | None:
        data = os.pread(self._file, _CURSOR.size, 0)
        if len(data) != _CURSOR.size:
            return None
        segment, offset, crc = _CURSOR.unpack(data)
        return Place(segment, offset) if zlib.crc32(data[:16]) == crc else None
