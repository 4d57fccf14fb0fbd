"""Commits a batch in one transaction (rows, session states, sums, journal position) and then notifies subscribers."""

from __future__ import annotations

import functools
import time
from typing import Final

from hookspan.agent.ingest.disk import Disk
from hookspan.agent.ingest.feed import Committed, Feed
from hookspan.agent.ingest.fold import Batch
from hookspan.agent.ingest.keeper import StoreKeeper
from hookspan.agent.ingest.progress import Progress
from hookspan.agent.ingest.state import FoldState
from hookspan.agent.ingest.unusable import UnusableLines
from hookspan.agent.loop import Interval, Loop
from hookspan.journal import Journal, Position
from hookspan.model import summary
from hookspan.model.rows import Rows
from hookspan.model.state import dump_session, dump_world
from hookspan.store import Commit

SYNC_INTERVAL: Final = 1.0  # seconds between two fdatasyncs of the journal


class Committer:
    """Commits batches and tells the feed of them."""

    def __init__(
        self,
        journal: Journal,
        keeper: StoreKeeper,
        *,
        disk: Disk,
        state: FoldState,
        unusable: UnusableLines,
        progress: Progress,
        feed: Feed,
        loop: Loop,
    ) -> None:
        self._journal = journal
        self._keeper = keeper
        self._disk = disk
        self._state = state
        self._unusable = unusable
        self._progress = progress
        self._feed = feed
        self._loop = loop
        self._sync = Interval(SYNC_INTERVAL)

    def commit(self, position: Position, batch: Batch) -> None:
        """Commit what leads to `position`; a disk that is full is waited for, since all of it is in memory."""
        state = self._state.now
        sessions = {
            id_: (dump_session(session), summary.session_row(state, session))
            for id_ in batch.touched
            if (session := state.sessions.get(id_)) is not None
        }
        world = dump_world(state.world) if batch.world else None
        counts = self._unusable.increments
        rows = [*batch.rows, Rows(increments=counts)] if counts else batch.rows
        commit = Commit(position=position, rows=rows, sessions=sessions, world=world)
        began = time.monotonic()
        self._disk.patiently(lambda: self._write(commit))
        self._progress.commit_time = time.monotonic() - began
        self._progress.position = position

    def tell(self, position: Position, batch: Batch) -> None:
        """Notify the subscribers of a committed batch."""
        events = [event for rows in batch.rows for event in rows.events]
        self._progress.hooks.extend(batch.hooks)
        if events:
            self._progress.delay = time.time() - max(event.at for event in events) / 1e9
        news = Committed(
            position=position,
            events=events,
            spans=sum(len(rows.spans) for rows in batch.rows),
            sessions=frozenset(batch.touched),
            told=frozenset(batch.told),
            removed=frozenset(batch.removed),
            collided=[news for rows in batch.rows for news in rows.collided],
        )
        for subscriber in self._feed.committed:
            self._loop.guarded(functools.partial(subscriber, news))

    def _write(self, commit: Commit) -> None:
        if self._sync.is_due():
            self._journal.sync()
        self._keeper.store.commit(commit)
