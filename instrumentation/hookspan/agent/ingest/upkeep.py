"""Keeps the journal, the store and what was kept aside within their limits: strays, rotation, compaction, retention.

What needs the store, or takes no time, is done by the ingest thread when it has nothing to read, or has had something
for too long. What takes seconds (reducing and packing segments) has a thread of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import sys
import time
from typing import Final

from hookspan.agent import copies
from hookspan.agent.ingest.disk import is_full
from hookspan.agent.ingest.keeper import StoreKeeper
from hookspan.agent.ingest.progress import Progress
from hookspan.agent.ingest.state import FoldState
from hookspan.agent.ingest.watermark import Watermark
from hookspan.agent.loop import Interval, Loop
from hookspan.agent.settings import AgentSettings
from hookspan.clients.decode import decode
from hookspan.journal import Journal, Segment
from hookspan.opted_out import OptedOut, projects_in
from hookspan.paths import Paths
from hookspan.store import Reader, Retention
from hookspan.wire import Unreadable, encode

STRAYS_INTERVAL: Final = 2.0  # seconds, as all of these
ROTATE_INTERVAL: Final = 10.0
PRUNE_INTERVAL: Final = 3600.0
PRUNE_PAUSE: Final = 1.0  # between two slices of a prune, so that events come through
OVERDUE: Final = (
    60.0  # that a backlog puts this off: one that never ends would let journal and store outgrow their limits
)
LONG_BACKLOG: Final = 20_000  # records after which memory is given back ..
SHRINK_INTERVAL: Final = 60.0  # .. but no more often than this
INTERVAL: Final = 600.0  # between two rounds of the thread of its own
FIRST: Final = 20.0  # after the start, when whoever started us has got what they wanted

_logger = logging.getLogger(__name__)


class Upkeep:
    """`between_batches` is for the ingest thread, `loop` the thread of its own."""

    def __init__(
        self,
        paths: Paths,
        journal: Journal,
        keeper: StoreKeeper,
        settings: AgentSettings,
        key: bytes,
        *,
        state: FoldState,
        progress: Progress,
        watermark: Watermark,
        ingest: Loop,
    ) -> None:
        self._paths = paths
        self._journal = journal
        self._keeper = keeper
        self._settings = settings
        self._key = key
        self._state = state
        self._progress = progress
        self._watermark = watermark
        self._ingest = ingest
        self._strays = Interval(STRAYS_INTERVAL)
        self._rotation = Interval(ROTATE_INTERVAL)
        self._pruning = Interval(PRUNE_INTERVAL)
        self._prunes = False  # has begun with what is past retention, and not ended
        self._shrinking = Interval(SHRINK_INTERVAL)
        self._shrunk_at = 0  # records
        self._rested = time.monotonic()  # when there was nothing to read
        self._pause = FIRST
        self._opted_out = OptedOut({})
        self.loop = Loop("upkeep", self.step)

    # --- the ingest thread

    def between_batches(self) -> bool:
        """Do what is due; True if there is something to read now. What fails is counted there."""
        self._rested = time.monotonic()
        if self._take_in_strays():
            return True
        self._keep_limits()
        return False

    def amid_backlog(self) -> None:
        """Do what is due if there has been something to read for too long; a prune that has begun goes on before."""
        if time.monotonic() - self._rested > OVERDUE:
            self._take_in_strays()
            self._keep_limits()
        elif self._prunes:
            self._prune_if_due()

    def strays_are_due(self) -> None:
        """Called by any thread: take in what there is before all is said to be read."""
        self._strays.again_in(0)

    def _take_in_strays(self) -> bool:
        return self._strays.is_due() and bool(self._ingest.guarded(self._journal.take_in_strays))

    def _keep_limits(self) -> None:
        if self._rotation.is_due():
            self._ingest.guarded(lambda: self._journal.rotate_if_due(time.time()))
        self._prune_if_due()
        if self._progress.records - self._shrunk_at > LONG_BACKLOG and self._shrinking.is_due():
            self._ingest.guarded(self._shrink)

    def _prune_if_due(self) -> None:
        if self._pruning.is_due():
            self._prunes = self._ingest.guarded(self._prune) is False
            if self._prunes:
                self._pruning.again_in(PRUNE_PAUSE)

    def _prune(self) -> bool:
        """A slice of what is past retention; False if there is more."""
        keep = self._settings.now.store
        retention = Retention(
            days=keep.days, bytes=keep.bytes, exported=self._watermark.spans, logged=self._watermark.logs
        )
        return self._keeper.store.prune(retention, time.time_ns()).done

    def _shrink(self) -> None:
        """After a long backlog: give back the database's mapping and caches, and what Python's allocator kept of it."""
        self._keeper.reopen()  # the journal stays open where it is
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # glibc's; elsewhere the system decides
            ctypes.CDLL(None).malloc_trim(0)
        self._shrunk_at = self._progress.records

    # --- the thread of its own

    def step(self) -> None:
        """Wait, then delete the oldest segments, and reduce and pack old ones; what fails keeps none of the rest."""
        self.loop.pause(self._pause)
        self._pause = INTERVAL
        keep, guarded = self._settings.now.journal, self.loop.guarded
        guarded(self._journal.delete_leftovers)
        # What is too old needn't be reduced first; what is too large then may be small enough afterwards.
        guarded(lambda: self._delete_old(keep.days, sys.maxsize))
        is_reduced = guarded(lambda: self._reduce_old(keep.raw_hours))
        if self.loop.stopping:
            return
        guarded(lambda: self._journal.delete_quarantined(keep.raw_hours))
        if is_reduced:
            guarded(lambda: self._delete_old(keep.days, keep.bytes))
        guarded(self._delete_copies)

    def finish_segment(self) -> None:
        """The agent leaves: what is there is not to be as new as what the next hook writes, perhaps in weeks."""
        self.loop.guarded(self._journal.rotate)

    def _delete_old(self, days: float, most: int) -> None:
        # What is not in the store yet is not deleted.
        for segment in self._journal.delete_old(days, most, self._progress.next_record()):
            _logger.info("segment deleted", extra={"segment": segment.first, "bytes": segment.size})

    def _delete_copies(self) -> None:
        for path, size in copies.delete_old(self._paths, self._settings.now, time.time()):
            _logger.info("copy deleted", extra={"path": str(path), "bytes": size})

    def _reduce_old(self, hours: float) -> bool:
        """Reduce and pack them, but for those that can't be. False if that was broken off; raises on a full disk."""
        with contextlib.closing(Reader(self._paths)) as reader:
            known = projects_in(reader)
            self._opted_out = OptedOut(
                self._settings.now.projects,
                self._state.repositories(),
                project_of=lambda session: known(session) or "",
            )
            for segment in self._journal.raw_older_than(hours):
                if self.loop.stopping:
                    return False
                try:
                    self._compact(segment)
                except InterruptedError:
                    return False
                except Exception as error:
                    if is_full(error):
                        raise
                    self.loop.failed(error)  # it stays as it is; the next one may be all right
        return True

    def _compact(self, segment: Segment) -> None:
        packed = self._journal.compact(segment, self._reduce)
        if packed is not None:
            about = {"segment": segment.first, "bytes": segment.size, "now": packed.size}
            _logger.info("segment reduced", extra=about)

    def _reduce(self, line: bytes) -> bytes:
        if self.loop.stopping:
            raise InterruptedError  # leaves the segment as it was
        return reduced(line, self._key, labels=self._settings.now.content.local, opted_out=self._opted_out)


def reduced(line: bytes, key: bytes, *, labels: bool, opted_out: OptedOut) -> bytes:
    """What takes the place of a journal line."""
    try:
        return encode(decode(opted_out.blanked(line), key, labels=labels))
    except Unreadable:
        return b""  # it was set aside when it was read; its number stays
