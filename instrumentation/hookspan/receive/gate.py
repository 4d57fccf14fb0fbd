"""What is let in: whose connections, of what size, how much at once. Knows nothing of HTTP or gRPC."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from hookspan.config import Signal

from . import otlp
from .otlp import NotOtlpError
from .spans import is_own
from .spool import Spool, Stored

BODY_MAX: Final = 16 << 20  # bytes of a request; the client's have 1 to 35 KB, an SDK's batch of 512 spans 300 KB
AT_ONCE: Final = 64 << 20  # bytes of requests that are being read
RATE: Final = 32 << 20  # bytes a second; 10,000 spans have 5 MB
BURST: Final = 4 * RATE
BUSY_PAUSE: Final = 1  # seconds that a sender is asked to wait while too much is being read
DISK_PAUSE: Final = 30  # seconds that it is asked to wait while nothing can be stored

_logger = logging.getLogger(__name__)


class TooMuchError(Exception):
    """Come again later: in `seconds`."""

    def __init__(self, message: str, seconds: int, status: HTTPStatus = HTTPStatus.TOO_MANY_REQUESTS) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.status = status


class Taken(NamedTuple):
    """A request that was taken; how much of it was not, and why."""

    rejected: int = 0
    message: str = ""


class Gate:
    """Checks requests and stores them. Thread-safe."""

    def __init__(self, spools: Mapping[Signal, Spool]) -> None:
        self._spools = spools
        self._lock = threading.Lock()
        self._reading = 0  # bytes
        self._credit, self._credited = float(BURST), time.monotonic()
        self.taken: Counter[Signal] = Counter()
        self.foreign: Counter[Signal] = Counter()
        self.refused: Counter[str] = Counter()

    def enter(self, size: int) -> None:
        """So many bytes are about to be read; NotOtlpError or TooMuchError."""
        if size > BODY_MAX:
            raise NotOtlpError(f"the request has more than {BODY_MAX} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        with self._lock:
            if self._reading + size > AT_ONCE:
                raise TooMuchError("too much is being sent at once", BUSY_PAUSE, HTTPStatus.SERVICE_UNAVAILABLE)
            self._reading += size

    def leave(self, size: int) -> None:
        """They are read, or will not be."""
        with self._lock:
            self._reading -= size

    def take(self, signal: Signal, body: bytes, *, is_json: bool = False, gzip: bool = False) -> Taken:
        """Store a request; NotOtlpError or TooMuchError.

        When this returns the request is stored, also if this process is killed.
        """
        data = otlp.unpacked(body, gzip=gzip)
        self._pay(len(data))
        parts = otlp.check(signal, data, is_json=is_json)
        if not parts:
            return Taken()
        own = all(is_own(scope) for scope, _ in parts)
        if own or signal == "traces":
            self._store(self._spools[signal], Stored(time.time_ns(), body, json=is_json, gzip=gzip, own=own))
        with self._lock:
            (self.taken if own else self.foreign)[signal] += 1
        if own or signal == "traces":
            return Taken()
        return Taken(sum(items for _, items in parts), f"{signal} are taken from Claude Code alone")

    def refuse(self, why: str) -> None:
        """Count a request that was turned away."""
        with self._lock:
            self.refused[why] += 1

    def _store(self, spool: Spool, request: Stored) -> None:
        try:
            spool.append(request)
        except OSError as error:
            _logger.warning("a request can't be stored", exc_info=error)
            raise TooMuchError("nothing can be stored", DISK_PAUSE, HTTPStatus.SERVICE_UNAVAILABLE) from error

    def _pay(self, size: int) -> None:
        with self._lock:
            now = time.monotonic()
            self._credit = min(float(BURST), self._credit + (now - self._credited) * RATE)
            self._credited = now
            if self._credit < size:
                raise TooMuchError("this is faster than it is taken", math.ceil((size - self._credit) / RATE))
            self._credit -= size
