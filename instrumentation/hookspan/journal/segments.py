"""The files of the journal and the numbers of their records.

`<first record, 20 digits>.jsonl` or `.jsonl.gz` is a finished segment: nobody appends to it any more. `current.jsonl`
is the one that is appended to; its first number follows from the last finished segment, whose lines are counted. An
empty finished segment is a mark: it holds no record, only the number from which the count goes on (when all older
segments are deleted, or when the current one was taken away). Numbers start at 1 and never fall.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

CHUNK: Final = 1 << 20  # bytes a read: a call for 700 events of 1.5 KB
_NAME: Final = re.compile(r"(\d{20})\.jsonl(\.gz)?")
File: TypeAlias = io.FileIO | gzip.GzipFile
DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error)
"""The exceptions that reading a cut or damaged compressed segment raises."""


class Segment(msgspec.Struct, frozen=True):
    """A segment: number of its first record, file, size in bytes on disk, time of the last append (Unix seconds)."""

    first: int
    path: Path
    size: int
    modified: float
    current: bool = False

    @property
    def compressed(self) -> bool:
        """Whether its lines are reduced and packed."""
        return self.path.suffix == ".gz"


def name(first: int) -> str:
    """The file name of a finished segment that isn't compressed."""
    return f"{first:020}.jsonl"


def names(folder: Path) -> list[tuple[int, str]]:
    """First number and file name of the finished segments and marks, oldest first.

    Of a segment in both forms, which a crash while compacting leaves, the compressed one. Listing a month of segments,
    720, takes half a millisecond; `finished` takes ten times that.
    """
    try:
        files = sorted(os.listdir(folder))  # noqa: PTH208 - making paths takes longer than the listing
    except FileNotFoundError:
        return []
    by_number: dict[int, str] = {}
    for file in files:  # .jsonl before .jsonl.gz
        if match := _NAME.fullmatch(file):
            by_number[int(match[1])] = file
    return list(by_number.items())


def finished(folder: Path, after: int = 0) -> Iterator[Segment]:
    """The finished segments and marks whose first number is over `after`, oldest first."""
    for first, file in names(folder):
        if first <= after:
            continue
        for path in (folder / file, folder / f"{file}.gz"):  # it may have been compacted since it was listed
            with contextlib.suppress(FileNotFoundError):
                status = path.stat(follow_symlinks=False)
                yield Segment(first, path, status.st_size, status.st_mtime)
                break


def dated(folder: Path, now: float) -> list[tuple[Segment, float]]:
    """The finished segments and marks, oldest first, and when each was last appended to.

    A time in the future, of when the clock was ahead, counts as that of the next one; of the last one, as now.
    """
    found: list[tuple[Segment, float]] = []
    at = now
    for segment in reversed(list(finished(folder))):
        if segment.modified <= now:
            at = segment.modified
        found.append((segment, at))
    return found[::-1]


def open_segment(path: Path) -> File:
    """Open for reading, uncompressed bytes, unbuffered: readers ask for a chunk at a time. Raises OSError."""
    return gzip.GzipFile(path, "rb") if path.suffix == ".gz" else io.FileIO(path, "rb", opener=_no_follow)


def _no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def read(file: File, size: int) -> bytes:
    """The next bytes, at most `size`; none at the end. Raises DAMAGED; then `salvage` gets what is left."""
    if isinstance(file, gzip.GzipFile):
        return file.read1(size)
    left = os.fstat(file.fileno()).st_size - file.tell()
    return file.read(max(0, min(size, left)))  # a buffer of a megabyte for a line costs ten times what the line does


def salvage(path: Path, offset: int) -> bytes:
    """The bytes between the offset at which `read` raised and the damage."""
    salvaged = bytearray()
    with contextlib.suppress(OSError, *DAMAGED), open_segment(path) as file:
        file.seek(offset)
        while byte := read(file, 1):  # more at once, and zlib keeps to itself what comes before the damage
            salvaged += byte
    return bytes(salvaged)


def chunks(file: File, size: int = CHUNK) -> Iterator[bytes]:
    """The rest of a file in pieces; a damaged end is an end."""
    try:
        while chunk := read(file, size):
            yield chunk
    except DAMAGED:
        if chunk := salvage(Path(str(file.name)), file.tell()):
            yield chunk


@functools.lru_cache(maxsize=64)  # a finished segment with the same name, size and time has the same lines
def count(segment: Segment) -> int:
    """How many records a finished segment holds; 64 MiB take about 20 ms.

    Writers and rotation end torn lines. A line without an end is then from another program, and takes a number too.
    """
    lines, last = 0, b"\n"
    with open_segment(segment.path) as file:
        for chunk in chunks(file):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")


def end(segment: Segment) -> int:
    """The number after the last record of a finished segment."""
    return segment.first + count(segment)


def next_number(folder: Path) -> int:
    """The number of the first record of the current segment."""
    while True:
        known = names(folder)
        if not known:
            return 1
        try:
            return max(map(end, finished(folder, known[-1][0] - 1)))
        except (FileNotFoundError, ValueError):  # compacted meanwhile
            continue


def mark(folder: Path, record: int) -> None:
    """Make numbering continue at `record`, whatever is deleted before it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / name(record), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.close(descriptor)
