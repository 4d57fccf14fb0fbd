"""Old segments are reduced and packed, the oldest deleted: on a thread of its own, since that takes seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from hookspan.agent.loop import Loop
from hookspan.agent.settings import AgentSettings
from hookspan.clients.decode import decode
from hookspan.journal import Journal
from hookspan.opted_out import OptedOut
from hookspan.paths import Paths
from hookspan.wire import Unreadable, encode
from hookspan.wire.facts import Repository

INTERVAL: Final = 600.0  # seconds
FIRST: Final = 20.0  # seconds after the start, when whoever started us has got what they wanted

_logger = logging.getLogger(__name__)


class Upkeep:
    """Reduces, packs and deletes.

    Args:
        next_record: The first record that is not in the store; what has it, or comes later, is not deleted.
        repositories: What is known of folders.
    """

    def __init__(
        self,
        paths: Paths,
        settings: AgentSettings,
        key: bytes,
        *,
        next_record: Callable[[], int],
        repositories: Callable[[], Mapping[str, Repository]],
    ) -> None:
        self._journal = Journal(paths)
        self._settings = settings
        self._key = key
        self._next_record = next_record
        self._repositories = repositories
        self._pause = FIRST
        self._opted_out = OptedOut({})
        self.loop = Loop("upkeep", self.step)

    def step(self) -> None:
        """Wait, then do what is due."""
        self.loop.pause(self._pause)
        self._pause = INTERVAL
        keep = self._settings.now.journal
        self._opted_out = OptedOut(self._settings.now.projects, self._repositories())
        for segment in self._journal.raw_older_than(keep.raw_hours):
            if self.loop.stopping:
                return
            packed = self._journal.compact(segment, self._reduce)
            if packed is not None:
                _logger.info(
                    "segment reduced", extra={"segment": segment.first, "bytes": segment.size, "now": packed.size}
                )
        self._journal.delete_quarantined(keep.raw_hours)
        for segment in self._journal.delete_old(keep.days, keep.bytes, self._next_record()):
            _logger.info("segment deleted", extra={"segment": segment.first, "bytes": segment.size})

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
