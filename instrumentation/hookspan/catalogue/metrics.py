"""Every metric that leaves this program, declared once: kind, unit, buckets, attributes, and when it moves."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

import msgspec

from . import attributes as sc
from .spans import SpanType


class Kind(StrEnum):
    """What a series is: a monotonic cumulative sum, an explicit-bucket histogram, or a value of the moment."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Instrument(msgspec.Struct, frozen=True):
    """One metric. `bounds` are the upper bounds of a histogram's buckets in `unit`.

    `moves`: when it is counted, a phrase; empty for what is read at each export. `exemplar`: the kind of span that its
    exemplars lead to, empty for one that has none.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    moves: str
    attributes: tuple[str, ...]
    bounds: tuple[float, ...] = ()
    exemplar: SpanType | Literal[""] = ""


HOOK_BOUNDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0)
"""0.2 ms to 1 s; 5 ms, the promise about a hook, is a bound."""
TOOL_BOUNDS: Final = (0.01, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 60, 300, 1800)
"""10 ms to 30 min."""
PATIENCE_BOUNDS: Final = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400)
"""1 s to 4 h: waits, turns, idle times."""
AGENT_BOUNDS: Final = tuple(round(0.1 * 2**doubled, 1) for doubled in range(19))
"""0.1 s to 7 h: the GenAI conventions' advice for `gen_ai.invoke_agent.duration`, which ends at 409.6 s, and what a turn may take beyond."""
CALLS_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
"""The GenAI conventions' advice for the calls of an agent."""
OPERATION_BOUNDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The GenAI conventions' advice for `gen_ai.client.inference.duration` and `gen_ai.execute_tool.duration`."""
TOKEN_BOUNDS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""The GenAI conventions' advice for tokens of a model call."""
CONTEXT_BOUNDS: Final = (1e4, 2e4, 4e4, 8e4, 1.2e5, 1.6e5, 2e5, 5e5, 1e6)


def _counter(
    name: str, unit: str, description: str, moves: str, *attributes: str, exemplar: SpanType | Literal[""] = ""
) -> Instrument:
    return Instrument(name, Kind.COUNTER, unit, description, moves, attributes, exemplar=exemplar)


def _histogram(
    name: str,
    unit: str,
    bounds: tuple[float, ...],
    description: str,
    moves: str,
    *attributes: str,
    exemplar: SpanType | Literal[""] = "",
) -> Instrument:
    return Instrument(name, Kind.HISTOGRAM, unit, description, moves, attributes, bounds, exemplar)


def _gauge(name: str, unit: str, description: str, *attributes: str) -> Instrument:
    return Instrument(name, Kind.GAUGE, unit, description, "", attributes)


def _read(name: str, unit: str, description: str, *attributes: str) -> Instrument:
    return Instrument(name, Kind.COUNTER, unit, description, "", attributes)


_EVENT_READ: Final = "an event is read"
_TURN_WRITTEN: Final = "a turn's span is written"
_TOOL_WRITTEN: Final = "a tool's span is written"
_AGENT_WRITTEN: Final = "a turn's or a subagent's span is written"
_CALL_READ: Final = "a model call is read from a transcript"
_INFERENCE: Final = (
    sc.PROJECT,
    sc.GEN_AI_OPERATION_NAME,
    sc.GEN_AI_PROVIDER_NAME,
    sc.GEN_AI_REQUEST_MODEL,
    sc.GEN_AI_RESPONSE_MODEL,
)


def _usage(kind: str, description: str) -> Instrument:
    """Tokens that the transcripts show, under the conventions' name."""
    name = f"gen_ai.client.inference.usage.{kind}"
    moves = f"{_CALL_READ}, unless it failed"
    return _counter(name, "{token}", description, moves, *_INFERENCE, sc.GEN_AI_TOKEN_MODALITY, exemplar="model")


