"""What Claude Code's own telemetry told."""

from __future__ import annotations

import msgspec


class HookCost(msgspec.Struct, kw_only=True):
    """What all hooks of one name (`PreToolUse:Bash`) took in a session, hookspan's own among them.

    Attributes:
        runs: How often they ran.
        hooks: How many ran side by side, at most.
        failed: How many ended otherwise than well.
        time: Milliseconds of all runs, each from the start of its first hook to the end of its last.
        longest: The same of the longest run.
    """

    name: str
    runs: int
    hooks: int
    failed: int
    time: float
    longest: float


class HookSource(msgspec.Struct, kw_only=True):
    """How many hooks of an event come from one place: a kind of settings, or a plugin."""

    event: str
    source: str
    plugin: str
    count: int


class ToldCall(msgspec.Struct, kw_only=True):
    """What Claude Code told of a tool call: who decided, and when it asked and ran (Unix milliseconds)."""

    id: str
    decision: str = ""
    source: str = ""
    tool_source: str = ""
    mode: str = ""
    asked: float | None = None
    answered: float | None = None
    start: float | None = None
    end: float | None = None


class ToldRequest(msgspec.Struct, kw_only=True):
    """What Claude Code told of a model call: attempts, and milliseconds until the first token (0: not told)."""

    id: str
    start: float
    end: float
    attempts: int
    first_token: float
    query_source: str
    success: bool


class Told(msgspec.Struct, kw_only=True):
    """What Claude Code's own telemetry told of a session; empty unless it is received."""

    now: float
    position: int
    hooks: list[HookCost]
    sources: list[HookSource]
    calls: list[ToldCall]
    requests: list[ToldRequest]
