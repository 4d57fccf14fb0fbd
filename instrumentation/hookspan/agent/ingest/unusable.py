"""Sets aside lines that can't be used, in the journal's quarantine, and counts them in the batch that skips them."""

from __future__ import annotations

import logging
import time

from hookspan.agent.ingest.disk import Disk
from hookspan.catalogue import attributes as sc
from hookspan.journal import Journal, Line
from hookspan.model.rows import Increment

_logger = logging.getLogger(__name__)


class UnusableLines:
    """`lines` is how many were set aside since the start, `increments` counts those of the batch at hand."""

    def __init__(self, journal: Journal, disk: Disk) -> None:
        self._journal = journal
        self._disk = disk
        self.lines = 0
        self.increments: list[Increment] = []

    def begin(self) -> None:
        """The next batch."""
        self.increments = []

    def add(self, where: str, line: Line, reason: str) -> None:
        """Set a line aside; `where` and `reason` are attributes of `hookspan.dropped`."""
        self._disk.patiently(lambda: self._journal.quarantine(line.number, line.data, reason))
        self.lines += 1
        attributes = ((sc.DROP_REASON, reason), (sc.DROP_WHERE, where))
        self.increments.append(Increment("hookspan.dropped", attributes, 1, time.time_ns()))
        _logger.warning("a line was set aside", extra={"record": line.number, "where": where, "reason": reason})
