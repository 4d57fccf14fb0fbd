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
