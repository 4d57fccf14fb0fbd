"""OTLP over HTTP: one request, one attempt, exactly our headers, and nothing from the environment."""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final

import requests
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from hookspan.config import Signal
from hookspan.values import without_secrets

from . import tls
from .answer import ANSWER_MAX, NO_GZIP, REASON_MAX, UNSUPPORTED, Answer, presentable
from .payload import USER_AGENT, Batch, UnsendableError, encoded
from .settings import ExportSettings

LEVEL: Final = 6  # of gzip: 9 takes five times as long for 1 % less of the metrics


class HttpSender:
    """Sends batches of one signal. One thread."""

    def __init__(self, settings: ExportSettings, signal: Signal) -> None:
        self._settings, self._url = settings, settings.url(signal)
        self._rejected = _rejected_spans if signal == "traces" else _rejected_points
        self._until: float | None = None
        shown, key = settings.client_certificate, settings.client_key
        self._session = _Session()
        self._session.trust_env = False  # no proxy, netrc or certificate variables
        self._session.headers.clear()
        self._session.verify = settings.certificate or True
        self._session.cert = (shown, key or shown) if shown else None  # a file may hold both

    def limit(self, until: float | None) -> None:
        """Wait for no answer beyond this time.monotonic(); None: only the timeout counts."""
        self._until = until

    def send(self, data: Batch) -> Answer:
        """Send once."""
        try:
            body = encoded(data).SerializeToString()
        except UnsendableError as error:
            return Answer(error=str(error), unsendable=True)
        try:
            headers = self._settings.headers_now()
        except (OSError, UnicodeError) as error:
            return Answer(error=f"`export.token_file` can't be read: {describe(error, 0)}")
        ours = {"Content-Type": "application/x-protobuf", "User-Agent": USER_AGENT}
        if self._settings.compression == "gzip":
            body, ours["Content-Encoding"] = gzip.compress(body, LEVEL), "gzip"
        seconds = self._settings.timeout
        if self._until is not None:
            seconds = max(0.05, min(seconds, self._until - time.monotonic()))
        try:
            response = self._session.post(
                self._url,
                data=body,
                headers=requests.structures.CaseInsensitiveDict({**headers, **ours}),
                timeout=seconds,
                stream=True,
                allow_redirects=False,
            )
            answered = _read(response, time.monotonic() + seconds)
        except requests.exceptions.Timeout as error:
            return Answer(error=describe(error, seconds))
        except Exception as error:  # noqa: BLE001 - an endpoint can bring the libraries to raise many kinds
            return Answer(error=tls.trouble(self._settings) or describe(error, seconds))
        return self._judge(response, answered, headers)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _judge(self, response: requests.Response, body: bytes, headers: Mapping[str, str]) -> Answer:
        status, kind = response.status_code, response.headers.get("Content-Type", "")
        retry_after = _seconds(response.headers.get("Retry-After", ""))
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own
            reason = f"the endpoint answered {status} {_reason(response, body, headers)}".rstrip()
            if status == UNSUPPORTED and self._settings.compression == "gzip":
                reason += f"; {NO_GZIP}"
            return Answer(status, reason, retry_after)
        if kind.startswith("text/html"):
            return Answer(status, "the endpoint answered with a web page: it is not an OTLP endpoint", retry_after)
        return Answer(status, rejected=self._rejected(body) if "json" not in kind else 0)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is followed, nor even looked at: headers may hold a key that is for the endpoint alone."""


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
