"""Exports metrics to an OTLP endpoint: the store's sums, the gauges of the moment, and the agent's own instruments."""

from __future__ import annotations

import dataclasses
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)

from hookspan import __version__
from hookspan.catalogue.metrics import BY_NAME, REPEATED
from hookspan.catalogue.scopes import SCHEMA_URL, SCOPE
from hookspan.store import Reader, StoreDamaged

from . import answer, sender
from .answer import Answer
from .convert import Point, Reading, by_service, of_service, resource_metrics
from .db import ExportDb
from .exemplars import Exemplars
from .own import Differences
from .resource import Resources
from .sender import Sender
from .series import Noted, temporality
from .settings import ExportSettings

CUMULATIVE: Final[dict[type, AggregationTemporality]] = dict.fromkeys(
    (Counter, Histogram, ObservableCounter, ObservableGauge, ObservableUpDownCounter, UpDownCounter),
    AggregationTemporality.CUMULATIVE,
)
COMPLAINT_PAUSE: Final = 60.0  # seconds
NOT_TAKEN_PAUSE: Final = 300.0  # seconds until an endpoint that takes no metrics is asked again: it may be another now
DRAIN_PAUSE: Final = 0.5  # seconds between attempts while somebody waits
ZERO_TO_VALUE: Final = 0.01  # seconds at least between a series' zero and its value when there is no interval to wait

_logger = logging.getLogger(__name__)


