"""Trace and span ids, derived from what the facts themselves say, so that a replay gives the same ones."""

from __future__ import annotations

from hashlib import blake2b

_HEX = frozenset("0123456789abcdef")
_TRACE_DIGITS = 32


def trace_id(uuid: str) -> str:
    """The trace id (32 hex digits) of a prompt or session id.

    Claude Code's ids are UUIDs, and a UUID without its dashes *is* a trace id: whoever has the prompt id, from a
    transcript or from native telemetry, can open the trace. Anything else is hashed.
    """
    hexadecimal = uuid.replace("-", "").lower()
    if len(hexadecimal) == _TRACE_DIGITS and _HEX.issuperset(hexadecimal) and hexadecimal.strip("0"):
        return hexadecimal
    return blake2b(uuid.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def span_id(*parts: str | int) -> str:
    """The span id (16 hex digits): a 64-bit hash of the fact that opened the span, given as its natural key."""
    key = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    digest = blake2b(key, digest_size=8).hexdigest()
    return digest if digest.strip("0") else "0000000000000001"


def log_uid(*parts: str | int) -> str:
    """The `log.record.uid` (32 hex digits) of what happened, given as its natural key."""
    key = "\x1f".join(map(str, ("log", *parts))).encode("utf-8", "surrogatepass")
    return blake2b(key, digest_size=16).hexdigest()


# --- What opens a span, kind by kind


def of_session(session: str, opened: int) -> str:
    """A run of a session; `opened` is the stamp of its first event."""
    return span_id("session", session, opened)


def of_turn(session: str, prompt: str) -> str:
    """A turn."""
    return span_id("turn", session, prompt)


def of_subagent(session: str, agent_id: str, run: int) -> str:
    """A subagent; `run` counts those of the same id, which went on after their end."""
    return span_id("agent", session, agent_id, run)


def of_tool(session: str, tool_use_id: str) -> str:
    """A tool call: neither the order of events nor what is known of its place changes it."""
    return span_id("tool", session, tool_use_id)


def of_wait(session: str, agent_id: str, about: str, at: int) -> str:
    """A dialog that opened at `at` about a call's id, or about a tool as long as the call is not known."""
    return span_id("permission", session, agent_id, about, at)


def of_model_call(session: str, agent_id: str, message_id: str) -> str:
    """A model call."""
    return span_id("chat", session, agent_id, message_id)


def of_compaction(session: str, start: int) -> str:
    """A compaction."""
    return span_id("compact", session, start)


def of_alarm(session: str, agent_id: str, kind: str, raised: int) -> str:
    """An alarm that was raised then."""
    return span_id("alarm", session, agent_id, kind, raised)


def of_hook(session: str, event: str, at: int, pid: int, host: str) -> str:
    """A hook's process."""
    return span_id("hook", session, event, at, pid, host)
