"""The store while the agent runs: opens it, and repairs it when its files were damaged or replaced."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hookspan.agent.ingest.disk import Disk
from hookspan.agent.loop import Loop
from hookspan.paths import Paths
from hookspan.record import Record
from hookspan.store import FilesLost, Identity, Store, StoreDamaged, set_aside

REBUILD_PAUSE: Final = 60.0  # seconds until readers may have the store rebuilt again, doubled each time

_logger = logging.getLogger(__name__)


class Mended(Record):
    """What happened to the store since the agent's start: in words, and where the old one is, if it was kept."""

    text: str
    aside: str | None = None


class StoreKeeper:
    """Holds the store. `mended` is what its files met last.

    Args:
        paths: Whose store.
        loop: Counts what fails.
        disk: Waits for a full one.
        is_vanishing: Asked before lost files are made anew: whether all the rest is being deleted, too.
    """

    def __init__(self, paths: Paths, loop: Loop, disk: Disk, is_vanishing: Callable[[], bool]) -> None:
        self._paths = paths
        self._loop = loop
        self._disk = disk
        self._is_vanishing = is_vanishing
        self._store: Store | None = None
        self._reported: Identity | None = None  # a reader met damage in this one
        self._rebuilds = 0  # that readers asked for ..
        self._rebuild_from = 0.0  # .. and when they may again (monotonic seconds)
        self.mended: Mended | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a store to work with."""
        return self._store is not None

    @property
    def store(self) -> Store:
        """The store; RuntimeError while it is not open."""
        if self._store is None:
            raise RuntimeError("the store is not open")
        return self._store

    def open(self) -> None:
        """Open it, or make it. Raises StoreDamaged, StoreTooNew, OSError and sqlite3.Error."""
        self._store = Store.open(self._paths)

    def close(self) -> None:
        """Close it."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def reopen(self) -> None:
        """Give back the database's mapping and caches."""
        self.close()
        self.open()

    # --- damage

    def damage_met(self, identity: Identity) -> bool:
        """From any thread: a reader met damage in that file; whether that is to be looked at.

        Not again and again: what is the same after that is no damage of a file.
        """
        if time.monotonic() < self._rebuild_from:
            return False
        self._reported = identity
        return True

    def damage(self) -> FilesLost | StoreDamaged | None:
        """What is wrong with the files, also if it was a reader that met it; None if nothing is, or it isn't open."""
        reported, self._reported = self._reported, None
        if self._store is None:
            return None
        try:
            self._store.check()
        except FilesLost as error:
            return error
        if reported != self._store.identity:
            return None
        self._rebuild_from = time.monotonic() + REBUILD_PAUSE * 2**self._rebuilds
        self._rebuilds += 1
        return StoreDamaged(self._paths.store, "a reader met damage")

    def cause(self, error: Exception) -> Exception:
        """What is wrong with the files where something met damage: what was cut says more than what SQLite found."""
        if self._store is not None and not isinstance(error, FilesLost):
            try:
                self._store.check()
            except FilesLost as lost:
                return lost
        return error

    def save(self, error: Exception) -> bool:
        """Write lost files anew from what the connections still hold; False if that can't be done.

        Raises the error while everything is being deleted.
        """
        if not isinstance(error, FilesLost):
            return False
        if self._is_vanishing():
            raise error
        if not error.whole:
            return False
        try:
            self._disk.patiently(self.store.save)
        except Exception as unsaved:  # noqa: BLE001 - whatever it is, the journal has it, too
            self._loop.failed(unsaved)
            return False
        self._store = None
        self._note(f"was damaged ({error.why}), was written again with everything that it had")
        return True

    def set_aside(self, error: Exception) -> None:
        """Move a damaged store out of the way; the journal rebuilds what it still holds."""
        self.close()
        aside = set_aside(self._paths.store, time.time_ns())
        why = f" ({error.why})" if isinstance(error, FilesLost) else ""
        self._note(f"was damaged{why}, is rebuilt from the journal", aside)

    def _note(self, text: str, aside: Path | None = None) -> None:
        self.mended = Mended(text, None if aside is None else str(aside))
        _logger.error("the store %s", text, extra={"set_aside": self.mended.aside})
