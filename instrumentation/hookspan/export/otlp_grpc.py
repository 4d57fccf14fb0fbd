"""OTLP over gRPC. Imported only where the setting says so: gRPC takes 20 MB and a tenth of a second."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before it is imported: it would write to stderr what we say ourselves

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from hookspan.config import Signal

from . import tls
from .answer import ANSWER_MAX, NO_GZIP, REASON_MAX, UNSUPPORTED, Answer, presentable
from .payload import USER_AGENT, Batch, UnsendableError, encoded
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
OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", ANSWER_MAX),
    ("grpc.primary_user_agent", USER_AGENT),
    ("grpc.use_local_subchannel_pool", 1),  # a connection that fails would make the other signal wait as well
)


class GrpcSender:
    """Sends batches of one signal. One thread."""

    def __init__(self, settings: ExportSettings, signal: Signal) -> None:
        self._settings = settings
        self._stub = TraceServiceStub if signal == "traces" else MetricsServiceStub
        self._channel: Any = None
        self._until: float | None = None

    def limit(self, until: float | None) -> None:
        """Wait for no answer beyond this time.monotonic(); None: only the timeout counts."""
        self._until = until

    def send(self, data: Batch) -> Answer:
        """Send once."""
        try:
            request = encoded(data)
        except UnsendableError as error:
            return Answer(error=str(error), unsendable=True)
        try:
            headers = self._settings.headers_now()
        except (OSError, UnicodeError) as error:
            return Answer(error=f"`export.token_file` can't be read: {error}"[:REASON_MAX])
        try:
            self._channel = self._channel or self._connect()
        except OSError as error:
            return Answer(error=tls.trouble(self._settings) or str(error))
        seconds = self._settings.timeout
        if self._until is not None:
            seconds = max(0.05, min(seconds, self._until - time.monotonic()))
        metadata = [(name.lower(), value) for name, value in headers.items()]
        try:
            response = self._stub(self._channel).Export(request, metadata=metadata, timeout=seconds)
        except grpc.RpcError as error:
            return self._judge(error, headers)
        partial = response.partial_success
        return Answer(
            200, rejected=getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0)
        )

    def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _connect(self) -> Any:
        settings = self._settings
        url = urlsplit(settings.endpoint or "")
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        address = f"{host}:{url.port or PORTS[url.scheme]}"
        compression = grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression
        if url.scheme != "https":
            return grpc.insecure_channel(address, OPTIONS, compression)
        roots, shown, key = (
            Path(file).read_bytes() if file else None
            for file in (settings.certificate, settings.client_certificate, settings.client_key)
        )
        # A file may hold both, the certificate and its key.
        credentials = grpc.ssl_channel_credentials(roots, shown and (key or shown), shown)
        return grpc.secure_channel(address, credentials, OPTIONS, compression)

    def _judge(self, error: Any, headers: Mapping[str, str]) -> Answer:
        code, text = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAVAILABLE:
            self.close()  # the next attempt connects at once, and reads the certificates again
            if problem := tls.trouble(self._settings):
                return Answer(error=problem)
        reason = f"the endpoint answered {presentable(f'{code.name}: {text}', headers)}"[:REASON_MAX]
        status = STATUSES.get(code, 0)
        if code in TOO_LARGE_CODES and TOO_LARGE.search(text):
            status = 413
        elif code is grpc.StatusCode.UNIMPLEMENTED and NOT_DECOMPRESSED.search(text):
            status, reason = UNSUPPORTED, f"{reason}; {NO_GZIP}"
        return Answer(status, reason, _retry_delay(error.trailing_metadata()))


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
