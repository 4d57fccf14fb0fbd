"""Exports spans, metrics and log records together, as the agent uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.metrics import Meter

from hookspan.model.rows import Span
from hookspan.paths import Paths
from hookspan.store import Identity, Reader

from .convert import Reading
from .db import ExportDb
from .metrics import MetricExport
from .resource import resources
from .settings import ExportSettings
from .spans import SpanExport

if TYPE_CHECKING:
    from .logs import LogExport
    from .queue import QueueExport

ANSWER_PATIENCE: Final = 10.0  # seconds; the agent's main thread waits meanwhile
AGAIN: Final = 86_400 * 10**9  # nanoseconds; endpoints that were away for longer are rare, months to send again dear


class Exporter:
    """Sends what the store holds to an OTLP endpoint. Without an endpoint it waits for one: that is a normal state.

    To be started after `Store.open` and before the first commit.
    """

    def __init__(
        self,
        paths: Paths,
        settings: ExportSettings,
        *,
        gauges: Callable[[], Iterable[Reading]] = list,
        permit: Callable[[ExportSettings], bool] = lambda _: True,
        conversation: Callable[[Span, int], Mapping[str, str]] = lambda _span, _limit: {},
        clock: Callable[[], int] = time.time_ns,
        damaged: Callable[[Identity], None] = lambda _: None,
    ) -> None:
        """All are called from the exporter's threads.

        Args:
            paths: Whose store and cursor.
            settings: Until `apply` says others.
            gauges: Read at each export of metrics.
            permit: Asked before each request whether these settings are still those to go by; if not, it waits.
            conversation: What was said in a span, in so many bytes an attribute; asked only where it may leave.
            clock: Unix nanoseconds.
            damaged: Hears in which file a reader of the store met damage.
        """
        self._clock = clock
        self.db = ExportDb.open(paths)
        self._lost = False  # nobody knows what was sent before
        self._reader = Reader(paths, damaged=damaged)
        self._switch(settings)
        make_resources = partial(resources, paths)
        self.spans = SpanExport(
            self._reader, self.db, settings, make_resources, permit=permit, conversation=conversation, clock=clock
        )
        self.logs: LogExport | None = None
        if settings.sends("logs"):
            from .logs import LogExport  # noqa: PLC0415 - few want them

            self.logs = LogExport(
                self._reader, self.db, settings, make_resources, key=paths.audit_key, permit=permit, clock=clock
            )
        self.metrics = MetricExport(
            self._reader, self.db, settings, make_resources, gauges=gauges, permit=permit, clock=clock
        )

    @property
    def meter(self) -> Meter:
        """For the agent's own instruments (resource `hookspan`)."""
        return self.metrics.meter

    @property
    def protected(self) -> int | None:
        """For the store's retention: spans after this key wait for export; None if nothing is exported."""
        return self.db.cursor.pack() if self.db.enabled else None

    @property
    def protected_logs(self) -> int | None:
        """The same of log records."""
        return self.db.cursor_of("logs").pack() if self.logs is not None else None

    @property
    def _queues(self) -> list[QueueExport[Any]]:
        return [self.spans, *([self.logs] if self.logs is not None else [])]

    @property
    def _parts(self) -> list[QueueExport[Any] | MetricExport]:
        return [*self._queues, self.metrics]

    def start(self) -> None:
        """Begin."""
        self.metrics.attach()
        for queue in self._queues:
            queue.start()

    def committed(self) -> None:
        """To be called after every commit."""
        self.metrics.committed()
        for queue in self._queues:
            queue.committed()

    def apply(self, settings: ExportSettings) -> None:
        """Go on with other settings; another interval or temporality, or log records or none, need another exporter."""
        self._switch(settings)
        self.metrics.apply(settings)
        for queue in self._queues:
            queue.apply(settings)

    def drain(self, seconds: float) -> bool:
        """Send all that is there, spans and then the others, at most so long; False if something is left."""
        until = time.monotonic() + seconds
        drained = [part.drain(max(0.0, until - time.monotonic())) for part in self._parts]
        return all(drained)

    def stop(self, seconds: float = 1.0, *, another_begins: bool = False) -> None:
        """Stop; what was not sent is sent after the next start.

        If `another_begins`, differences of metrics that are on their way are waited for somewhat longer: they would be
        sent again, which counts them twice.
        """
        until = time.monotonic() + seconds
        self.metrics.begin_no_more()
        ended = [queue.stop(max(0.1, until - time.monotonic())) for queue in self._queues]
        patience = min(self.metrics.answer_due, ANSWER_PATIENCE) if another_begins else 0.0
        ended.append(self.metrics.stop(max(0.1, until - time.monotonic(), patience)))
        if all(ended):
            self._reader.close()
            self.db.close()

    def stats(self) -> dict[str, Any]:
        """What `status` and health show: the spans' numbers, and under `metrics` and `logs` the others'."""
        about = {"cursor_lost": self._lost, "renewed": self.db.renewed}
        return {
            **self.spans.stats(),
            "metrics": self.metrics.stats(),
            "logs": None if self.logs is None else self.logs.stats(),
            **about,
        }

    def _switch(self, settings: ExportSettings) -> None:
        """Where a signal is sent that wasn't, its export begins with what comes from now on.

        If the cursor is lost, a day is sent again: a span twice is one span, one that never came is missing.
        """
        measures = settings.sends("metrics")
        kind = f"{settings.temporality}{' and genai' if settings.genai_metrics else ''}"
        if measures is not self.db.measuring or (measures and kind != self.db.temporality):
            self.db.measure(on=measures, temporality=kind)
        lost, self.db.replaced = self.db.replaced, False
        self._lost = self._lost or (lost and (settings.sends("traces") or settings.sends("logs")))
        again = self._reader.place_before(self._clock() - AGAIN) if lost else None
        if again:
            self.db.set_cursor("logs", again)
        if settings.sends("traces") and not self.db.enabled:
            self.db.switch_on(again or self._reader.last_span())
        elif not settings.sends("traces") and self.db.enabled:
            self.db.switch_off()
