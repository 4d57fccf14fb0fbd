"""`export.db`: what was exported, apart from the store, so that a store that is rebuilt doesn't send a month again."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.config import Signal
from hookspan.model.rows import SeriesAttributes
from hookspan.model.sums import Series
from hookspan.paths import Paths
from hookspan.store.database import (
    Files,
    FilesLost,
    StoreDamaged,
    damage_noticed,
    delete,
    is_damage,
    open_writer,
    put_in_place,
    set_aside,
)
from hookspan.store.schema import SpanKey

from .plan import Settlement, Trace

APPLICATION: Final = 0x68737078  # "hspx"
REFUSALS_KEPT: Final = 10_000

_FIRST: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE refused (key INTEGER PRIMARY KEY, at INTEGER NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE announced (
    instrument TEXT NOT NULL, attributes TEXT NOT NULL, start INTEGER NOT NULL, base TEXT,
    PRIMARY KEY (instrument, attributes)
) WITHOUT ROWID;
"""
_IDLE: Final = "ALTER TABLE announced ADD COLUMN idle TEXT;"
# As in the store: what was announced under a former name goes on under the new one.
_NAMES_OF_2026_11: Final = """
UPDATE announced SET attributes = replace(attributes, '"error.type":"other"', '"error.type":"_OTHER"');
UPDATE announced SET instrument = 'gen_ai.client.inference.duration'
WHERE instrument = 'gen_ai.client.operation.duration';
UPDATE announced SET
    instrument = 'gen_ai.client.inference.operation.' || json_extract(attributes, '$."gen_ai.token.type"') || '_tokens',
    attributes = json_remove(attributes, '$."gen_ai.token.type"')
WHERE instrument = 'gen_ai.client.token.usage' AND json_extract(attributes, '$."gen_ai.token.type"') IS NOT NULL;
"""
_TRACES: Final = """
CREATE TABLE trace (
    id TEXT PRIMARY KEY, first INTEGER NOT NULL, back INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    over INTEGER NOT NULL, threshold TEXT NOT NULL
) WITHOUT ROWID;
"""
_LOGS: Final = """
CREATE TABLE refused_log (key INTEGER PRIMARY KEY, at INTEGER NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL);
"""
MIGRATIONS: Final = (_FIRST, _IDLE, _NAMES_OF_2026_11, _TRACES, _LOGS)
_PREFIX: Final[dict[Signal, str]] = {"traces": "", "logs": "logs."}
"""Of the names in `meta` that are a signal's."""
_REFUSED: Final[dict[Signal, str]] = {"traces": "refused", "logs": "refused_log"}
TRACES_KEPT: Final = 4096
"""Traces of turns that are over, for what may still come of them; 1 MB in memory."""

_logger = logging.getLogger(__name__)


class Base(msgspec.Struct, frozen=True):
    """What a series had counted at some time."""

    value: int | float
    count: int
    buckets: list[int]

    @classmethod
    def of(cls, series: Series) -> Base:
        """What it has counted now."""
        return cls(series.value, series.count, list(series.buckets))


class Announced(msgspec.Struct, frozen=True):
    """A series that the endpoint knows.

    Attributes:
        start: What its points carry.
        base: What it had counted then, not to be exported.
        idle: What it had counted when it was last sent, if it is not sent until that changes.
    """

    start: int
    base: Base | None = None
    idle: Base | None = None


SeriesName = tuple[str, SeriesAttributes]


_read_base = msgspec.json.Decoder(Base).decode
_read_labels = msgspec.json.Decoder(dict[str, str]).decode


