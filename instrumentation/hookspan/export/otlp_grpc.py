"""OTLP over gRPC. Imported only where the setting says so: gRPC takes 20 MB and a tenth of a second."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before it is imported: it would write to stderr what we say ourselves

import grpc  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from . import tls
from .answer import Answer, presentable
from .settings import ExportSettings

REASON_MAX: Final = 200
NEVER_RETRY: Final = frozenset({grpc.StatusCode.OK})  # an empty set would mean the default
OPTIONS: Final = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 64 << 10))

logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)


class _Listening:
    """A stub that keeps what was answered; the exporters drop it."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub
        self.metadata: tuple[tuple[str, str], ...] = ()
        self.answer: Answer | None = None
        self.connected = True

    def Export(self, **arguments: Any) -> Any:  # noqa: N802 - the service's name for it
        try:
            response = self._stub.Export(**{**arguments, "metadata": self.metadata})
        except grpc.RpcError as error:
            details = presentable(f"{error.code().name}: {error.details()}", dict(self.metadata))
            status = 501 if error.code() is grpc.StatusCode.UNIMPLEMENTED else 0
            self.answer = Answer(status, f"the endpoint answered {details}"[:REASON_MAX])
            self.connected = error.code() is not grpc.StatusCode.UNAVAILABLE
            raise
        partial = response.partial_success
        rejected = getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0)
        self.answer = Answer(200, rejected=rejected)
        return response


class _Spans(OTLPSpanExporter):
    def _initialize_channel_and_stub(self) -> None:
        # Called again by the exporter when it reconnects.
        super()._initialize_channel_and_stub()  # type: ignore[no-untyped-call]
        self._client = _Listening(self._client)  # type: ignore[assignment]


class _Metrics(OTLPMetricExporter):
    def _initialize_channel_and_stub(self) -> None:
        super()._initialize_channel_and_stub()  # type: ignore[no-untyped-call]
        self._client = _Listening(self._client)  # type: ignore[assignment]


class GrpcSender:
    """Sends batches of one signal. One thread. A failure is never one span's fault: all of them hold the queue."""

    def __init__(self, settings: ExportSettings, signal: str) -> None:
        self._settings, self._signal = settings, signal
        self._exporter: Any = None

    def limit(self, until: float | None) -> None:
        """The timeout alone counts here."""

    def send(self, data: Sequence[ReadableSpan] | MetricsData) -> Answer:
        """Send once."""
        try:
            headers = self._settings.headers_now()
        except (OSError, UnicodeError) as error:
            return Answer(error=f"`export.token_file` can't be read: {error}"[:REASON_MAX])
        try:
            self._exporter = self._exporter or self._make()
        except OSError as error:
            return Answer(error=tls.trouble(self._settings) or str(error))
        listening = self._exporter._client  # noqa: SLF001 - set by the classes above
        listening.answer, listening.connected = None, True
        listening.metadata = tuple((name.lower(), value) for name, value in headers.items())
        self._exporter.export(data)
        if not listening.connected and (problem := tls.trouble(self._settings)):
            self.close()  # the next attempt reads the certificates again
            return Answer(error=problem)
        return listening.answer or Answer(error="the exporter did not send the request")

    def close(self) -> None:
        """Close the channel."""
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            exporter.shutdown()

    def _make(self) -> Any:
        settings = self._settings
        secure = (settings.endpoint or "").startswith("https:")
        roots, shown, key = (
            Path(file).read_bytes() if secure and file else None
            for file in (settings.certificate, settings.client_certificate, settings.client_key)
        )
        arguments: dict[str, Any] = {
            "endpoint": settings.endpoint,
            "insecure": not secure,
            # A file may hold both, the certificate and its key.
            "credentials": grpc.ssl_channel_credentials(roots, shown and (key or shown), shown) if secure else None,
            "timeout": settings.timeout,
            "compression": grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression,
            "channel_options": OPTIONS,
            "retryable_error_codes": NEVER_RETRY,
        }
        return _Spans(**arguments) if self._signal == "traces" else _Metrics(**arguments)
