"""Events of each session by minute, for the strips of the session list.

Counting half an hour of events takes the store 60 ms at 100 events/s, so it is done once; what is committed later is
added up here. Nothing is kept until the first page asks.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Sequence
from typing import Final

from hookspan.model.rows import EventRow
from hookspan.store.schema import MINUTE
from hookspan.web.queries import PageReader

MINUTES: Final = 30
UNASKED_MAX: Final = 50_000  # events that are counted while nobody asks; then all is forgotten, and counted anew


class Activity:
    """`committed` is called by the ingest thread, `strips` by any."""

    def __init__(self, reader: PageReader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._loaded = False
        self._next = 0  # records before this one are counted
        self._unasked = 0  # events since somebody asked
        self._fresh: collections.deque[Sequence[EventRow]] = collections.deque()
        self._counts: dict[str, dict[int, int]] = {}

    def committed(self, events: Sequence[EventRow]) -> None:
        """A batch is in the store. Costs the ingest thread 1 us an event; to keep them until a page asks, 0.5 KB each.

        Where a page asks right now, that one counts them.
        """
        if self._loaded and events:
            self._unasked += len(events)
            self._fresh.append(events)
            if self._unasked > UNASKED_MAX:
                self.forget()
            elif self._lock.acquire(blocking=False):
                try:
                    self._count_fresh()
                finally:
                    self._lock.release()

    def forget(self) -> None:
        """Count anew when next asked."""
        self._loaded, self._unasked = False, 0
        self._fresh.clear()

    def strips(self, now: int) -> dict[str, list[int]]:
        """Events in each of the last MINUTES minutes by session id; sessions without any are missing."""
        last = now // MINUTE
        first = last - MINUTES + 1
        with self._lock:
            if not self._loaded:
                self._load(first * MINUTE)
            self._count_fresh()
            self._unasked = 0
            for session in list(self._counts):
                minutes = {minute: n for minute, n in self._counts[session].items() if minute >= first}
                if minutes:
                    self._counts[session] = minutes
                else:
                    del self._counts[session]
            return {
                session: [minutes.get(minute, 0) for minute in range(first, last + 1)]
                for session, minutes in self._counts.items()
            }

    def _load(self, since: int) -> None:
        self._fresh.clear()
        self._loaded = True  # before the store is read: what is committed meanwhile waits, and is told by its number
        self._counts = {}
        try:
            with self._reader.moment() as moment:
                self._next = moment.position()
                for session, minute, count in moment.activity(since):
                    self._counts.setdefault(session, {})[minute] = count
        except BaseException:
            self._loaded = False
            raise

    def _count_fresh(self) -> None:
        while True:
            try:
                events = self._fresh.popleft()
            except IndexError:
                return
            for event in events:
                if event.record >= self._next:
                    minutes = self._counts.setdefault(event.session, {})
                    minute = event.at // MINUTE
                    minutes[minute] = minutes.get(minute, 0) + 1
