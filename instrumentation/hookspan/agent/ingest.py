"""The thread that owns the journal's tail, the fold's state and the store: read, decode, fold, commit, tell, observe.

A batch is one transaction. Whatever happens between two of them (kill -9, a full disk, a fold that raises) ends in a
state that the store and the journal agree on, and the same lines give the same rows again.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import dataclasses
import errno
import functools
import gc
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from hookspan.agent import log
from hookspan.agent.ahead import Ahead
from hookspan.agent.health import Mended
from hookspan.agent.loop import Loop
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.hooktime import HookTime
from hookspan.journal import Journal, Line, Position, Tail, Writer, drops
from hookspan.model import summary
from hookspan.model.fold import fold_behind
from hookspan.model.rows import EventRow, Increment, Rows
from hookspan.model.sessions import is_open
from hookspan.model.state import State, World, dump_session, dump_world, load_session, load_world
from hookspan.observe import Observers
from hookspan.observe.files import transcript_roots
from hookspan.observe.repositories import Repositories
from hookspan.opted_out import OptedOut
from hookspan.paths import Paths
from hookspan.setup import record
from hookspan.store import (
    Commit,
    FilesLost,
    Identity,
    Retention,
    SpanKey,
    Store,
    StoreDamaged,
    StoreMoved,
    is_damage,
    set_aside,
)
from hookspan.wire import Record, Unreadable, encode
from hookspan.wire.facts import Policy, Repository
from hookspan.wire.reduced import Reduced

BATCH: Final = 500  # lines a transaction: a commit costs about as much as folding 100 of them
SESSIONS_KEPT: Final = 500  # open sessions in memory, 12 KB each: more are only there while a long backlog is read
CAREFUL_BATCH: Final = 25  # while records make the fold raise, because each of those costs a fold of its batch again
SYNC_INTERVAL: Final = 1.0  # seconds between two fdatasyncs of the journal
POLL: Final = 1.0  # seconds; a relay that could not poke (a full queue) is noticed so soon
LONG_BACKLOG: Final = 20_000  # records after which memory is given back ..
SHRINK_INTERVAL: Final = 60.0  # .. but no more often than this (seconds)
STRAYS_INTERVAL: Final = 2.0
ROTATE_INTERVAL: Final = 10.0
PRUNE_INTERVAL: Final = 3600.0
PRUNE_PAUSE: Final = 1.0  # seconds between two slices of a prune, so that events come through
HOOKS_KEPT: Final = 1000  # newest hook times, for the health check
WAIT_POLL: Final = 0.01  # seconds
FULL_PAUSE: Final = 2.0  # seconds between tries on a full disk
FILES_INTERVAL: Final = 1.0  # seconds between two looks at what else is held open
REBUILD_PAUSE: Final = 60.0  # seconds until readers may have the store rebuilt again, doubled each time

_HOLD: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})

_Numbered = tuple[Line, Record]
_T = TypeVar("_T")

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Committed:
    """What a transaction brought, for those who show or export it."""

    position: Position
    events: list[EventRow]
    spans: int
    sessions: frozenset[str]
    removed: frozenset[str]


@dataclass(slots=True)
class Hold:
    """Why nothing can be committed at the moment, and since when (unix seconds)."""

    reason: str
    since: float


@dataclass(slots=True)
class _Batch:
    rows: list[Rows] = field(default_factory=list)
    hooks: list[HookTime] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    world: bool = False


class _RaisedError(Exception):
    """The fold raised on the record at `index` of the batch."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class Ingest:
    """`step` is for a loop; everything else is read by other threads and never blocks."""

    def __init__(self, paths: Paths, settings: AgentSettings, poke: Poke, key: bytes) -> None:
        self._paths = paths
        self._settings = settings
        self._poke = poke
        self._key = key
        self._journal = Journal(paths)
        self._writer = Writer(paths)
        self._state = State()
        self._store: Store | None = None
        self._tail: Tail | None = None
        self._due: dict[str, float] = {}
        self._observers: Observers | None = None
        self._opted_out = OptedOut({})
        self._ahead = self._new_ahead()
        self._batch_size = BATCH
        self._shrunk_at = 0
        self._incomplete = False  # some open sessions are in the store only
        self._broken_store: Identity | None = None  # a reader met damage in this one
        self._rebuilds = 0  # that readers asked for ..
        self._rebuild_from = 0.0  # .. and when they may again (monotonic seconds)
        self._stale = False  # the state or the tail is ahead of the last commit
        self._aside: list[Increment] = []  # counts of the lines of this batch that were set aside
        self._restarts = 0  # of the tails before this one ..
        self._broken = 0  # .. and the packed segments that they could not read to their end
        self._singly = 0  # so many lines go one by one, to find the one that can't be committed
        self.listeners: list[Callable[[Committed], None]] = []
        self.hooks: collections.deque[HookTime] = collections.deque(maxlen=HOOKS_KEPT)
        self.records = 0  # since the start
        self.quarantined = 0
        self.delay = 0.0  # seconds from the newest committed event's stamp to its commit
        self.commit_time = 0.0  # seconds the newest commit took
        self.caught_up = False
        self.caught_up_at = time.monotonic()
        self._committed: Position | None = None
        self.active_at = time.monotonic()  # when there was last something to do
        self.hold: Hold | None = None
        self.mended: Mended | None = None  # what the store's files met last
        self.whole = False  # the store was empty when it was opened: the journal is read from its beginning
        self.opened: Callable[[], None] = lambda: None  # called when the store is open, before the first commit
        self.measured: Callable[[], int] = lambda: 0  # the record at which metrics were last exported
        self.exported: Callable[[], int | None] = lambda: None  # key of the last span that is out; None: no export
        self.looked: Callable[[], None] = lambda: None  # called every FILES_INTERVAL, to look after other files
        self.vanishing: Callable[[], bool] = lambda: False  # asked before lost files are made anew
        self.loop = Loop("ingest", self.step, wake=poke.wake)

    # --- the loop

    def step(self) -> None:
        """Take one batch, or wait for something to do."""
        self._settings.look()
        self._look_after_store()
        if self._store is None:
            self._open()
        if self._is_due("files", FILES_INTERVAL):
            self._guarded(self.looked)
        began = time.monotonic()
        if self._take_batch():
            return
        self.caught_up, self.caught_up_at = True, began
        self._poke.wait(self._housekeep())

    def drain(self, deadline: float) -> bool:
        """Take all that is in the journal now; `deadline` in monotonic seconds. False if it came first."""
        if self._store is None:
            self._open()
        self._journal.take_in_strays()
        while self._take_batch():
            if time.monotonic() > deadline:
                return False
        return True

    def close(self) -> None:
        """Close the store and the journal."""
        self._leave_journal()
        if self._store is not None:
            self._store.close()
            self._store = None

    def damage_met(self, identity: Identity) -> None:
        """A reader met damage in that file. If it is the store as it is now, it is set aside and rebuilt.

        Not again and again: what is the same after that is no damage of a file.
        """
        if time.monotonic() >= self._rebuild_from:
            self._broken_store = identity
            self._poke.wake()

    def settings_changed(self) -> None:
        """The observers get the new ones at their next turn."""
        self._observers = None
        self._poke.wake()

    def read_record(self, number: int) -> bytes | None:
        """The raw line of a record."""
        return self._journal.read_record(number)

    def repositories(self) -> dict[str, Repository]:
        """What is known of folders."""
        return dict(self._state.world.repositories)

    def next_record(self) -> int:
        """The number of the first record that is not in the store."""
        return self._committed.record if self._committed is not None else 0

    def hooks_now(self) -> list[HookTime]:
        """What the newest hooks took."""
        return list(self.hooks)

    def wait_caught_up(self, deadline: float) -> bool:
        """Wait until what was in the journal at the call is committed; `deadline` in monotonic seconds."""
        asked = time.monotonic()
        self._poke.wake()
        while not (self.caught_up and self.caught_up_at >= asked):
            if time.monotonic() > deadline:
                return False
            time.sleep(WAIT_POLL)
        return True

    def behind(self) -> float:
        """Seconds since the journal was last read to its end."""
        return 0.0 if self.caught_up else time.monotonic() - self.caught_up_at

    def open_sessions(self) -> int:
        """How many sessions have not ended; made-up ones are nobody's work."""
        return sum(not (session.ended or session.local) for session in list(self._state.sessions.values()))

    def unwritten(self) -> int:
        """How many turns and sessions may be over and have no span yet: a judgement or a transcript is waited for."""
        sessions = [session for session in list(self._state.sessions.values()) if not session.local]
        turns = sum(bool(turn.stop or turn.fixed) for session in sessions for turn in list(session.turns.values()))
        return turns + sum(bool(session.ended) and not session.written for session in sessions)

    def report(self) -> dict[str, Any]:
        """What `status` shows."""
        tail = self._tail
        return {
            **self.loop.report(),
            "records": self.records,
            "caught_up": self.caught_up,
            "behind_seconds": round(self.behind(), 3),
            "backlog_bytes": 0 if self.caught_up or tail is None else tail.backlog()[0],
            "delay_seconds": round(self.delay, 3),
            "commit_seconds": round(self.commit_time, 4),
            "quarantined": self.quarantined + (tail.set_aside if tail is not None else 0),
            "whole": self.whole,
            "restarts": self._restarts + (tail.restarts if tail is not None else 0),
            "damaged_segments": self._broken + (tail.damaged if tail is not None else 0),
            "open_sessions": self.open_sessions(),
            "hold": None if self.hold is None else {"reason": self.hold.reason, "since": self.hold.since},
            "mended": None if self.mended is None else dataclasses.asdict(self.mended),
        }

    # --- opening

    def _open(self) -> None:
        try:
            self._patiently(self._load)
        except Exception as error:
            self.close()
            if not is_damage(error):
                raise
            self._set_aside(error)
            self._load()
        self._announce()
        if self.whole:  # what gets a number that was exported before would never be
            exported = SpanKey.unpack(self.exported() or 0).record
            self._journal.count_from(max(self.measured(), exported + 1))

    def _announce(self) -> None:
        """Tell that the store is open.

        What is committed before the exporter has noted where it begins is never sent: a full disk is waited for.
        """
        try:
            self._patiently(self.opened)
        except Exception as error:  # noqa: BLE001 - whoever is told must not keep the journal from being read
            self.loop.failed(error)

    def _load(self) -> None:
        """Open the store and stand where it ends."""
        self.close()
        self._store = Store.open(self._paths)
        self._reload()
        self.whole = self._committed is None
        self._ahead = self._new_ahead()
        with contextlib.closing(Tail(self._paths, self._committed, mend=False)) as rest:
            self._ahead.scan(rest)

    def _load_state(self) -> None:
        """The state as of the last commit."""
        store = self._opened()
        world = store.load_world()
        self._state = State(world=World() if world is None else load_world(world), sessions={})
        self._load_open_sessions()

    def _load_open_sessions(self) -> None:
        """Observers look after open sessions, so these must be in memory; of very many the newest come first."""
        blobs = self._opened().open_sessions(SESSIONS_KEPT)
        for blob in reversed(blobs):
            session = load_session(blob)
            self._state.sessions.setdefault(session.id, session)
        self._incomplete = len(blobs) == SESSIONS_KEPT

    def _reload(self) -> None:
        """Begin again from the last commit."""
        self._load_state()
        self._committed = self._opened().position()
        self._leave_journal()
        self._tail = Tail(self._paths, self._committed)
        self._stale = False

    def _leave_journal(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._restarts += self._tail.restarts
            self._broken += self._tail.damaged
            self.quarantined += self._tail.set_aside
            self._tail = None

    def _opened(self) -> Store:
        if self._store is None:
            raise RuntimeError("the store is not open")
        return self._store

    # --- mending

    def _look_after_store(self) -> None:
        """Mend it where its files are not what they were, or where a reader met damage."""
        broken, self._broken_store = self._broken_store, None
        if self._store is None:
            return
        try:
            self._store.check()
        except FilesLost as error:
            self._mend(error)
            return
        if broken == self._store.identity:
            self._rebuild_from = time.monotonic() + REBUILD_PAUSE * 2**self._rebuilds
            self._rebuilds += 1
            self._set_aside(StoreDamaged(self._paths.store, "a reader met damage"))

    def _mend(self, error: Exception) -> None:
        """Have a store again whose files are what its connections hold, with all that can be had."""
        if isinstance(error, FilesLost) and self.vanishing():
            raise error
        if isinstance(error, FilesLost) and error.whole:
            try:
                self._patiently(self._opened().save)
            except Exception as unsaved:  # noqa: BLE001 - whatever it is, the journal has it, too
                self.loop.failed(unsaved)
            else:
                self._store = None
                self._mended(f"was damaged ({error.why}), is written anew with all that it had")
                self._open()
                return
        self._set_aside(error)
        self._open()

    def _set_aside(self, error: Exception) -> None:
        """Move a damaged store out of the way; the journal rebuilds what it still holds."""
        self.close()
        self.hooks.clear()  # they are read again
        aside = set_aside(self._paths.store, time.time_ns())
        why = f" ({error.why})" if isinstance(error, FilesLost) else ""
        self._mended(f"was damaged{why}, is rebuilt from the journal", aside)

    def _mended(self, text: str, aside: Path | None = None) -> None:
        self.mended = Mended(text, None if aside is None else str(aside))
        _logger.error("the store %s", text, extra={"set_aside": self.mended.aside})

    # --- a batch

    def _take_batch(self) -> bool:
        """Read, fold and commit; False when there is nothing to read."""
        if self._stale:
            self._reload()
        tail = self._tail
        if tail is None:
            raise RuntimeError("the journal is not open")
        # A rebuilt store must pass through the state that was last exported.
        lines = tail.read(max_lines=1 if self._singly else self._batch_size, before=self.measured())
        if not lines:
            return False
        self.caught_up = False
        self.active_at = time.monotonic()
        self._singly = max(0, self._singly - 1)
        self._aside = []
        try:
            batch = self._fold(self._decode(lines))
            self._write_ahead()
            self._commit(tail.position, batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next step begins at the last commit
            self._recover(error, lines, tail.position)
        self.records += len(lines)
        if self._observers is not None:
            self._observers.wake()
        return True

    def _write_ahead(self) -> None:
        """What was folded ahead of its line is in the journal before what it led to is in the store."""
        if lines := self._ahead.lines():
            self._patiently(lambda: self._writer.append(lines))
            self._ahead.written()

    def _recover(self, error: Exception, lines: Sequence[Line], position: Position) -> None:
        """Go back to the last commit, and get past a line that can't be committed."""
        self._stale = True  # whatever fails from here on, nothing is read before the last commit is loaded again
        if is_damage(error):
            self._mend(error)
            return
        if isinstance(error, StoreMoved):
            self.close()  # opened again where the other one stands
            raise error
        self._reload()
        if _is_disk(error) or isinstance(error, sqlite3.Error | OSError):
            raise error  # not the lines' fault: they are read again after a pause
        self.loop.failed(error)
        if len(lines) > 1:
            self._singly = len(lines)
            return
        self._aside = []
        self._set_aside_line("commit", lines[0], "raised")
        self._ahead.begin()
        self._commit(position, _Batch())
        self._leave_journal()
        self._tail = Tail(self._paths, position)

    def _decode(self, lines: Sequence[Line]) -> list[_Numbered]:
        labels = self._settings.now.content.local
        records = []
        for line in lines:
            if not line.data:
                continue  # it was set aside when it was read first; compaction left its number only
            try:
                records.append((line, decode(line.data, self._key, labels=labels)))
            except Unreadable as error:
                self._set_aside_line("journal", line, error.reason)
            except Exception as error:  # noqa: BLE001 - a bug met by one line must not stop the others
                self.loop.failed(error)
                self._set_aside_line("journal", line, "raised")
        return records

    def _fold(self, records: list[_Numbered]) -> _Batch:
        """The rows of all records that the fold can take; one that it raises on is set aside, the rest done again."""
        failed = 0
        while True:
            try:
                batch = self._fold_all(records)
            except _RaisedError as raised:
                failed += 1
                self._set_aside_line("fold", records.pop(raised.index)[0], "raised")
                self._load_state()
            else:
                self._batch_size = CAREFUL_BATCH if failed > 1 else BATCH
                return batch

    def _fold_all(self, records: Sequence[_Numbered]) -> _Batch:
        batch, state = _Batch(), self._state
        self._ahead.begin()
        if self._opted_out.projects is not (projects := self._settings.now.projects):
            self._opted_out = OptedOut(projects, state.world.repositories)
        for index, (line, found) in enumerate(records):
            self._load_session(found.session)
            try:
                for rows in self._fold_one(line.number, found, state):
                    batch.rows.append(rows)
                    if rows.events and isinstance(found, Reduced) and found.took:  # made-up events took no time
                        batch.hooks.append(HookTime(found.took, found.age))
                    batch.touched |= rows.touched
                    batch.removed |= rows.removed
                    batch.world |= rows.world
            except Exception as error:
                self.loop.failed(error)
                raise _RaisedError(index) from error
        return batch

    def _fold_one(self, number: int, record: Record, state: State) -> list[Rows]:
        if self._opted_out.has(record):
            return [self._leave_out(record.session)]
        if self._ahead.has_moved(record, state):
            return []
        return fold_behind(state, number, self._ahead.of(number, record, state), record)

    def _leave_out(self, id_: str) -> Rows:
        """Take in nothing of a session, and let go of what was taken in before its project was not to be recorded."""
        return Rows(removed={id_} if self._state.sessions.pop(id_, None) else set())

    def _load_session(self, id_: str) -> None:
        if id_ and id_ not in self._state.sessions and (blob := self._opened().load_session(id_)) is not None:
            self._state.sessions[id_] = load_session(blob)

    def _set_aside_line(self, where: str, line: Line, reason: str) -> None:
        """Keep a line that can't be used; the batch that passes it counts it."""
        self._patiently(lambda: self._journal.quarantine(line.number, line.data, reason))
        self.quarantined += 1
        attributes = ((sc.DROP_REASON, reason), (sc.DROP_WHERE, where))
        self._aside.append(Increment("hookspan.dropped", attributes, 1, time.time_ns()))
        _logger.warning("a line was set aside", extra={"record": line.number, "where": where, "reason": reason})

    def _commit(self, position: Position, batch: _Batch) -> None:
        """One transaction; a disk that is full is waited for, since all that is to be written is in memory."""
        sessions = {
            id_: (dump_session(session), summary.session_row(self._state, session))
            for id_ in batch.touched
            if (session := self._state.sessions.get(id_)) is not None
        }
        world = dump_world(self._state.world) if batch.world else None
        rows = [*batch.rows, Rows(increments=self._aside)] if self._aside else batch.rows
        commit = Commit(position=position, rows=rows, sessions=sessions, world=world)
        began = time.monotonic()
        self._patiently(lambda: self._write(commit))
        self.commit_time = time.monotonic() - began
        self._committed = position
        self._ahead.committed()
        self._forget(batch.touched)
        self._tell(position, batch)

    def _forget(self, touched: Iterable[str]) -> None:
        """Let go of sessions that are over, and of the longest untouched while there are too many.

        What comes for one of them loads it again.
        """
        sessions = self._state.sessions
        for id_ in touched:
            session = sessions.pop(id_, None)
            if session is not None and is_open(session):
                sessions[id_] = session  # at the end: dicts keep the order of insertion
        while len(sessions) > SESSIONS_KEPT:
            del sessions[next(iter(sessions))]
            self._incomplete = True

    def _write(self, commit: Commit) -> None:
        if self._is_due("sync", SYNC_INTERVAL):
            self._journal.sync()
        self._opened().commit(commit)

    def _patiently(self, write: Callable[[], object]) -> None:
        """Write; while the disk is full, try again and say so. Ends with the error when the agent is to stop."""
        while True:
            try:
                write()
            except (OSError, sqlite3.OperationalError) as error:
                if not _is_disk(error) or self.loop.stopping:
                    raise
                if self.hold is None:
                    self.hold = Hold(log.describe(error), time.time())
                    _logger.error("nothing can be written; waiting", exc_info=error)  # noqa: TRY400 - once an outage
                self.loop.pause(FULL_PAUSE)
            else:
                if self.hold is not None:
                    _logger.info("writing again")
                    self.hold = None
                return

    def _tell(self, position: Position, batch: _Batch) -> None:
        events = [event for rows in batch.rows for event in rows.events]
        self.hooks.extend(batch.hooks)
        if events:
            self.delay = time.time() - max(event.at for event in events) / 1e9
        news = Committed(
            position=position,
            events=events,
            spans=sum(len(rows.spans) for rows in batch.rows),
            sessions=frozenset(batch.touched),
            removed=frozenset(batch.removed),
        )
        for listener in self.listeners:
            self._guarded(functools.partial(listener, news))

    # --- when there is nothing to read

    def _housekeep(self) -> float:
        """What is due; returns how long to wait for a poke (seconds)."""
        if self._is_due("strays", STRAYS_INTERVAL):
            taken = self._guarded(self._journal.take_in_strays)
            if taken:
                return 0.0
        if self._is_due("rotate", ROTATE_INTERVAL):
            self._guarded(self._rotate)
        if self._is_due("prune", PRUNE_INTERVAL) and self._guarded(self._prune) is False:
            self._due["prune"] = time.monotonic() + PRUNE_PAUSE
        if self.records - self._shrunk_at > LONG_BACKLOG and self._is_due("shrink", SHRINK_INTERVAL):
            self._guarded(self._shrink)
        wait = self._guarded(self._observe)
        return POLL if wait is None else wait

    def _shrink(self) -> None:
        """After a long backlog: give back the database's mapping and caches, and what Python's allocator kept of it."""
        store, self._store = self._opened(), None
        store.close()
        self._store = Store.open(self._paths)  # the journal stays open where it is
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # glibc's; elsewhere the system decides
            ctypes.CDLL(None).malloc_trim(0)
        self._shrunk_at = self.records

    def _observe(self) -> float:
        """Facts that observers found go to the journal; returns when they want to look again (seconds from now)."""
        if self._incomplete and len(self._state.sessions) < SESSIONS_KEPT // 2:
            self._load_open_sessions()
        observers = self._watch()
        lines = [*observers.step(time.time_ns(), self._state), *map(encode, self._opted_out.found())]
        if lines:
            self._patiently(lambda: self._writer.append(lines))
            return 0.0
        return min(POLL, max(0.0, (observers.next_due() - time.time_ns()) / 1e9))

    def _watch(self) -> Observers:
        if self._observers is None:
            self._observers = self._new_observers()
        return self._observers

    def _new_ahead(self) -> Ahead:
        return Ahead(Repositories(self._roots()), lambda session, event: self._watch().before(session, event))

    def _new_observers(self) -> Observers:
        settings = self._settings.now
        policy = Policy(
            at=0,
            key="",
            adopt_traceparent=settings.traces.parent == "adopt",
            labels={name: dict(project.labels) for name, project in settings.projects.items() if project.labels},
            opted_out=sorted(name for name, project in settings.projects.items() if not project.record),
        )
        return Observers(
            idle_hours=settings.session.idle_hours,
            labels=settings.content.local,
            policy=policy,
            totals=self._lost,
            roots=self._roots(),
            read_record=self.read_record,
        )

    def _roots(self) -> tuple[str, ...]:
        """The folders that transcripts are in."""
        # CLAUDE_CONFIG_DIR is not in the environment of every agent, but `install` wrote to that folder.
        folders = [str(file.parent / "projects") for file in record.files(self._paths)]
        return tuple(dict.fromkeys((*transcript_roots(), *map(os.path.realpath, folders))))

    def _lost(self) -> dict[tuple[str, str], int]:
        """What relays could not write so far, by (where, reason)."""
        return {("relay", reason): total for reason, (total, _) in drops.read(self._paths).items()}

    def _rotate(self) -> None:
        self._journal.rotate_if_due(time.time())

    def _prune(self) -> bool:
        """A slice of what is past retention; False if there is more."""
        keep = self._settings.now.store
        policy = Retention(days=keep.days, bytes=keep.bytes, exported=self.exported())
        return self._opened().prune(policy, time.time_ns()).done

    def _is_due(self, task: str, interval: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(task, 0.0):
            return False
        self._due[task] = now + interval
        return True

    def _guarded(self, task: Callable[[], _T]) -> _T | None:
        """Its result; None if it failed, which is counted and must not keep other tasks from their turn."""
        try:
            return task()
        except Exception as error:  # noqa: BLE001 - each task is a loop's top of its own
            self.loop.failed(error)
            return None


def _is_disk(error: Exception) -> bool:
    """Whether the disk, not the data, is the reason."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _HOLD
    return isinstance(error, OSError) and error.errno in _DISK
