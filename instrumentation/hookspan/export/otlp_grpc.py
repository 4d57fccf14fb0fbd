"""OTLP over gRPC. Imported only where the setting says so: gRPC takes 20 MB and a tenth of a second."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before it is imported: it would write to stderr what we say ourselves

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from hookspan.config import Signal

from . import tls
from .answer import ANSWER_MAX, NO_GZIP, REASON_MAX, UNSUPPORTED, Answer, presentable
from .batch import REQUEST_MAX, USER_AGENT, Batch, spans_of, unsent
from .encoding import spans_request
from .services import SERVICES, rejected_of
from .settings import ExportSettings

STATUSES: Final = {grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.UNIMPLEMENTED: 501}
"""HTTP's status for a code, where one says the same."""

TOO_LARGE: Final = re.compile(r"larger than max|exceeds maximum|too large", re.IGNORECASE)
TOO_LARGE_CODES: Final = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE})
"""A message is refused for its size with a code that an overload has as well: only the text tells which it is."""

NOT_DECOMPRESSED: Final = re.compile(r"compress|grpc-encoding", re.IGNORECASE)
"""The text with which gzip is refused; its code is that of a service which isn't there."""

DETAILS: Final = "grpc-status-details-bin"  # the metadata's key of a google.rpc.Status
PORTS: Final = {"http": 80, "https": 443}
NEVER_RETRY: Final = frozenset({grpc.StatusCode.OK})  # an empty set would mean the default
UNREACHED: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""A new connection is made then: after a sleep, or in another network, the old one is dead and nobody says so."""

OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", ANSWER_MAX),
    ("grpc.primary_user_agent", USER_AGENT),
    ("grpc.use_local_subchannel_pool", 1),  # a connection that fails would make the other signals wait as well
)


logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)


class _Listening:
    """A stub that keeps what was answered; the exporters drop it."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub
        self.headers: dict[str, str] = {}
        self.seconds = 0.0
        self.answer: Answer | None = None
        self.connected = True

    def Export(self, **arguments: Any) -> Any:  # noqa: N802 - the service's name for it
        metadata = [(name.lower(), value) for name, value in self.headers.items()]
        try:
            response = self._stub.Export(**{**arguments, "metadata": metadata, "timeout": self.seconds})
        except grpc.RpcError as error:
            self.answer, self.connected = self._judge(error), error.code() not in UNREACHED
            raise
        self.answer = Answer(200, rejected=rejected_of(response))
        return response

    def _judge(self, error: Any) -> Answer:
        code, text = error.code(), error.details() or ""
        reason = f"the endpoint answered {presentable(f'{code.name}: {text}', self.headers)}"[:REASON_MAX]
        status = STATUSES.get(code, 0)
        if code in TOO_LARGE_CODES and TOO_LARGE.search(text):
            status = 413
        elif code is grpc.StatusCode.UNIMPLEMENTED and NOT_DECOMPRESSED.search(text):
            status, reason = UNSUPPORTED, f"{reason}; {NO_GZIP}"
        return Answer(status, reason, _retry_delay(error.trailing_metadata()))


class _Heard:
    """Of an exporter: its stub is one that keeps the answer."""

    _client: Any

    def _initialize_channel_and_stub(self) -> None:
        # Called again by the exporter when it reconnects.
        super()._initialize_channel_and_stub()  # type: ignore[misc]
        self._client = _Listening(self._client)


class _Spans(_Heard, OTLPSpanExporter):
    pass


class _Metrics(_Heard, OTLPMetricExporter):
    pass


class _Logs(_Heard, OTLPLogExporter):
    pass


_EXPORTERS: Final[dict[Signal, Any]] = {"traces": _Spans, "metrics": _Metrics, "logs": _Logs}