class MetricExport:
    """Exports at an interval, everything as of one moment.

    What the endpoint knows of a series is kept in `export.db`, across restarts. Nothing of the store is sent while it
    is behind what was sent before (it is being rebuilt, or lost its last second in a power failure): a cumulative value
    that falls would be taken for a restart and counted again.

    The agent's own instruments are collected as cumulative sums in any case, since a failed export must lose nothing.
    """

    def __init__(
        self,
        reader: Reader,
        db: ExportDb,
        settings: ExportSettings,
        resources: Resources,
        *,
        permit: Callable[[ExportSettings], bool],
        gauges: Callable[[], Iterable[Reading]] = list,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._reader, self._db, self._settings, self._gauges, self._clock = reader, db, settings, gauges, clock
        self._permit, self._resources = permit, resources
        self._both = resources(
            settings.resource, settings.identity
        )  # that of the store's series and gauges, and the agent's
        self._sender: Sender | None = None
        self._lock = threading.Lock()  # settings and sender
        self._exporting = threading.Lock()  # held during an export
        self._attached = self._attach_due = False
        self._stopped = threading.Event()
        self._until = 0.0  # until then somebody waits
        self._exports = self._failures = self._in_a_row = self._last_success = self._rejected = self._series = 0
        self._last_error, self._retry_at, self._complained = "", 0.0, float("-inf")
        self._not_taken = False  # the endpoint takes no metrics, by its last answer
        self._complete = True  # the last export had every series with its value
        self._record = 0
        self._noting = threading.Lock()
        self._unnoted: tuple[str, int, Noted] | None = None  # what the endpoint has of which store, not noted yet
        self._temporality = temporality(settings, reader)
        self._own = Differences()
        self._exemplars = Exemplars(clock())
        interval = settings.interval * 1e3
        self._provider = MeterProvider(
            [PeriodicExportingMetricReader(_Exporter(self.export), interval, settings.timeout * 1e3)],
            self._both[1],
            shutdown_on_exit=False,
        )
        self.meter: Meter = self._provider.get_meter(SCOPE, __version__, SCHEMA_URL)
        """For the agent's own instruments."""
        # Without any instrument the SDK would not call the exporter at all.
        series = BY_NAME["hookspan.agent.series"]
        self.meter.create_observable_gauge(series.name, [self._observe_series], series.unit, series.description)

    # --- For the agent

    def attach(self) -> None:
        """Begin with the store as it is. To be called before its first commit, which would not be counted."""
        self._attached = False
        self._attach_due = self._settings.sends("metrics")
        self.committed()

    def committed(self) -> None:
        """The store has new sums."""
        if self._attach_due:
            self._try_to_attach()

    def apply(self, settings: ExportSettings) -> None:
        """Go on with other settings; another interval or temporality needs a new start."""
        with self._lock:
            if settings != self._settings:
                self._settings, self._in_a_row, self._retry_at, self._not_taken = settings, 0, 0.0, False
                self._last_error = ""
                self._both = self._resources(settings.resource, settings.identity)
                self._close()
        self.attach()

    @property
    def answer_due(self) -> float:
        """Seconds until differences that are on their way are answered at the latest; 0 for sums."""
        return self._settings.timeout if self._settings.temporality == "delta" and self._exporting.locked() else 0.0

    def drain(self, seconds: float) -> bool:
        """Export now, new series with zero and value, until it is done, the time is over or this ends; True if done.

        Nothing is left of what the endpoint does not take.
        """
        until = time.monotonic() + seconds
        drained: Future[bool] = Future()
        threading.Thread(target=self._drain, args=(until, drained), name="export-drain", daemon=True).start()
        try:
            return drained.result(seconds)
        except TimeoutError:
            return False

    def begin_no_more(self) -> None:
        """Nothing more is sent than what is on its way."""
        self._stopped.set()

    def stop(self, seconds: float = 1.0) -> bool:
        """End, without a last export; False if one is still going on."""
        until = time.monotonic() + seconds
        self.begin_no_more()
        self._provider.shutdown(seconds * 1e3)
        ended = self._exporting.acquire(timeout=max(0.0, until - time.monotonic()))
        with self._lock:
            self._close()
        if ended:
            if reason := self._try_to_note():
                _logger.error("what the endpoint has can't be noted: it is sent again", extra={"reason": reason})
            self._exporting.release()
            return True
        return False

    def stats(self) -> dict[str, Any]:
        """What `status` and health show. `state` is `off`, `sending`, `holding` or `refused` (not taken)."""
        failing = "refused" if self._not_taken else "holding" if self._in_a_row else "sending"
        return {
            "state": failing if self._settings.sends("metrics") else "off",
            "series": self._series,
            "exports": self._exports,
            "rejected": self._rejected,
            "failures": self._failures,
            "last_success": self._last_success,
            "last_error": self._last_error,
            "attached": self._attached,
        }

    # --- Called by the SDK's reader, one call at a time

    def export(self, own: MetricsData) -> MetricExportResult:
        """Send the agent's own metrics and, beside them, those of the store."""
        with self._exporting:
            return self._export(own)

    def _export(self, own: MetricsData) -> MetricExportResult:
        with self._lock:
            settings = self._settings
            if self._stopped.is_set() or not settings.sends("metrics"):
                return MetricExportResult.SUCCESS
            if not self._permit(settings):
                return MetricExportResult.FAILURE
            until = self._until if time.monotonic() < self._until else None
            if until is None and time.monotonic() < self._retry_at:
                return MetricExportResult.FAILURE
            if self._sender is None:
                self._sender = sender.make(settings, "metrics")
            ready, (resource, agents) = self._sender, self._both
        delta, unnoted = settings.temporality == "delta", self._try_to_note()
        # What is sent again counts twice where it is added up.
        record, due = (None, []) if delta and unnoted else self._points()
        epoch = self._db.epoch
        points = self._exemplars.chosen(due)
        now = self._clock()
        ready.limit(until)
        # The SDK's provider has the resource that it was made with.
        mine = [dataclasses.replace(one, resource=agents) for one in own.resource_metrics]
        if delta:
            mine = [self._own.of(one) for one in mine]
        kind = AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE
        done = [
            resource_metrics(some, read, of_service(resource, service), now, kind)
            for service, (some, read) in by_service(points, self._readings()).items()
        ]
        data = MetricsData([*done, *mine])
        reply = ready.send(data)
        if not reply.accepted:
            if not self._stopped.is_set():
                self._failed(reply)
            return MetricExportResult.FAILURE
        self._own.arrived()
        self._exemplars.arrived(points)
        self._rejected += reply.rejected
        if record is not None:
            self._unnoted = epoch, record, self._temporality.arrived(points, now)
            unnoted = self._try_to_note()
        if unnoted:
            self._failed(Answer(error=f"what was sent can't be noted in export.db: {unnoted}"))
            return MetricExportResult.FAILURE
        self._complete = record is not None and not any(point.opening for point in points)
        self._record = record or 0
        self._exports, self._in_a_row, self._last_success, self._last_error = self._exports + 1, 0, self._clock(), ""
        self._not_taken = False
        return MetricExportResult.SUCCESS

    def _points(self) -> tuple[int | None, list[Point]]:
        """The store's series as of a record; None while it is not to be sent."""
        if self._attach_due:
            self._try_to_attach()
        snapshot = self._reader.series()
        if snapshot is None or not self._attached or snapshot.epoch != self._db.epoch:
            return None, []
        self._series = len(snapshot.series)
        for each in snapshot.series:
            each.exemplars = [one for one in each.exemplars if self._is_sent(each.instrument, one.trace_id)]
        if snapshot.record < self._db.measured:
            return None, []
        left_out = frozenset() if self._settings.genai_metrics else REPEATED
        series = [one for one in snapshot.series if one.instrument not in left_out]
        return snapshot.record, self._temporality.points(series, self._db.announced)

    def _is_sent(self, instrument: str, trace_id: str) -> bool:
        """Whether an exemplar leads somewhere."""
        settings = self._settings
        if not settings.sends("traces") or (BY_NAME[instrument].exemplar == "hook" and not settings.hook_spans):
            return False
        known = self._db.trace(trace_id)
        return not settings.sampling.on or settings.sampling.selects(trace_id) or bool(known and known.threshold)

    def _readings(self) -> list[Reading]:
        try:
            return list(self._gauges())
        except Exception:
            _logger.exception("the gauges can't be read")
            return []

    def _failed(self, reply: Answer) -> None:
        self._in_a_row += 1
        self._last_error = reply.error
        again, self._not_taken = self._not_taken and reply.not_taken, reply.not_taken
        if reply.not_taken:
            self._retry_at = time.monotonic() + NOT_TAKEN_PAUSE
        elif reply.retry_after:  # else the interval is pause enough
            self._retry_at = time.monotonic() + answer.delay(1, reply)
        self._failures += 1  # why is there before others see that it has failed
        if not again and time.monotonic() - self._complained >= COMPLAINT_PAUSE:
            self._complained = time.monotonic()
            extra = {
                "endpoint": self._settings.shown_of("metrics"),
                "reason": reply.error,
                "failures": self._in_a_row,
            }
            _logger.warning("metrics can't be exported; the sums continue", extra=extra)

    # --- Inside

    def _note(self) -> None:
        """Note what the endpoint has, unless the series have begun anew since."""
        with self._noting:
            if self._unnoted is not None:
                epoch, record, noted = self._unnoted
                if epoch == self._db.epoch:
                    self._db.sent(record, noted)
                self._unnoted = None

    def _try_to_note(self) -> str:
        """Why it can't be noted; empty if it is."""
        try:
            self._note()
        except (sqlite3.Error, OSError, StoreDamaged) as error:
            return str(error)
        return ""

    def _try_to_attach(self) -> None:
        """Tie `export.db` to the store's sums, at once or when a rebuilt store has caught up with what was exported."""
        snapshot = self._reader.series()
        if snapshot is None:
            return
        if self._db.epoch != snapshot.epoch:
            self._note()
            if snapshot.record < self._db.measured:
                return
            self._db.attach(snapshot.epoch, snapshot.series, self._clock())
        self._attached, self._attach_due = True, False

    def _drain(self, until: float, drained: Future[bool]) -> None:
        done = False
        try:
            done = self._export_all(until)
        finally:
            drained.set_result(done)

    def _export_all(self, until: float) -> bool:
        snapshot = self._reader.series()
        target = snapshot.record if snapshot is not None else 0
        self._until = until
        try:
            while time.monotonic() < until and self._settings.sends("metrics") and not self._stopped.is_set():
                before = self._exports
                self._flush(until)
                succeeded = self._exports > before
                if self._not_taken or (succeeded and self._complete and self._record >= target):
                    return True
                time.sleep(max(0.0, min(ZERO_TO_VALUE if succeeded else DRAIN_PAUSE, until - time.monotonic())))
            return not self._settings.sends("metrics")
        finally:
            self._until = 0.0

    def _flush(self, until: float) -> None:
        try:
            self._provider.force_flush(max(1.0, (until - time.monotonic()) * 1e3))
        except Exception:
            _logger.exception("metrics can't be collected")

    def _close(self) -> None:
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _observe_series(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._series)]


class _Exporter(MetricExporter):
    """What the SDK's reader drives."""

    def __init__(self, export: Callable[[MetricsData], MetricExportResult]) -> None:
        super().__init__(preferred_temporality=CUMULATIVE)
        self._export = export

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:  # noqa: ARG002
        """Pass it on; the settings' timeout is the one that counts."""
        return self._export(metrics_data)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002
        """Nothing is held back here."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """MetricExport closes what there is to close."""