class ExportDb:
    """Export cursor, refusals, series already announced. For any thread.

    Raises FilesLost where a file of it was deleted, replaced or cut, until `look_after` has mended that.

    Synchronous FULL: a cursor that is lost costs repeats, but a series announced twice would count twice.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, replaced: bool = False) -> None:
        """`replaced`: a damaged one was set aside, so that nobody knows what was sent."""
        self._path = path
        self._db = connection
        self.replaced = replaced
        self.renewed = ""  # why it was written anew from memory, in words
        self._lock = threading.RLock()
        self._meta: dict[str, Any] = dict(connection.execute("SELECT name, value FROM meta"))
        self._announced = {
            (instrument, _labels(attributes)): Announced(start, _base(base), _base(idle))
            for instrument, attributes, start, base, idle in connection.execute(
                "SELECT instrument, attributes, start, base, idle FROM announced"
            )
        }
        self._traces = {
            id_: Trace(first=first, back=back, start=start, end=end, over=bool(over), threshold=threshold)
            for id_, first, back, start, end, over, threshold in connection.execute(
                'SELECT id, first, back, start, "end", over, threshold FROM trace ORDER BY first'
            )
        }
        self._files = Files(path, connection)

    @classmethod
    def open(cls, paths: Paths) -> Self:
        """Open or create it; a damaged one is set aside. Raises StoreTooNew."""
        path = paths.export_db
        try:
            with damage_noticed(path):
                return cls(path, _open(path))
        except StoreDamaged as error:
            aside = set_aside(path, time.time_ns())
            _logger.warning("export.db was damaged and is set aside", extra={"reason": str(error), "aside": str(aside)})
        return cls(path, _open(path), replaced=True)

    def close(self) -> None:
        """Close it."""
        with self._lock:
            with contextlib.suppress(sqlite3.Error, OSError):
                if self._path.parent.exists():
                    self.look_after()
            self._db.close()

    def look_after(self, vanishing: Callable[[], bool] = lambda: False) -> None:
        """Write it anew where a file of it was deleted, replaced or cut, unless it is `vanishing` with all the rest.

        All of it is in memory, but for the list of what was refused, which begins anew. Raises sqlite3.Error and
        OSError where nothing can be written.
        """
        with self._lock:
            try:
                self._files.check()
            except FilesLost as error:
                if not vanishing():
                    self._renew(error.why)

    # --- Whether and from where

    @property
    def enabled(self) -> bool:
        """Whether spans were exported when it was last asked."""
        return bool(self._meta.get("enabled"))

    @property
    def measuring(self) -> bool:
        """Whether metrics were exported when it was last asked."""
        return bool(self._meta.get("measuring", self.enabled))

    def switch_on(self, cursor: SpanKey) -> None:
        """The export of spans begins now, with those after `cursor`."""
        with self._transaction():
            self._drop_traces(list(self._traces))
            self._set(enabled=1, cursor=cursor.pack())

    def switch_off(self) -> None:
        """The export of spans has ended."""
        with self._transaction():
            self._set(enabled=0)

    @property
    def temporality(self) -> str:
        """That of the points that were sent."""
        return str(self._meta.get("temporality", "cumulative"))

    def measure(self, *, on: bool, temporality: str) -> None:
        """The export of metrics begins now, with what series gain from now on, or has ended."""
        with self._transaction():
            if on:
                self._db.execute("DELETE FROM announced")
                self._announced.clear()
                self._set(epoch="", measured=0)
            self._set(measuring=int(on), temporality=temporality)

    # --- Spans and log records

    @property
    def cursor(self) -> SpanKey:
        """The last span that is settled: sent, refused, expired, or left to what its turn will be."""
        return self.cursor_of("traces")

    def cursor_of(self, signal: Signal) -> SpanKey:
        """The last row of a signal that is settled."""
        return SpanKey.unpack(self._meta.get(f"{_PREFIX[signal]}cursor", 0))

    def set_cursor(self, signal: Signal, cursor: SpanKey) -> None:
        """Go on behind another row."""
        with self._transaction():
            self._set(**{f"{_PREFIX[signal]}cursor": cursor.pack()})

    def noted(self, signal: Signal, name: str) -> str:
        """What was noted with a cursor; empty if nothing was."""
        return str(self._meta.get(f"{_PREFIX[signal]}{name}", ""))

    def note(self, signal: Signal, notes: Mapping[str, str]) -> None:
        """Note something with a cursor that stays where it is."""
        with self._transaction():
            self._set(**{f"{_PREFIX[signal]}{name}": value for name, value in notes.items()})

    def settle(
        self, settlement: Settlement, signal: Signal = "traces", notes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Move the cursor and note what became of the rows before it, and `notes`."""
        refused, table, prefix = settlement.refused, _REFUSED[signal], _PREFIX[signal]
        with self._transaction():
            self._note_traces(settlement.traces)
            self._db.executemany(
                f"INSERT OR REPLACE INTO {table} (key, at, status, reason) VALUES (?, ?, ?, ?)",
                [(refusal.key.pack(), refusal.at, refusal.status, refusal.reason) for refusal in refused],
            )
            if refused:
                self._db.execute(
                    f"DELETE FROM {table} WHERE key <= (SELECT key FROM {table} ORDER BY key DESC LIMIT 1 OFFSET ?)",
                    (REFUSALS_KEPT,),
                )
            gained = {**settlement.counts, "refused": len(refused)}
            totals = {name: self.total(name, signal) + count for name, count in gained.items() if count}
            values: dict[str, str | int] = {"cursor": settlement.cursor.pack(), **totals, **notes}
            self._set(**{f"{prefix}{name}": value for name, value in values.items()})

    def total(self, name: str, signal: Signal = "traces") -> int:
        """How many rows got an ExportOutcome, ever; spans that were recalled got another one as well."""
        return int(self._meta.get(f"{_PREFIX[signal]}{name}", 0))

    def trace(self, trace_id: str) -> Trace | None:
        """What is known of a turn's trace that is undecided, or that more may come of."""
        return self._traces.get(trace_id)

    @property
    def undecided(self) -> dict[str, Trace]:
        """The traces of turns whose spans wait for what these will be, by id."""
        return {name: trace for name, trace in list(self._traces.items()) if trace.open}

    def forget_traces(self, ids: Sequence[str]) -> None:
        """Wait no longer for what these will be."""
        if ids:
            with self._transaction():
                self._drop_traces(ids)

    def forget(
        self,
        keys: Iterable[SpanKey],
        projects: Sequence[str] = (),
        traces: Iterable[str] = (),
        logs: Iterable[SpanKey] = (),
    ) -> None:
        """Let go of what was said of these spans (`keys`), traces and log records, and of these projects' series.

        To the last byte.
        """
        with self._transaction():
            self._drop_traces(traces)
            for table, said in (("refused", keys), ("refused_log", logs)):
                self._db.executemany(f"DELETE FROM {table} WHERE key = ?", [(key.pack(),) for key in said])
            for name in [name for name in self._announced if dict(name[1]).get(sc.PROJECT) in projects]:
                text = msgspec.json.encode(dict(name[1])).decode()
                self._db.execute("DELETE FROM announced WHERE instrument = ? AND attributes = ?", (name[0], text))
                del self._announced[name]
        with self._lock:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._files.note()  # shorter, by our own doing

    # --- Series

    @property
    def epoch(self) -> str:
        """Name of the store whose series are announced here; empty if none is."""
        return str(self._meta.get("epoch", ""))

    @property
    def measured(self) -> int:
        """The next record when series were last exported: a store that is behind it would count backwards."""
        return int(self._meta.get("measured", 0))

    @property
    def announced(self) -> Mapping[SeriesName, Announced]:
        """The series whose zero was accepted."""
        return self._announced

    def attach(self, epoch: str, series: Iterable[Series], start: int) -> None:
        """Begin with a store: what its series have counted so far is not exported, so they start at 0 now."""
        begun = {(each.instrument, each.attributes): Announced(start, Base.of(each)) for each in series}
        with self._transaction():
            self._db.execute("DELETE FROM announced")
            self._announced.clear()
            self._announce(begun)
            self._set(epoch=epoch)

    def sent(self, record: int, noted: Mapping[SeriesName, Announced]) -> None:
        """Series were exported as of `record`; of some there is something to note."""
        if not noted and record == self.measured:
            return
        with self._transaction():
            self._announce(noted)
            self._set(measured=record)

    # --- Inside

    def _renew(self, why: str) -> None:
        fresh = self._path.with_name(f"{self._path.name}.fresh")
        delete(fresh)
        written = _open(fresh)
        try:
            written.execute("BEGIN")
            _write_meta(written, self._meta)
            _write_announced(written, self._announced)
            _write_traces(written, self._traces)
            written.execute("COMMIT")
        finally:
            written.close()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        put_in_place(self._path, fresh)
        self._db = _open(self._path)
        self._files = Files(self._path, self._db)
        self.renewed = why
        _logger.warning("export.db was damaged and is written again", extra={"reason": why})

    def _note_traces(self, traces: Mapping[str, Trace]) -> None:
        _write_traces(self._db, traces)
        self._traces.update(traces)
        if len(self._traces) > TRACES_KEPT and traces:
            over = [name for name, trace in self._traces.items() if trace.over]
            self._drop_traces(over[: len(over) - TRACES_KEPT] if len(over) > TRACES_KEPT else [])

    def _drop_traces(self, ids: Iterable[str]) -> None:
        for name in ids:
            if self._traces.pop(name, None) is not None:
                self._db.execute("DELETE FROM trace WHERE id = ?", (name,))

    def _announce(self, begun: Mapping[SeriesName, Announced]) -> None:
        _write_announced(self._db, begun)
        self._announced.update(begun)

    def _set(self, **values: str | int) -> None:
        _write_meta(self._db, values)
        self._meta.update(values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._files.check()
            meta, announced, traces = dict(self._meta), dict(self._announced), dict(self._traces)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                self._meta, self._announced, self._traces = meta, announced, traces
                if is_damage(error):
                    self._renew("was damaged")
                elif self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._files.settle()


def _open(path: Path) -> sqlite3.Connection:
    return open_writer(path, application=APPLICATION, migrations=MIGRATIONS, synchronous="FULL")


def _write_meta(db: sqlite3.Connection, meta: Mapping[str, Any]) -> None:
    db.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", meta.items())


def _write_announced(db: sqlite3.Connection, announced: Mapping[SeriesName, Announced]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO announced (instrument, attributes, start, base, idle) VALUES (?, ?, ?, ?, ?)",
        [
            (
                instrument,
                msgspec.json.encode(dict(attributes)).decode(),
                entry.start,
                *(None if some is None else msgspec.json.encode(some).decode() for some in (entry.base, entry.idle)),
            )
            for (instrument, attributes), entry in announced.items()
        ],
    )


def _write_traces(db: sqlite3.Connection, traces: Mapping[str, Trace]) -> None:
    db.executemany(
        'INSERT OR REPLACE INTO trace (id, first, back, start, "end", over, threshold) VALUES (?, ?, ?, ?, ?, ?, ?)',
        [(name, *msgspec.structs.astuple(trace)) for name, trace in traces.items()],
    )


def _base(text: str | None) -> Base | None:
    return _read_base(text) if text else None


def _labels(text: str) -> SeriesAttributes:
    return tuple(_read_labels(text).items())
