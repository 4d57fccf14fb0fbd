"""A day of work for the stack: the recorded sessions of the real client, spread over 24 hours that end now.

Everything goes the way that it goes in the agent: recording, observers, fold, sums, the exporter's conversion, OTLP.
Only time is another: a day's worth of exports is sent in a few seconds, each with the time that it would have had.
"""

import collections
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.clients import CLIENTS
from hookspan.catalogue.enums import QuotaWindow, SessionPhase
from hookspan.catalogue.logs import DECISION, LOG_EVENTS, POLICY
from hookspan.catalogue.metrics import REPEATED
from hookspan.catalogue.scopes import SERVICE_NAME
from hookspan.export.convert import Point, Reading, by_service, of_service, readable, resource_metrics
from hookspan.export.db import Announced
from hookspan.export.exemplars import Exemplars
from hookspan.model.rows import Increment, LogRow, Span
from hookspan.model.sums import Sums
from hookspan.wire.facts import Policy
from tests.model import replay
from tests.stack import demo, kinds
from tests.waiting import PATIENCE

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
BATCH = 512
RESOURCE = Resource(
    {
        "team": "cart",
        "service.name": SERVICE_NAME,
        "service.instance.id": "played-day",
        "service.version": "0",
        "host.name": "test-host",
        "os.type": "linux",
    }
)


_OF = {
    "bank": (
        "background_agent_stopped compact_auto exit_plan_mode permission_auto_mode print_api_400 "
        "print_continue print_loop print_serial_bash print_stop_hook project_command codex_code_mode "
        "codex_failures codex_plain copilot_compaction copilot_parallel"
    ),
    "docs": (
        "background_bash compact_auto_failed hangup permission_esc print_api_429 print_denied print_mcp "
        "print_sighup print_subfolder_worktree queued_absorbed codex_code_mode_failure codex_forked "
        "codex_resumed copilot_dialogs copilot_resumed"
    ),
}
PROJECTS = {name: project for project, names in _OF.items() for name in names.split()}
"""Which recordings are of another project than the shop's: a day is mostly one project's."""

NEVER_RECORDED = (
    Increment("hookspan.dropped", ((sc.DROP_REASON, "write"), (sc.DROP_WHERE, "relay")), 3, 0),
    Increment("hookspan.cost.unpriced", ((sc.GEN_AI_RESPONSE_MODEL, "claude-unknown"), (sc.PROJECT, "shop")), 1, 0),
)
"""What went well in all recordings, and is to be seen on a dashboard all the same."""


NATIVE_HOOKS = {"PreToolUse": 12, "PostToolUse": 9, "Stop": 310}
"""Milliseconds that Claude Code's own telemetry says of hooks, once."""


_ASKED = {"model": "claude-opus-5-5", "query_source": "main"}
NATIVE_COUNTERS: tuple[tuple[str, str, float, dict[str, str]], ...] = (
    ("claude_code.cost.usage", "USD", 0.5, _ASKED),
    ("claude_code.token.usage", "tokens", 4000, {**_ASKED, "type": "input"}),
    ("claude_code.lines_of_code.count", "", 12, {"type": "added"}),
    ("claude_code.commit.count", "", 1, {}),
    ("claude_code.pull_request.count", "", 1, {}),
    ("claude_code.active_time.total", "s", 90, {"type": "cli"}),
    ("claude_code.code_edit_tool.decision", "", 3, {"decision": "accept", "tool_name": "Edit"}),
)
"""Instrument, unit, value and attributes as the client has them."""


@dataclass
class Recording:
    """One played recording, its times moved by `shift`."""

    name: str
    played: replay.Played
    began: int
    ended: int


@dataclass
class Day:
    """What was sent."""

    spans: list[Span] = field(default_factory=list)
    increments: list[Increment] = field(default_factory=list)
    phases: list[tuple[int, str, str]] = field(default_factory=list)
    logs: list[LogRow] = field(default_factory=list)

    def total(self, instrument: str) -> float:
        """The sum of all values of an instrument over the day."""
        return sum(increment.value for increment in self.increments if increment.instrument == instrument)


