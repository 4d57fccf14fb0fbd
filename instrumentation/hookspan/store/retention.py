"""Deletes rows from the store: by age, by size, or because the user forgets a session."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc

from .schema import HOUR, INSERT_WASTE, INTEGER_MAX, MINUTE, NANOSECONDS

CHUNK: Final = 2_000
"""Rows deleted at a time: a few milliseconds, in which ingest waits."""
DAY: Final = 86_400 * NANOSECONDS
FINE: Final = 2 * DAY
"""Age up to which rollups are by minute; after that by hour."""
HOUR_MINUTES: Final = 60
HOURS: Final = 24
PROJECT: Final = f"json_extract(attributes, '$.\"{sc.PROJECT}\"')"
"""Where spans and series have their project."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long rows are kept.

    Attributes:
        days: Age of events, spans and ended sessions that goes.
        bytes: Size of the store above which the oldest goes earlier.
        exported: Spans after this key (SpanKey.pack) still wait for export and stay; None where nothing is exported.
        logged: The same of log records.
    """

    days: int
    bytes: int
    exported: int | None = None
    logged: int | None = None


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted, and whether that was all."""

    events: int = 0
    spans: int = 0
    sessions: int = 0
    done: bool = True


def size(db: sqlite3.Connection) -> int:
    """Bytes of the pages in use."""
    pages, free, page = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)


