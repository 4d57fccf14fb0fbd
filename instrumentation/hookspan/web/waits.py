"""How long each session's tool calls waited for somebody, for the session list.

A wait is a span's attribute: adding up all of them for each list takes the store 30 ms at 20,000 waits, so it is done
once; spans that are written later are added here.
"""

from __future__ import annotations

import threading
from collections import defaultdict

from hookspan.web.queries import Moment


class Waits:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: tuple[str, int] | None = None  # the store, and when something was taken out of it
        self._key = 0  # of the newest span that is added
        self._sums: defaultdict[str, float] = defaultdict(float)

    def by_session(self, moment: Moment) -> dict[str, float]:
        """Seconds by session id; those that never waited are missing."""
        of = moment.epoch(), moment.removed()
        with self._lock:
            if of != self._of:
                self._of, self._key = of, 0
                self._sums.clear()
            for key, session, seconds in moment.waits_after(self._key):
                self._key = key
                self._sums[session] += seconds
            return dict(self._sums)