SUMS: Final = (
    _counter("hookspan.hook.events", "{event}", "Hook events received.", _EVENT_READ, sc.HOOK_EVENT, exemplar="hook"),
    _histogram(
        "hookspan.hook.duration",
        "s",
        HOOK_BOUNDS,
        "Time the relay took, from its first instruction until the event was in the journal.",
        _EVENT_READ,
        exemplar="hook",
    ),
    _counter(
        "hookspan.client_hook.time",
        "s",
        "Time that an event's hooks took as the client measured it: of Stop from its transcript, each hook by itself, of others if its own telemetry is received, from the start of the first to the end of the last.",
        "a transcript has what the client measured for Stop; its own telemetry for others",
        sc.HOOK_EVENT,
    ),
    _counter(
        "hookspan.session.started",
        "{session}",
        "Sessions started.",
        "a run of a session does its first work",
        sc.PROJECT,
        sc.SOURCE,
        exemplar="session",
    ),
    _counter(
        "hookspan.turn.finished",
        "{turn}",
        "Turns finished.",
        _TURN_WRITTEN,
        sc.PROJECT,
        sc.OUTCOME,
        sc.PERMISSION_MODE,
        sc.ERROR_TYPE,
        exemplar="turn",
    ),
    _counter(
        "hookspan.time",
        "s",
        "Where the time of turns and their subagents went, each moment once, and the user's time between turns.",
        f"{_TURN_WRITTEN} and its subagents and workflows are done; waits: when the permission's span is written",
        sc.PROJECT,
        sc.TIME_KIND,
        exemplar="turn",
    ),
    _histogram(
        "gen_ai.invoke_agent.duration",
        "s",
        AGENT_BOUNDS,
        "Duration of an agent's work: of a turn (`claude-code`), from the prompt to its end, and of a subagent.",
        _AGENT_WRITTEN,
        sc.PROJECT,
        sc.GEN_AI_AGENT_NAME,
        sc.ERROR_TYPE,
        exemplar="turn",
    ),
    _histogram(
        "gen_ai.invoke_agent.inference_calls",
        "{inference_call}",
        CALLS_BOUNDS,
        "Model calls of a turn or subagent, without those of the subagents below it.",
        _AGENT_WRITTEN,
        sc.PROJECT,
        sc.GEN_AI_AGENT_NAME,
        exemplar="turn",
    ),
    _histogram(
        "gen_ai.invoke_agent.tool_calls",
        "{tool_call}",
        CALLS_BOUNDS,
        "Tool calls of a turn or subagent, without those of the subagents below it.",
        _AGENT_WRITTEN,
        sc.PROJECT,
        sc.GEN_AI_AGENT_NAME,
        exemplar="turn",
    ),
    _histogram(
        "gen_ai.execute_tool.duration",
        "s",
        OPERATION_BOUNDS,
        "Duration of a tool call, as its span has it.",
        f"{_TOOL_WRITTEN}, unless the call never ran",
        sc.PROJECT,
        sc.GEN_AI_TOOL_NAME,
        sc.GEN_AI_TOOL_TYPE,
        sc.GEN_AI_AGENT_NAME,
        sc.ERROR_TYPE,
        exemplar="tool",
    ),
    _histogram(
        "hookspan.tool.duration",
        "s",
        TOOL_BOUNDS,
        "Time a tool ran, without any wait for a person: before it began, or while it ran.",
        f"{_TOOL_WRITTEN}, unless the call never ran",
        sc.PROJECT,
        sc.GEN_AI_TOOL_NAME,
        sc.MCP_SERVER,
        exemplar="tool",
    ),
    _counter(
        "hookspan.tool.calls",
        "{call}",
        "Tool calls, including those that never ran.",
        _TOOL_WRITTEN,
        sc.PROJECT,
        sc.GEN_AI_TOOL_NAME,
        sc.OUTCOME,
        sc.ERROR_TYPE,
        sc.NEVER_RAN,
        exemplar="tool",
    ),
    _histogram(
        "hookspan.permission.wait",
        "s",
        PATIENCE_BOUNDS,
        "Time from a permission dialog to its answer.",
        "a permission's span is written",
        sc.PROJECT,
        exemplar="wait",
    ),
    _counter(
        "hookspan.permission.decisions",
        "{decision}",
        "What was decided in permission dialogs.",
        "a permission's span is written",
        sc.PROJECT,
        sc.GEN_AI_TOOL_NAME,
        sc.DECISION,
        exemplar="wait",
    ),
    _histogram(
        "hookspan.user.idle",
        "s",
        PATIENCE_BOUNDS,
        "Time from the end of a turn to the next prompt.",
        f"{_TURN_WRITTEN}, if the session's previous turn ended by Stop or Esc",
        sc.PROJECT,
        exemplar="turn",
    ),
    _histogram(
        "gen_ai.client.inference.duration",
        "s",
        OPERATION_BOUNDS,
        "Duration of a model call.",
        _CALL_READ,
        *_INFERENCE,
        sc.ERROR_TYPE,
        exemplar="model",
    ),
    _histogram(
        "gen_ai.client.inference.operation.input_tokens",
        "{token}",
        TOKEN_BOUNDS,
        "Input tokens of a model call, cached ones included; 0 for one that failed.",
        _CALL_READ,
        *_INFERENCE,
        sc.ERROR_TYPE,
        exemplar="model",
    ),
    _histogram(
        "gen_ai.client.inference.operation.output_tokens",
        "{token}",
        TOKEN_BOUNDS,
        "Output tokens of a model call; 0 for one that failed.",
        _CALL_READ,
        *_INFERENCE,
        sc.ERROR_TYPE,
        exemplar="model",
    ),
    _usage("input_tokens", "Input tokens of model calls, cached ones included."),
    _usage("output_tokens", "Output tokens of model calls."),
    _usage("cache_read.input_tokens", "Of the input tokens, those that were read from the cache."),
    _usage("cache_write.input_tokens", "Of the input tokens, those that were written to the cache."),
    _usage("reasoning.output_tokens", "Of the output tokens, those spent on thinking."),
    _counter(
        "hookspan.tokens",
        "{token}",
        "Tokens by type: input (not cached), output, cache_read, cache_write.",
        f"{_CALL_READ}, unless it failed; the client's own total: when the session's span is written",
        sc.PROJECT,
        sc.GEN_AI_RESPONSE_MODEL,
        sc.TOKEN_TYPE,
        sc.USAGE_SOURCE,
        exemplar="model",
    ),
    _counter(
        "hookspan.cost",
        "USD",
        "List price of model calls, by what they were made for, plus what the client's own total has beyond them; not a bill. By branch with `export.cost_by_branch` only. Of each kind of name 64 have a value of their own, the rest is `_OTHER`.",
        f"{_CALL_READ} and its model has a price; the client's own total: when the session's span is written",
        sc.PROJECT,
        sc.GEN_AI_RESPONSE_MODEL,
        sc.SKILL_NAME,
        sc.PLUGIN_NAME,
        sc.MCP_SERVER,
        sc.GEN_AI_AGENT_NAME,
        sc.WORKFLOW_NAME,
        sc.VCS_REF_HEAD_NAME,
        sc.USAGE_SOURCE,
        exemplar="model",
    ),
    _counter(
        "hookspan.cache.recached",
        "{token}",
        "Tokens that were written to the prompt cache again after it was missed, by cause.",
        f"{_CALL_READ} and it missed the cache",
        sc.PROJECT,
        sc.CACHE_CAUSE,
        exemplar="model",
    ),
    _counter(
        "hookspan.cache.recached.cost",
        "USD",
        "What writing them again cost more than reading them would have, at list price.",
        f"{_CALL_READ}, it missed the cache, and its model has a price",
        sc.PROJECT,
        sc.CACHE_CAUSE,
        exemplar="model",
    ),
    _counter(
        "hookspan.definitions",
        "{token}",
        "Tokens, estimated from lengths, that the definitions of an MCP server or a plugin took in requests of the main agent, used or not.",
        f"{_CALL_READ} of the main agent, unless it failed",
        sc.PROJECT,
        sc.MCP_SERVER,
        sc.PLUGIN_NAME,
    ),
    _counter(
        "hookspan.mcp.unavailable",
        "{session}",
        "Sessions to which an MCP server was not available.",
        "a transcript says so",
        sc.PROJECT,
        sc.MCP_SERVER,
        sc.MCP_TROUBLE,
    ),
    _counter(
        "hookspan.cost.unpriced",
        "{call}",
        "Model calls without a known price.",
        f"{_CALL_READ} and its model has none",
        sc.PROJECT,
        sc.GEN_AI_RESPONSE_MODEL,
        exemplar="model",
    ),
    _histogram(
        "hookspan.context.tokens",
        "{token}",
        CONTEXT_BOUNDS,
        "Input tokens of each call of the main agent: how full the context gets.",
        f"{_CALL_READ} of the main agent, unless it failed",
        sc.PROJECT,
        sc.GEN_AI_RESPONSE_MODEL,
        exemplar="model",
    ),
    _counter(
        "hookspan.lines",
        "{line}",
        "Lines added and removed by edits.",
        "an edit has ended",
        sc.PROJECT,
        sc.LINES_TYPE,
        exemplar="tool",
    ),
    _counter(
        "hookspan.collisions",
        "{call}",
        "Calls that wrote what another session or agent wrote at the same time.",
        "such a call's span is written",
        sc.PROJECT,
        sc.COLLISION,
        exemplar="tool",
    ),
    _counter(
        "hookspan.compactions",
        "{compaction}",
        "Compactions of the context.",
        "a compaction's span is written",
        sc.PROJECT,
        sc.TRIGGER,
        sc.OUTCOME,
        exemplar="compact",
    ),
    _counter(
        "hookspan.alarms",
        "{alarm}",
        "Agents that got nowhere, and turns that ran away, as the watchdog noticed.",
        "it is noticed",
        sc.PROJECT,
        sc.ALARM_KIND,
        exemplar="alarm",
    ),
    _counter(
        "hookspan.notifications",
        "{notification}",
        "Notifications from the client.",
        "a Notification event is read",
        sc.PROJECT,
        sc.NOTIFICATION_TYPE,
    ),
    _counter(
        "hookspan.dropped",
        "{event}",
        "Events that were lost or set aside, by place and reason.",
        "a line is set aside, or the agent reads what relays could not write",
        sc.DROP_WHERE,
        sc.DROP_REASON,
    ),
)
"""Counted by the fold, with their sums in the store; exported under `SERVICE_NAME`."""

