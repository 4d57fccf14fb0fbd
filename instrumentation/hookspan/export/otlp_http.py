"""OTLP over HTTP: the official exporters, with a session of ours that sends once and keeps the answer.

Left to themselves they hide the status and the partial success, retry for as long as the timeout allows, take a
redirect for a success and add what the ambient OTEL_EXPORTER_OTLP_HEADERS says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from hookspan.values import without_secrets

from . import tls
from .answer import Answer, presentable
from .settings import ExportSettings

ANSWER_MAX: Final = 64 << 10  # bytes of an answer that are read; an OTLP one has fewer than a hundred
REQUEST_MAX: Final = 64 << 20  # bytes; the exporters' own limit, named here to tell what exceeds it
REASON_MAX: Final = 200  # characters of an error's body that are kept
_KEPT_HEADERS: Final = ("Content-Type", "Content-Encoding", "Content-Length", "User-Agent")

# They log each attempt that fails; what is worth a line is said once a minute instead.
logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)


class _Stopped(Exception):
    """Ends the exporter's own attempts: it retries on errors that it knows."""


class _Session(requests.Session):
    """One request, one attempt, exactly our headers, nothing from the environment. `answer` tells how it went."""

    def __init__(self, settings: ExportSettings, rejected: Callable[[bytes], int]) -> None:
        super().__init__()
        self.trust_env = False  # no proxy, netrc or certificate variables
        self.answer: Answer | None = None
        self.until: float | None = None  # time.monotonic() that an answer is waited for at most
        self._settings = settings
        shown, key = settings.client_certificate, settings.client_key
        self._certificate = (shown, key or shown) if shown else None  # a file may hold both
        self._rejected = rejected

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        ours = {name: value for name in _KEPT_HEADERS if (value := request.headers.get(name)) is not None}
        try:
            request.headers = requests.structures.CaseInsensitiveDict({**self._settings.headers_now(), **ours})
        except (OSError, UnicodeError) as error:
            self.answer = Answer(error=f"`export.token_file` can't be read: {describe(error, 0)}")
            raise _Stopped from error
        seconds = self._settings.timeout
        if self.until is not None:
            seconds = max(0.05, min(seconds, self.until - time.monotonic()))
        try:
            response = super().send(
                request,
                timeout=seconds,
                verify=self._settings.certificate or True,
                cert=self._certificate,
                proxies={},
                stream=True,
                allow_redirects=False,
            )
            body = _read(response, time.monotonic() + seconds)
        except requests.exceptions.Timeout as error:
            self.answer = Answer(error=describe(error, seconds))
            raise _Stopped from error
        except Exception as error:
            self.answer = Answer(error=tls.trouble(self._settings) or describe(error, seconds))
            raise _Stopped from error
        self.answer = self._judge(response, body)
        if self.answer.error:
            raise _Stopped
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is followed, nor even looked at: headers may hold a key that is for the endpoint alone."""

    def _judge(self, response: requests.Response, body: bytes) -> Answer:
        status, kind = response.status_code, response.headers.get("Content-Type", "")
        sent = {name: str(value) for name, value in response.request.headers.items() if name not in _KEPT_HEADERS}
        retry_after = _seconds(response.headers.get("Retry-After", ""))
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own
            reason = f"the endpoint answered {status} {_reason(response, body, sent)}".rstrip()
            return Answer(status, reason, retry_after)
        if kind.startswith("text/html"):
            return Answer(status, "the endpoint answered with a web page: it is not an OTLP endpoint", retry_after)
        return Answer(status, rejected=self._rejected(body) if "json" not in kind else 0)


class HttpSender:
    """Sends batches of one signal. One thread."""

    def __init__(self, settings: ExportSettings, signal: str) -> None:
        self._traces = signal == "traces"
        self._session = _Session(settings, _rejected_spans if self._traces else _rejected_points)
        compression = Compression.Gzip if settings.compression == "gzip" else Compression.NoCompression
        common: dict[str, Any] = {"timeout": settings.timeout, "compression": compression, "session": self._session}
        self._spans = OTLPSpanExporter(settings.url("traces"), **common) if self._traces else None
        self._metrics = None if self._traces else OTLPMetricExporter(settings.url("metrics"), **common)

    def limit(self, until: float | None) -> None:
        """Wait for no answer beyond this time.monotonic(); None: only the timeout counts."""
        self._session.until = until

    def send(self, data: Sequence[ReadableSpan] | MetricsData) -> Answer:
        """Send once."""
        if self._spans is not None and not isinstance(data, MetricsData):
            self._spans.export(data)
        elif self._metrics is not None and isinstance(data, MetricsData):
            self._metrics.export(data)
        reply, self._session.answer = self._session.answer, None
        if reply is not None:
            return reply
        if problem := _unsendable(data):
            return Answer(error=problem, unsendable=True)
        return Answer(error="the exporter did not send the request")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def describe(error: BaseException, seconds: float) -> str:
    """The cause in a few words; the libraries wrap it four deep and quote addresses of objects."""
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {seconds:g} s"
    cause, depth = _inner(error), 0
    while (inner := _inner(cause)) is not cause and depth < 10:  # noqa: PLR2004 - deeper than any
        cause, depth = inner, depth + 1
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return without_secrets(f"{type(cause).__name__}: {cause}"[:REASON_MAX])


def _inner(error: BaseException) -> BaseException:
    for cause in (error.__cause__, getattr(error, "reason", None), *error.args, error.__context__):
        if isinstance(cause, BaseException) and cause is not error:
            return cause
    return error


def _read(response: requests.Response, until: float) -> bytes:
    """The answer's body: so much of it, for so long. A body that breaks off doesn't undo the status before it."""
    body = b""
    with suppress(Exception):
        while len(body) < ANSWER_MAX and time.monotonic() < until:
            chunk = response.raw.read1(ANSWER_MAX, decode_content=False)
            if not chunk:
                return body
            body += chunk
    response.close()  # there is more of it: this connection is not used again
    return body


def _reason(response: requests.Response, body: bytes, headers: Mapping[str, str]) -> str:
    text = body.decode("utf-8", "replace") if body else response.reason or ""
    return presentable(text, headers)[:REASON_MAX].strip()


def _seconds(value: str) -> float:
    """What a Retry-After header says: seconds or a date."""
    with suppress(ValueError, OverflowError):
        return max(0.0, min(float(value), 1e6))
    with suppress(TypeError, ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0


def _rejected_spans(body: bytes) -> int:
    with suppress(DecodeError):
        return int(ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans)
    return 0


def _rejected_points(body: bytes) -> int:
    with suppress(DecodeError):
        return int(ExportMetricsServiceResponse.FromString(body).partial_success.rejected_data_points)
    return 0


def _unsendable(data: Sequence[ReadableSpan] | MetricsData) -> str:
    """Why the exporter gave up before it sent; empty if the data is not to blame."""
    encode: Mapping[bool, Callable[[Any], Any]] = {True: encode_metrics, False: encode_spans}
    try:
        size = len(encode[isinstance(data, MetricsData)](data).SerializePartialToString())
    except Exception as error:  # noqa: BLE001 - whatever the encoder raises, the exporter has met it too
        return f"it can't be encoded: {type(error).__name__}"
    return f"it has {size} bytes" if size > REQUEST_MAX else ""
