"""Forwards the requests of one signal to the endpoint, as they came and in their order, at least once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from hookspan.config import Signal
from hookspan.export import ExportSettings, Forwarder
from hookspan.export.answer import Answer, delay
from hookspan.export.services import SERVICES

from . import otlp
from .otlp import NotOtlpError
from .spool import SpoolReader, Stored

ASK_PAUSE: Final = 0.2  # seconds until the settings are asked again whether anything may go
COMPLAINT_PAUSE: Final = 60.0  # seconds between two log lines about the same trouble
SUSPECTS_MAX: Final = 4  # spans or records of a request that are refused before those behind it are tried
REQUESTS_MAX: Final = 8  # requests of which nothing is taken, after which the endpoint itself is held to be at fault
HALVED: Final = 10  # of so many attempts in a row at an endpoint that refuses everything, one halves what it refuses
DAY: Final = 86_400_000_000_000

_logger = logging.getLogger(__name__)


class Forwarding:
    """One thread, from `start` to `stop`.

    What an endpoint refuses (400, 413) is halved down to what is at fault, which is counted and left out; but only
    beside something that it takes, if need be of the requests behind: one that refuses everything is itself at fault.
    """

    def __init__(
        self, signal: Signal, reader: SpoolReader, settings: Callable[[], ExportSettings | None], *, wanted: bool
    ) -> None:
        """`settings` are asked before each request: None while nothing may leave. `wanted`: whether any should."""
        self._signal = signal
        self._reader = reader
        self._settings = settings
        self.wanted = wanted
        self._used: ExportSettings | None = None
        self._forwarder: Forwarder | None = None
        self._proven = False  # this endpoint has taken something
        self._takes = False  # it has since `_forward` began
        self._in_a_row = 0
        self._refusals = 0  # attempts in a row of which the endpoint took nothing
        self._retry_at = 0.0
        self._complained = float("-inf")
        self._last_error = ""
        self._state = "idle"
        self.forwarded = self.refused = self.expired = self.rejected = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"forward-{signal}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after the present request."""
        self._stopping.set()
        self._reader.ring()

    def join(self, seconds: float) -> None:
        """Wait for its end; a request that takes longer is sent again after the next start."""
        self._thread.join(seconds)

    def ring(self) -> None:
        """Something has changed: try again."""
        self._retry_at = 0.0
        self._reader.ring()

    def stats(self) -> dict[str, Any]:
        """What `status` and health show."""
        return {
            "state": self._state,
            "waiting_bytes": self._reader.left,
            "oldest_age": round(self._reader.oldest_age(), 3),
            "forwarded": self.forwarded,
            "rejected": self.rejected,
            "refused": self.refused,
            "expired": self.expired,
            "last_error": self._last_error,
            "retry_in": max(0.0, self._retry_at - time.monotonic()) if self._state == "holding" else 0.0,
        }

    # --- The thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except Exception as error:
                _logger.exception("forwarding failed", extra={"signal": self._signal})
                self._hold(Answer(error=f"{type(error).__name__}: {error}"))
                self._stopping.wait(max(0.0, self._retry_at - time.monotonic()))
        if self._forwarder is not None:
            self._forwarder.close()

    def _step(self) -> None:
        request = self._reader.read()
        if request is None:
            self._state = "idle"
            self._reader.wait(60.0)
            return
        if not request.own or not self.wanted:
            self._reader.done()
            return
        if (left := self._retry_at - time.monotonic()) > 0:
            self._reader.wait(min(left, 1.0))  # what comes meanwhile rings as well
            return
        settings = self._settings()
        if settings is None:
            self._reader.wait(ASK_PAUSE)
            return
        if settings != self._used:
            self._adopt(settings)
        if self._forward(request):
            self._reader.done()
        elif self._state == "holding":
            self._expire(settings.max_days)

    def _adopt(self, settings: ExportSettings) -> None:
        if self._forwarder is not None:
            self._forwarder.close()
        self._forwarder, self._used = Forwarder(settings, self._signal), settings
        self._proven, self._in_a_row, self._refusals = False, 0, 0

    def _forward(self, request: Stored | None) -> bool:
        """Settle a request, and those behind it up to one of which something is taken; False if they have to wait."""
        doubted: list[Stored] = []
        tried, self._takes = 0, False
        whole = self._refusals % HALVED != 0
        while request is not None:
            if request.own:
                left = self._send_parts([request], whole=whole)
                if left is None:
                    return False
                tried, doubted = tried + 1, left + doubted
            if self._takes or not doubted:
                break
            request = self._reader.read_on() if tried < REQUESTS_MAX else None
        else:
            if self._proven and not whole and not self._takes_one_of(doubted):
                return False
            if not self._takes:
                self._refusals += 1
                self._hold(Answer(error=f"it refuses every request: {self._last_error}"))
                return False
        return self._send_parts(doubted) is not None

    def _takes_one_of(self, doubted: list[Stored]) -> bool:
        """Of them nothing was taken yet, but of others before: does it take one as it is? False if it is gone.

        A single span or record is all that is at fault then.
        """
        self._takes = len(doubted) == 1 and not self._halves(doubted[0])
        for part in [] if self._takes else list(doubted):
            left = self._send_parts([part], whole=True)
            if left is None:
                return False
            if self._takes:
                doubted.remove(part)
                break
        return True

    def _send_parts(self, parts: list[Stored], *, whole: bool = False) -> list[Stored] | None:
        """Send them, the last one first. What is refused is halved, down to single spans or records, or not if `whole`.

        These are refused for good where the endpoint takes something; else they are in what is given back, to be sent
        once more when it does, with what was not sent after SUSPECTS_MAX of them. None if the endpoint is gone, or may
        not be sent to any more: then all of it is sent again later, and what had arrived arrives twice.
        """
        suspects: list[Stored] = []
        while parts and (self._takes or len(suspects) < SUSPECTS_MAX):
            if self._stopping.is_set() or self._settings() != self._used:
                return None
            part = parts.pop()
            reply = self._send(part)
            if reply.accepted:
                continue
            if not reply.refused:
                self._hold(reply)
                return None
            self._last_error = reply.error
            if not whole and (smaller := self._halves(part)):
                parts += reversed(smaller)
            elif self._takes or reply.unsendable:
                self._refuse(reply.error)
            else:
                suspects.append(part)
        return parts + suspects[::-1]

    def _send(self, request: Stored) -> Answer:
        assert self._forwarder is not None  # noqa: S101 - `_adopt` made it
        self._state = "sending"
        try:
            reply = self._forwarder.forward(
                request.body, is_json=request.json, gzip=request.gzip, plain=lambda: _plain(self._signal, request)
            )
        except NotOtlpError as error:
            return Answer(error=str(error), unsendable=True)
        if reply.accepted:
            self._takes = self._proven = True
            self._in_a_row, self._refusals, self._last_error = 0, 0, ""
            self.forwarded += 1
            self.rejected += reply.rejected
        return reply

    def _halves(self, request: Stored) -> list[Stored]:
        try:
            data = otlp.unpacked(request.body, gzip=request.gzip)
            message = otlp.decode(self._signal, data, is_json=request.json)
        except NotOtlpError:  # JSON, of which only the outside was looked at when it came
            return []
        return [Stored(request.at, half.SerializeToString()) for half in halves(self._signal, message)]

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        _logger.warning("the endpoint refuses what was received", extra={"signal": self._signal, "reason": reason})

    def _expire(self, days: int) -> None:
        """Give up requests that have waited too long, as long as nothing gets through."""
        before, cutoff = self.expired, time.time_ns() - days * DAY
        while (request := self._reader.read()) is not None and (request.at < cutoff or not request.own):
            self.expired += request.own
            self._reader.done()
        if self.expired > before:
            extra = {"signal": self._signal, "count": self.expired - before, "days": days}
            _logger.warning("requests have expired; they were not forwarded", extra=extra)

    def _hold(self, reply: Answer) -> None:
        self._in_a_row += 1
        self._state, self._last_error = "holding", reply.error
        self._retry_at = time.monotonic() + delay(self._in_a_row, reply)
        if time.monotonic() - self._complained >= COMPLAINT_PAUSE:
            self._complained = time.monotonic()
            extra = {"signal": self._signal, "reason": reply.error, "failures": self._in_a_row}
            _logger.warning("what was received can't be forwarded; it is kept", extra=extra)


