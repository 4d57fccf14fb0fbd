"""Answers the queries of the page, the command line and the exporter. Read-only.

A summary is kept with the connection that it came from until anything is committed, sums of waste until they change.
"""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hookspan.catalogue.attributes import AGENT_ID
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.journal.position import Position, read_position
from hookspan.model.rows import LogRow, Span
from hookspan.model.sums import Series
from hookspan.paths import Paths

from . import costs, days, found, logs, retention, schema
from .database import Identity, Reading, StoreDamaged
from .questions import Questions
from .readings import Readings
from .running_waste import RunningWaste
from .schema import MINUTE, SpanKey
from .summary import HOUR, Summary, Total, of_sessions, with_tools
from .waste import WastedSession, WasteQuery, WasteSum, by_session

if TYPE_CHECKING:
    from .receipts import Receipts
    from .told import Told

_CALLS: Final = "hookspan.tool.calls"


class Counts(msgspec.Struct, frozen=True):
    """Rows in the store."""

    events: int = 0
    spans: int = 0
    sessions: int = 0
    series: int = 0


class SeriesSnapshot(msgspec.Struct, frozen=True):
    """All series at one moment. `record`: the next record to be read then, which says how far they count."""

    epoch: str
    record: int
    series: list[Series]


class Reader(Questions):
    """Answers from `store.db`, from any thread. Before the agent's first start there is none: everything is empty then.

    Follows to the file that has the path. Raises StoreDamaged where SQLite finds it broken.
    """

    def __init__(
        self, paths: Paths, path: Path | None = None, *, damaged: Callable[[Identity], None] = lambda _: None
    ) -> None:
        """`path`: another file than `store.db`, such as one that was set aside. `damaged` hears which file is."""
        self._path = path or paths.store
        self._readings = Readings(self._path, _is_ready, damaged)
        self._past_days = days.PastDays()
        self._running_waste = RunningWaste()

    def close(self) -> None:
        """Close the idle connections."""
        self._readings.close()

    # --- Spans

    def spans_after(self, after: SpanKey, limit: int, *, hooks: bool = True) -> list[Span]:
        """The next spans for export in the order of their keys: no local ones, hook spans only if `hooks`."""
        return self.outbox(after, limit, hooks=hooks)[0]

    def outbox(self, after: SpanKey, limit: int, *, hooks: bool = True) -> tuple[list[Span], SpanKey]:
        """`spans_after`, and the key of the last span of all at that moment: (0, 0) without one."""
        hook = "" if hooks else "AND NOT hook"
        sql = f"{schema.SELECT_SPAN} WHERE key > ? AND NOT local {hook} ORDER BY key LIMIT ?"
        with self._readings.snapshot() as db:
            if db is None:
                return [], SpanKey(0, 0)
            last = self._last_span(db)
            return [schema.read_span(row) for row in db.execute(sql, (after.pack(), limit))], last

    def count_spans(self, after: SpanKey, *, hooks: bool = True) -> tuple[int, SpanKey]:
        """How many spans `spans_after` would give without a limit, and the key of the last of all."""
        hook = "" if hooks else "AND NOT hook"
        sql = f"SELECT count(*) FILTER (WHERE NOT local {hook}), max(key) FROM span WHERE key > ?"
        count, last = (self._rows(sql, after.pack()) or [(0, None)])[0]
        return count, after if last is None else SpanKey.unpack(last)

    def last_span(self) -> SpanKey:
        """The key of the newest span, (0, 0) without one."""
        with self._readings.snapshot() as db:
            return SpanKey(0, 0) if db is None else self._last_span(db)

    def _last_span(self, db: Reading) -> SpanKey:
        """The cursor of an exporter goes as far as this, so it is not taken from a page that is damaged."""
        (last,) = db.execute("SELECT max(key) FROM span").fetchone()
        return self._sound(db, SpanKey.unpack(last or 0))

    def _sound(self, db: Reading, last: SpanKey) -> SpanKey:
        """A key that a cursor may be moved to."""
        if last.record and last.record >= _record(
            dict(db.execute("SELECT name, value FROM meta WHERE name = 'position'"))
        ):
            raise StoreDamaged(self._path, "it has rows of records that it has not read")
        return last

    def spans_between(self, trace_id: str, first: SpanKey, before: SpanKey, *, hooks: bool = True) -> list[Span]:
        """The spans of a trace for export from `first` on and before `before`, in the order of their keys."""
        hook = "" if hooks else "AND NOT hook"
        sql = f"{schema.SELECT_SPAN} WHERE trace_id = ? AND key >= ? AND key < ? AND NOT local {hook} ORDER BY key"
        rows = self._rows(sql, bytes.fromhex(trace_id), first.pack(), before.pack())
        return [schema.read_span(row) for row in rows]

    def has_trace(self, trace_id: str) -> bool:
        """Whether a trace has any span."""
        return bool(self._rows("SELECT 1 FROM span WHERE trace_id = ? LIMIT 1", bytes.fromhex(trace_id)))

    def has_turn(self, trace_id: str, before: SpanKey) -> bool:
        """Whether a trace has the span of a turn before a key."""
        sql = f"SELECT 1 FROM span WHERE trace_id = ? AND key < ? AND {schema.IS_TURN} LIMIT 1"
        return bool(self._rows(sql, bytes.fromhex(trace_id), before.pack()))

    def log_keys(self, session: str) -> list[SpanKey]:
        """Where a session's log records are."""
        sql = "SELECT key FROM log JOIN state USING (session) WHERE state.id = ?"
        return [SpanKey.unpack(key) for (key,) in self._rows(sql, session)]

    def place_before(self, at: int) -> SpanKey:
        """The last place of spans and log records that is before all from that time (Unix nanoseconds) on.

        What was written late tells of an older time, and has a place among those: where there is none of that time, the
        places behind the newest event are left.
        """
        firsts = (
            'SELECT key FROM span WHERE "end" >= ? ORDER BY key LIMIT 1',
            "SELECT key FROM log WHERE at >= ? ORDER BY key LIMIT 1",
            "SELECT record << 16 FROM event WHERE at >= ? ORDER BY record LIMIT 1",
        )
        found = [key for sql in firsts for (key,) in self._rows(sql, at)]
        if not found:
            found = [key for (key,) in self._rows("SELECT (max(record) + 1) << 16 FROM event") if key]
        return SpanKey.unpack(max(0, min(found, default=0) - 1))

    def find_traces(self, start: str, limit: int = 10) -> list[str]:
        """Trace ids that begin with these hex digits. Raises ValueError for another text, or one that is too long."""
        bounds = (bytes.fromhex(start.ljust(32, digit)) for digit in "0f")
        sql = "SELECT DISTINCT trace_id FROM span WHERE trace_id BETWEEN ? AND ? LIMIT ?"
        return [row[0].hex() for row in self._rows(sql, *bounds, limit)]

    def spans_of_session(self, session: str, *, hooks: bool = True) -> list[Span]:
        """All spans of a session, by start."""
        hook = "" if hooks else "AND NOT hook"
        where = f"WHERE {schema.OF_SESSION} {hook} ORDER BY start, key"
        return [schema.read_span(row) for row in self._rows(f"{schema.SELECT_SPAN} {where}", session)]

    def subagents_of_session(self, session: str) -> list[Span]:
        """The spans of its subagents that are done, by start."""
        where = f"WHERE {schema.OF_SESSION} AND NOT hook AND instr(attributes, ?) > 0 ORDER BY start, key"
        return [schema.read_span(row) for row in self._rows(f"{schema.SELECT_SPAN} {where}", session, f'"{AGENT_ID}":')]

    def spans_of_session_by_id(self, session: str, ids: Collection[str]) -> list[Span]:
        """Those of a session's spans, without hooks, that have one of these ids."""
        where = f"WHERE {schema.OF_SESSION} AND NOT hook AND span_id IN ({', '.join('?' * len(ids))})"
        rows = self._rows(f"{schema.SELECT_SPAN} {where}", session, *map(bytes.fromhex, ids))
        return [schema.read_span(row) for row in rows]

    def turns_of_session(self, session: str) -> list[Span]:
        """The spans of a session's turns, by start."""
        where = f"WHERE {schema.OF_SESSION} AND {schema.IS_TURN} ORDER BY start, key"
        return [schema.read_span(row) for row in self._rows(f"{schema.SELECT_SPAN} {where}", session)]

    def find_spans(self, query: found.SpanQuery) -> list[Span]:
        """Spans of all sessions by what they are, the newest first."""
        with self._readings.snapshot() as db:
            return [] if db is None else found.find(db, query)

    def find_and_add_spans(self, query: found.SpanQuery) -> tuple[list[Span], found.Sums]:
        """The first page of `find_spans`, and what all come to that it finds page by page."""
        with self._readings.snapshot() as db:
            return ([], found.Sums()) if db is None else found.find_and_add(db, query)

    # --- Log records

    def logs_after(self, after: SpanKey, limit: int) -> tuple[list[LogRow], SpanKey]:
        """The next log records in the order of their keys, and the key of the last of all at that moment."""
        with self._readings.snapshot() as db:
            return ([], SpanKey(0, 0)) if db is None else (logs.outbox(db, after, limit), self._last_log(db))

    def count_logs(self, after: SpanKey) -> tuple[int, SpanKey]:
        """How many of them there are, and the key of the last of all."""
        with self._readings.snapshot() as db:
            return (0, after) if db is None else logs.count(db, after)

    def last_log(self) -> SpanKey:
        """The key of the newest log record, (0, 0) without one."""
        with self._readings.snapshot() as db:
            return SpanKey(0, 0) if db is None else self._last_log(db)

    def _last_log(self, db: Reading) -> SpanKey:
        return self._sound(db, logs.last(db))

    # --- Sessions

    def state_of(self, session: str) -> bytes | None:
        """The fold's state of a session, None if it is not known."""
        rows = self._rows("SELECT state FROM state WHERE id = ?", session)
        return rows[0][0] if rows else None

    def sessions(
        self,
        *,
        open_only: bool = False,
        project: str = "",
        branch: str = "",
        agent: str = "",
        phases: Collection[SessionPhase] = (),
        alarmed: bool = False,
        since: int = 0,
        limit: int = 100,
        offset: int = 0,
    ) -> list[SessionRow]:
        """Sessions, the one with the newest event first.

        `since`: only those with an event from then on. `alarmed`: with what the watchdog noticed, and goes on.
        """
        where: list[str] = ["last >= ?"]
        values: list[str | int] = [since]
        if open_only:
            where.append("ended = 0")
        if alarmed:
            where.append("alarm <> '' AND alarm_ended = 0")
        for column, wanted in (("project", project), ("branch", branch), ("agent", agent)):
            if wanted:
                where.append(f"{column} = ?")
                values.append(wanted)
        if phases:
            where.append(f"phase IN ({', '.join('?' * len(phases))})")
            values.extend(phase.value for phase in phases)
        sql = f"{schema.SELECT_SESSION} WHERE {' AND '.join(where)} ORDER BY last DESC LIMIT ? OFFSET ?"
        return [schema.read_session(row) for row in self._rows(sql, *values, limit, offset)]

    def find_sessions(self, start: str, limit: int = 10) -> list[str]:
        """Ids that begin with `start`, for a command line on which people type eight digits."""
        sql = "SELECT id FROM state WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._rows(sql, start, start + "\U0010ffff", limit)]

    def sessions_before(self, record: int) -> int:
        """How many sessions have spans that were closed before a record."""
        rows = self._rows("SELECT count(DISTINCT session) FROM span WHERE key < ?", record << 16)
        return int(rows[0][0]) if rows else 0

    # --- Totals

    def counts(self) -> Counts:
        """How much there is."""
        with self._readings.snapshot() as db:
            if db is None:
                return Counts()
            meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('events', 'spans')"))
            (sessions,) = db.execute("SELECT count(*) FROM session").fetchone()
            (series,) = db.execute("SELECT count(*) FROM metric").fetchone()
        return Counts(meta.get("events", 0), meta.get("spans", 0), sessions, series)

    def summary(self, now: int, *, local: bool = True) -> Summary:
        """The numbers above the session list, at `now` (Unix nanoseconds); `phases` with local sessions or without."""
        with self._readings.snapshot() as db:
            if db is None:
                return Summary()

            def summary() -> Summary:
                gained = self.totals(_CALLS, since=now - HOUR).get(_CALLS, ())
                return with_tools(of_sessions(db, now, local=local), gained)

            return db.kept("summary", (now // MINUTE, local), summary)

    def most_compactions(self, since: int) -> int:
        """The automatic compactions, since then (Unix nanoseconds), of the session that has most of them."""
        rows = self._rows(
            "SELECT count(*) AS n FROM span WHERE NOT hook AND NOT local AND name = 'compact' AND start >= ? "
            "AND session IN (SELECT session FROM session WHERE last >= ?) "
            """AND instr(attributes, '"hookspan.trigger":"auto"') > 0 GROUP BY session ORDER BY n DESC LIMIT 1""",
            since,
            since,
        )
        return int(rows[0][0]) if rows else 0

    def totals(
        self, *instruments: str, since: int = 0, until: int = schema.INTEGER_MAX, slot: int = 0, shift: int = 0
    ) -> dict[str, list[Total]]:
        """What the series of instruments (all, if none is named) gained between two times (Unix nanoseconds).

        `slot` splits it into slots of so many minutes, which begin `shift` minutes earlier than those of UTC. Minutes
        are whole; older than two days, hours are.
        """
        first, last = since // MINUTE, min(until // MINUTE + 1, schema.INTEGER_MAX)
        wanted = f"SELECT key FROM metric WHERE instrument IN ({', '.join('?' * len(instruments))})"
        named, names = (f"AND metric IN ({wanted})", instruments) if instruments else ("", ())
        minutes = f"SELECT metric, minute, count, value FROM rollup WHERE minute >= ? AND minute < ? {named}"
        values: list[int | str] = [first, last, *names]
        at, groups, order = (
            (f"(minute + {shift:d}) / {slot:d} * {slot:d} - {shift:d}", "1, 2", "ORDER BY at")
            if slot
            else ("0", "1", "")
        )
        day, end = -(-first // schema.DAY_MINUTES), last // schema.DAY_MINUTES
        if slot % schema.DAY_MINUTES == 0 and not shift and day < end:  # days in its midst are summed already
            whole = f"SELECT metric, day * {schema.DAY_MINUTES} AS minute, count, value FROM daily"
            days = f"{whole} WHERE day >= ? AND day < ? {named}"
            values = [first, day * schema.DAY_MINUTES, *names, end * schema.DAY_MINUTES, last, *names, day, end, *names]
            minutes = f"{minutes} UNION ALL {minutes} UNION ALL {days}"
        inner = f"SELECT metric, {at} AS at, sum(count) AS n, sum(value) AS v FROM ({minutes}) GROUP BY {groups}"
        sql = f"SELECT instrument, attributes, at, n, v FROM ({inner}) JOIN metric ON key = metric {order}"
        gained: dict[str, list[Total]] = {}
        for instrument, attributes, minute, count, value in self._rows(sql, *values):
            gained.setdefault(instrument, []).append(Total(minute, schema.read_labels(attributes), count, value))
        return gained

    def costs(
        self,
        grouping: costs.Grouping,
        *,
        since: int = 0,
        until: int = schema.INTEGER_MAX,
        project: str = "",
        agent: str = "",
    ) -> dict[tuple[str, str], costs.Cost]:
        """What model calls that began in a time cost, as `costs.by` names and adds them."""
        with self._readings.snapshot() as db:
            return {} if db is None else costs.by(db, grouping, since, until, project, agent)

    def receipts(self, since: int = 0) -> Receipts:
        """What went into commits, and into none, of the sessions whose last event was at or after `since` (Unix ns)."""
        from . import receipts  # noqa: PLC0415 - 2 ms that other questions don't pay

        with self._readings.snapshot() as db:
            return receipts.Receipts() if db is None else receipts.of_all(db, since)

    def told(self, session: str) -> Told:
        """What a client's own telemetry told of a session."""
        from . import told  # noqa: PLC0415 - with the facts, 4 ms

        with self._readings.snapshot() as db:
            return told.Told() if db is None else told.of_session(db, session)

    def waste(self, query: WasteQuery, limit: int) -> list[WasteSum]:
        """The largest sums of waste."""
        with self._readings.snapshot() as db:
            return [] if db is None else self._running_waste.sums(db, query, limit)

    def wasted_sessions(self, query: WasteQuery, of: WasteSum, limit: int) -> list[WastedSession]:
        """The sessions that have most of one of these."""
        with self._readings.snapshot() as db:
            return [] if db is None else by_session(db, query, of, limit)

    def day(self, since: int, until: int) -> days.Day:
        """What a time (Unix nanoseconds) came to."""
        with self._readings.snapshot() as db:
            return days.Day() if db is None else days.between(db, since, until)

    def past_day(self, since: int, until: int) -> days.Day:
        """As `day`, of a time that is over: for those who ask again and again."""
        with self._readings.snapshot() as db:
            return days.Day() if db is None else self._past_days.between(db, since, until)

    def changed_since(self, since: int) -> frozenset[int]:
        """Keys of the series that have counted something since a time (Unix nanoseconds; minutes are whole)."""
        rows = self._rows("SELECT DISTINCT metric FROM rollup WHERE minute >= ?", since // MINUTE)
        return frozenset(key for (key,) in rows)

    def series(self) -> SeriesSnapshot | None:
        """All metric series as they were committed; None if there is no store yet."""
        with self._readings.snapshot() as db:
            if db is None:
                return None
            meta = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('epoch', 'position')"))
            rows = db.execute(f"{schema.SELECT_METRIC} ORDER BY key").fetchall()
        series = [each for row in rows if (each := schema.read_metric(row))]
        return SeriesSnapshot(meta.get("epoch", ""), _record(meta), series)

    def position(self) -> Position | None:
        """How far the journal is in it; None if there is no store yet."""
        rows = self._rows("SELECT value FROM meta WHERE name = 'position'")
        return read_position(rows[0][0]) if rows else None

    def size(self) -> int:
        """Bytes in use, without the free pages that later rows will fill."""
        with self._readings.connection() as db:
            return 0 if db is None else retention.size(db)

    def prunable(self, policy: retention.Retention, now: int) -> retention.Pruned:
        """What `Store.prune` would delete by age; not `done` if the store is larger than it may be."""
        with self._readings.snapshot() as db:
            return retention.Pruned() if db is None else retention.outlook(db, policy, now)

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._readings.connection() as db:
            return [] if db is None else db.execute(sql, values).fetchall()


def _is_ready(db: Reading) -> bool:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    return version == len(schema.MIGRATIONS) and not schema.missing_columns(db)


def _record(meta: Mapping[str, Any]) -> int:
    """The number of the first record that is not in the store, from the rows of `meta`."""
    position = meta.get("position")
    return read_position(position).record if position else 0
