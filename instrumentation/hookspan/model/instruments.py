"""The instruments whose sums live in the store: name, kind, unit, buckets, attributes."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from . import semconv as sc


class Kind(StrEnum):
    """What a series is: a monotonic cumulative sum or an explicit-bucket histogram."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Instrument(msgspec.Struct, frozen=True):
    """One metric. `bounds` are the upper bounds of a histogram's buckets in `unit`."""

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...]
    bounds: tuple[float, ...] = ()


HOOK_BOUNDS: Final = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""50 us to 1 s; 5 ms, the promise about a hook, is a bound."""
TOOL_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""5 ms to 30 min."""
PATIENCE_BOUNDS: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)
"""0.5 s to 8 h: waits, turns, idle times."""
OPERATION_BOUNDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The GenAI conventions' advice for `gen_ai.client.operation.duration`."""
TOKEN_BOUNDS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""The GenAI conventions' advice for `gen_ai.client.token.usage`."""
CONTEXT_BOUNDS: Final = (1e3, 5e3, 1e4, 2e4, 4e4, 6e4, 8e4, 1e5, 1.2e5, 1.4e5, 1.6e5, 1.8e5, 2e5, 5e5, 1e6)


def _counter(name: str, unit: str, description: str, *attributes: str) -> Instrument:
    return Instrument(name, Kind.COUNTER, unit, description, attributes)


def _histogram(name: str, unit: str, bounds: tuple[float, ...], description: str, *attributes: str) -> Instrument:
    return Instrument(name, Kind.HISTOGRAM, unit, description, attributes, bounds)


ALL: Final = (
    _counter("hookspan.hook.events", "{event}", "Hook events received.", sc.HOOK_EVENT),
    _histogram(
        "hookspan.hook.duration",
        "s",
        HOOK_BOUNDS,
        "Time the relay took, from its first instruction until the event was in the journal.",
        sc.HOOK_EVENT,
    ),
    _histogram(
        "hookspan.client_hook.duration",
        "s",
        HOOK_BOUNDS,
        "Duration of an event's hooks as the client measured it, where its transcript has it.",
        sc.HOOK_EVENT,
    ),
    _counter("hookspan.session.started", "{session}", "Sessions started.", sc.PROJECT, sc.SOURCE),
    _counter(
        "hookspan.turn.finished",
        "{turn}",
        "Turns finished.",
        sc.PROJECT,
        sc.OUTCOME,
        sc.PERMISSION_MODE,
        sc.ERROR_TYPE,
    ),
    _counter(
        "hookspan.time",
        "s",
        "Where the time of turns and their subagents went, each moment once, and the user's time between turns.",
        sc.PROJECT,
        sc.TIME_KIND,
    ),
    _histogram(
        "hookspan.turn.duration", "s", PATIENCE_BOUNDS, "Time from a prompt to the end of its turn.", sc.OUTCOME
    ),
    _histogram(
        "hookspan.tool.duration",
        "s",
        TOOL_BOUNDS,
        "Time a tool ran, excluding the wait for permission.",
        sc.GEN_AI_TOOL_NAME,
        sc.OUTCOME,
        sc.ERROR_TYPE,
        sc.MCP_SERVER,
    ),
    _counter(
        "hookspan.tool.calls",
        "{call}",
        "Tool calls, including those that never ran.",
        sc.PROJECT,
        sc.GEN_AI_TOOL_NAME,
        sc.OUTCOME,
    ),
    _histogram(
        "hookspan.permission.wait",
        "s",
        PATIENCE_BOUNDS,
        "Time from a permission dialog to its answer.",
        sc.GEN_AI_TOOL_NAME,
        sc.DECISION,
    ),
    _histogram("hookspan.user.idle", "s", PATIENCE_BOUNDS, "Time from the end of a turn to the next prompt."),
    _histogram(
        "hookspan.subagent.duration",
        "s",
        PATIENCE_BOUNDS,
        "Time from a subagent's start to its stop.",
        sc.GEN_AI_AGENT_NAME,
    ),
    _histogram(
        "gen_ai.client.operation.duration",
        "s",
        OPERATION_BOUNDS,
        "GenAI operation duration.",
        sc.GEN_AI_OPERATION_NAME,
        sc.GEN_AI_PROVIDER_NAME,
        sc.GEN_AI_REQUEST_MODEL,
        sc.GEN_AI_RESPONSE_MODEL,
        sc.ERROR_TYPE,
    ),
    _histogram(
        "gen_ai.client.token.usage",
        "{token}",
        TOKEN_BOUNDS,
        "Number of input and output tokens used.",
        sc.GEN_AI_OPERATION_NAME,
        sc.GEN_AI_PROVIDER_NAME,
        sc.GEN_AI_REQUEST_MODEL,
        sc.GEN_AI_RESPONSE_MODEL,
        sc.GEN_AI_TOKEN_TYPE,
    ),
    _counter(
        "hookspan.tokens",
        "{token}",
        "Tokens by type: input (not cached), output, cache_read, cache_write.",
        sc.PROJECT,
        sc.GEN_AI_RESPONSE_MODEL,
        sc.TOKEN_TYPE,
        sc.USAGE_SOURCE,
    ),
    _counter(
        "hookspan.cost",
        "USD",
        "List price of model calls, plus what the client's own total has beyond them; not a bill.",
        sc.PROJECT,
        sc.GEN_AI_RESPONSE_MODEL,
        sc.USAGE_SOURCE,
    ),
    _counter(
        "hookspan.cost.unpriced", "{call}", "Model calls without a known price.", sc.PROJECT, sc.GEN_AI_RESPONSE_MODEL
    ),
    _histogram(
        "hookspan.context.tokens",
        "{token}",
        CONTEXT_BOUNDS,
        "Input tokens of each call of the main agent: how full the context gets.",
        sc.GEN_AI_RESPONSE_MODEL,
    ),
    _counter("hookspan.lines", "{line}", "Lines added and removed by edits.", sc.PROJECT, sc.LINES_TYPE),
    _counter("hookspan.compactions", "{compaction}", "Compactions of the context.", sc.TRIGGER, sc.OUTCOME),
    _counter("hookspan.notifications", "{notification}", "Notifications from the client.", sc.NOTIFICATION_TYPE),
    _counter(
        "hookspan.dropped",
        "{event}",
        "Events that were lost or set aside, by place and reason.",
        sc.DROP_WHERE,
        sc.DROP_REASON,
    ),
)

BY_NAME: Final = {instrument.name: instrument for instrument in ALL}
