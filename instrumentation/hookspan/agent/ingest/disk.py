"""Writes to a disk that may be full: what is to be written is kept in memory and tried again."""

from __future__ import annotations

import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Final

import msgspec

from hookspan.agent import log
from hookspan.agent.loop import Loop

FULL_PAUSE: Final = 2.0  # seconds between tries on a full disk

_SQLITE: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_SYSTEM: Final = _FULL | {errno.EIO, errno.EROFS}

_logger = logging.getLogger(__name__)


class Hold(msgspec.Struct):
    """Why nothing can be written at the moment, and since when (unix seconds)."""

    reason: str
    since: float


class Disk:
    """Writes, however long that takes. `hold` is read by other threads; None while writes succeed."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.hold: Hold | None = None

    def patiently(self, write: Callable[[], object]) -> None:
        """Write; while the disk is full, try again and say so. Ends with the error when the loop is to stop."""
        while True:
            try:
                write()
            except (OSError, sqlite3.OperationalError) as error:
                if not is_disk(error) or self._loop.stopping:
                    raise
                if self.hold is None:
                    self.hold = Hold(log.describe(error), time.time())
                    _logger.error("nothing can be written; waiting", exc_info=error)  # noqa: TRY400 - once an outage
                self._loop.pause(FULL_PAUSE)
            else:
                if self.hold is not None:
                    _logger.info("writing again")
                    self.hold = None
                return


def is_disk(error: Exception) -> bool:
    """Whether the disk, not the data, is the reason."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE
    return isinstance(error, OSError) and error.errno in _SYSTEM


def is_full(error: Exception) -> bool:
    """Whether a file could not be written for want of room."""
    return isinstance(error, OSError) and error.errno in _FULL
