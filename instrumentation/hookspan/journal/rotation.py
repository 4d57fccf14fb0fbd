"""Finishing the current segment: it gets its number as its name, and nobody appends to it any more."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from hookspan.atomic import sync_folder
from hookspan.journal import segments, writer
from hookspan.paths import Paths

_AT: Final = re.compile(rb'"at":\s?(\d{16,20})[,}]')  # the relay's and our own lines have it near their beginning
_HEAD: Final = 512  # bytes in which it is looked for


def rotate(paths: Paths) -> Path | None:
    """Rename the current segment; None if there is none or it holds nothing. Raises JournalBusyError, OSError."""
    segments.next_number(paths.journal)  # counts the last segment now, before the lock is held
    try:
        with writer.locked(paths.current) as descriptor:
            if not writer.end_line(descriptor):
                return None
            finished = paths.journal / segments.name(segments.next_number(paths.journal))
            paths.current.rename(finished)  # replaces at most a mark, which holds nothing
    except FileNotFoundError:
        return None
    # Not under the lock: writers wait for 50 ms at most, and a disk may take longer.
    descriptor = os.open(finished, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(paths.journal)
    return finished


def began(path: Path) -> float | None:
    """When the first line of a segment was written (Unix seconds), as it says itself; None if it doesn't."""
    with path.open("rb") as file:
        match = _AT.search(file.read(_HEAD))
    return int(match[1]) / 1e9 if match else None
