"""What a day came to."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime, timedelta
from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Outcome

from . import costs, found, schema
from .schema import SpanKey

PAST_MAX: Final = 4
NEW_MAX: Final = 10_000
"""Records whose spans are looked at for late ones; after more, past days are read anew."""


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


# Turns are counted by their index on (session, start), and none is read. Those that failed are found by name and
# outcome in the index of all spans.
_TURNS: Final = (
    "SELECT count(*) FROM session CROSS JOIN span USING (session) "  # noqa: S608 - a name of our own
    f"WHERE session.last >= ? AND span.start >= ? AND span.start < ? AND {schema.IS_TURN}"
)
_FAILED: Final = (
    f"WITH {found.NAMES} SELECT count(*) FROM named CROSS JOIN span ON span.name = named.one "  # noqa: S608 - as above
    f"WHERE named.one GLOB 'invoke_agent *' AND NOT hook AND start >= ? AND start < ? "
    f"AND {schema.attribute(sc.OUTCOME)} = ? AND {schema.IS_TURN}"
)
# The limit keeps SQLite from adding up the expression itself, for which it would read the spans. Only tool calls wait.
_WAITED: Final = (
    "SELECT coalesce(sum(waited), 0) FROM (SELECT "  # noqa: S608 - as above
    f"{schema.attribute(sc.WAITED)} AS waited FROM span "
    f"WHERE {schema.HAS_WAITED} AND start >= ? AND start < ? LIMIT -1)"
)


def between(db: sqlite3.Connection, since: int, until: int) -> Day:
    """The figures of a time (Unix nanoseconds)."""
    return _with_unseen(db, _of_spans(db, since, until), since, until)


class PastDays:
    """Days that are over, up to the same time of each: what is known of one is kept until something of it changes.

    Its spans are appended, so a late one shows among those that are new; deleted ones are missing in the store's own
    count. What clients counted beyond their transcripts moves with their sessions, and is read each time. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = ("", 0, 0)  # the store's epoch, its newest span, how many it had
        self._known: dict[int, tuple[int, Day]] = {}  # by its beginning: up to when, and what it came to

    def between(self, db: sqlite3.Connection, since: int, until: int) -> Day:
        """As the function, on a connection that sees one state of the store."""
        with self._lock:
            self._look(db)
            upto, day = self._known.pop(since, (since, Day()))
            if upto > until:
                upto, day = since, Day()
            day = _sum(day, _of_spans(db, upto, until))
            self._known[since] = (until, day)
            if len(self._known) > PAST_MAX:
                del self._known[next(iter(self._known))]  # that was not asked for the longest
        return _with_unseen(db, day, since, until)

    def _look(self, db: sqlite3.Connection) -> None:
        meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('epoch', 'spans')"))
        now = (meta.get("epoch", ""), db.execute("SELECT max(key) FROM span").fetchone()[0] or 0, meta.get("spans", 0))
        (epoch, key, spans), self._seen = self._seen, now
        if epoch != now[0] or SpanKey.unpack(now[1]).record - SpanKey.unpack(key).record > NEW_MAX:
            self._known.clear()
            return
        count, first = db.execute("SELECT count(*), min(start) FROM span WHERE key > ?", (key,)).fetchone()
        if spans + count != now[2]:
            self._known.clear()
        elif count:
            self._known = {since: known for since, known in self._known.items() if known[0] <= first}


def _of_spans(db: sqlite3.Connection, since: int, until: int) -> Day:
    (turns,) = db.execute(_TURNS, (since, since, until)).fetchone()
    (failed,) = db.execute(_FAILED, (since, until, Outcome.ERROR.value)).fetchone()
    (waited,) = db.execute(_WAITED, (since, until)).fetchone()
    cost = costs.Cost()
    for part in costs.by(db, "project", since, until, "", "").values():
        cost.add(part)
    return Day(nano=cost.nano - cost.unseen_nano, unpriced=cost.unpriced, waited=waited, turns=turns, failed=failed)


def _with_unseen(db: sqlite3.Connection, day: Day, since: int, until: int) -> Day:
    (unseen,) = db.execute(
        "SELECT coalesce(sum(residual_nano), 0) FROM session WHERE last >= ? AND last < ?", (since, until)
    ).fetchone()
    return msgspec.structs.replace(day, nano=day.nano + unseen)


def _sum(one: Day, other: Day) -> Day:
    return Day(**{name: getattr(one, name) + getattr(other, name) for name in Day.__struct_fields__})


def earlier(moment: datetime, days: int) -> datetime:
    """The same local time so many days earlier, also across a change of the clocks."""
    return (moment.replace(tzinfo=None) - timedelta(days=days)).astimezone()
