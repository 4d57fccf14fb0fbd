"""What a day came to."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Outcome

from . import costs


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a time.

    Attributes:
        nano: List price of its model calls in nano-USD, as `hookspan cost` has it.
        unpriced: Calls of models whose price is not known; they are not in it.
        waited: Seconds that tool calls which began then waited for somebody's answer.
        turns: Turns that began then and are over.
        failed: Those of them that ended with an error.
    """

    nano: int = 0
    unpriced: int = 0
    waited: float = 0.0
    turns: int = 0
    failed: int = 0


# Both use an index on (session, start), whose conditions they repeat.
_TURNS: Final = (
    "SELECT count(*), coalesce(sum(json_extract(attributes, ?) = ?), 0) FROM span "
    "WHERE session = ? AND start >= ? AND start < ? AND name = 'invoke_agent claude-code'"
)
_WAITED: Final = (
    "SELECT coalesce(sum(json_extract(attributes, ?)), 0) FROM span "
    "WHERE session = ? AND start >= ? AND start < ? AND NOT hook "
    """AND instr(attributes, '"hookspan.waited":') > 0"""
)


def between(db: sqlite3.Connection, since: int, until: int) -> Day:
    """The figures of a time (Unix nanoseconds)."""
    turns, failed, waited = 0, 0, 0.0
    for (session,) in db.execute("SELECT session FROM session WHERE last >= ?", (since,)).fetchall():
        times = (session, since, until)
        more, bad = db.execute(_TURNS, (f'$."{sc.OUTCOME}"', Outcome.ERROR.value, *times)).fetchone()
        turns, failed = turns + more, failed + bad
        waited += db.execute(_WAITED, (f'$."{sc.WAITED}"', *times)).fetchone()[0]
    cost = costs.Cost()
    for part in costs.by(db, "project", since, until, "").values():
        cost.add(part)
    return Day(nano=cost.nano, unpriced=cost.unpriced, waited=waited, turns=turns, failed=failed)


def earlier(moment: datetime, days: int) -> datetime:
    """The same local time so many days earlier, also across a change of the clocks."""
    return (moment.replace(tzinfo=None) - timedelta(days=days)).astimezone()
