"""Received spans, handed over: each decoded `ResourceSpans`, in order of arrival, to all who make facts of them.

`taken` of every taker is called on the thread that stores (never on the one that answers), with Claude Code's own spans
and with those of others alike; `is_own` tells them apart. What it returns is written to the journal with one write, and
only then is the request done with, and `taken` called again: after a kill the same spans are handed over again, so that
facts need natural keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from hookspan.wire import Fact

OWN_SCOPES: Final = "com.anthropic.claude_code"
"""What the scopes of Claude Code's own telemetry begin with."""


class SpansTaker(Protocol):
    """Makes facts of received spans."""

    @property
    def waits(self) -> bool:
        """Whether `taken` is to be called though nothing comes, every few seconds and with no spans."""
        ...

    def taken(self, spans: Sequence[ResourceSpans], at: int) -> Iterable[Fact]:
        """The facts of what came in one request `at` Unix nanoseconds. What it raises costs this request's facts."""
        ...


def is_own(scope: str) -> bool:
    """Whether a scope is one of Claude Code's own telemetry."""
    return scope == OWN_SCOPES or scope.startswith(f"{OWN_SCOPES}.")
