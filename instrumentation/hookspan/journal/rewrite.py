"""Replaces single lines of finished segments. One line stays one line, so numbers stay."""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from hookspan.atomic import sync_folder
from hookspan.journal import compaction, quarantine
from hookspan.journal.segments import Segment
from hookspan.paths import Paths


def rewrite(segment: Segment, change: Callable[[bytes], bytes]) -> int:
    """Replace each line by what `change` returns for it (both without LF); the number of lines that changed.

    The file is replaced as a whole, or not at all if no line changes, and keeps its time, on which retention depends.
    A reader in the middle of it could not find its place again, so nobody else may use the journal meanwhile.
    """
    if segment.current:
        raise ValueError("the current segment can't be rewritten: it is appended to")
    with _open(segment) as file:
        changed = sum(line != new for line, new in _pairs(file, change))
    if not changed:
        return 0
    scratch = segment.path.with_suffix(".tmp")
    try:
        with _open(segment) as source, scratch.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            packed = gzip.GzipFile("", "wb", compaction.LEVEL, file, mtime=0) if segment.compressed else None
            target = cast("BinaryIO", packed or file)
            for _, new in _pairs(source, change):
                target.write(new + b"\n")
            if packed:
                packed.close()
            file.flush()
            os.utime(file.fileno(), (segment.modified, segment.modified))
            os.fsync(file.fileno())
        scratch.replace(segment.path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
    sync_folder(segment.path.parent)
    return changed


def lines(segment: Segment) -> Iterator[bytes]:
    """The lines of a segment (without LF) but for those that are too long to be held."""
    with _open(segment) as file:
        yield from (line for line in compaction.lines(file) if line is not None)


def _open(segment: Segment) -> BinaryIO:
    return cast("BinaryIO", gzip.open(segment.path, "rb")) if segment.compressed else segment.path.open("rb")


def _pairs(file: BinaryIO, change: Callable[[bytes], bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each line and what takes its place; one that is too long to be held becomes an empty one, as in compaction."""
    for line in compaction.lines(file):
        if line is None:
            yield b"too long", b""
        else:
            yield line, change(line)


def forget_quarantined(paths: Paths, is_gone: Callable[[bytes], bool]) -> int:
    """Remove lines that were set aside from their files; the number of lines removed."""
    gone = 0
    for path in sorted(paths.quarantine.glob(quarantine.FILES)):
        kept = []
        for line in path.read_bytes().splitlines(keepends=True):
            if is_gone(line):
                gone += 1
            else:
                kept.append(line)
        scratch = path.with_suffix(".tmp")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.writelines(kept)
        scratch.replace(path)
    return gone
