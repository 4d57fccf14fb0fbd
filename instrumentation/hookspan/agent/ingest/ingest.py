"""The ingest loop: the order of its steps, and how it returns to the last commit when one fails."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from hookspan.agent.ingest import presence
from hookspan.agent.ingest.committer import Committer
from hookspan.agent.ingest.disk import Disk, Hold, is_disk
from hookspan.agent.ingest.feed import Feed
from hookspan.agent.ingest.fold import Batch, BatchFold
from hookspan.agent.ingest.keeper import Mended, StoreKeeper
from hookspan.agent.ingest.observing import Observing
from hookspan.agent.ingest.prerequisites import Prerequisites
from hookspan.agent.ingest.progress import Progress
from hookspan.agent.ingest.reader import JournalReader
from hookspan.agent.ingest.state import FoldState
from hookspan.agent.ingest.unusable import UnusableLines
from hookspan.agent.ingest.upkeep import Upkeep
from hookspan.agent.ingest.watermark import Watermark
from hookspan.agent.loop import Interval, Loop
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.journal import Journal, Line, Position, Tail, Writer
from hookspan.paths import Paths
from hookspan.record import plain
from hookspan.store import Identity, SpanKey, StoreMoved, is_damage
from hookspan.wire import encode

POLL: Final = 1.0  # seconds; a relay that could not poke (a full queue) is noticed so soon
QUIET: Final = 60.0  # seconds without an event, after which ..
QUIET_POLL: Final = 2.0  # .. so many are between two looks: most of what an agent at rest costs is to wake up
WAIT_POLL: Final = 0.01  # seconds
GATHER: Final = 0.05  # seconds between two batches while events keep coming: a transaction costs as much as four
FILES_INTERVAL: Final = 1.0  # seconds between two looks at what else is held open


class Ingest:
    """`step` is for a loop; everything else is read by other threads and never blocks.

    Args:
        paths: Whose journal and store.
        settings: Of the agent.
        poke: Tells of new lines.
        key: The install's secret for digests.
        feed: Hears of the store.
        watermark: How far the export has come.
        is_vanishing: Whether the whole state folder is being deleted, asked before lost files are made anew.
    """

    def __init__(
        self,
        paths: Paths,
        settings: AgentSettings,
        poke: Poke,
        key: bytes,
        *,
        feed: Feed | None = None,
        watermark: Watermark | None = None,
        is_vanishing: Callable[[], bool] = lambda: False,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._poke = poke
        self._feed = Feed() if feed is None else feed
        self._watermark = Watermark() if watermark is None else watermark
        self.loop = loop = Loop("ingest", self.step, wake=poke.wake)
        self.progress = Progress()
        self._journal = Journal(paths)
        self._writer = Writer(paths)
        self._disk = Disk(loop)
        self._keeper = StoreKeeper(paths, loop, self._disk, is_vanishing)
        self.state = FoldState(self._keeper)
        self._reader = JournalReader(paths, self._watermark)
        self._unusable = UnusableLines(self._journal, self._disk)
        self._observing = Observing(paths, settings, self._journal.read_record, key)
        if (changes := self._observing.watch.descriptor) is not None:
            poke.also(changes, self._observing.watch.read)
        self._prerequisites = Prerequisites(self._observing.roots, self._observing.before)
        self._fold = BatchFold(
            settings,
            key,
            state=self.state,
            prerequisites=self._prerequisites,
            unusable=self._unusable,
            loop=loop,
        )
        self._committer = Committer(
            self._journal,
            self._keeper,
            disk=self._disk,
            state=self.state,
            unusable=self._unusable,
            progress=self.progress,
            feed=self._feed,
            loop=loop,
        )
        self.upkeep = Upkeep(
            paths,
            self._journal,
            self._keeper,
            settings,
            key,
            state=self.state,
            progress=self.progress,
            watermark=self._watermark,
            ingest=loop,
        )
        self._files = Interval(FILES_INTERVAL)
        self._stale = False  # state or reader are ahead of the last commit
        self._singly = 0  # so many lines go one by one, to find the one that can't be committed
        self._unwritten: list[bytes] = []  # what observers found; they tell it once
        self._whole = False  # the store was empty when it was opened: the journal is read from its beginning

    # --- the loop

    def step(self) -> None:
        """Take one batch, or wait for something to do."""
        self._settings.look()
        if damage := self._keeper.damage():
            self._mend(damage)
        if not self._keeper.is_open:
            self._open()
        if self._files.is_due():
            for look in self._feed.every_second:
                self.loop.guarded(look)
        began = time.monotonic()
        if self._take_batch():
            self.upkeep.amid_backlog()
            return
        if self.upkeep.between_batches():
            return
        self.progress.caught_up, self.progress.caught_up_at = True, began
        wait = self.loop.guarded(self._observe)
        self._poke.wait(self._poll() if wait is None else wait)
        self._gather()

    def _gather(self) -> None:
        """The first event after a pause is taken at once; those right behind it together."""
        if (left := self.progress.active_at + GATHER - time.monotonic()) > 0:
            self.loop.pause(left)

    def drain(self, deadline: float) -> bool:
        """Take all that is in the journal now; `deadline` in monotonic seconds. False if it came first."""
        if not self._keeper.is_open:
            self._open()
        self._journal.take_in_strays()
        while self._take_batch():
            if time.monotonic() > deadline:
                return False
        return True

    def close(self) -> None:
        """Close the store and the journal, and watch nothing any more."""
        self._leave()
        if (changes := self._observing.watch.descriptor) is not None:
            self._poke.no_more(changes)
            self._observing.watch.close()

    # --- opening and mending

    def _leave(self) -> None:
        self._reader.leave()
        self._keeper.close()

    def _open(self) -> None:
        try:
            self._disk.patiently(self._load)
        except Exception as error:
            self._leave()
            if not is_damage(error):
                raise
            self._set_aside(error)
            self._load()
        self._announce()
        if self._whole:  # what gets a number that was exported before would never be
            exported = SpanKey.unpack(max(self._watermark.spans or 0, self._watermark.logs or 0)).record
            self._journal.count_from(max(self._watermark.metrics, exported + 1))

    def _load(self) -> None:
        """Open the store and stand where it ends."""
        self._leave()
        self._keeper.open()
        self._reload()
        position = self.progress.position
        self._whole = position is None
        with contextlib.closing(Tail(self._paths, position, mend=False)) as rest:
            self._prerequisites.restart(rest)

    def _reload(self) -> None:
        """Begin again from the last commit."""
        self.state.load()
        self.progress.position = self._keeper.store.position()
        self._reader.begin(self.progress.position)
        self._stale = False

    def _announce(self) -> None:
        """Tell that the store is open.

        What is committed before the exporter has noted where it begins is never sent: a full disk is waited for.
        """
        try:
            self._disk.patiently(self._feed.tell_opened)
        except Exception as error:  # noqa: BLE001 - whoever is told must not keep the journal from being read
            self.loop.failed(error)

    def _mend(self, error: Exception) -> None:
        """Restore a store whose files match what its connections hold, with all data that can be recovered."""
        if not self._keeper.save(error):
            self._set_aside(error)
        self._open()

    def _set_aside(self, error: Exception) -> None:
        error = self._keeper.cause(error)
        self._leave()
        self.progress.hooks.clear()  # they are read again
        self._keeper.set_aside(error)

    # --- a batch

    def _take_batch(self) -> bool:
        """Read, fold and commit; False when there is nothing to read."""
        if self._stale:
            self._reload()
        lines = self._reader.read(1 if self._singly else self._fold.size)
        if not lines:
            return False
        self.progress.caught_up = False
        self.progress.active_at = time.monotonic()
        self._singly = max(0, self._singly - 1)
        self._unusable.begin()
        try:
            batch = self._fold.batch(lines)
            self._write_prerequisites()
            self._commit(self._reader.position, batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next step begins at the last commit
            self._recover(error, lines, self._reader.position)
        self.progress.records += len(lines)
        self._observing.wake()
        return True

    def _write_prerequisites(self) -> None:
        """What was folded before its line is in the journal before what it led to is in the store."""
        if lines := self._prerequisites.lines():
            self._disk.patiently(lambda: self._writer.append(lines))
            self._prerequisites.written()

    def _commit(self, position: Position, batch: Batch) -> None:
        self._committer.commit(position, batch)
        self._prerequisites.committed()
        self.state.let_go(batch.touched)
        self._committer.tell(position, batch)

    def _recover(self, error: Exception, lines: Sequence[Line], position: Position) -> None:
        """Return to the last commit, and skip a line that can't be committed."""
        self._stale = True  # whatever fails from here on, nothing is read before the last commit is loaded again
        if is_damage(error):
            self._mend(error)
            return
        if isinstance(error, StoreMoved):
            self._leave()  # opened again where the other one stands
            raise error
        self._reload()
        if is_disk(error) or isinstance(error, sqlite3.Error | OSError):
            raise error  # the lines are not the cause: they are read again after a pause
        self.loop.failed(error)
        if len(lines) > 1:
            self._singly = len(lines)
            return
        self._unusable.begin()
        self._unusable.add("commit", lines[0], "raised")
        self._prerequisites.begin()
        self._commit(position, Batch())
        self._reader.begin(position)

    # --- when there is nothing to read

    def _observe(self) -> float:
        """Facts that observers found go to the journal; returns when they want to look again (seconds from now)."""
        if not self._unwritten:
            self.state.complete()
            self._unwritten += self._observing.lines(self.state.now)
            self._unwritten += map(encode, self._fold.opted_out_folders())
        if self._unwritten:
            self._disk.patiently(lambda: self._writer.append(self._unwritten))
            self._unwritten = []
            return 0.0
        return min(self._poll(), self._observing.wait())

    def _poll(self) -> float:
        return POLL if time.monotonic() - self.progress.active_at < QUIET else QUIET_POLL

    # --- from other threads

    def damage_met(self, identity: Identity) -> None:
        """A reader met damage in that file. If it is the store as it is now, it is set aside and rebuilt."""
        if self._keeper.damage_met(identity):
            self._poke.wake()

    def came_back(self) -> None:
        """An agent starts: the journal is to have since when there was none. Before its first sign of life."""
        gap = presence.gap(self._paths.heartbeat, time.time_ns()) if self._settings.now.export.sends("logs") else None
        if gap is not None:
            self._writer.append([encode(gap)])

    def settings_changed(self) -> None:
        """The observers get the new settings at their next step."""
        self._observing.settings_changed()
        self._poke.wake()

    def wait_caught_up(self, deadline: float) -> bool:
        """Wait until what was in the journal at the call is committed, with strays; `deadline` in monotonic seconds."""
        self.upkeep.strays_are_due()
        asked = time.monotonic()
        self._poke.wake()
        progress, journal = self.progress, self._journal
        while not (progress.caught_up and progress.caught_up_at >= asked) or journal.strays_held:  # in this order
            if time.monotonic() > deadline:
                return False
            time.sleep(WAIT_POLL)
        return True

    @property
    def hold(self) -> Hold | None:
        """Why nothing can be written at the moment; None if it can."""
        return self._disk.hold

    @property
    def mended(self) -> Mended | None:
        """What happened last to the store's files; None if nothing did."""
        return self._keeper.mended

    def report(self) -> dict[str, Any]:
        """What `status` shows."""
        progress, hold, mended = self.progress, self.hold, self.mended
        return {
            **self.loop.report(),
            "records": progress.records,
            "caught_up": progress.caught_up,
            "behind_seconds": round(progress.behind(), 3),
            "backlog_bytes": 0 if progress.caught_up else self._reader.backlog(),
            "delay_seconds": round(progress.delay, 3),
            "commit_seconds": round(progress.commit_time, 4),
            "quarantined": self._unusable.lines + self._reader.set_aside,
            "whole": self._whole,
            "restarts": self._reader.restarts,
            "damaged_segments": self._reader.damaged,
            "open_sessions": self.state.open_sessions(),
            "hold": None if hold is None else msgspec.structs.asdict(hold),
            "mended": None if mended is None else plain(mended),
        }
