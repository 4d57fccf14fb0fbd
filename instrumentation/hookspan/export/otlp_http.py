"""OTLP over HTTP: the official exporters, with a session of ours that sends once and keeps the answer.

Spans, of which there are many, are encoded here (`encoding`) and go through the same session. Left to themselves the
exporters hide the status and the partial success, retry for as long as the timeout allows, take a
redirect for a success and add what the ambient OTEL_EXPORTER_OTLP_HEADERS says.
"""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

from hookspan.config import Signal
from hookspan.values import without_secrets

from . import tls
from .answer import ANSWER_MAX, NO_GZIP, REASON_MAX, UNSUPPORTED, Answer, presentable
from .batch import REQUEST_MAX, USER_AGENT, Batch, spans_of, unsent
from .encoding import spans_request
from .services import SERVICES, rejected_of
from .settings import ExportSettings

_KEPT_HEADERS: Final = ("Content-Type", "Content-Encoding", "Content-Length")

# They log each attempt that fails; what is worth a line is said once a minute instead.
logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)


class _Stopped(Exception):
    """Ends the exporter's own attempts: it retries on errors that it knows."""


class _Session(requests.Session):
    """One request, one attempt, exactly our headers, nothing from the environment. `answer` tells how it went."""

    def __init__(self, settings: ExportSettings, signal: Signal) -> None:
        super().__init__()
        self.trust_env = False  # no proxy, netrc or certificate variables
        self.answer: Answer | None = None
        self.until: float | None = None  # time.monotonic() that an answer is waited for at most
        self._settings = settings
        shown, key = settings.client_certificate, settings.client_key
        self._certificate = (shown, key or shown) if shown else None  # a file may hold both
        self._response = SERVICES[signal].response

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        ours = {name: value for name in _KEPT_HEADERS if (value := request.headers.get(name)) is not None}
        try:
            headers = self._settings.headers_now()
        except (OSError, UnicodeError) as error:
            self.answer = Answer(error=f"`export.token_file` can't be read: {describe(error, 0)}")
            raise _Stopped from error
        request.headers = requests.structures.CaseInsensitiveDict({**headers, **ours, "User-Agent": USER_AGENT})
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
        self.answer = self._judge(response, body, headers)
        if self.answer.error:
            raise _Stopped
        return response

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is followed, nor even looked at: headers may hold a key that is for the endpoint alone."""

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
        rejected = 0
        with suppress(DecodeError):
            rejected = 0 if "json" in kind else rejected_of(self._response.FromString(body))
        return Answer(status, rejected=rejected)


class HttpSender:
    """Sends batches of one signal. One thread."""

    def __init__(self, settings: ExportSettings, signal: Signal) -> None:
        self._session = _Session(settings, signal)
        self._url, self._zipped = settings.url(signal), settings.compression == "gzip"
        self._exporter = None if signal == "traces" else self._made(settings, signal)

    def limit(self, until: float | None) -> None:
        """Wait for no answer beyond this time.monotonic(); None: only the timeout counts."""
        self._session.until = until

    def send(self, data: Batch) -> Answer:
        """Send once."""
        with suppress(Exception):  # told by the answer, or else by the data
            if self._exporter is not None:
                self._exporter.export(data)
            elif (spans := spans_of(data)) and len(request := spans_request(spans)) <= REQUEST_MAX:
                self._post(request)
        answer, self._session.answer = self._session.answer, None
        return answer or unsent(data)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _post(self, request: bytes) -> None:
        headers = {"Content-Type": "application/x-protobuf"}
        if self._zipped:
            headers["Content-Encoding"], request = "gzip", gzip.compress(request)
        self._session.post(self._url, data=request, headers=headers)

    def _made(self, settings: ExportSettings, signal: Signal) -> Any:
        compression = Compression.Gzip if self._zipped else Compression.NoCompression
        return _exporter(signal)(self._url, timeout=settings.timeout, compression=compression, session=self._session)


class HttpForwarder:
    """Sends requests of one signal as others made them, byte by byte. One thread."""

    def __init__(self, settings: ExportSettings, signal: Signal) -> None:
        self._session = _Session(settings, signal)
        self._url = settings.url(signal)

    def forward(self, body: bytes, *, is_json: bool, gzip: bool) -> Answer:
        """Send once; never raises for what an endpoint does."""
        headers = {"Content-Type": "application/json" if is_json else "application/x-protobuf"}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        with suppress(Exception):  # told by the answer
            self._session.post(self._url, data=body, headers=headers)
        answer, self._session.answer = self._session.answer, None
        return answer or Answer(error="the request could not be sent")

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


def _exporter(signal: Signal) -> Any:
    if signal == "logs":
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415 - 0.5 MB

        return OTLPLogExporter
    return OTLPMetricExporter
