"""A thread that survives errors: what a step raises is counted, logged and shown; after a pause the next step runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from hookspan.agent import log

FIRST_PAUSE: Final = 0.5  # seconds after a failure, doubled with each further one
LAST_PAUSE: Final = 30.0

_T = TypeVar("_T")

_logger = logging.getLogger(__name__)


class Loop:
    """Runs `step` again and again until `stop`; `step` itself waits, so that there is no busy loop."""

    def __init__(self, name: str, step: Callable[[], None], *, wake: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.failures = 0
        self.last_failure = ""
        self.last_failure_at = 0.0  # unix seconds, 0 for never
        self._step = step
        self._wake = wake
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 0.0) -> bool:
        """Ask it to end after the current step, and wait; False if it took longer."""
        self._stopping.set()
        self._wake()
        if timeout > 0 and self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def pause(self, seconds: float) -> None:
        """Wait within a step; `stop` ends the wait."""
        self._stopping.wait(seconds)

    def failed(self, error: Exception) -> None:
        """Count a failure that a step dealt with itself."""
        self.failures += 1
        self.last_failure = log.describe(error)
        self.last_failure_at = time.time()
        _logger.error("loop %s failed", self.name, exc_info=error, extra={"failures": self.failures})

    def guarded(self, task: Callable[[], _T]) -> _T | None:
        """A task's result; None if it failed, which is counted and must not keep others from their turn."""
        try:
            return task()
        except Exception as error:  # noqa: BLE001 - each task is a loop's top of its own
            self.failed(error)
            return None

    def report(self) -> dict[str, Any]:
        """What `status` shows."""
        return {
            "alive": self.alive,
            "failures": self.failures,
            "last_failure": self.last_failure or None,
            "last_failure_at": self.last_failure_at or None,
        }

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                self._step()
                pause = FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - the loop's top: counted, logged, shown
                self.failed(error)
                self._stopping.wait(pause)
                pause = min(pause * 2, LAST_PAUSE)


class Interval:
    """When something is due that a loop does every so many seconds; at once for the first time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether to do it now; the interval begins anew then."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + self._seconds
        return True

    def again_in(self, seconds: float) -> None:
        """Be due earlier or later than the interval says, once."""
        self._due = time.monotonic() + seconds
