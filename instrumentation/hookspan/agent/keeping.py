"""Keeps content while the agent runs: what transcripts get is searchable, and archived if wanted, within a second."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hookspan.agent.ingest import Committed
from hookspan.agent.loop import FIRST_PAUSE, LAST_PAUSE, Interval, Loop
from hookspan.agent.settings import AgentSettings
from hookspan.catalogue.session_fields import SessionRow
from hookspan.config import Settings
from hookspan.content import ContentDb, Deleted, HookEvents, Intake, Kept, Limits, sources, title_of
from hookspan.model.sessions import UNHEARD
from hookspan.observe.transcript_paths import Roots
from hookspan.opted_out import OptedOut
from hookspan.paths import Paths
from hookspan.setup import receipts
from hookspan.store import Identity, Reader, StoreDamaged, set_aside
from hookspan.store.database import damage_noticed

ROUND: Final = 0.5  # seconds between two looks at sessions that do something
REST: Final = 2.0  # seconds after its newest event that a session is looked at: the client writes its lines after hooks
AT_ONCE: Final = 64  # sessions of a round
STAND_BACK: Final = 9  # times as long as a round took is the pause behind it while the agent is behind
BACKLOG_PAUSE: Final = 0.02  # between two sessions that are only caught up on
IDLE: Final = 30.0
PATIENCE: Final = 60 * 1_000_000_000  # ns that a session may take until it has a transcript
PRUNE_INTERVAL: Final = 600.0
HOUR: Final = 3600 * 1_000_000_000
DAY: Final = 24 * HOUR
SETTLED: Final = 2 * HOUR  # without an event, after which a session's last lines are packed
SESSIONS_MAX: Final = 100_000
REBUILD_PAUSE: Final = 60.0  # seconds until readers may have it made anew again, doubled each time

_logger = logging.getLogger(__name__)


class Keeping:
    """A loop of its own, so that events never wait for it: of a backlog's time it takes a tenth.

    Args:
        paths: Whose content.
        settings: Of the agent.
        reader: The store.
        is_vanishing: Asked before the database is made: whether the whole state folder is being deleted.
        behind: For how many seconds there have been events that are not in the store.
    """

    def __init__(
        self,
        paths: Paths,
        settings: AgentSettings,
        reader: Reader,
        is_vanishing: Callable[[], bool] = lambda: False,
        behind: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._reader = reader
        self._events = HookEvents(paths, reader)
        self._is_vanishing = is_vanishing
        self._behind = behind
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._busy: dict[str, float] = {}  # sessions, with the time (monotonic) of their newest commit
        self._removed: set[str] = set()  # they have left the store
        self._is_compared = False  # with the store: some may have left it as the agent ended
        self._backlog: deque[str] = deque()
        self._backlog_pause, self._backlog_from = FIRST_PAUSE, 0.0  # after a failure, and when it is over (monotonic)
        self._mode: tuple[bool, bool] = (False, False)  # is content kept, is it archived
        self._pruning = Interval(PRUNE_INTERVAL)
        self._content: ContentDb | None = None
        self._intake: Intake | None = None
        self._is_new = False  # and its backlog not taken in yet
        self._reported: Identity | None = None  # a reader met damage in this one
        self._rebuilds, self._rebuild_from = 0, 0.0  # made anew so often, and when it may be again (monotonic seconds)
        self.loop = Loop("content", self.step, wake=self._wake.set)

    def committed(self, news: Committed) -> None:
        """There is something new of sessions, or they have left the store. Called in the ingest thread."""
        if not news.sessions and not news.removed:
            return
        now = time.monotonic()
        with self._lock:
            was_idle = not self._busy
            self._busy.update(dict.fromkeys(news.sessions, now))
            self._removed |= news.removed
        if was_idle or news.removed:
            self._wake.set()

    def damage_met(self, identity: Identity) -> None:
        """From any thread: a reader met damage in that file. If it is the database, a new one is made."""
        if time.monotonic() >= self._rebuild_from:
            self._reported = identity
            self._wake.set()

    @property
    def unread(self) -> int:
        """How many sessions a new database is still to be filled from: not all that they said is found yet."""
        return len(self._backlog) if self._is_new else 0

    def settings_changed(self) -> None:
        """The next step uses the new settings."""
        self._wake.set()

    def step(self) -> None:
        """One round, and the wait for the next."""
        settings = self._settings.now
        mode = settings.content.local, settings.content.local and settings.archive.enabled
        if mode != self._mode:
            self._mode = mode
            self._backlog = deque(self._known(settings) if mode[0] else ())
        self._look_at_damage()
        self.loop.guarded(lambda: self._forget_removed(settings))
        if self._pruning.is_due():
            self.loop.guarded(lambda: self._prune(settings))
        sessions = self._due()
        if mode[0]:
            began = time.monotonic()
            try:
                rest = self._take(sessions, settings)
            except Exception:
                self._fails(sessions)
                raise  # the loop pauses, longer each time
            self._later(rest)
            if self._has_backlog() and not rest:
                self._catch_up(settings)
            self._is_new = self._is_new and bool(self._backlog)
            if self._behind() > REST:
                self.loop.pause(STAND_BACK * (time.monotonic() - began))
            if rest or self._has_backlog():
                self.loop.pause(BACKLOG_PAUSE)
                return
        self._wake.wait(ROUND if sessions or self._backlog else IDLE)
        self._wake.clear()

    def stop(self, timeout: float) -> None:
        """End the loop and close the database; what is missing is taken in at the next start."""
        if self.loop.stop(timeout):
            self.close()

    def close(self) -> None:
        """Close the database."""
        content, self._content, self._intake = self._content, None, None
        if content is not None:
            content.close()

    def _due(self) -> list[str]:
        """The sessions to look at now, those first whose turn was longest ago."""
        now = time.monotonic()
        with self._lock:
            sessions = list(itertools.islice(self._busy, AT_ONCE))
            for session in sessions:
                at = self._busy.pop(session)
                if now < at + REST:
                    self._busy[session] = at
        return sessions

    def _later(self, sessions: list[str]) -> None:
        """Look at them once more; the first, which had its turn, behind the others."""
        now = time.monotonic()
        with self._lock:
            for session in (*sessions[1:], *sessions[:1]):
                self._busy.pop(session, None)
                self._busy[session] = now

    def _fails(self, sessions: Iterable[str]) -> None:
        """Try them again as what is left from before, with growing pauses: nothing new need happen in them."""
        if not self._backlog:
            self._backlog_from = time.monotonic() + self._backlog_pause
        self._backlog.extend(session for session in sessions if session not in self._backlog)

    def _has_backlog(self) -> bool:
        return bool(self._backlog) and time.monotonic() >= self._backlog_from

    def _catch_up(self, settings: Settings) -> None:
        """Take in what there is of the backlog's first session; where that fails, it is tried again behind the others.

        After a pause, since it may be all of them that fail, as on a full disk.
        """
        backlog = self._backlog  # which is another one where damage is met
        rest = self.loop.guarded(lambda: self._take([backlog[0]], settings))
        if rest is None:
            backlog.rotate(-1)
            self._backlog_from = time.monotonic() + self._backlog_pause
            self._backlog_pause = min(2 * self._backlog_pause, LAST_PAUSE)
            return
        self._backlog_pause = FIRST_PAUSE
        if not rest:
            backlog.popleft()

    def _known(self, settings: Settings) -> list[str]:
        """Sessions whose transcripts may have what is not kept yet, the newest first."""
        since = content_since(settings, time.time_ns())
        return [row.id for row in self._reader.sessions(since=since, limit=SESSIONS_MAX)]

    def _take(self, sessions: Sequence[str], settings: Settings) -> list[str]:
        """Take in what there is of sessions, in one transaction; those of which there is more."""
        hidden = OptedOut(settings.projects).names
        rows = [row for row in map(self._reader.session, sessions) if row is not None and row.project not in hidden]
        intake = self._open() if rows else None
        if intake is None:
            return []
        try:
            with damage_noticed(self._paths.content_db), intake.round():
                folders = receipts.transcript_folders(self._paths)
                return [row.id for row in rows if not self._take_one(intake, row, settings, folders)]
        except StoreDamaged:
            self._set_aside()
            return []
        except Exception:
            if len(rows) == 1:
                raise
            # One of them is the cause: the others don't wait for it.
            found = [self.loop.guarded(functools.partial(self._take, [row.id], settings)) for row in rows]
            if not any(one is not None for one in found):
                raise
            self._fails(row.id for row, one in zip(rows, found, strict=True) if one is None)
            return [session for one in found if one for session in one]

    def _take_one(self, intake: Intake, row: SessionRow, settings: Settings, folders: Roots) -> bool:
        """Take in what there is of a session; False if there is more."""
        state = self._reader.state_of(row.id)
        found = sources(state, self._reader, row.id, folders)
        title, now = title_of(state), time.time_ns()
        since = max(content_since(settings, now), first_of(row))
        if found:
            return not intake.take(kept(row, title), found, archive=settings.archive.enabled, since=since)
        if not row.ended and now - row.started < PATIENCE:
            return True
        return not intake.take_events(kept(row, title), self._events, since)

    def _open(self) -> Intake | None:
        """What writes the database, made or made anew if need be; None while all is being deleted."""
        try:
            if self._content is not None:
                self._content.check()
                return self._intake
            if self._is_vanishing():
                return None
            self._is_new = self._is_new or not self._paths.content_db.exists()
            self._content = ContentDb.open(self._paths)
        except StoreDamaged:
            if self._content is not None and self._is_vanishing():
                return None
            self._set_aside()
            self._content = ContentDb.open(self._paths)
        self._intake = Intake(self._content)
        return self._intake

    def _look_at_damage(self) -> None:
        reported, self._reported = self._reported, None
        with contextlib.suppress(FileNotFoundError):
            if reported is not None and reported == Identity.of(self._paths.content_db):
                _logger.error("a reader met damage in kept content")
                self._rebuild_from = time.monotonic() + REBUILD_PAUSE * 2**self._rebuilds
                self._rebuilds += 1
                self._set_aside()

    def _set_aside(self) -> None:
        """Move a damaged database out of the way; what is still in transcripts is taken in anew."""
        self.close()
        self._is_new = True
        aside = set_aside(self._paths.content_db, time.time_ns())
        about = {"set_aside": None if aside is None else str(aside)}
        _logger.error("kept content was damaged", exc_info=sys.exc_info()[1], extra=about)
        self._backlog = deque(self._known(self._settings.now) if self._mode[0] else ())

    def _forget_removed(self, settings: Settings) -> None:
        """Delete what is kept of sessions that have left the store, since their project is not to be recorded."""
        hidden = OptedOut(settings.projects).names if not self._is_compared else frozenset()
        with self._lock:
            removed = frozenset(self._removed)
        if (hidden or removed) and self._paths.content_db.exists() and self._open() and self._content is not None:
            lately = self._content.sessions_of(hidden, limits(settings, time.time_ns()).content)
            gone = removed.union(session for session in lately if self._reader.session(session) is None)
            if gone:
                self._content.forget(sorted(gone))
                self._intake = Intake(self._content)  # it remembers files by keys, which are free now
        self._is_compared = True
        with self._lock:
            self._removed -= removed

    def _prune(self, settings: Settings) -> None:
        if self._paths.content_db.exists():
            intake = self._open()
            if intake is not None and self._content is not None:
                while intake.settle(time.time_ns() - SETTLED) and not self.loop.stopping:
                    pass
                prune(self._content, settings, time.time_ns(), is_stopped=lambda: self.loop.stopping)


def kept(row: SessionRow, title: str) -> Kept:
    """What is kept of a session beside its messages; `title`: its own, not its first prompt."""
    return Kept(
        id=row.id,
        project=row.project,
        branch=row.branch,
        model=row.model,
        title=title,
        started=row.started,
        last=row.last // HOUR * HOUR,  # it decides what is deleted, in days: not worth a write each time
    )


def first_of(row: SessionRow) -> int:
    """From when on messages in its transcript are the session's own: a fork's begins with its parent's."""
    if row.local:
        return 0
    return row.started - (0 if row.source == "fork" else UNHEARD)


def content_since(settings: Settings, now: int) -> int:
    """From when on messages are kept, Unix ns: as long as the archive, else as long as raw content."""
    until = limits(settings, now)
    return until.archive if settings.archive.enabled else until.content


def limits(settings: Settings, now: int) -> Limits:
    """Up to when what is deleted at `now` (Unix ns), in whole hours and days: each deletion has words to merge."""
    return Limits(
        content=(now - settings.journal.raw_hours * HOUR) // HOUR * HOUR,
        archive=(now - settings.archive.days * DAY) // DAY * DAY,
        titles=(now - settings.store.days * DAY) // DAY * DAY,
        bytes=settings.archive.bytes,
    )


def prune(
    content: ContentDb, settings: Settings, now: int, *, is_stopped: Callable[[], bool] = lambda: False
) -> Deleted:
    """Delete what is past its time, to the last byte."""
    total = Deleted()
    while not is_stopped():
        part = content.prune(limits(settings, now))
        total.sessions += part.sessions
        total.messages += part.messages
        total.lines += part.lines
        if part.done:
            break
    try:
        content.erase()
    except sqlite3.OperationalError:  # somebody reads: the next round goes on with it
        _logger.info("deleted content is still in the log")
    return total
