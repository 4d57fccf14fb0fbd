"""The journal as the agent uses it: rotation, strays, compaction, retention, size."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from hookspan.atomic import sync_folder
from hookspan.journal import compaction, quarantine, retention, rotation, segments
from hookspan.journal.quarantine import Quarantine
from hookspan.journal.records import Records
from hookspan.journal.segments import Segment
from hookspan.journal.strays import Strays
from hookspan.journal.writer import JournalBusyError
from hookspan.paths import Paths

ROTATE_BYTES: Final = 64 << 20
ROTATE_AGE: Final = 3600.0  # seconds


class Journal:
    """A journal folder, managed by the agent that holds `agent.lock`; there is only one. Thread-safe."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.RLock()
        self._quarantine = Quarantine(paths)
        self._strays = Strays(paths, self._quarantine)
        self._records = Records(paths)
        self._synced: tuple[int, int, int] | None = None  # device, inode and size that are on disk
        self._first_seen: tuple[int, float] = (0, 0.0)  # inode of the current segment, and when it was first seen

    def rotate_if_due(self, now: float, max_bytes: int = ROTATE_BYTES, max_age: float = ROTATE_AGE) -> bool:
        """Finish the current segment if it is full or old; `now` in Unix seconds, age from its first line on."""
        with self._lock:
            try:
                status = self._paths.current.stat(follow_symlinks=False)
            except FileNotFoundError:
                return False
            if not status.st_size:
                return False
            if status.st_size < max_bytes and now - self._began(status.st_ino, now) < max_age:
                return False
            return self.rotate()

    def _began(self, inode: int, now: float) -> float:
        if self._first_seen[0] != inode or self._first_seen[1] > now:
            began = rotation.began(self._paths.current)
            # A time in the future doesn't count: the clock was set back, or another program wrote the line.
            self._first_seen = (inode, now if began is None or began > now else began)
        return self._first_seen[1]

    def rotate(self) -> bool:
        """Finish the current segment; False if it holds nothing, or if a stopped process keeps its lock."""
        with self._lock, contextlib.suppress(JournalBusyError):
            return rotation.rotate(self._paths) is not None
        return False

    def take_in_strays(self) -> int:
        """Append the lines that found the journal locked; how many files were taken."""
        with self._lock:
            return self._strays.take_in()

    @property
    def strays_held(self) -> bool:
        """Whether some were left when they were last to be taken in, since a stopped process holds the lock."""
        return self._strays.held

    def quarantine(self, number: int, data: bytes, reason: str) -> bool:
        """Set a line aside that can't be read; False if this record was set aside for that reason before."""
        with self._lock:
            return self._quarantine.add(number, data, reason)

    def delete_quarantined(self, hours: float, now: float | None = None) -> int:
        """Delete what was set aside longer ago: it is as raw as lines before compaction. The number of bytes freed."""
        with self._lock:
            freed = quarantine.delete_old(self._paths, (time.time() if now is None else now) - hours * 3600)
            self._quarantine.freed(freed)
        return freed

    def delete_leftovers(self) -> None:
        """Delete what a kill has left of `compact` and `rewrite`; not beside those."""
        retention.delete_leftovers(self._paths)

    def sync(self) -> bool:
        """Make what was appended survive a power failure; False if there was nothing new."""
        with self._lock:
            try:
                descriptor = os.open(self._paths.current, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            try:
                status = os.fstat(descriptor)
                now = (status.st_dev, status.st_ino, status.st_size)
                if now == self._synced:
                    return False
                _sync_data(descriptor)
                if self._synced is None or self._synced[:2] != now[:2]:
                    sync_folder(self._paths.journal)  # a new file: its name too
                self._synced = now
                return True
            finally:
                os.close(descriptor)

    def size(self) -> int:
        """Bytes on disk: segments, strays and what is set aside."""
        return retention.size(self._paths)

    def read_record(self, number: int) -> bytes | None:
        """One line without LF; None if there is no such record, or it has been deleted."""
        return self._records.read(number)

    def segments(self) -> list[Segment]:
        """All segments that hold a record, oldest first, the current one last."""
        listed = [segment for segment in segments.finished(self._paths.journal) if segment.size]
        with contextlib.suppress(FileNotFoundError):
            status = self._paths.current.stat()
            first = segments.next_number(self._paths.journal)
            listed.append(Segment(first, self._paths.current, status.st_size, status.st_mtime, current=True))
        return listed

    def raw_older_than(self, hours: float, now: float | None = None) -> list[Segment]:
        """Finished segments that `compact` is due for: the last append is that long ago."""
        now = time.time() if now is None else now
        return [
            segment
            for segment, appended in segments.dated(self._paths.journal, now)
            if segment.size and not segment.compressed and appended < now - hours * 3600
        ]

    def compact(self, segment: Segment | int, reduce: Callable[[bytes], bytes]) -> Segment | None:
        """Replace each line of a finished segment by its reduced form, compressed; see `compaction.compact`.

        Takes seconds for a full segment: for a thread of its own. `segment` may be the number of its first record; None
        if there is no such finished segment.
        """
        first = segment if isinstance(segment, int) else segment.first
        finished = next(segments.finished(self._paths.journal, first - 1), None)
        if finished is None or finished.first != first:
            return None
        if segments.names(self._paths.journal)[-1][0] == first:  # the count must not depend on what can be unpacked
            segments.mark(self._paths.journal, segments.end(finished))
        return compaction.compact(finished, reduce)

    def count_from(self, record: int) -> None:
        """Continue the numbering at `record`, unless it is already past it."""
        with self._lock:
            reached = [segments.next_number(self._paths.journal), *map(segments.end, self.segments()[-1:])]
            if max(reached) < record:
                segments.mark(self._paths.journal, record)

    def old(self, days: float, max_bytes: int, unread: int, now: float | None = None) -> list[Segment]:
        """The segments that `delete_old` would delete, without marks."""
        due = retention.old(self._paths, days, max_bytes, unread, time.time() if now is None else now)
        return [segment for segment, _ in due if segment.size]

    def delete_old(self, days: float, max_bytes: int, unread: int, now: float | None = None) -> list[Segment]:
        """Delete finished segments over the age or, oldest first, over the size.

        Never one that holds record `unread` or a later one.
        """
        with self._lock:
            return retention.delete_old(self._paths, days, max_bytes, unread, time.time() if now is None else now)


def _sync_data(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)  # macOS has no fdatasync
