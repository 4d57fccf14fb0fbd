"""What sends a signal: its interface, and the sender for the protocol that is set."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Protocol

from hookspan.config import Signal

from .answer import Answer
from .batch import Batch
from .settings import ExportSettings


class Sender(Protocol):
    """Sends one signal and says what became of it."""

    def send(self, data: Batch) -> Answer:
        """Send once; never raises for what an endpoint does."""
        ...

    def limit(self, until: float | None) -> None:
        """Wait for no answer beyond this time.monotonic()."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def make(settings: ExportSettings, signal: Signal) -> Sender:
    """The sender for a signal. Imported here, so that an agent that exports nothing loads neither library."""
    settings = settings.of(signal)
    if settings.protocol == "grpc":
        from .otlp_grpc import GrpcSender  # noqa: PLC0415

        return GrpcSender(settings, signal)
    from .otlp_http import HttpSender  # noqa: PLC0415

    return HttpSender(settings, signal)


def forget_ambient(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take every OTEL_* variable out of this process.

    They are often meant for the user's own program, and the SDK would obey them: another endpoint's headers, a
    certificate, OTEL_SDK_DISABLED. For the agent's start, before any thread.
    """
    for name in [name for name in environment if name.startswith("OTEL_")]:
        del environment[name]
