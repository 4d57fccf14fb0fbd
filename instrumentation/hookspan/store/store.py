"""The one writer: a batch of records becomes rows, states, sums and a position in one transaction."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from hookspan.catalogue.session_fields import SessionRow
from hookspan.journal.position import Position, read_position
from hookspan.model.rows import Increment, Rows, SeriesAttributes
from hookspan.model.sums import Series, Sums
from hookspan.paths import Paths

from . import logs, retention, schema, told
from .clean import cleaned
from .database import Files, Identity, copy_to, damage_noticed, delete, open_writer, put_in_place
from .retention import Pruned, Retention


class Commit(msgspec.Struct, kw_only=True):
    """What a batch of records gave.

    Attributes:
        position: Where reading the journal goes on after this batch.
        rows: One for each record, in their order.
        sessions: State and list row of each session that was touched; no row for what isn't a real session.
        world: The fold's state of the machine, None if it didn't change.
    """

    position: Position
    rows: Sequence[Rows] = ()
    sessions: Mapping[str, tuple[bytes, SessionRow | None]] = msgspec.field(default_factory=dict)
    world: bytes | None = None


class StoreMoved(Exception):
    """Another process has committed since this store was opened, so what is in memory is outdated."""


class Store:
    """`store.db`. For one thread at a time; readers have connections of their own (`Reader`).

    Raises StoreDamaged where SQLite finds the file broken, FilesLost (one of those) where a file was deleted, replaced
    or cut, StoreMoved where somebody else wrote to it (open it again), sqlite3.OperationalError where the disk is full:
    the transaction is then undone, in memory too, and can be tried again.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        with damage_noticed(path):
            self._sums = self._load_sums()
            self._totals = {"events": int(self._meta("events") or 0), "spans": int(self._meta("spans") or 0)}
            self._pending = self._totals
            epoch = self._meta("epoch")
            self._position = self._meta("position")
        self._files = Files(path, connection)  # all of them are there, now that something was read
        self.epoch = epoch if isinstance(epoch, str) else self._new_epoch()
        self._sessions: dict[str, int] = {}

    @classmethod
    def open(cls, paths: Paths) -> Self:
        """Open or create it. Raises StoreTooNew, StoreDamaged."""
        connection = open_writer(
            paths.store, application=schema.APPLICATION, migrations=schema.MIGRATIONS, complete=schema.complete
        )
        try:
            return cls(paths.store, connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close it; the write-ahead log is merged into the file."""
        self._db.close()

    @property
    def identity(self) -> Identity:
        """Of the file."""
        return self._files.identity

    def check(self) -> None:
        """Raise FilesLost where its files are not those that are open, or were cut. Costs 8 us."""
        self._files.check()

    def save(self) -> None:
        """Close it, with all that it holds in a new file, where it was `whole` although files of it were lost.

        Whoever reads notices that the path has another file. Raises StoreDamaged and sqlite3.OperationalError; it is
        then still open.
        """
        fresh = self.path.with_name(f"{self.path.name}.fresh")
        delete(fresh)
        with damage_noticed(self.path):
            copy_to(fresh, self._db)
        self._db.close()
        put_in_place(self.path, fresh)

    def position(self) -> Position | None:
        """Where to go on reading the journal, None at the beginning."""
        value = self._meta("position")
        return None if value is None else read_position(value)

    def load_world(self) -> bytes | None:
        """The fold's state of the machine."""
        value = self._meta("world")
        return value if isinstance(value, bytes) else None

    def load_session(self, session: str) -> bytes | None:
        """The fold's state of a session, None if it was never seen."""
        row = self._db.execute("SELECT state FROM state WHERE id = ?", (session,)).fetchone()
        return row[0] if row else None

    def open_sessions(self, limit: int = -1) -> list[bytes]:
        """The fold's states of the sessions that have not ended, the newest first; at most `limit` of them."""
        rows = self._db.execute("SELECT state FROM state WHERE open ORDER BY session DESC LIMIT ?", (limit,))
        return [blob for (blob,) in rows]

    def series(self) -> Sums:
        """The running sums, in memory; `commit` alone changes them."""
        return self._sums

    def commit(self, commit: Commit) -> None:
        """Write a batch: all of it or, with an exception, nothing."""
        try:
            self._commit(commit)
        except (UnicodeEncodeError, OverflowError):
            # Half of a surrogate pair or an integer beyond 64 bits: neither SQLite nor protobuf can hold it. Looking
            # for those in every value would cost each commit, so it is done for the batch that has one.
            self._commit(cleaned(commit))

    def prune(self, policy: Retention, now: int) -> Pruned:
        """Delete a little of what is past retention; see `retention.prune`. Call again until it says `done`."""
        with self._transaction():
            pruned = retention.prune(self._db, policy, now)
            self._count(events=-pruned.events, spans=-pruned.spans)
        # `execute` steps the statement once, and each step gives back one page.
        self._db.executescript("PRAGMA incremental_vacuum(1000);")
        self._files.gave_back()
        return pruned

    def projects_of(self, sessions: Sequence[str]) -> dict[str, bool]:
        """The projects that these sessions had, and whether no other session here has it."""
        return retention.projects_of(self._db, sessions)

    def trees_of(self, sessions: Sequence[str]) -> tuple[set[int], set[int]]:
        """Numbers of the work trees and repositories in which these sessions worked, and no other one."""
        return retention.trees_of(self._db, sessions)

    def states_naming(self, session: str) -> list[bytes]:
        """The fold's states of other sessions that name this one."""
        sql = "SELECT state FROM state WHERE instr(state, CAST(? AS BLOB)) AND id != ?"
        return [blob for (blob,) in self._db.execute(sql, (session, session))]

    def unlink(self, sessions: Iterable[str]) -> None:
        """Delete the links that other sessions' spans have to theirs."""
        with self._transaction():
            for session in sessions:
                retention.unlink(self._db, session)

    def forget_commits(self, repositories: Iterable[int]) -> None:
        """Delete what is known of these repositories' commits."""
        with self._transaction():
            numbers = [(number,) for number in repositories]
            self._db.executemany("DELETE FROM move WHERE repository = ?", numbers)
            self._db.executemany("DELETE FROM stayed WHERE repository = ?", numbers)

    def forget(self, sessions: Iterable[str], projects: Iterable[str] = ()) -> int:
        """Delete sessions with all their events, spans and states; how many there were.

        Of the sums the series of `projects` go, the others stay as they are. Nothing of it is left in the file's bytes
        once `scrub` was called, too: until then the ids stay, so that who is broken off can name them again.
        """
        forgotten = 0
        with self._transaction():
            if retention.forget_projects(self._db, projects):
                self._sums = self._load_sums()
        for session in sessions:
            with self._transaction():
                pruned = retention.forget(self._db, session)
                if pruned.sessions:
                    self._db.execute("INSERT INTO state (id) VALUES (?)", (session,))
                self._count(events=-pruned.events, spans=-pruned.spans)
            self._sessions.pop(session, None)
            forgotten += pruned.sessions
        return forgotten

    def scrub(self, sessions: Iterable[str]) -> None:
        """Write the file anew, since rows that were changed or deleted leave their bytes in it; needs its room again.

        A row that grew was moved, long before anybody wanted it forgotten: to overwrite what is deleted is not enough.
        It is for the ids of the forgotten `sessions`, which go when all else has gone: nothing has moved them since.
        """
        with damage_noticed(self.path):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executemany("DELETE FROM state WHERE id = ?", [(session,) for session in sessions])
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._files.note()

    def size(self) -> int:
        """Bytes in use, without the free pages that later rows will fill."""
        return retention.size(self._db)

    def _commit(self, commit: Commit) -> None:
        now = time.time_ns()
        before: dict[int, Series] = {}
        next_key = self._sums.next_key
        fresh: list[str] = []
        position = msgspec.json.encode(commit.position)
        try:
            with self._transaction():
                self._write_rows(commit.rows, fresh)
                self._write_sessions(commit.sessions, fresh)
                self._note_changed(commit, fresh)
                self._write_sums(commit.rows, now, before)
                self._remove(commit)
                if commit.world is not None:
                    self._set_meta("world", commit.world)
                self._set_meta("position", position)
        except BaseException:
            self._sums.restore(before.values(), next_key)
            for session in fresh:
                self._sessions.pop(session, None)
            raise
        self._position = position

    def _write_rows(self, rows: Sequence[Rows], fresh: list[str]) -> None:
        number = self._session_number
        events = [schema.event_values(event, number(event.session, fresh)) for each in rows for event in each.events]
        spans = [schema.span_values(span, number(span.session, fresh)) for each in rows for span in each.spans]
        self._insert(schema.INSERT_EVENT, events)
        self._insert(schema.INSERT_SPAN, spans)
        waste = [schema.waste_values(one, number(one.session, fresh)) for each in rows for one in each.waste]
        self._db.executemany(schema.INSERT_WASTE, waste)
        if records := [log for each in rows for log in each.logs]:
            logs_of = [(log, number(log.session, fresh) if log.session else None) for log in records]
            self._insert(logs.INSERT, [logs.values(log, session) for log, session in logs_of])
        self._db.executemany(schema.INSERT_MOVE, [schema.move_values(move) for each in rows for move in each.moves])
        told_of = [schema.stayed_values(stayed) for each in rows for stayed in each.stayed]
        self._db.executemany(schema.INSERT_STAYED, told_of)
        pulls = [
            (number(pull.session, fresh), pull.number, pull.branch, pull.where, pull.at)
            for each in rows
            for pull in each.pulls
        ]
        self._db.executemany(schema.INSERT_PULL, pulls)
        for row in (row for each in rows for row in each.told):
            told.write(self._db, number(row.session, fresh), row.fact)
        self._count(events=len(events), spans=len(spans))

    def _insert(self, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Rows with numbers that are new: to look for old ones takes a fifth of the time that a row does.

        Where there are some, the journal was cut and has others under them.
        """
        try:
            self._db.executemany(f"INSERT {into}", rows)
        except sqlite3.IntegrityError:
            self._db.executemany(f"INSERT OR REPLACE {into}", rows)

    def _write_sessions(self, sessions: Mapping[str, tuple[bytes, SessionRow | None]], fresh: list[str]) -> None:
        states, listed = [], []
        for session, (blob, row) in sessions.items():
            number = self._session_number(session, fresh)
            states.append((blob, row is not None and not row.ended, number))
            if row is not None:
                listed.append(schema.session_values(row, number))
        self._db.executemany("UPDATE state SET state = ?, open = ? WHERE session = ?", states)
        self._db.executemany(schema.INSERT_SESSION, listed)

    def _note_changed(self, commit: Commit, fresh: list[str]) -> None:
        """For those who keep sums of sessions."""
        changed = dict.fromkeys(commit.sessions)
        changed.update(dict.fromkeys(one.session for each in commit.rows for one in each.waste))
        self._db.executemany(schema.INSERT_CHANGED, [(self._session_number(one, fresh),) for one in changed])

    def _remove(self, commit: Commit) -> None:
        for session in {session for each in commit.rows for session in each.removed}:
            pruned = retention.forget(self._db, session)
            self._count(events=-pruned.events, spans=-pruned.spans)
            self._sessions.pop(session, None)
            self._set_meta("removed", commit.position.record)  # who shows an earlier position has to ask anew

    def _write_sums(self, rows: Sequence[Rows], now: int, before: dict[int, Series]) -> None:
        """Add up the batch. `before` collects each touched series as it was."""
        batch: dict[tuple[str, SeriesAttributes], list[Increment]] = defaultdict(list)
        for each in rows:
            for increment in each.increments:
                batch[increment.instrument, increment.attributes].append(increment)
        touched: dict[int, Series] = {}
        minutes: dict[tuple[int, int], list[int | float]] = defaultdict(lambda: [0, 0])
        for increments in batch.values():
            series = self._sums.find(increments[0], now)
            if series.key not in before:
                before[series.key] = series.copy()
            series.add(increments)
            touched[series.key] = series
            for increment in increments:
                rollup = minutes[increment.at // schema.MINUTE, series.key]
                rollup[0] += 1
                rollup[1] += increment.value
        self._db.executemany(schema.INSERT_METRIC, map(schema.metric_values, touched.values()))
        days: dict[tuple[int, int], list[int | float]] = defaultdict(lambda: [0, 0])
        for (minute, key), (count, value) in minutes.items():
            day = days[key, minute // schema.DAY_MINUTES]
            day[0] += count
            day[1] += value
        self._db.executemany(
            "INSERT INTO daily (metric, day, count, value) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET count = count + excluded.count, value = value + excluded.value",
            [(*of, *sums) for of, sums in days.items()],
        )
        self._db.executemany(
            "INSERT INTO rollup (minute, metric, count, value) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET count = count + excluded.count, value = value + excluded.value",
            [(minute, key, count, value) for (minute, key), (count, value) in minutes.items()],
        )

    def _session_number(self, session: str, fresh: list[str]) -> int:
        number = self._sessions.get(session)
        if number is None:
            row = self._db.execute("SELECT session FROM state WHERE id = ?", (session,)).fetchone()
            if row is None:
                row = self._db.execute("INSERT INTO state (id) VALUES (?) RETURNING session", (session,)).fetchone()
            number = self._sessions[session] = int(row[0])
            fresh.append(session)
        return number

    def _load_sums(self) -> Sums:
        rows = self._db.execute(f"{schema.SELECT_METRIC} ORDER BY key")
        loaded = [series for row in rows if (series := schema.read_metric(row)) is not None]
        last = self._db.execute("SELECT max(key) FROM metric").fetchone()[0]
        return Sums(loaded, (last or 0) + 1)

    def _new_epoch(self) -> str:
        """A name of this store's sums: a store that was rebuilt counts anew, and the exporter has to know."""
        epoch = secrets.token_hex(8)
        with self._transaction():
            self._set_meta("epoch", epoch)
        return epoch

    def _count(self, *, events: int, spans: int) -> None:
        """Keep the totals: counting a million rows takes longer than the page may."""
        totals = {"events": self._pending["events"] + events, "spans": self._pending["spans"] + spans}
        for name, value in totals.items():
            self._set_meta(name, value)
        self._pending = totals

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with damage_noticed(self.path):
            self._files.begin()
            self._pending = self._totals
            try:
                self._require_unmoved()
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._files.settle()
            self._totals = self._pending

    def _require_unmoved(self) -> None:
        if self._meta("position") != self._position:
            raise StoreMoved

    def _meta(self, name: str) -> Any:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _set_meta(self, name: str, value: str | bytes | int) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
