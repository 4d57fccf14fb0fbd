"""Sums of waste for those who ask again and again: what sessions have is read anew where it may have changed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from .waste import Figures, Group, WasteQuery, WasteSum, groups, groups_of, largest

QUESTIONS_MAX: Final = 4
"""Whose sums are known: a page asks one again and again, of today or the last 7, 30 or 90 days."""
NEWEST: Final = 64
"""Sessions that changed last. Like open ones they may change again, so what each of them has is known by itself."""
ASIDE_MAX: Final = 256
"""How many more may become known by themselves; then all are read anew, and those that are done are added up."""
_ASIDE: Final = (
    "SELECT session FROM state WHERE open UNION "
    "SELECT session FROM (SELECT session FROM changed ORDER BY stamp DESC LIMIT ?)"
)


class _Known(msgspec.Struct, kw_only=True):
    """The sums of one question.

    Attributes:
        of: Which store they are of, and how often something was deleted there by then.
        stamp: The newest change that is in them.
        newest: The newest session then; later ones are in no sum but their own.
        whole: All sums.
        aside: What of them each session has that may change again.
        room: How many of these there may be.
    """

    of: tuple[object, object]
    stamp: int
    newest: int
    whole: dict[Group, Figures]
    aside: dict[int, dict[Group, Figures]]
    room: int

    def take(self, of_session: Mapping[Group, Figures], sign: int = 1) -> None:
        """Add what a session has, or with -1 take it away."""
        for group, figures in of_session.items():
            before = self.whole.pop(group, (0,) * len(figures))
            now = tuple(old + sign * own for old, own in zip(before, figures, strict=True))
            if now[0]:
                self.whole[group] = now


class RunningWaste:
    """Sums that are kept. The store tells which sessions changed, and whether rows were deleted. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[WasteQuery, _Known] = {}  # the one that was asked last at the end

    def sums(self, db: sqlite3.Connection, query: WasteQuery, limit: int) -> list[WasteSum]:
        """As `waste.sums`, on a connection that sees one state of the store."""
        with self._lock:
            known = self._known.pop(query, None)
            if known is None or not _refresh(db, query, known):
                known = _read(db, query)
            self._known[query] = known
            if len(self._known) > QUESTIONS_MAX:
                del self._known[next(iter(self._known))]
            return largest(known.whole, limit)


def _read(db: sqlite3.Connection, query: WasteQuery) -> _Known:
    aside = [session for (session,) in db.execute(_ASIDE, (NEWEST,))]
    (newest,) = db.execute("SELECT max(session) FROM state").fetchone()
    known = _Known(
        of=_store(db),
        stamp=_stamp(db),
        newest=newest or 0,
        whole=groups(db, query, aside),
        aside={session: {} for session in aside},
        room=len(aside) + ASIDE_MAX,
    )
    _read_again(db, query, known, aside)
    return known


def _refresh(db: sqlite3.Connection, query: WasteQuery, known: _Known) -> bool:
    """Bring the sums up to date; False where all has to be read anew."""
    stamp = _stamp(db)
    if known.of != _store(db) or stamp < known.stamp:
        return False
    if stamp == known.stamp:
        return True
    rows = db.execute("SELECT session FROM changed WHERE stamp > ?", (known.stamp,))
    changed = [session for (session,) in rows]
    if any(session <= known.newest and session not in known.aside for session in changed):
        return False  # what it had is in the sums, and can't be told from the others any more
    _read_again(db, query, known, changed)
    known.stamp = stamp
    return len(known.aside) <= known.room


def _read_again(db: sqlite3.Connection, query: WasteQuery, known: _Known, sessions: Iterable[int]) -> None:
    found = groups_of(db, query, sessions)
    for session in sessions:
        known.take(known.aside.get(session, {}), -1)
        known.aside[session] = found.get(session, {})
        known.take(known.aside[session])


def _store(db: sqlite3.Connection) -> tuple[object, object]:
    meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('epoch', 'deleted')"))
    return meta.get("epoch"), meta.get("deleted")


def _stamp(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT max(stamp) FROM changed").fetchone()[0] or 0)