def prune(db: sqlite3.Connection, policy: Retention, now: int) -> Pruned:
    """Delete at most CHUNK rows of each table, the oldest first.

    Rows are in order of their record numbers, nearly that of time, so only the head of each table is looked at, and
    what ended sessions that go have elsewhere: those that were imported are older than what is before them.
    """
    cutoff, too_large = now - policy.days * DAY, size(db) > policy.bytes
    if too_large:
        cutoff = max(cutoff, _head_time(db, now))
    cut = functools.partial(_cut, db, cutoff=cutoff, now=now, too_large=too_large)
    tables = {
        "event record at": INTEGER_MAX,
        'span key "end"': INTEGER_MAX if policy.exported is None else policy.exported,
        "log key at": INTEGER_MAX if policy.logged is None else policy.logged,
    }
    behind = [_cut_behind(db, rows, cutoff=cutoff, last=last) for rows, last in tables.items()]
    events, spans, logs = (cut(rows, last=last) for rows, last in tables.items())
    moves = cut("move record at")
    sessions = 0 if max(behind) == CHUNK else _old_sessions(db, cutoff, now)
    db.execute("DELETE FROM pull WHERE at < ?", (cutoff,))
    db.execute("DELETE FROM stayed WHERE made < ?", (cutoff,))
    rolled = _coarsen(db, now - FINE)
    forgotten = db.execute(
        "DELETE FROM rollup WHERE minute IN (SELECT DISTINCT minute FROM rollup WHERE minute < ? LIMIT 60)",
        ((now - policy.days * DAY) // MINUTE,),
    ).rowcount
    db.execute("DELETE FROM daily WHERE day < ?", ((now - policy.days * DAY) // DAY,))
    wasted = db.execute("DELETE FROM waste WHERE hour < ?", ((now - policy.days * DAY) // HOUR,)).rowcount
    merged = _merge_waste(db, now - FINE)
    if sessions or wasted or merged:
        _note_deleted(db)
    rolled += merged
    deleted = max(events, spans, logs, sessions, moves, *behind)
    is_small = not deleted or size(db) <= policy.bytes  # or can't get smaller
    done = deleted < CHUNK and is_small and not rolled and not forgotten
    return Pruned(events=events + behind[0], spans=spans + behind[1], sessions=sessions, done=done)


def outlook(db: sqlite3.Connection, policy: Retention, now: int) -> Pruned:
    """What all rounds of `prune` together would delete by age; what goes by size is not known before."""
    cutoff = now - policy.days * DAY
    exported = INTEGER_MAX if policy.exported is None else policy.exported
    events = db.execute("SELECT count(*) FROM event WHERE at < ?", (cutoff,)).fetchone()[0]
    spans = db.execute('SELECT count(*) FROM span WHERE "end" < ? AND key <= ?', (cutoff, exported)).fetchone()[0]
    sessions = db.execute("SELECT count(*) FROM session WHERE last < ? AND ended > 0", (cutoff,)).fetchone()[0]
    return Pruned(events=events, spans=spans, sessions=sessions, done=size(db) <= policy.bytes)


def projects_of(db: sqlite3.Connection, sessions: Sequence[str]) -> dict[str, bool]:
    """The projects that these sessions had, as events and spans of theirs say, and whether no other session has it."""
    own = f"(SELECT session FROM state WHERE id IN ({', '.join('?' * len(sessions))}))"
    had = db.execute(
        f"SELECT project FROM session WHERE session IN {own} UNION SELECT project FROM event WHERE session IN {own} "
        f"UNION SELECT {PROJECT} FROM span WHERE session IN {own}",
        [*sessions, *sessions, *sessions],
    ).fetchall()
    others = (
        f"SELECT EXISTS (SELECT 1 FROM session WHERE project = ? AND session NOT IN {own}) "
        f"OR EXISTS (SELECT 1 FROM event WHERE project = ? AND session NOT IN {own})"
    )
    return {
        project: not db.execute(others, [project, *sessions, project, *sessions]).fetchone()[0]
        for (project,) in had
        if project
    }


def trees_of(db: sqlite3.Connection, sessions: Sequence[str]) -> tuple[set[int], set[int]]:
    """Numbers of the work trees and repositories in which these sessions worked, and no other one."""
    own = f"(SELECT session FROM state WHERE id IN ({', '.join('?' * len(sessions))}))"
    worked = f"SELECT DISTINCT tree FROM span WHERE tree IS NOT NULL AND session {{}} {own}"
    trees = {tree for (tree,) in db.execute(worked.format("IN"), sessions)}
    others = {tree for (tree,) in db.execute(worked.format("NOT IN"), sessions)}
    of: dict[int, set[int]] = {}
    for repository, tree in db.execute("SELECT DISTINCT repository, tree FROM move"):
        of.setdefault(repository, set()).add(tree)
    gone = {repository for repository, its in of.items() if its & trees and not its & others}
    return trees - others | {tree for repository in gone for tree in of[repository]}, gone


def forget_projects(db: sqlite3.Connection, projects: Iterable[str]) -> list[tuple[str, str]]:
    """Delete the metric series of projects: (instrument, attributes) of each."""
    gone = []
    for project in projects:
        rows = db.execute(f"SELECT key, instrument, attributes FROM metric WHERE {PROJECT} = ?", (project,)).fetchall()
        db.executemany("DELETE FROM rollup WHERE metric = ?", [(key,) for key, _, _ in rows])
        db.executemany("DELETE FROM daily WHERE metric = ?", [(key,) for key, _, _ in rows])
        db.executemany("DELETE FROM metric WHERE key = ?", [(key,) for key, _, _ in rows])
        gone += [(instrument, attributes) for _, instrument, attributes in rows]
    return gone


def forget(db: sqlite3.Connection, session: str) -> Pruned:
    """Delete one session and everything of it, exemplars that lead to its traces included."""
    row = db.execute("SELECT session FROM state WHERE id = ?", (session,)).fetchone()
    if row is None:
        return Pruned()
    events = db.execute("DELETE FROM event WHERE session = ?", row).rowcount
    db.execute(
        "UPDATE metric SET exemplar = (SELECT json_group_array(json(value)) FROM json_each(exemplar) "
        "WHERE upper(json_extract(value, '$[2]')) NOT IN (SELECT hex(trace_id) FROM span WHERE session = ?)) "
        "WHERE exemplar IS NOT NULL",
        row,
    )
    spans = db.execute("DELETE FROM span WHERE session = ?", row).rowcount
    db.execute("DELETE FROM waste WHERE session = ?", row)
    db.execute("DELETE FROM log WHERE session = ?", row)
    db.execute("DELETE FROM pull WHERE session = ?", row)
    db.execute("DELETE FROM told WHERE session = ?", row)
    db.execute("DELETE FROM hook_time WHERE session = ?", row)
    db.execute("DELETE FROM session WHERE session = ?", row)
    db.execute("DELETE FROM state WHERE session = ?", row)
    db.execute("DELETE FROM changed WHERE session = ?", row)
    _note_deleted(db)
    _note_deleted(db, "forgotten")
    return Pruned(events=events, spans=spans, sessions=1)


def unlink(db: sqlite3.Connection, session: str) -> None:
    """Delete the links that other sessions' spans have to one's."""
    db.execute(
        "UPDATE span SET links = (SELECT json_group_array(json(value)) FROM json_each(links) "
        f"WHERE json_extract(value, '$[2].\"{sc.SESSION_ID}\"') IS NOT ?) WHERE instr(links, ?)",
        (session, session),
    )


def _note_deleted(db: sqlite3.Connection, name: str = "deleted") -> None:
    """For those who keep sums of what was there, or of when it was; `forgotten`: for those who still show it."""
    db.execute("INSERT INTO meta (name, value) VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1", (name,))


def _head_time(db: sqlite3.Connection, now: int) -> int:
    """The time up to which rows go when there is too much: that of the first chunk of spans, else of events.

    Of nine in ten of them, without those after `now`: what a wrong clock wrote has a time before which is everything.
    """
    for rows in ('span key "end"', "event record at"):
        table, key, at = rows.split()
        head = db.execute(f"SELECT {at} FROM {table} ORDER BY {key} LIMIT ?", (CHUNK,))
        if times := sorted(time for (time,) in head if time <= now):
            return int(times[len(times) * 9 // 10]) + 1
    return 0


def _cut(db: sqlite3.Connection, rows: str, *, cutoff: int, now: int, too_large: bool, last: int = INTEGER_MAX) -> int:
    """Delete rows of a table's head, older than `cutoff`, and not after `last`. `rows` names table, key and time.

    Those of a time to come, which a wrong clock wrote, are as old as their place says: they go before an older row, and
    where there is too much as part of the head.
    """
    table, key, at = rows.split()
    past = f"SELECT {key}, {at} AS at FROM {table} WHERE {at} <= ? ORDER BY {key} LIMIT {CHUNK}"
    first, time = db.execute(past, (now,)).fetchone() or (0, now)
    end = INTEGER_MAX if too_large else first if time < cutoff else 0
    wrong = f"SELECT {key}, {at} AS at FROM {table} WHERE {key} < ? ORDER BY {key} LIMIT {CHUNK}"
    deleted = 0
    for head, condition, values in ((wrong, "at > ?", (end, now)), (past, "at < ?", (now, cutoff))):
        if deleted < CHUNK:  # the older row stays until all before it are gone
            where = f"{key} IN (SELECT {key} FROM ({head}) WHERE {condition}) AND {key} <= ?"
            deleted += db.execute(f"DELETE FROM {table} WHERE {where}", (*values, last)).rowcount
    return deleted


def _cut_behind(db: sqlite3.Connection, rows: str, *, cutoff: int, last: int) -> int:
    """Delete what ended sessions from before `cutoff` have left in a table. `rows` names table, key and time."""
    table, key, at = rows.split()
    old = f"SELECT session FROM session WHERE last < ? AND ended > 0 ORDER BY last LIMIT {CHUNK}"
    found = f"SELECT {key} FROM {table} WHERE session IN ({old}) AND {at} < ? AND {key} <= ? LIMIT {CHUNK}"
    return db.execute(f"DELETE FROM {table} WHERE {key} IN ({found})", (cutoff, cutoff, last)).rowcount


def _old_sessions(db: sqlite3.Connection, cutoff: int, now: int) -> int:
    """Delete ended sessions from before `cutoff`, and those of a time to come of which nothing else is left."""
    nothing = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.session = session.session)" for table in ("event", "span")
    )
    old = db.execute(
        f"SELECT session FROM session WHERE (last < ? OR (last > ? AND {nothing})) AND ended > 0 ORDER BY last LIMIT ?",
        (cutoff, now, CHUNK),
    ).fetchall()
    for table in ("session", "told", "hook_time"):
        db.executemany(f"DELETE FROM {table} WHERE session = ?", old)
    db.executemany("UPDATE state SET state = NULL WHERE session = ?", old)
    return len(old)


def _coarsen(db: sqlite3.Connection, before: int) -> int:
    """Merge minutes into the first minute of their hour, one hour at a time; how many rows were merged."""
    last = before // MINUTE // HOUR_MINUTES * HOUR_MINUTES
    row = db.execute("SELECT min(minute) FROM rollup WHERE minute < ? AND minute % 60 > 0", (last,)).fetchone()
    if row[0] is None:
        return 0
    hour = row[0] // HOUR_MINUTES * HOUR_MINUTES
    rows = db.execute(
        "SELECT minute, metric, count, value FROM rollup WHERE minute > ? AND minute < ?", (hour, hour + HOUR_MINUTES)
    ).fetchall()
    db.executemany(
        "INSERT INTO rollup (minute, metric, count, value) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = count + excluded.count, value = value + excluded.value",
        [(hour, metric, count, value) for _, metric, count, value in rows],
    )
    db.execute("DELETE FROM rollup WHERE minute > ? AND minute < ?", (hour, hour + HOUR_MINUTES))
    return len(rows)


def _merge_waste(db: sqlite3.Connection, before: int) -> int:
    """Merge what a session has of some waste in a day (UTC) into its first hour then, one day at a time; how many."""
    known = db.execute("SELECT value FROM meta WHERE name = 'merged'").fetchone()
    day = known[0] if known else (db.execute("SELECT min(hour) FROM waste").fetchone()[0] or 0) // HOURS
    if not day or day >= before // DAY:
        return 0
    of_day = (day * HOURS, (day + 1) * HOURS)
    rows = db.execute(
        "SELECT kind, what, session, min(hour), sum(count), sum(priced), sum(tokens), sum(nano), sum(took) FROM waste "
        "WHERE hour >= ? AND hour < ? GROUP BY kind, what, session HAVING count(*) > 1",
        of_day,
    ).fetchall()
    db.executemany(
        "DELETE FROM waste WHERE kind = ? AND what = ? AND session = ? AND hour >= ? AND hour < ?",
        [(*row[:3], *of_day) for row in rows],
    )
    db.executemany(INSERT_WASTE, rows)
    db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('merged', ?)", (day + 1,))
    return 1