def recordings(folder: Path) -> list[Recording]:
    """Every recording, played; its project is a repository again, on the branch `main`, and one of three."""
    found = []
    others = tuple(f"{client}_" for client in CLIENTS if client != CLAUDE_CODE.name)
    for name in sorted(replay.names(), key=lambda name: (name.startswith(others), name)):
        root = folder / name
        project = root / "shop"
        (project / ".git").mkdir(parents=True)
        (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        recorded, now = f"{replay.HOME}/shop".encode(), str(project).encode()

        def moved_to(lines: list[bytes], recorded: bytes = recorded, now: bytes = now) -> list[bytes]:
            return [line.replace(recorded, now) for line in lines]

        played = replay.play(name, root, change=moved_to, policy=Policy(at=0, key="", logs=True))
        called(PROJECTS.get(name, "shop"), played)
        times = [span.start for span in played.spans] + [increment.at for increment in played.increments]
        if times:
            found.append(Recording(name, played, min(times), max([*times, *(span.end for span in played.spans)])))
    return found


def called(project: str, played: replay.Played) -> None:
    """Give what was played the name of a project."""
    played.increments = [
        msgspec.structs.replace(
            one, attributes=tuple((key, project if key == sc.PROJECT else value) for key, value in one.attributes)
        )
        for one in played.increments
    ]
    for one in (*played.spans, *played.logs):
        if sc.PROJECT in one.attributes:
            one.attributes[sc.PROJECT] = project


def arrange(found: list[Recording], now: int, *, rounds: int = 6) -> Day:
    """All recordings in a random order again and again, the last of them ending now; the newest round has the spans."""
    day, dice = Day(), random.Random(7)
    for number in range(rounds):
        order = dice.sample(found, len(found))
        for place, recording in enumerate(order):
            share = (number * len(order) + place + 1) / (rounds * len(order))
            shift = int(now - DAY * 0.96 * (1 - share)) - 20 * SECOND - recording.ended
            day.increments += [moved(increment, shift) for increment in recording.played.increments]
            day.phases += [(at + shift, f"{number}:{session}", phase) for at, session, phase in recording.played.phases]
            if number == rounds - 1:
                day.spans += [
                    msgspec.structs.replace(s, start=s.start + shift, end=s.end + shift) for s in recording.played.spans
                ]
                day.logs += [
                    msgspec.structs.replace(log, at=log.at + shift)
                    for log in recording.played.logs
                    if log.event != POLICY.name  # told before all time
                ]
    day.increments += [moved(increment, now - 5 * MINUTE) for increment in NEVER_RECORDED]
    day.logs += [kinds.record(kind, number, now - 5 * MINUTE) for number, kind in enumerate(LOG_EVENTS)]
    sealed = {"AUDIT_CHAIN": "c" * 16, "AUDIT_SEQUENCE": 1}
    day.logs += [
        kinds.record(DECISION, 100, now - 5 * MINUTE, DECIDED_BY="bypass", **sealed),
        kinds.record(DECISION, 101, now - 5 * MINUTE, VERDICT="denied", DECIDED_BY="rule"),
    ]
    day.increments.sort(key=lambda increment: increment.at)
    day.phases.sort()
    return day


def moved(increment: Increment, shift: int) -> Increment:
    """The same at another time."""
    return msgspec.structs.replace(increment, at=increment.at + shift)


def moments(now: int) -> Iterator[int]:
    """When the exports were: every ten minutes at first, every 15 s in the end."""
    at = now - DAY + 30 * MINUTE  # Prometheus takes what is up to a day late, and refuses a whole batch for one sample
    while at < now - 40 * MINUTE:
        yield at
        at += 10 * MINUTE
    while at < now:
        yield at
        at += 15 * SECOND
    yield now


def send_metrics(day: Day, otlp: str, now: int, times: Callable[[int], Iterable[int]] = moments) -> None:
    """The day's exports of metrics, one after the other. `times`: when they were."""
    exporter = OTLPMetricExporter(f"{otlp}/v1/metrics", timeout=PATIENCE)
    sums, announced, phases = Sums(), {}, collections.OrderedDict[str, tuple[int, str]]()
    exemplars = Exemplars(0)
    increments, changes = iter([*day.increments, None]), iter([*day.phases, None])
    increment, change = next(increments), next(changes)
    for at in times(now):
        while increment is not None and increment.at <= at:
            sums.find(increment, increment.at).add([increment])
            increment = next(increments)
        while change is not None and change[0] <= at:
            phases[change[1]] = (change[0], change[2])
            change = next(changes)
        sent = [one for one in sums if one.instrument not in REPEATED]
        points = exemplars.chosen(Point.of(one, announced.get((one.instrument, one.attributes))) for one in sent)
        counts = collections.Counter(phase for _, phase in phases.values())
        waits = [at - since for since, phase in phases.values() if phase == SessionPhase.WAITING]
        readings = [
            Reading("hookspan.session.active", counts[phase], {sc.STATE: phase.value})
            for phase in SessionPhase
            if phase is not SessionPhase.ENDED
        ]
        readings.append(Reading("hookspan.wait.oldest", max(waits, default=0) / 1e9))
        for window in QuotaWindow:
            labels = {sc.QUOTA_WINDOW: window.value}
            readings.append(Reading("hookspan.quota.used", 0.42, labels))
            readings.append(Reading("hookspan.quota.full.time", at / 1e9 + 7200, labels))
            readings.append(Reading("hookspan.quota.reset.time", at / 1e9 + 3600, labels))
        readings.append(Reading("hookspan.session.compactions", 0))
        points = list(points)
        data = MetricsData(
            [
                resource_metrics(some, read, of_service(RESOURCE, service), at)
                for service, (some, read) in by_service(points, readings).items()
            ]
        )
        assert exporter.export(data) is MetricExportResult.SUCCESS
        exemplars.arrived(points)
        announced |= {(p.series.instrument, p.series.attributes): Announced(p.series.start) for p in points if p.zero}
    exporter.shutdown()


def run_agent(otlp: str) -> None:
    """A real agent exports a demonstration: its own metrics and the versions of what runs, which no recording has."""
    settings = {"EXPORT_ENDPOINT": otlp, "EXPORT_METRIC_INTERVAL": "1", "EXPORT_LOGS": "true"}
    outcome = demo.session("played-day", settings)
    assert outcome["exported"] == outcome["spans"]


def send_spans(day: Day, otlp: str) -> None:
    """The spans of the day's last round."""
    exporter = OTLPSpanExporter(f"{otlp}/v1/traces", timeout=PATIENCE)
    spans = [readable(span, RESOURCE) for span in day.spans]
    for first in range(0, len(spans), BATCH):
        assert exporter.export(spans[first : first + BATCH]) is SpanExportResult.SUCCESS
    exporter.shutdown()


def send_logs(day: Day, otlp: str) -> None:
    """The log records of the day's last round, and one of each kind that is."""
    kinds.send(day.logs, otlp, {"team": "cart", "host.name": "test-host"})


def send_native_hooks(otlp: str) -> None:
    """What Claude Code's own telemetry logs about hooks: the event that says what all hooks of one event cost."""
    provider = LoggerProvider(Resource({"service.name": "claude-code", "host.name": "test-host"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{otlp}/v1/logs", timeout=PATIENCE)))
    logger = provider.get_logger("com.anthropic.claude_code.events")
    for event, milliseconds in NATIVE_HOOKS.items():
        attributes = {
            "event.name": "hook_execution_complete",
            "hook_event": event,
            "hook_name": event,
            "num_hooks": "2",
            "total_duration_ms": milliseconds,
        }
        logger.emit(
            LogRecord(timestamp=time.time_ns(), body="claude_code.hook_execution_complete", attributes=attributes)
        )
    provider.shutdown()


def send_native_metrics(otlp: str) -> None:
    """What Claude Code's own telemetry counts, as deltas, each by two of its sessions."""
    for session in ("first", "second"):
        exporter = OTLPMetricExporter(
            f"{otlp}/v1/metrics", preferred_temporality={Counter: AggregationTemporality.DELTA}, timeout=PATIENCE
        )
        resource = Resource({"service.name": "claude-code", "os.type": "linux"})
        provider = MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)], resource)
        meter = provider.get_meter("com.anthropic.claude_code")
        for name, unit, value, attributes in NATIVE_COUNTERS:
            counter = meter.create_counter(name, unit)
            counter.add(value, {"session.id": session, "user.id": "played-day", **attributes})
        provider.shutdown()
