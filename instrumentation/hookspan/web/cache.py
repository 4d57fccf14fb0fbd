"""Caches answers for `dashboard.cache_ttl` seconds, and counts hits and misses."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from hookspan.web import schemas

ENTRIES: Final = 256
BYTES: Final = 16 << 20  # of answers; a session page of 10,000 spans takes half a megabyte


class Cache:
    """Encoded answers by question. Thread-safe; equal questions that come at once are asked once."""

    def __init__(self, ttl: Callable[[], float]) -> None:
        self._ttl = ttl
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()
        self._asking: dict[Hashable, threading.Lock] = {}
        self._bytes = 0
        self._cleared = 0  # times; an answer that was asked for before the last one is not kept
        self.hits = 0
        self.misses = 0

    def get(self, question: Hashable, ask: Callable[[], bytes]) -> bytes:
        """The answer to `question`, from `ask` if there is none that is young enough."""
        with self._lock:
            if (body := self._fresh(question)) is not None:
                return body
            asking = self._asking.setdefault(question, threading.Lock())
        with asking:
            with self._lock:
                if (body := self._fresh(question)) is not None:
                    return body
                self.misses += 1
                cleared = self._cleared
            try:
                answer = ask()
            finally:
                with self._lock:
                    self._asking.pop(question, None)
            self._put(question, answer, cleared)
            return answer

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._entries.clear()
            self._cleared += 1
            self._bytes = 0

    def report(self) -> schemas.Cache:
        """What the page shows."""
        with self._lock:
            self._expire()
            asked = self.hits + self.misses
            oldest = min((at for at, _ in self._entries.values()), default=None)
            return schemas.Cache(
                hits=self.hits,
                misses=self.misses,
                hit_rate=self.hits / asked if asked else 0.0,
                entries=len(self._entries),
                oldest=0.0 if oldest is None else (time.monotonic() - oldest) * 1e3,
                ttl=self._ttl() * 1e3,
            )

    def _fresh(self, question: Hashable) -> bytes | None:
        entry = self._entries.get(question)
        if entry is None or time.monotonic() - entry[0] >= self._ttl():
            return None
        self.hits += 1
        return entry[1]

    def _put(self, question: Hashable, answer: bytes, cleared: int) -> None:
        with self._lock:
            self._drop(question)
            if len(answer) > BYTES or self._ttl() <= 0 or cleared != self._cleared:
                return
            self._entries[question] = (time.monotonic(), answer)
            self._bytes += len(answer)
            self._expire()
            while len(self._entries) > ENTRIES or self._bytes > BYTES:
                self._drop(next(iter(self._entries)))

    def _expire(self) -> None:
        limit = time.monotonic() - self._ttl()
        for question in [question for question, (at, _) in self._entries.items() if at <= limit]:
            self._drop(question)

    def _drop(self, question: Hashable) -> None:
        entry = self._entries.pop(question, None)
        if entry is not None:
            self._bytes -= len(entry[1])