REPEATED: Final = frozenset(
    instrument.name
    for instrument in SUMS
    if instrument.name.startswith("gen_ai.client.inference.usage.")
    or instrument.name
    in {"gen_ai.execute_tool.duration", "gen_ai.invoke_agent.inference_calls", "gen_ai.invoke_agent.tool_calls"}
)
"""Those that say in the conventions' words what others say: counted always, sent with `export.genai_metrics`."""

READ_OF_CLIENT: Final = (
    _gauge("hookspan.session.active", "{session}", "Sessions that have not ended, by what they are doing.", sc.STATE),
    _gauge("hookspan.wait.oldest", "s", "How long the longest-waiting session has waited for you."),
    _gauge("hookspan.quota.used", "1", "How much of the account's quota is used, of 1.", sc.QUOTA_WINDOW),
    _gauge(
        "hookspan.quota.reset.time", "s", "Unix time at which the window of the quota begins anew.", sc.QUOTA_WINDOW
    ),
    _gauge(
        "hookspan.quota.full.time",
        "s",
        "Unix time at which the quota is full at the pace of the last hour (seven days: of the last day).",
        sc.QUOTA_WINDOW,
    ),
    _gauge(
        "hookspan.session.compactions",
        "{compaction}",
        "Automatic compactions within 15 minutes in the one session that has most of them.",
    ),
    _gauge(
        "hookspan.client.info",
        "1",
        "1 for each version of the client among open sessions, with the agent's and the kind of relay.",
        sc.CLIENT_VERSION,
        sc.AGENT_VERSION,
        sc.RELAY,
        sc.OS_TYPE,
    ),
)
"""Read from the store at each export."""