def halves(signal: Signal, message: Any) -> list[Message]:
    """A request as two that have all of its spans, metrics or log records between them; none if it has only one."""
    outer, inner, items = SERVICES[signal].levels
    whole = [
        (resource, scope, item)
        for resource in getattr(message, outer)
        for scope in getattr(resource, inner)
        for item in getattr(scope, items)
    ]
    if len(whole) < 2:  # noqa: PLR2004 - two halves
        return []
    middle = len(whole) // 2
    return [_rebuilt(signal, whole[:middle]), _rebuilt(signal, whole[middle:])]


def _rebuilt(signal: Signal, whole: list[tuple[Any, Any, Any]]) -> Message:
    outer, inner, items = SERVICES[signal].levels
    message = SERVICES[signal].request()
    of: tuple[Any, Any] = (None, None)
    resource_part = scope_part = None
    for resource, scope, item in whole:
        if resource_part is None or of[0] is not resource:
            resource_part = getattr(message, outer).add(schema_url=resource.schema_url)
            resource_part.resource.CopyFrom(resource.resource)
            scope_part = None
        if scope_part is None or of[1] is not scope:
            scope_part = getattr(resource_part, inner).add(schema_url=scope.schema_url)
            scope_part.scope.CopyFrom(scope.scope)
        of = resource, scope
        getattr(scope_part, items).append(item)
    return message


def _plain(signal: Signal, request: Stored) -> bytes:
    data = otlp.unpacked(request.body, gzip=request.gzip)
    if not request.json:
        return data
    decoded: bytes = otlp.decode(signal, data, is_json=True).SerializeToString()
    return decoded
