"""What the agent tells of itself, and the gauges of the moment that go with the store's series."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hookspan import __version__
from hookspan.agent import status
from hookspan.agent.health import RANK, Monitor
from hookspan.agent.ingest import Ingest
from hookspan.agent.loop import Loop
from hookspan.model import semconv as sc
from hookspan.model.semconv import SessionPhase
from hookspan.paths import Paths
from hookspan.store import Reader

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    from hookspan.export import Reading

Values = Iterable[tuple[float, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Own:
    """One instrument of the agent's own; `counter` for what only rises."""

    name: str
    unit: str
    description: str
    read: Callable[[], Values]
    counter: bool = False


class Gauges:
    """Reads everything at the moment of an export, from the exporter's thread."""

    def __init__(
        self,
        paths: Paths,
        ingest: Ingest,
        reader: Reader,
        monitor: Monitor,
        loops: Callable[[], Iterable[Loop]],
        exports: Callable[[], dict[str, Any] | None],
        connections: Callable[[], int],
    ) -> None:
        self._paths = paths
        self._ingest = ingest
        self._reader = reader
        self._monitor = monitor
        self._loops = loops
        self._exports = exports
        self._connections = connections

    def readings(self) -> list[Reading]:
        """Gauges with the resource of what Claude Code did."""
        from hookspan.export import Reading  # noqa: PLC0415 - only where something is exported

        summary = self._reader.summary(time.time_ns(), local=False)
        found = [
            Reading(
                "hookspan.session.active",
                "{session}",
                "Sessions that have not ended, by what they are doing.",
                summary.phases.get(phase, 0),
                {sc.STATE: phase.value},
            )
            for phase in SessionPhase
            if phase is not SessionPhase.ENDED
        ]
        waited = max(0.0, time.time() - summary.oldest_wait / 1e9) if summary.oldest_wait else 0.0
        found.append(
            Reading("hookspan.wait.oldest", "s", "How long the longest-waiting session has waited for you.", waited)
        )
        about = "1 for each version of the client among open sessions, with the agent's and the kind of relay."
        for version in sorted({row.client_version for row in self._reader.sessions(open_only=True) if not row.local}):
            labels = {
                sc.CLIENT_VERSION: version or "unknown",
                sc.AGENT_VERSION: __version__,
                sc.RELAY: "compiled" if self._paths.relay.exists() else "python",
                sc.OS_TYPE: platform.system().lower(),
            }
            found.append(Reading("hookspan.client.info", "1", about, 1, labels))
        return found

    def register(self, meter: Meter) -> None:
        """Make the agent's own instruments."""
        for own in self.own():
            make = meter.create_observable_counter if own.counter else meter.create_observable_gauge
            make(own.name, [_callback(own.read)], own.unit, own.description)

    def own(self) -> list[Own]:
        """The agent's own instruments, for the resource `hookspan`."""
        ingest = self._ingest
        return [
            Own(
                "hookspan.agent.ingest.delay",
                "s",
                "Time from the newest event to its commit.",
                lambda: _one(ingest.delay),
            ),
            Own(
                "hookspan.agent.ingest.lag",
                "s",
                "Time since the journal was last read to its end.",
                lambda: _one(ingest.behind()),
            ),
            Own(
                "hookspan.agent.ingest.records",
                "{record}",
                "Journal records read.",
                lambda: _one(ingest.records),
                counter=True,
            ),
            Own(
                "hookspan.agent.commit.duration",
                "s",
                "Duration of the newest commit.",
                lambda: _one(ingest.commit_time),
            ),
            Own("hookspan.agent.export.queue", "{span}", "Spans waiting for export.", lambda: self._of_export("queue")),
            Own(
                "hookspan.agent.export.age",
                "s",
                "How long the oldest span has waited for export.",
                lambda: self._of_export("oldest_age"),
            ),
            Own(
                "hookspan.agent.export.last_success",
                "s",
                "Unix time of the last export that succeeded.",
                lambda: self._of_export("last_success", 1e-9),
            ),
            Own(
                "hookspan.agent.store.size",
                "By",
                "Size of the store.",
                lambda: _one(status.store(self._paths)["bytes"]),
            ),
            Own(
                "hookspan.agent.journal.size",
                "By",
                "Size of the journal.",
                lambda: _one(status.journal(self._paths)["bytes"]),
            ),
            Own(
                "hookspan.agent.sse.clients",
                "{connection}",
                "Live connections of the page.",
                lambda: _one(self._connections()),
            ),
            Own(
                "hookspan.agent.cpu.time",
                "s",
                "CPU time of the agent.",
                lambda: _one(time.process_time()),
                counter=True,
            ),
            Own("hookspan.agent.memory.usage", "By", "Resident memory of the agent.", lambda: _one(resident_memory())),
            Own(
                "hookspan.agent.failures",
                "{failure}",
                "Errors that a loop of the agent caught before it went on.",
                self._failures,
                counter=True,
            ),
            Own(
                "hookspan.health.status",
                "1",
                "0 healthy, 1 unknown, 2 warning, 3 critical.",
                self._health,
            ),
        ]

    def _of_export(self, name: str, factor: float = 1.0) -> Values:
        stats = self._exports()
        return () if stats is None else _one(stats[name] * factor)

    def _failures(self) -> Values:
        return [(loop.failures, {sc.LOOP: loop.name}) for loop in self._loops()]

    def _health(self) -> Values:
        latest = self._monitor.latest
        if latest is None:
            return ()
        return [(RANK[checked.finding.status], {sc.HEALTH_CHECK: name}) for name, checked in latest.checks.items()]


def _one(value: float) -> Values:
    return ((value, {}),)


def _callback(read: Callable[[], Values]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - only where something is exported

    return lambda _: [Observation(value, labels) for value, labels in read()]


def resident_memory() -> int:
    """Bytes that are in memory now."""
    import psutil  # noqa: PLC0415 - costs 3 MB and is not needed where nothing is exported

    return int(psutil.Process(os.getpid()).memory_info().rss)
