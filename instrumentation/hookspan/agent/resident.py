"""The agent itself: the order in which its parts start and stop, and when it exits by itself.

The main thread takes signals, touches the heartbeat and watches; the work is done by loops (ingest, control, health,
upkeep, notify) and the exporter's threads, each of which survives what it meets.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Final

from hookspan import __version__
from hookspan.agent import parts
from hookspan.agent.ingest import presence
from hookspan.agent.lifecycle import Lifecycle
from hookspan.agent.lock import FileLock
from hookspan.agent.parts import Parts
from hookspan.paths import Paths

HEARTBEAT: Final = 60.0  # seconds; relays give up on an agent after 7 days
WATCH: Final = 5.0  # seconds between two looks at whether there is anything left to do
STOP_DEADLINE: Final = 10.0  # seconds for draining and exporting
DRAIN_SHARE: Final = 0.6  # of it for the journal; the rest is for the export

_logger = logging.getLogger(__name__)


def run(paths: Paths, lock: FileLock, start_lock: FileLock, *, stay: bool, port: int = 0) -> int:
    """Run an agent, from having the lock to releasing it; the exit status.

    `port`: where the page was before, 0 for nowhere.
    """
    lifecycle = Lifecycle(lock, stay=stay)
    lifecycle.take_signals()
    resident = Resident(paths, parts.make(paths, lifecycle, port=port), lifecycle, lock)
    resident.come_up(start_lock)
    resident.watch()
    return resident.go_down()


class Resident:
    """One agent's main thread."""

    def __init__(self, paths: Paths, made: Parts, lifecycle: Lifecycle, lock: FileLock) -> None:
        self._paths = paths
        self._parts = made
        self._lifecycle = lifecycle
        self._lock = lock

    def come_up(self, start_lock: FileLock) -> None:
        """Start all parts, and show other starters that an agent runs."""
        try:
            self._parts.ingest.came_back()
        except OSError as error:
            _logger.warning("the time without an agent can't be told", exc_info=error)
        self._beat()
        self._parts.page.start()
        self._parts.receiving.start()
        self._lifecycle.state = "running"  # so is told whoever gets an answer, which one of the loops gives
        for loop in self._parts.loops:
            loop.start()
        start_lock.write("")  # relays count failed starts in it; this one worked
        start_lock.release()
        _logger.info("ready", extra={"version": __version__, "pid": os.getpid(), "stay": self._lifecycle.stay})

    def watch(self) -> None:
        """Work until told to stop or until there is nothing to do."""
        settings, lifecycle = self._parts.settings, self._lifecycle
        beat = time.monotonic()
        while not lifecycle.stopping:
            lifecycle.wait(WATCH)
            try:
                if lifecycle.take_reload():
                    settings.reload()
                settings.look()
                settings.tell()
                if time.monotonic() - beat >= HEARTBEAT:
                    beat = time.monotonic()
                    self._beat()
                if self._lock.lost():
                    self._vanish()
                if self._has_nothing_to_do():
                    _logger.info("leaving: nothing to do")
                    self._parts.ingest.upkeep.finish_segment()
                    return
            except Exception:
                _logger.exception("the main thread's round failed")

    def go_down(self) -> int:
        """Drain the journal, export what is due, give everything back; 0 when all of it was done in time."""
        deadline = time.monotonic() + STOP_DEADLINE
        ingest, exports = self._parts.ingest, self._parts.exports
        self._lifecycle.state = "stopping"
        exported = False
        self._parts.receiving.stop()
        whole = ingest.loop.stop(STOP_DEADLINE * DRAIN_SHARE)
        # From here on a hook starts the next agent, which waits for our lock. Whoever poked us before is drained.
        self._parts.poke.close()
        if whole:
            try:
                whole = ingest.drain(time.monotonic() + STOP_DEADLINE * DRAIN_SHARE)
                exported = exports.drain(min(deadline - time.monotonic(), exports.patience()))
            except Exception:
                _logger.exception("draining failed; the next agent goes on from the last commit")
        exports.stop()
        self._parts.page.stop()
        self._parts.control.stop()
        self._parts.monitor.loop.stop(1.0)
        ingest.upkeep.loop.stop(1.0)
        self._parts.keeping.stop(1.0)
        self._parts.staying.loop.stop(1.0)
        self._parts.reader.close()  # the last connection to be closed merges the write-ahead log
        if whole:
            ingest.close()
        self._beat(ended=whole)
        _logger.info(
            "gone",
            extra={
                "drained": whole,
                "exported": exported,
                "seconds": round(STOP_DEADLINE - deadline + time.monotonic(), 3),
            },
        )
        logging.shutdown()
        self._lock.release()
        sys.stderr.flush()
        os._exit(0)  # a thread that hangs in a library must not keep the process, which has released everything

    def _beat(self, *, ended: bool = False) -> None:
        try:
            presence.beat(self._paths.heartbeat, ended=ended)
        except OSError as error:
            _logger.warning("no heartbeat", exc_info=error)

    def _vanish(self) -> None:
        """The run folder was deleted, and the names in it may be another agent's: leave without touching anything.

        What we have not committed the other one reads.
        """
        _logger.error("leaving: the lock's file is gone, so that another agent can start beside this one")
        logging.shutdown()
        os._exit(0)

    def _has_nothing_to_do(self) -> bool:
        ingest = self._parts.ingest
        if self._lifecycle.stay or not ingest.progress.caught_up or ingest.state.open_sessions():
            return False
        stats = self._parts.exports.stats()
        if stats is not None and (stats["queue"] or (stats["logs"] or {}).get("queue")):
            return False
        if self._parts.page.connections or self._parts.receiving.waiting:
            return False
        quiet = time.monotonic() - max(ingest.progress.active_at, self._lifecycle.asked_at)
        return quiet >= self._parts.settings.now.agent.idle_minutes * 60
