"""Decides which segments are past the journal's age or size limit, and deletes them, and what a kill has left."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hookspan.journal import segments
from hookspan.journal.segments import Segment
from hookspan.paths import Paths

_SCRATCH: Final = re.compile(r"\d{20}(\.jsonl)?\.tmp|\d{4}-\d\d-\d\d\.tmp")  # of compaction and of `rewrite`


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


def old(paths: Paths, days: float, max_bytes: int, unread: int, now: float) -> Iterator[tuple[Segment, int | None]]:
    """What is to be deleted, oldest first: finished segments last appended to `days` ago, then others until all fit.

    A segment that holds record `unread` or a later one stays, and so do those after it. The very last one, which keeps
    the numbering, comes with the number at which it continues; a mark doesn't.
    """
    before = now - days * 86400
    finished = segments.dated(paths.journal, now)
    total = size(paths)
    for place, (segment, appended) in enumerate(finished):
        last = place == len(finished) - 1
        after = segments.end(segment) if last else finished[place + 1][0].first
        if after > unread or (appended >= before and total <= max_bytes):
            return
        total -= segment.size
        yield segment, after if last else None


def delete_old(paths: Paths, days: float, max_bytes: int, unread: int, now: float) -> list[Segment]:
    """Delete what `old` names; when the last segment goes, a mark keeps the numbering."""
    deleted: list[Segment] = []
    for segment, after in old(paths, days, max_bytes, unread, now):
        if not segment.size:  # a mark; the last one holds the count
            if after is None:
                segment.path.unlink(missing_ok=True)
            continue
        if after is not None:
            segments.mark(paths.journal, after)
        if segment.compressed:  # a crash while compacting leaves the plain one beside it, which must not come back
            segment.path.with_suffix("").unlink(missing_ok=True)
        segment.path.unlink(missing_ok=True)
        deleted.append(segment)
    return deleted


def delete_leftovers(paths: Paths) -> None:
    """Delete what was left by a kill between two steps: halves of new files, and raw segments beside their packed form.

    Nobody would read those or find them too old. For when no segment is being written anew.
    """
    for folder in (paths.journal, paths.quarantine):
        with contextlib.suppress(FileNotFoundError):
            files = frozenset(os.listdir(folder))  # noqa: PTH208 - as `segments.names`
            for file in files:
                if f"{file}.gz" in files or _SCRATCH.fullmatch(file):
                    (folder / file).unlink(missing_ok=True)
