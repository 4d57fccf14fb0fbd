"""The progress of ingest, in numbers that any thread may read."""

from __future__ import annotations

import collections
import time
from typing import Final

from hookspan.hooktime import HookTime
from hookspan.journal import Position

HOOKS_KEPT: Final = 1000  # newest hook times, for the health check


class Progress:
    """Written by the ingest thread alone.

    Attributes:
        position: Where the last commit ends; None while the store is empty.
        records: Read since the start.
        delay: Seconds from the newest committed event's stamp to its commit.
        commit_time: Seconds that the newest commit took.
        caught_up: Whether the journal was read to its end ..
        caught_up_at: .. and when that was so last (monotonic seconds).
        active_at: When there was last something to do (monotonic seconds).
        hooks: What the newest hooks took.
    """

    def __init__(self) -> None:
        self.position: Position | None = None
        self.records = 0
        self.delay = 0.0
        self.commit_time = 0.0
        self.caught_up = False
        self.caught_up_at = self.active_at = time.monotonic()
        self.hooks: collections.deque[HookTime] = collections.deque(maxlen=HOOKS_KEPT)

    def behind(self) -> float:
        """Seconds since the journal was last read to its end."""
        return 0.0 if self.caught_up else time.monotonic() - self.caught_up_at

    def next_record(self) -> int:
        """The number of the first record that is not in the store."""
        return 0 if self.position is None else self.position.record

    def hooks_now(self) -> list[HookTime]:
        """What the newest hooks took."""
        return list(self.hooks)
