"""Whether the Collector is healthy and its backends accept data, according to its own metrics.

The endpoint takes spans as long as the Collector runs, so an outage of Jaeger or Prometheus shows nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

from hookspan.agent import fetch
from hookspan.config import Collector
from hookspan.values import without_secrets

from .finding import Finding, Status, worst

STUCK_WARNING: Final = 10.0  # seconds without a delivery; the Collector's retries are at most this far apart
STUCK_CRITICAL: Final = 300.0  # seconds; a Prometheus that is down can't alert, so somebody has to
FULL_WARNING: Final = 0.5  # of a queue's capacity
FULL_CRITICAL: Final = 0.9
TIMEOUT: Final = 2.0  # seconds

_PREFIX: Final = "otelcol_exporter_"


class Queue(msgspec.Struct):
    """What one exporter has waiting and may have (in the queue's own unit), and how much it has delivered."""

    size: float = 0.0
    capacity: float = 0.0
    sent: float = 0.0

    @property
    def full(self) -> float:
        """From 0 to 1."""
        return self.size / self.capacity if self.capacity else 0.0


def read(text: str) -> dict[str, Queue]:
    """The queues by exporter, from Prometheus' text format."""
    queues: dict[str, Queue] = {}
    for line in text.splitlines():
        what, _, rest = line.partition("{")
        labels, _, value = rest.partition("} ")
        exporter = f",{labels}".partition(',exporter="')[2].partition('"')[0]
        if not what.startswith(_PREFIX) or not exporter or not value:
            continue
        what, queue = what.removeprefix(_PREFIX).removesuffix("_total"), queues.setdefault(exporter, Queue())
        if what == "queue_size":
            queue.size += float(value)
        elif what == "queue_capacity":
            queue.capacity += float(value)
        elif what.startswith("sent_"):
            queue.sent += float(value)
    return queues


def exposition(url: str) -> str:
    """The Collector's metrics."""
    status, body = fetch.get(url, TIMEOUT)
    if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own
        raise ValueError(f"it says {status}")
    return body.decode("utf-8", "replace")


def answers(url: str | None, timeout: float = TIMEOUT) -> Finding:
    """What the Collector's own health endpoint says."""
    if url is None:
        return Finding(Status.HEALTHY, "not checked: `collector.health` is not set")
    shown = without_secrets(url)
    began = time.monotonic()
    try:
        code, _ = fetch.get(url, timeout)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Finding(
            Status.CRITICAL,
            f"`{shown}` does not answer ({reason})",
            todo="start it; spans wait in the meantime, nothing is lost",
        )
    took = time.monotonic() - began
    if code >= 300:  # noqa: PLR2004 - a redirect is no word on anybody's health
        return Finding(Status.CRITICAL, f"`{shown}` says {code}", took, timeout, "s", "see the collector's own log")
    return Finding(Status.HEALTHY, f"answers in {took * 1000:.0f} ms", took, timeout, "s")


class Backlog:
    """Remembers over many looks since when an exporter that has data waiting has delivered nothing."""

    def __init__(
        self,
        fetch: Callable[[str], str] = exposition,
        alive: Callable[[str | None], Finding] = answers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._alive = alive
        self._clock = clock
        self._since: dict[str, tuple[float, float]] = {}  # by exporter: what it had sent, and when that was new

    def check(self, settings: Collector) -> Finding:
        """The Collector's health; where that is good and its metrics are known, that of its deliveries."""
        health = self._alive(settings.health)
        if health.status is not Status.HEALTHY or settings.metrics is None:
            return health
        try:
            queues = read(self._fetch(settings.metrics))
        except (OSError, ValueError) as error:
            where, why = without_secrets(settings.metrics), getattr(error, "reason", error)
            message = f"its metrics at `{where}` can't be read ({why})"
            return Finding(Status.UNKNOWN, message, todo="correct `collector.metrics`")
        return self._judge(queues) or health

    def _judge(self, queues: dict[str, Queue]) -> Finding | None:
        now = self._clock()
        newest: dict[str, tuple[float, float]] = {}
        status, messages, longest = Status.HEALTHY, [], 0.0
        for name, queue in queues.items():
            sent, since = self._since.get(name, (queue.sent, now))
            if sent != queue.sent or not queue.size:
                since = now
            newest[name] = (queue.sent, since)
            stuck = now - since
            if stuck < STUCK_WARNING and queue.full < FULL_WARNING:
                continue
            critical = stuck >= STUCK_CRITICAL or queue.full > FULL_CRITICAL
            status = worst(status, Status.CRITICAL if critical else Status.WARNING)
            longest = max(longest, stuck)
            messages.append(f"`{name}` has delivered nothing for {stuck:.0f} s, its queue is {queue.full:.0%} full")
        self._since = newest
        if not messages:
            return None
        todo = "start what it delivers to: `hookspan stack status`; the Collector keeps what it can't deliver"
        return Finding(status, "; ".join(messages), longest, STUCK_WARNING, "s", todo)
