"""Finds a reader's position again, and decides what to read again if the journal was cut or replaced.

A position carries fingerprints of what was before it: at the position itself, and at up to four earlier ones. If the
bytes there are still the same, reading goes on. If they aren't (a power failure took lines that were not on disk yet,
somebody truncated or replaced the file), some lines after the last fingerprint that still matches may have been read
and some may be new. They are all read again, under new numbers: the numbers that were given out are in the store, and a
number is never given out twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from hookspan.atomic import sync_folder
from hookspan.journal import segments
from hookspan.journal.position import Position
from hookspan.journal.rotation import rotate
from hookspan.journal.segments import File, Segment
from hookspan.paths import Paths

_REACH: Final = (
    1024  # bytes before an offset that its fingerprint covers: every line has a time and a process of its own
)
_CUT: Final = "cut"  # the fingerprint of an offset past the end; equal to no other


class Checkpoint(NamedTuple):
    """A place in a segment: byte offset, number of the record there, fingerprint of the bytes before it."""

    offset: int
    record: int
    print: str


class Start(NamedTuple):
    """Where to continue: `path` is None if there is no file yet, `offset` 0 if it isn't known or is the beginning."""

    first: int
    path: Path | None
    offset: int = 0
    restarted: bool = False


def fingerprint(file: File, offset: int) -> str:
    """The fingerprint of the bytes before `offset` of an uncompressed segment."""
    reach = min(offset, _REACH)
    data = os.pread(file.fileno(), reach, offset - reach)
    return hashlib.blake2b(data, digest_size=8).hexdigest() if len(data) == reach else _CUT


def identity(newest: Checkpoint, earlier: Iterable[Checkpoint]) -> str:
    """The fingerprints as `Position.identity` has them: offset, record, fingerprint; the position's own first."""
    return " ".join(f"{place.offset}:{place.record}:{place.print}" for place in (newest, *earlier))


def checkpoints(text: str) -> list[Checkpoint]:
    """What `identity` wrote; nothing for an empty text."""
    fields = (word.split(":") for word in text.split())
    return [Checkpoint(int(offset), int(record), prints) for offset, record, prints in fields]


def find(paths: Paths, position: Position, *, mend: bool) -> Start:  # noqa: PLR0911 - a case each
    """Where `position` is now. FileNotFoundError if a segment was renamed in the meantime: try again.

    With `mend` a segment that is not what it was is given new numbers; without, it is read from its beginning as it is.
    """
    files = _files(paths)
    within = [segment for segment in files if segment.first <= position.record]
    if not within:
        if files:
            return Start(files[0].first, files[0].path)  # what was between is deleted
        return _nothing_left(paths, position, mend=mend)
    segment = within[-1]
    if segment.first == position.record:
        return Start(segment.first, segment.path)
    if segment.first == position.segment:
        if position.identity and not segment.compressed:
            if _holds(segment.path, checkpoints(position.identity)[:1]):
                return Start(segment.first, segment.path, position.offset)
        elif segment.current or segments.end(segment) >= position.record:
            return Start(segment.first, segment.path)  # compacted: other offsets, the same lines
    elif not segment.current and segments.end(segment) <= position.segment:
        return _nothing_left(paths, position, mend=mend)
    if not mend or segment is not files[-1]:
        return Start(segment.first, segment.path, restarted=True)
    return _renumber(paths, position, segment)


def _files(paths: Paths) -> list[Segment]:
    """All segments that hold something, and the current one in any case if it is there."""
    files = [segment for segment in segments.finished(paths.journal) if segment.size]
    following = segments.next_number(paths.journal)
    with contextlib.suppress(FileNotFoundError):
        status = paths.current.stat(follow_symlinks=False)
        files.append(Segment(following, paths.current, status.st_size, status.st_mtime, current=True))
    return files


def _nothing_left(paths: Paths, position: Position, *, mend: bool) -> Start:
    """The position's segment is gone and nothing comes after it: numbering continues from where it was."""
    following = segments.next_number(paths.journal)
    lost = following < position.record
    if lost and mend:
        segments.mark(paths.journal, position.record)
    return Start(max(following, position.record), None, restarted=lost)


def _holds(path: Path, places: Iterable[Checkpoint]) -> Checkpoint | None:
    """The last checkpoint whose fingerprint still matches."""
    with segments.open_segment(path) as file:
        for place in sorted(places, reverse=True):
            if place.print == fingerprint(file, place.offset) != _CUT:
                return place
    return None


def _renumber(paths: Paths, position: Position, segment: Segment) -> Start:
    """Give the lines of the last segment that may be new the numbers from `position.record` on.

    What is known to be as it was keeps its numbers. A crash between any two steps leaves a journal from which the same
    call comes to the same end; then lines may be read twice, which their keys undo.
    """
    path = segment.path
    if segment.current:
        finished = rotate(paths)
        if finished is None:  # emptied
            segments.mark(paths.journal, position.record)
            return Start(position.record, None, restarted=True)
        path = finished
    target = paths.journal / segments.name(position.record).replace(".jsonl", "".join(path.suffixes))
    known = checkpoints(position.identity) if segment.first == position.segment and not segment.compressed else []
    place = _holds(path, known)
    if place is None:
        path.rename(target)
    else:
        _split(path, place.offset, target)
    sync_folder(paths.journal)
    return Start(position.record, target if target.stat().st_size else None, restarted=True)


def _split(path: Path, offset: int, target: Path) -> None:
    scratch = target.with_suffix(".tmp")
    with path.open("r+b") as old, scratch.open("wb") as new:
        os.fchmod(new.fileno(), 0o600)
        old.seek(offset)
        shutil.copyfileobj(old, new, segments.CHUNK)
        new.flush()
        os.fsync(new.fileno())
        scratch.replace(target)
    os.truncate(path, offset)
    with contextlib.suppress(FileNotFoundError):
        scratch.unlink()