class GrpcSender:
    """Sends batches of one signal. One thread.

    What the exporters drop (code, details, RetryInfo) is kept by a stub of ours, put in by overriding one method of
    theirs that is not public: `tests/export/test_newest.py` tries it on the newest version there is.
    """

    def __init__(self, settings: ExportSettings, signal: Signal) -> None:
        self._settings, self._signal = settings, signal
        self._exporter: Any = None
        self._until: float | None = None

    def limit(self, until: float | None) -> None:
        """Wait for no answer beyond this time.monotonic(); None: only the timeout counts."""
        self._until = until

    def send(self, data: Batch) -> Answer:
        """Send once."""
        return self._call(lambda exporter: _export(exporter, data)) or unsent(data)

    def close(self) -> None:
        """Close the channel."""
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            exporter.shutdown()

    def _call(self, use: Callable[[Any], object]) -> Answer | None:
        """What was answered when the exporter was used; None if it did not send."""
        try:
            headers = self._settings.headers_now()
        except (OSError, UnicodeError) as error:
            return Answer(error=f"`export.token_file` can't be read: {error}"[:REASON_MAX])
        try:
            self._exporter = self._exporter or self._make()
        except OSError as error:
            return Answer(error=tls.trouble(self._settings) or str(error))
        listening = self._exporter._client  # noqa: SLF001 - set by the classes above
        listening.answer, listening.connected, listening.headers = None, True, headers
        listening.seconds = self._settings.timeout
        if self._until is not None:
            listening.seconds = max(0.05, min(listening.seconds, self._until - time.monotonic()))
        with suppress(Exception):  # told by the answer, or else by the data
            use(self._exporter)
        if not listening.connected:
            self.close()  # the next attempt connects at once, and reads the certificates again
            if problem := tls.trouble(self._settings):
                return Answer(error=problem)
        answer: Answer | None = listening.answer
        return answer

    def _make(self) -> Any:
        settings = self._settings
        url = urlsplit(settings.endpoint or "")
        secure = url.scheme == "https"
        roots, shown, key = (
            Path(file).read_bytes() if secure and file else None
            for file in (settings.certificate, settings.client_certificate, settings.client_key)
        )
        arguments: dict[str, Any] = {
            "endpoint": f"{url.scheme}://{url.netloc if url.port else f'{url.netloc}:{PORTS[url.scheme]}'}",
            "insecure": not secure,
            # A file may hold both, the certificate and its key.
            "credentials": grpc.ssl_channel_credentials(roots, shown and (key or shown), shown) if secure else None,
            "timeout": settings.timeout,
            "compression": grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression,
            "channel_options": OPTIONS,
            "retryable_error_codes": NEVER_RETRY,
        }
        exporter = _EXPORTERS[self._signal](**arguments)
        return _of_bytes(exporter, "traces") if self._signal == "traces" else exporter


def _export(exporter: Any, data: Batch) -> None:
    if (spans := spans_of(data)) is None:
        exporter.export(data)
    elif len(request := spans_request(spans)) <= REQUEST_MAX:
        exporter._client.Export(request=request)  # noqa: SLF001 - `_Listening`


class GrpcForwarder(GrpcSender):
    """Sends requests of one signal as others made them, protobuf byte by byte. One thread."""

    def forward(self, body: bytes) -> Answer:
        """Send once; never raises for what an endpoint does."""
        answer = self._call(lambda exporter: exporter._client.Export(request=body))  # noqa: SLF001 - `_Listening`
        return answer or Answer(error="the request could not be sent")

    def _make(self) -> Any:
        return _of_bytes(super()._make(), self._signal)


def _of_bytes(exporter: Any, signal: Signal) -> Any:
    """The same, whose client takes requests that are encoded already."""
    exporter._client = _Listening(_Bytes(exporter._channel, signal))  # noqa: SLF001 - as above
    return exporter


class _Bytes:
    """A stub of that kind."""

    def __init__(self, channel: Any, signal: Signal) -> None:
        service = SERVICES[signal]
        self.Export = channel.unary_unary(
            service.method, request_serializer=bytes, response_deserializer=service.response.FromString
        )


def _retry_delay(metadata: Any) -> float:
    """The seconds of a RetryInfo, which is how an endpoint asks to be left alone for a while; 0 without one."""
    with suppress(DecodeError):
        for key, value in metadata or ():
            if key == DETAILS:
                for detail in status_pb2.Status.FromString(value).details:
                    retry = error_details_pb2.RetryInfo()
                    if detail.Unpack(retry):
                        return max(0.0, float(retry.retry_delay.ToTimedelta().total_seconds()))
    return 0.0
