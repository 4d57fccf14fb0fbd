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
from collections.abc import Mapping
from typing import Any, Final

from hookspan import __version__, atomic
from hookspan.agent import live
from hookspan.agent.control import Answer, Control
from hookspan.agent.ingest import Ingest
from hookspan.agent.live import LiveSettings
from hookspan.agent.lock import FileLock
from hookspan.agent.loop import Loop
from hookspan.agent.sockets import Poke
from hookspan.paths import Paths

HEARTBEAT: Final = 60.0  # seconds; relays give up on an agent after 7 days
WATCH: Final = 5.0  # seconds between two looks at whether there is anything left to do
STOP_DEADLINE: Final = 10.0  # seconds for draining and exporting
DRAIN_SHARE: Final = 0.6  # of it for the journal; the rest is for the export
KEY_BYTES: Final = 32

_logger = logging.getLogger(__name__)


class Resident:
    """One agent, from having the lock to giving it back."""

    def __init__(self, paths: Paths, lock: FileLock, start_lock: FileLock, *, stay: bool) -> None:
        self._paths = paths
        self._lock = lock
        self._start_lock = start_lock
        self._stay = stay
        self._state = "starting"
        self._started = time.time()
        self._stopping = threading.Event()
        self._reload = threading.Event()
        self._changed = threading.Event()  # something for the main thread
        self._asked_at = time.monotonic()  # when somebody last looked

    def run(self) -> int:
        """Come up, work until told to stop or until there is nothing to do, go down. The exit status."""
        self._lock.write(f"{os.getpid()} {__version__}\n")
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, self._on_signal)
        self._settings = LiveSettings(self._paths, live.environment(stay=self._stay))
        self._poke = Poke(self._paths.poke_socket)
        self._ingest = Ingest(self._paths, self._settings, self._poke, read_key(self._paths))
        self._control = Control(self._paths.control_socket, self._operations(), self._about)
        self._control_loop = Loop("control", self._control.accept, wake=self._control.close)
        self._beat()
        self._ingest.loop.start()
        self._control_loop.start()
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
                    self._apply_settings()
                if time.monotonic() - beat >= HEARTBEAT:
                    beat = time.monotonic()
                    self._beat()
                if self._has_nothing_to_do():
                    _logger.info("leaving: nothing to do")
                    return
            except Exception:
                _logger.exception("the main thread's round failed")

    def _beat(self) -> None:
        try:
            self._paths.heartbeat.touch(mode=0o600)
        except OSError as error:
            _logger.warning("no heartbeat", exc_info=error)

    def _has_nothing_to_do(self) -> bool:
        if self._stay or not self._ingest.caught_up or self._ingest.open_sessions():
            return False
        quiet = time.monotonic() - max(self._ingest.active_at, self._asked_at)
        return quiet >= self._settings.now.agent.idle_minutes * 60

    def _go_down(self) -> int:
        """Drain the journal, export what is due, give everything back; 0 when all of it was done in time."""
        deadline = time.monotonic() + STOP_DEADLINE
        self._state = "stopping"
        whole = self._ingest.loop.stop(STOP_DEADLINE * DRAIN_SHARE)
        if whole:
            try:
                whole = self._ingest.drain(time.monotonic() + STOP_DEADLINE * DRAIN_SHARE)
            except Exception:
                _logger.exception("draining failed; the next agent goes on from the last commit")
        # From here on a hook starts the next agent, which waits for our lock.
        self._poke.close()
        self._control_loop.stop()
        if whole:
            self._ingest.close()
        _logger.info("gone", extra={"drained": whole, "seconds": round(STOP_DEADLINE - deadline + time.monotonic(), 3)})
        logging.shutdown()
        self._lock.release()
        sys.stderr.flush()
        os._exit(0)  # a thread that hangs in a library must not keep a process that has given everything back

    # --- settings

    def _apply_settings(self) -> bool:
        good = self._settings.reload()
        if good:
            self._ingest.settings_changed()
        return good

    # --- what the control socket offers

    def _operations(self) -> dict[str, Any]:
        return {
            "ping": lambda _: {},
            "status": self._status,
            "stop": self._stop,
            "reload": self._reload_now,
        }

    def _about(self) -> Answer:
        return {
            "pid": os.getpid(),
            "state": self._state,
            "stay": self._stay,
            "variables": self._settings.variables,
        }

    def _stop(self, _asked: Mapping[str, Any]) -> Answer:
        self._state = "stopping"
        self._stopping.set()
        self._changed.set()
        return {}

    def _reload_now(self, _asked: Mapping[str, Any]) -> Answer:
        return {"reloaded": self._apply_settings(), "problem": self._settings.problem}

    def _status(self, _asked: Mapping[str, Any]) -> Answer:
        self._asked_at = time.monotonic()
        return {}


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
