"""The agent itself: what it holds, in which order it comes up and goes down, and when it leaves on its own.

The main thread takes signals, touches the heartbeat and watches; the work is done by loops (ingest, control, export,
health), each of which survives what it meets.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from hookspan import __version__, atomic, hooktime
from hookspan.agent import health, log, settings, status
from hookspan.agent.backlog import Backlog
from hookspan.agent.control import Answer, Control
from hookspan.agent.exports import Exports
from hookspan.agent.gauges import Gauges
from hookspan.agent.health import Checked, Monitor
from hookspan.agent.ingest import Ingest
from hookspan.agent.lock import FileLock
from hookspan.agent.loop import Loop
from hookspan.agent.notify import Notifier
from hookspan.agent.page import Page
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.agent.upkeep import Upkeep
from hookspan.errors import UserError
from hookspan.journal import drops
from hookspan.paths import Paths
from hookspan.setup import relay
from hookspan.store import Reader, StoreDamaged

HEARTBEAT: Final = 60.0  # seconds; relays give up on an agent after 7 days
WATCH: Final = 5.0  # seconds between two looks at whether there is anything left to do
VANISH: Final = 0.5  # seconds that deleting the whole state folder may take
STOP_DEADLINE: Final = 10.0  # seconds for draining and exporting
DRAIN_SHARE: Final = 0.6  # of it for the journal; the rest is for the export
KEY_BYTES: Final = 32
FLUSH_WAIT: Final = 10.0  # seconds
FLUSH_POLL: Final = 0.05  # seconds between looks for what has no span yet
FLUSH_SHARE: Final = 0.7  # of that time at most for what has no span yet; the rest is for export
FLUSH_WAIT_MAX: Final = 3600.0

_T = TypeVar("_T")

_logger = logging.getLogger(__name__)


class Resident:
    """One agent, from having the lock to giving it back."""

    def __init__(self, paths: Paths, lock: FileLock, start_lock: FileLock, *, stay: bool, port: int = 0) -> None:
        """`port`: where the page was before, 0 for nowhere."""
        self._paths = paths
        self._lock = lock
        self._start_lock = start_lock
        self._stay = stay
        self._port = port
        self._state = "starting"
        self._started = time.time()
        self._stopping = threading.Event()
        self._reload = threading.Event()
        self._outdated = threading.Event()  # parts of the agent go by settings that are no longer in force
        self._changed = threading.Event()  # something for the main thread
        self._failures_seen = 0
        self._asked_at = time.monotonic()  # when somebody last looked

    def run(self) -> int:
        """Come up, work until told to stop or until there is nothing to do, go down. The exit status."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, self._on_signal)
        key = read_key(self._paths)
        self._settings = AgentSettings(self._paths, settings.environment(stay=self._stay))
        self._poke = Poke(self._paths.poke_socket)
        self._ingest = Ingest(self._paths, self._settings, self._poke, key)
        self._upkeep = Upkeep(
            self._paths,
            self._settings,
            key,
            next_record=self._ingest.next_record,
            repositories=self._ingest.repositories,
        )
        self._reader = Reader(self._paths, damaged=self._ingest.damage_met)
        self._notifier = Notifier(self._settings, self._reader)
        self._monitor = Monitor(self._checks(), self._health_changed)
        self._page = Page(
            self._paths,
            self._settings,
            self._ingest,
            status=lambda: self._status({}),
            rounds=self._monitor.newest,
            port=self._port,
        )
        gauges = Gauges(
            self._paths,
            self._ingest,
            self._reader,
            monitor=self._monitor,
            loops=self._loops,
            exports=self._export_stats,
            connections=lambda: self._page.connections,
        )
        self._exports = Exports(self._paths, self._settings, gauges, damaged=self._ingest.damage_met)
        self._ingest.opened = self._store_opened
        self._ingest.vanishing = self._is_vanishing
        self._ingest.looked = lambda: self._exports.look_after_db(self._is_vanishing)
        self._ingest.exported = self._exports.protected
        self._ingest.measured = self._exports.measured
        self._ingest.listeners += [self._exports.committed, self._page.committed, self._notifier.committed]
        self._backlog = Backlog()
        self._health_loop = Loop("health", self._check)
        self._control = Control(self._paths.control_socket, self._operations(), self._about)
        self._control_loop = Loop("control", self._control.accept, wake=self._control.close)
        self._beat()
        self._page.start()
        self._settings.changed = self._settings_changed
        for loop in self._loops():
            loop.start()
        self._state = "running"
        self._start_lock.write("")  # relays count failed starts in it; this one worked
        self._start_lock.release()
        _logger.info("ready", extra={"version": __version__, "pid": os.getpid(), "stay": self._stay})
        self._watch()
        return self._go_down()

    # --- the main thread

    def _on_signal(self, number: int, _frame: object) -> None:
        (self._reload if number == signal.SIGHUP else self._stopping).set()
        self._changed.set()

    def _watch(self) -> None:
        beat = time.monotonic()
        while not self._stopping.is_set():
            self._changed.wait(WATCH)
            self._changed.clear()
            try:
                if self._reload.is_set():
                    self._reload.clear()
                    self._settings.reload()
                self._settings.look()
                self._tell_settings()
                if time.monotonic() - beat >= HEARTBEAT:
                    beat = time.monotonic()
                    self._beat()
                if self._lock.lost():
                    self._vanish()
                if self._has_nothing_to_do():
                    _logger.info("leaving: nothing to do")
                    return
            except Exception:
                _logger.exception("the main thread's round failed")

    def _vanish(self) -> None:
        """The run folder was deleted, and the names in it may be another agent's: leave without touching anything.

        What we have not committed the other one reads.
        """
        _logger.error("leaving: the lock's file is gone, so that another agent can start beside this one")
        logging.shutdown()
        os._exit(0)

    def _is_vanishing(self) -> bool:
        """Whether everything is being deleted: who does that must not meet files that are made anew meanwhile."""
        self._stopping.wait(VANISH)
        return self._lock.lost()

    def _beat(self) -> None:
        try:
            self._paths.heartbeat.touch(mode=0o600)
        except OSError as error:
            _logger.warning("no heartbeat", exc_info=error)

    def _has_nothing_to_do(self) -> bool:
        if self._stay or not self._ingest.caught_up or self._ingest.open_sessions():
            return False
        stats = self._exports.stats()
        if stats is not None and stats["queue"]:
            return False
        if self._page.connections:
            return False
        quiet = time.monotonic() - max(self._ingest.active_at, self._asked_at)
        return quiet >= self._settings.now.agent.idle_minutes * 60

    def _go_down(self) -> int:
        """Drain the journal, export what is due, give everything back; 0 when all of it was done in time."""
        deadline = time.monotonic() + STOP_DEADLINE
        self._state = "stopping"
        exported = False
        whole = self._ingest.loop.stop(STOP_DEADLINE * DRAIN_SHARE)
        # From here on a hook starts the next agent, which waits for our lock. Whoever poked us before is drained.
        self._poke.close()
        if whole:
            try:
                whole = self._ingest.drain(time.monotonic() + STOP_DEADLINE * DRAIN_SHARE)
                exported = self._exports.drain(min(deadline - time.monotonic(), self._exports.patience()))
            except Exception:
                _logger.exception("draining failed; the next agent goes on from the last commit")
        self._exports.stop()
        self._page.stop()
        self._control_loop.stop()
        self._health_loop.stop(1.0)
        self._upkeep.loop.stop(1.0)
        self._reader.close()  # the last connection to be closed merges the write-ahead log
        if whole:
            self._ingest.close()
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
        os._exit(0)  # a thread that hangs in a library must not keep a process that has given everything back

    def _export_stats(self) -> dict[str, Any] | None:
        return self._exports.stats()

    def _export_stats_now(self) -> dict[str, Any] | None:
        stats = self._exports.stats()
        if stats is None and self._settings.now.export.on:
            raise UserError("export begins once the store is open")
        return stats

    def _store_opened(self) -> None:
        self._reader.close()  # its connections may be to a file that was set aside
        self._exports.store_opened()
        self._page.store_opened()

    def _loops(self) -> list[Loop]:
        return [self._ingest.loop, self._control_loop, self._health_loop, self._upkeep.loop, self._notifier.loop]

    # --- settings

    def _settings_changed(self) -> None:
        """From whatever thread saw it first; the parts are told by the main one, since they have locks of their own."""
        self._outdated.set()
        self._changed.set()

    def _tell_settings(self) -> None:
        if not self._outdated.is_set():
            return
        self._outdated.clear()
        self._ingest.settings_changed()
        self._exports.settings_changed()
        self._notifier.settings_changed()
        self._page.settings_changed()
        if self._paths.relay_conf.exists():
            relay.write_conf(self._paths, self._settings.now)

    # --- health

    def _check(self) -> None:
        self._monitor.run()
        self._health_loop.pause(self._settings.now.monitor.interval)

    def _checks(self) -> dict[str, health.Check]:
        return {
            "hook path": lambda: health.hook_path(self._ingest.hooks_now()),
            "lost events": lambda: health.relay_drops(drops.read(self._paths), time.time()),
            "ingest": self._check_ingest,
            "store": self._check_store,
            "export": lambda: health.export(self._exports.stats()),
            "resources": lambda: health.resources(self._paths),
            "collector": lambda: self._backlog.check(self._settings.now.collector, health.collector),
            "installation": lambda: health.installation(self._paths),
            "dashboard": self._check_page,
        }

    def _check_ingest(self) -> health.Finding:
        ingest, seen = self._ingest, self._failures_seen
        self._failures_seen = ingest.loop.failures
        return health.ingest(
            health.IngestView(
                alive=ingest.loop.alive,
                behind=ingest.behind(),
                hold=ingest.hold.reason if ingest.hold is not None else None,
                mended=ingest.mended,
                failures=ingest.loop.failures - seen,
                quarantined=ingest.quarantined,
            )
        )

    def _check_page(self) -> health.Finding:
        return self._page.check()

    def _check_store(self) -> health.Finding:
        latency = health.least(self._reader.counts)
        return health.store(latency, status.store(self._paths)["bytes"], self._settings.now.store.bytes)

    def _health_changed(self, name: str, checked: Checked) -> None:
        self._notifier.health_changed(name, checked)
        finding = checked.finding
        level = logging.INFO if finding.status is health.Status.HEALTHY else logging.WARNING
        _logger.log(level, "health", extra={"check": name, "status": finding.status, "value": finding.value})

    # --- what the control socket offers

    def _operations(self) -> dict[str, Any]:
        return {
            "ping": lambda _: {},
            "status": self._status,
            "stop": self._stop,
            "reload": self._reload_now,
            "way": lambda _: {"with": self._settings.env},
            "settings": lambda _: {"settings": self._settings.now.as_dict()},
            "flush": self._flush,
            "open": self._page.open,
            "health": lambda _: {"history": [found.report() for found in self._monitor.history]},
        }

    def _about(self) -> Answer:
        return {
            "pid": os.getpid(),
            "state": self._state,
            "stay": self._stay,
            "url": self._page.url,
            "variables": self._settings.variables,
        }

    def _stop(self, _asked: Mapping[str, Any]) -> Answer:
        self._state = "stopping"
        self._stopping.set()
        self._changed.set()
        return {}

    def _reload_now(self, _asked: Mapping[str, Any]) -> Answer:
        reloaded = self._settings.reload()
        self._tell_settings()
        return {"reloaded": reloaded, "problem": self._settings.problem}

    def _flush(self, asked: Mapping[str, Any]) -> Answer:
        """Wait until all of the journal is in the store, what is over has its span, and that is exported."""
        began = time.monotonic()
        wait = min(float(asked.get("wait", FLUSH_WAIT)), FLUSH_WAIT_MAX)
        deadline = began + wait
        drained = self._ingest.wait_caught_up(deadline)
        while drained and self._ingest.unwritten() and time.monotonic() < began + wait * FLUSH_SHARE:
            time.sleep(FLUSH_POLL)
            drained = self._ingest.wait_caught_up(deadline)
        try:
            exported = self._exports.drain(deadline - time.monotonic())
        except StoreDamaged:  # ingest has been told, and rebuilds the store
            drained = self._ingest.wait_caught_up(deadline)
            exported = self._exports.drain(deadline - time.monotonic())
        stats = self._exports.stats()
        return {
            "drained": drained,
            "unwritten": self._ingest.unwritten(),
            "exported": exported,
            "spans_left": 0 if stats is None else stats["queue"],
            "export": "off" if stats is None else stats["state"],
            "error": "" if stats is None else stats["last_error"],
            "metrics": "off" if stats is None else stats["metrics"]["state"],
            "metrics_error": "" if stats is None else stats["metrics"]["last_error"],
            "seconds": time.monotonic() - began,
        }

    def _status(self, _asked: Mapping[str, Any]) -> Answer:
        self._asked_at = time.monotonic()
        files = status.files(self._paths)
        files["store"] |= _part(lambda: msgspec.structs.asdict(self._reader.counts()))
        latest = self._monitor.latest
        return {
            **files,
            "agent": {"version": __version__, "started": self._started, **self._about()},
            "ingest": self._ingest.report(),
            "hooks": hooktime.statistics(self._ingest.hooks_now()),
            "export": _part(self._export_stats_now),
            "health": latest.report() if latest is not None else None,
            "notify": self._notifier.report(),
            "loops": {loop.name: loop.report() for loop in self._loops()},
            "settings": self._settings.report(),
            "settings_problem": self._settings.problem,
        }


def _part(read: Callable[[], _T]) -> _T | dict[str, str]:
    """A part of the report; one that can't be told says why, and the others are shown."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - shown in place of the part
        return {"problem": log.describe(error)}


def read_key(paths: Paths) -> bytes:
    """The install's secret for digests, 32 bytes, made at first use; only who has the agent's lock may call this."""
    try:
        key = paths.key.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) != KEY_BYTES:
        key = os.urandom(KEY_BYTES)
        atomic.write(paths.key, key, mode=0o600)
    return key
