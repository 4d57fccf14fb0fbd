"""What the client's own OpenTelemetry says of a run: the truth that hookspan's spans are measured against.

The client exports spans (`claude_code.interaction`, `.llm_request`, `.tool` with `.blocked_on_user` and `.execution`)
and log events. Times are unix nanoseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.otlp_decode import Log, Span
from tests.otlp_sink import Sink

EXPORT_INTERVAL = 300  # milliseconds; short, so that a killed client has exported most of what it knew
USER_SOURCES = frozenset({"user_permanent", "user_temporary", "user_abort", "user_reject", "user"})
UNREPORTED_HOOKS = frozenset({"SessionEnd", "StopFailure", "PreCompact", "PostCompact", "Notification", "CwdChanged"})
"""Events whose hooks run although the client sends no hook_execution_complete for them."""


def environment(endpoint: str) -> dict[str, str]:
    """The variables that make the client send all three signals to an endpoint."""
    interval = str(EXPORT_INTERVAL)
    return {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_METRIC_EXPORT_INTERVAL": interval,
        "OTEL_LOGS_EXPORT_INTERVAL": interval,
        "OTEL_TRACES_EXPORT_INTERVAL": interval,
    }


@dataclass(frozen=True)
class Interval:
    """A stretch of time."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Nanoseconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Tool:
    """A tool call. `wait` is only there if a human was asked; `execution` only if it ran."""

    id: str
    name: str
    whole: Interval
    wait: Interval | None
    execution: Interval | None
    decision: str
    source: str
    success: bool | None
    agent_id: str


@dataclass(frozen=True)
class ModelCall:
    """A request to the model over all its attempts."""

    request_id: str
    model: str
    whole: Interval
    tokens: Mapping[str, int]
    attempts: int
    success: bool
    agent_id: str


@dataclass(frozen=True)
class Turn:
    """An interaction that a prompt opened; `prompt_id` is the last one if several were queued."""

    prompt_id: str
    whole: Interval
    trace_id: str


@dataclass(frozen=True)
class Subagent:
    """A subagent that came to its end."""

    agent_id: str
    agent_type: str
    whole: Interval


@dataclass(frozen=True)
class HookStart:
    """The moment at which the client begins to run its hooks for an event; milliseconds are the telemetry's precision.

    `matcher` is what follows the event's name, such as the tool.
    """

    event: str
    matcher: str
    session_id: str
    at: int


@dataclass
class Native:
    """All of a run's native telemetry that hookspan has a counterpart for."""

    tools: dict[str, Tool] = field(default_factory=dict)
    model_calls: dict[str, ModelCall] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    subagents: dict[str, Subagent] = field(default_factory=dict)
    hooks: Counter[str] = field(default_factory=Counter)
    hook_starts: list[HookStart] = field(default_factory=list)


def read(sink: Sink) -> Native:
    """Take apart what a sink received from one client or several."""
    spans, logs = sink.spans, sink.logs
    return Native(
        tools={tool.id: tool for tool in _tools(spans)},
        model_calls={call.request_id: call for call in _model_calls(spans)},
        turns=list(_turns(spans, logs)),
        subagents={agent.agent_id: agent for agent in _subagents(logs)},
        hooks=Counter(log.attributes["hook_event"] for log in _named(logs, "hook_execution_complete")),
        hook_starts=sorted(_hook_starts(logs), key=lambda start: start.at),
    )


def _tools(spans: list[Span]) -> Iterable[Tool]:
    """A call's span and its children; a child's parent may have been lost with a killed client."""
    children: dict[str, dict[str, Span]] = {}
    for span in spans:
        children.setdefault(span.parent_id, {})[span.name] = span
    for span in spans:
        if span.name == "claude_code.tool":
            parts = children.get(span.span_id, {})
            blocked = parts.get("claude_code.tool.blocked_on_user")
            execution = parts.get("claude_code.tool.execution")
            asked: Mapping[str, Any] = blocked.attributes if blocked else {}
            yield Tool(
                id=span.attributes["tool_use_id"],
                name=span.attributes["tool_name"],
                whole=_interval(span),
                wait=_interval(blocked) if blocked and asked.get("source") in USER_SOURCES else None,
                execution=_interval(execution) if execution else None,
                decision=str(asked.get("decision", "")),
                source=str(asked.get("source", "")),
                success=execution.attributes.get("success") if execution else None,
                agent_id=span.attributes.get("agent_id", ""),
            )


def _model_calls(spans: list[Span]) -> Iterable[ModelCall]:
    keys = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
    for span in spans:
        if span.name == "claude_code.llm_request" and "request_id" in span.attributes:
            yield ModelCall(
                request_id=span.attributes["request_id"],
                model=span.attributes["model"],
                whole=_interval(span),
                tokens={key: int(span.attributes.get(key, 0)) for key in keys},
                attempts=int(span.attributes.get("attempt", 1)),
                success=bool(span.attributes.get("success")),
                agent_id=span.attributes.get("agent_id", ""),
            )


def _turns(spans: list[Span], logs: list[Log]) -> Iterable[Turn]:
    """Interactions with a prompt that isn't a built-in command; one that was taken in by a running turn opened none."""
    opened: dict[str, str] = {}
    for log in sorted(_named(logs, "user_prompt"), key=lambda log: log.attributes["event.sequence"]):
        attributes = log.attributes
        if attributes.get("command_source") != "builtin" and attributes.get("delivery.mode") != "mid_turn":
            opened[log.trace_id] = attributes["prompt.id"]
    for span in spans:
        if span.name == "claude_code.interaction" and span.trace_id in opened:
            yield Turn(opened[span.trace_id], _interval(span), span.trace_id)


def _subagents(logs: list[Log]) -> Iterable[Subagent]:
    """Older versions, such as 2.1.300, don't say which subagent it was."""
    for log in _named(logs, "subagent_completed"):
        if "agent_id" not in log.attributes:
            continue
        length = int(log.attributes["duration_ms"]) * 1_000_000
        whole = Interval(log.time - length, log.time)
        yield Subagent(log.attributes["agent_id"], log.attributes["agent_type"], whole)


def _hook_starts(logs: list[Log]) -> Iterable[HookStart]:
    for log in _named(logs, "hook_execution_start"):
        event, _, matcher = log.attributes["hook_name"].partition(":")
        yield HookStart(event, matcher, log.attributes["session.id"], log.time)


def _named(logs: list[Log], name: str) -> Iterable[Log]:
    return (log for log in logs if log.attributes.get("event.name") == name)


def _interval(span: Span) -> Interval:
    return Interval(span.start, span.end)