OF_EACH_CLIENT: Final = frozenset({"hookspan.session.active", "hookspan.client.info"})
"""Those of `READ_OF_CLIENT` that each coding agent has under its own service; the others are of all, Claude Code's."""

READ_OF_AGENT: Final = (
    _gauge("hookspan.agent.ingest.delay", "s", "Time from the newest event to its commit."),
    _gauge("hookspan.agent.ingest.lag", "s", "Time since the journal was last read to its end."),
    _read("hookspan.agent.ingest.records", "{record}", "Journal records read."),
    _gauge("hookspan.agent.commit.duration", "s", "Duration of the newest commit."),
    _gauge("hookspan.agent.export.queue", "{span}", "Spans waiting for export."),
    _read(
        "hookspan.agent.export.spans",
        "{span}",
        "What became of spans. Sampled out are `sampled_out` less `recalled`.",
        sc.EXPORT_OUTCOME,
    ),
    _read(
        "hookspan.agent.export.logs",
        "{record}",
        "What became of log records, of which there are some with `export.logs` only.",
        sc.EXPORT_OUTCOME,
    ),
    _gauge("hookspan.agent.export.age", "s", "How long the oldest span has waited for export."),
    _gauge("hookspan.agent.export.last_success", "s", "Unix time of the last export that succeeded."),
    _gauge("hookspan.agent.store.size", "By", "Size of the store."),
    _gauge("hookspan.agent.journal.size", "By", "Size of the journal."),
    _gauge("hookspan.agent.sse.clients", "{connection}", "Live connections of the page."),
    _read("hookspan.agent.cpu.time", "s", "CPU time of the agent."),
    _gauge("hookspan.agent.memory.usage", "By", "Resident memory of the agent."),
    _read("hookspan.agent.failures", "{failure}", "Errors that a loop of the agent caught; the loop continued."),
    _gauge("hookspan.health.status", "1", "0 healthy, 1 unknown, 2 warning, 3 critical.", sc.HEALTH_CHECK),
    _gauge("hookspan.agent.series", "{series}", "Metric series in the store."),
)
"""What the agent reads about itself at each export; exported under `AGENT_SERVICE_NAME`."""

BY_NAME: Final = {instrument.name: instrument for instrument in (*SUMS, *READ_OF_CLIENT, *READ_OF_AGENT)}
