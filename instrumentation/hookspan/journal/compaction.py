"""Replacing the lines of an old segment by their reduced form, compressed. One line stays one line, so numbers stay."""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, Final

from hookspan.atomic import sync_folder
from hookspan.journal.segments import CHUNK, Segment
from hookspan.journal.tail import LINE_MAX

LEVEL: Final = 6  # 9 takes twice the time for 2 % less


def compact(segment: Segment, reduce: Callable[[bytes], bytes]) -> Segment:
    """Put `<segment>.jsonl.gz` in the place of a finished `<segment>.jsonl`; the new segment.

    `reduce` is given each line without LF and gives what takes its place; ValueError if that holds LF, and whatever it
    raises, leave the segment as it was. A line of more than 32 MiB becomes an empty one. The time of the last append is
    kept, since retention goes by it.
    """
    if segment.current:
        raise ValueError("the current segment can't be compacted: it is appended to")
    if segment.compressed:
        segment.path.with_suffix("").unlink(missing_ok=True)  # a crash happened between the two steps below
        return segment
    target = segment.path.with_suffix(".jsonl.gz")
    scratch = segment.path.with_suffix(".tmp")
    try:
        with segment.path.open("rb") as source, scratch.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=LEVEL, mtime=0) as packed:
                for line in lines(source):
                    packed.write(b"" if line is None else _one_line(reduce(line)))
                    packed.write(b"\n")
            file.flush()
            os.utime(file.fileno(), (segment.modified, segment.modified))
            os.fsync(file.fileno())
        scratch.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
    sync_folder(target.parent)
    segment.path.unlink()
    return Segment(segment.first, target, target.stat().st_size, segment.modified)


def _one_line(data: bytes) -> bytes:
    if b"\n" in data:
        raise ValueError("a reduced line can't hold a line feed")
    return data


def lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines without LF; None for one that is too long to be held in memory."""
    for line in iter(partial(file.readline, LINE_MAX + 1), b""):
        if line.endswith(b"\n") or len(line) <= LINE_MAX:
            yield line.removesuffix(b"\n")
            continue
        for rest in iter(partial(file.readline, CHUNK), b""):
            if rest.endswith(b"\n"):
                break
        yield None
