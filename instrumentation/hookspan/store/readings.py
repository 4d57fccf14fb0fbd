"""The connections of those who read one of the databases: a few are kept for the next question.

They follow to the file that has the path. A burst opens more, and closes them after use.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .database import Identity, Reading, StoreDamaged, damage_noticed, open_reader

KEPT: Final = 4


class Readings:
    """Thread-safe. Raises StoreDamaged where SQLite finds the file broken."""

    def __init__(
        self, path: Path, is_ready: Callable[[Reading], bool], damaged: Callable[[Identity], None] = lambda _: None
    ) -> None:
        """`is_ready`: whether a file has its tables; one just created has none. `damaged`: hears which is."""
        self._path = path
        self._is_ready = is_ready
        self._damaged = damaged
        self._idle: list[tuple[Reading, Identity]] = []  # with the file that each one has open
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close those that are kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Reading | None]:
        """For several statements that see one state of the database; None while there is none."""
        with self.connection() as db:
            if db is None:
                yield None
                return
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[Reading | None]:
        """For one statement; None while there is no database."""
        taken = self._take()
        if taken is None:
            yield None
            return
        connection, identity = taken
        try:
            with self._noticed(identity):
                yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if len(self._idle) < KEPT:
                self._idle.append((connection, identity))
                return
        connection.close()

    @contextmanager
    def _noticed(self, identity: Identity) -> Iterator[None]:
        """Reports damage to its subscriber before raising."""
        try:
            with damage_noticed(self._path):
                yield
        except StoreDamaged:
            self._damaged(identity)
            raise

    def _take(self) -> tuple[Reading, Identity] | None:
        try:
            identity = Identity.of(self._path)
        except FileNotFoundError:
            return None
        while True:
            with self._lock:
                if not self._idle:
                    break
                connection, opened = self._idle.pop()
            if opened == identity:
                return connection, identity
            connection.close()  # another file has the path now
        try:
            with self._noticed(identity):
                connection = open_reader(self._path)
                ready = self._is_ready(connection)
        except sqlite3.OperationalError:
            if self._path.exists():
                raise
            return None
        if ready:
            return connection, identity
        connection.close()
        return None
