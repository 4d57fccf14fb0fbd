"""The metrics that are read at each export: the agent's own, and the gauges that go with the store's sums."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hookspan import __version__
from hookspan.agent import status
from hookspan.agent.health import RANK, History
from hookspan.agent.ingest import Ingest
from hookspan.agent.loop import Loop
from hookspan.agent.page import Page
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import service_of
from hookspan.catalogue.enums import ExportOutcome, SessionPhase
from hookspan.catalogue.metrics import READ_OF_AGENT, Kind
from hookspan.paths import Paths
from hookspan.store import Reader

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    from hookspan.export import Reading

IN_A_ROW: Final = 15 * 60 * 1_000_000_000  # ns; as the description of the gauge says

Values = Iterable[tuple[float, Mapping[str, str]]]


class Gauges:
    """Reads everything at the moment of an export, from the exporter's thread."""

    def __init__(
        self,
        paths: Paths,
        ingest: Ingest,
        reader: Reader,
        history: History,
        loops: Sequence[Loop],
        page: Page,
        *,
        exports: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._paths = paths
        self._ingest = ingest
        self._reader = reader
        self._history = history
        self._loops = loops
        self._exports = exports
        self._page = page

    def readings(self) -> list[Reading]:
        """Gauges with the resource of what coding agents did, and with the service of one that is not Claude Code."""
        from hookspan.export import Reading  # noqa: PLC0415 - only where something is exported

        summary = self._reader.summary(time.time_ns(), local=False)
        sessions = [row for row in self._reader.sessions(open_only=True) if not row.local]
        phases = {"": Counter(summary.phases)}
        for row in sessions:
            if service := service_of(row.agent):  # which the summary counts with all others
                phases.setdefault(service, Counter())[row.phase] += 1
                phases[""][row.phase] -= 1
        readings = [
            Reading("hookspan.session.active", max(0, of[phase]), {sc.STATE: phase.value, **_service(service)})
            for service, of in phases.items()
            for phase in SessionPhase
            if phase is not SessionPhase.ENDED
        ]
        waited = max(0.0, time.time() - summary.oldest_wait / 1e9) if summary.oldest_wait else 0.0
        readings.append(Reading("hookspan.wait.oldest", waited))
        for use in self._reader.quota(time.time_ns()):
            window = {sc.QUOTA_WINDOW: use.window}
            readings.append(Reading("hookspan.quota.used", use.used, window))
            readings.append(Reading("hookspan.quota.reset.time", use.resets_at / 1e9, window))
            if use.full_at:
                readings.append(Reading("hookspan.quota.full.time", use.full_at / 1e9, window))
        compacted = self._reader.most_compactions(time.time_ns() - IN_A_ROW)
        readings.append(Reading("hookspan.session.compactions", compacted))
        for agent, version in sorted({(row.agent, row.client_version) for row in sessions}):
            labels = {
                **_service(service_of(agent)),
                sc.CLIENT_VERSION: version or "unknown",
                sc.AGENT_VERSION: __version__,
                sc.RELAY: "compiled" if self._paths.relay.exists() else "python",
                sc.OS_TYPE: platform.system().lower(),
            }
            readings.append(Reading("hookspan.client.info", 1, labels))
        return readings

    def register(self, meter: Meter) -> None:
        """Make the agent's own instruments. Counters begin now, as the SDK says of them: what was before is known."""
        reads = self.own()
        for instrument in READ_OF_AGENT:
            if read := reads.get(instrument.name):
                counts = instrument.kind is Kind.COUNTER
                make = meter.create_observable_counter if counts else meter.create_observable_gauge
                callback = _callback(_gains(read) if counts else read)
                make(instrument.name, [callback], instrument.unit, instrument.description)

    def own(self) -> dict[str, Callable[[], Values]]:
        """How each of the agent's own instruments is read, by its name."""
        progress, paths = self._ingest.progress, self._paths
        return {
            "hookspan.agent.ingest.delay": lambda: _one(progress.delay),
            "hookspan.agent.ingest.lag": lambda: _one(progress.behind()),
            "hookspan.agent.ingest.records": lambda: _one(progress.records),
            "hookspan.agent.commit.duration": lambda: _one(progress.commit_time),
            "hookspan.agent.export.queue": lambda: self._of_export("queue"),
            "hookspan.agent.export.spans": self._outcomes,
            "hookspan.agent.export.logs": self._log_outcomes,
            "hookspan.agent.export.age": lambda: self._of_export("oldest_age"),
            "hookspan.agent.export.last_success": lambda: self._of_export("last_success", 1e-9),
            "hookspan.agent.store.size": lambda: _one(status.store(paths)["bytes"]),
            "hookspan.agent.journal.size": lambda: _one(status.journal(paths)["bytes"]),
            "hookspan.agent.sse.clients": lambda: _one(self._page.connections),
            "hookspan.agent.cpu.time": lambda: _one(time.process_time()),
            "hookspan.agent.memory.usage": lambda: _one(resident_memory()),
            "hookspan.agent.failures": lambda: _one(sum(loop.failures for loop in self._loops)),
            "hookspan.health.status": self._health,
        }

    def _of_export(self, name: str, factor: float = 1.0) -> Values:
        stats = self._exports()
        return () if stats is None else _one(stats[name] * factor)

    def _outcomes(self) -> Values:
        stats = self._exports()
        outcomes = {} if stats is None else stats["outcomes"]
        told = {outcome: count for outcome, count in outcomes.items() if count or outcome == ExportOutcome.EXPORTED}
        return [(count, {sc.EXPORT_OUTCOME: outcome}) for outcome, count in told.items()]

    def _log_outcomes(self) -> Values:
        logs = (self._exports() or {}).get("logs") or {}
        outcomes = (ExportOutcome.EXPORTED, ExportOutcome.REJECTED, ExportOutcome.REFUSED, ExportOutcome.EXPIRED)
        return [(logs[one], {sc.EXPORT_OUTCOME: one.value}) for one in outcomes if logs.get(one)]

    def _health(self) -> Values:
        latest = self._history.latest
        if latest is None:
            return ()
        return [(RANK[checked.finding.status], {sc.HEALTH_CHECK: name}) for name, checked in latest.checks.items()]


def _service(name: str) -> dict[str, str]:
    return {sc.SERVICE_NAME: name} if name else {}


def _one(value: float) -> Values:
    return ((value, {}),)


def _gains(read: Callable[[], Values]) -> Callable[[], Values]:
    """What is counted from now on."""
    before = {tuple(labels.items()): value for value, labels in read()}
    return lambda: [(value - before.get(tuple(labels.items()), 0), labels) for value, labels in read()]


def _callback(read: Callable[[], Values]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - only where something is exported

    return lambda _: [Observation(value, labels) for value, labels in read()]


def resident_memory() -> int:
    """Bytes that are in memory now."""
    import psutil  # noqa: PLC0415 - costs 3 MB and is not needed where nothing is exported

    return int(psutil.Process(os.getpid()).memory_info().rss)
