"""What sends a signal: its interface, and the sender for the protocol that is set."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Protocol

from hookspan.config import Signal

from .answer import Answer
from .batch import Batch
from .settings import ExportSettings

if TYPE_CHECKING:
    from .otlp_grpc import GrpcForwarder
    from .otlp_http import HttpForwarder


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


class Forwarder:
    """Sends requests of one signal as others made them. One thread.

    To an endpoint of the same kind byte by byte. gRPC knows no JSON, so that a request in it becomes protobuf.
    """

    def __init__(self, settings: ExportSettings, signal: Signal) -> None:
        settings = settings.of(signal)
        self._http: HttpForwarder | None = None
        self._grpc: GrpcForwarder | None = None
        if settings.protocol == "grpc":
            from .otlp_grpc import GrpcForwarder  # noqa: PLC0415

            self._grpc = GrpcForwarder(settings, signal)
        else:
            from .otlp_http import HttpForwarder  # noqa: PLC0415

            self._http = HttpForwarder(settings, signal)

    def forward(self, body: bytes, *, is_json: bool, gzip: bool, plain: Callable[[], bytes]) -> Answer:
        """Send once; never raises for what an endpoint does. `plain`: the body as protobuf, neither packed nor JSON."""
        if self._grpc is not None:
            return self._grpc.forward(plain())
        assert self._http is not None  # noqa: S101 - one of them is made
        return self._http.forward(body, is_json=is_json, gzip=gzip)

    def close(self) -> None:
        """Close the connections."""
        for one in (self._http, self._grpc):
            if one is not None:
                one.close()


def forget_ambient(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take every OTEL_* variable out of this process.

    They are often meant for the user's own program, and the SDK would obey them: another endpoint's headers, a
    certificate, OTEL_SDK_DISABLED. For the agent's start, before any thread.
    """
    for name in [name for name in environment if name.startswith("OTEL_")]:
        del environment[name]
