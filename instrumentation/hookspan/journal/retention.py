"""How long the journal is kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hookspan.journal import segments
from hookspan.journal.segments import Segment
from hookspan.paths import Paths


def size(paths: Paths) -> int:
    """Bytes of everything in the journal's folder."""
    return _size(paths.journal) + _size(paths.quarantine)


def _size(folder: Path) -> int:
    total = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def delete_old(paths: Paths, days: float, max_bytes: int, unread: int, now: float) -> list[Segment]:
    """Delete finished segments: those last appended to `days` ago, then the oldest until all fit into `max_bytes`.

    A segment that holds record `unread` or a later one stays. When the last one goes, a mark keeps the count.
    """
    before = now - days * 86400
    finished = list(segments.finished(paths.journal))
    total = size(paths)
    deleted: list[Segment] = []
    for place, segment in enumerate(finished):
        last = place == len(finished) - 1
        after = segments.end(segment) if last else finished[place + 1].first
        if after > unread or (segment.modified >= before and total <= max_bytes):
            break
        if not segment.size:  # a mark; the last one holds the count
            if not last:
                segment.path.unlink(missing_ok=True)
            continue
        if last:
            segments.mark(paths.journal, after)
        if segment.compressed:  # a crash while compacting leaves the plain one beside it, which must not come back
            segment.path.with_suffix("").unlink(missing_ok=True)
        segment.path.unlink(missing_ok=True)
        total -= segment.size
        deleted.append(segment)
    return deleted
