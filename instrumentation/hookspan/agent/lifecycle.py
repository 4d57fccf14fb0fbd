"""The agent's state, and what signals or other threads ask its main thread to do."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
from typing import Any, Final

from hookspan.agent.lock import FileLock

VANISH: Final = 0.5  # seconds that deleting the whole state folder may take


class Lifecycle:
    """`stay`: never leave for want of work. `started` in unix seconds. Thread-safe."""

    def __init__(self, lock: FileLock, *, stay: bool) -> None:
        self._lock = lock
        self._stopping = threading.Event()
        self._told_to_stop = self._told_to_reload = False  # by a signal
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()  # something for the main thread
        self.stay = stay
        self.started = time.time()
        self.state = "starting"
        self.asked_at = time.monotonic()  # when a client last asked

    def take_signals(self) -> None:
        """SIGTERM and SIGINT stop the agent, SIGHUP has it read its settings; for the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        """Takes no lock: the main thread, which it interrupts, may hold that. A queue's `put` may interrupt itself."""
        if number == signal.SIGHUP:
            self._told_to_reload = True
        else:
            self._told_to_stop = True
        self._news.put(None)

    def about(self) -> dict[str, Any]:
        """What every answer says of the agent."""
        return {"pid": os.getpid(), "state": self.state, "stay": self.stay}

    # --- asking

    def stop(self) -> None:
        """Ask the agent to stop."""
        self.state = "stopping"
        self._stopping.set()
        self._news.put(None)

    def wake(self) -> None:
        """There is something for the main thread."""
        if self._news.empty():
            self._news.put(None)

    # --- the main thread

    def wait(self, seconds: float) -> None:
        """Wait until something is asked, at most so long."""
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=seconds)
            while True:
                self._news.get_nowait()
        if self._told_to_stop:
            self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether the agent has been asked to stop."""
        return self._told_to_stop or self._stopping.is_set()

    def take_reload(self) -> bool:
        """Whether the settings are to be read at once; each time that was asked is told once."""
        asked, self._told_to_reload = self._told_to_reload, False
        return asked

    # --- the lock

    def is_vanishing(self) -> bool:
        """Whether everything is being deleted: who does that must not meet files that are made anew meanwhile."""
        self._stopping.wait(VANISH)
        return self._lock.lost()
