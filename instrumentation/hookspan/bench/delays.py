"""How long after a tool's end its span is at an endpoint, and in a Jaeger behind it."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from hookspan.bench.endpoint import endpoint
from hookspan.bench.load import sessions
from hookspan.errors import UserError
from hookspan.sandbox import sandbox

RATE: Final = 100.0  # events a second, as the bars have it
PATIENCE: Final = 60.0  # seconds in which a span is looked for
POLL: Final = 0.025
ASKERS: Final = 8


def to_endpoint(seconds: float) -> list[float]:
    """Seconds from a tool's end to its span at an endpoint, at RATE events a second by relay processes."""
    with sandbox("bench") as home, endpoint() as target:
        home.cli("config", "set", "export.endpoint", target.url)
        home.cli("up")
        with sessions(home, int(RATE * seconds), RATE):
            pass
        home.cli("flush")
        return list(target.counts()["ages"])


def to_jaeger(otlp: str, jaeger: str, seconds: float) -> list[float]:
    """Seconds from a tool's end until Jaeger shows its span in the turn's trace, at RATE events a second."""
    watch = _Watch(f"{jaeger.rstrip('/')}/api/v3/traces/")
    with sandbox("bench") as home:
        home.cli("config", "set", "export.endpoint", otlp)
        home.cli("up")
        with sessions(home, int(RATE * seconds), RATE, watch.recorded):
            watch.start()
        watch.stop()
    if not watch.seconds:
        raise UserError(f"no span of a tool was found at {jaeger} within {PATIENCE:.0f} s")
    return watch.seconds


class _Watch:
    """Threads that each take the newest tool call and ask for its trace until its span is there."""

    def __init__(self, traces: str) -> None:
        self.seconds: list[float] = []
        self._traces = traces
        self._newest: deque[tuple[float, str, str]] = deque(maxlen=1)  # ended when, trace, call
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(ASKERS)]

    def recorded(self, event: Mapping[str, Any]) -> None:
        """An event was recorded."""
        if event["hook_event_name"] == "PostToolUse":
            self._newest.append((time.time(), event["prompt_id"].replace("-", ""), event["tool_use_id"]))

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait for the calls that are being looked for, and take no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL):
            with contextlib.suppress(IndexError):
                self._look(*self._newest.pop())

    def _look(self, ended: float, trace: str, call: str) -> None:
        while time.time() - ended < PATIENCE:
            if call.encode() in _get(self._traces + trace):
                self.seconds.append(time.time() - ended)
                return
            time.sleep(POLL)


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return b""
