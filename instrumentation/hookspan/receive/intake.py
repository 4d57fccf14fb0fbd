"""Makes facts of what was received, and writes them to the journal: later than the answer, in order of arrival."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

from hookspan.config import Signal
from hookspan.journal import Writer
from hookspan.wire import Fact, encode

from . import otlp
from .otlp import NotOtlpError
from .spans import SpansTaker
from .spool import SpoolReader, Stored

TRY_AGAIN: Final = 2.0  # seconds after the journal could not be written
LOOK: Final = 5.0  # seconds until what waits for more is looked at, though nothing comes
FOLDED: Final[tuple[Signal, ...]] = ("traces", "logs")
"""The signals that facts are made of. The client's metrics are sums of what its log records say."""

LogsTaker = Callable[[Sequence[ResourceLogs], int], Iterable[Fact]]

_logger = logging.getLogger(__name__)


class Intake:
    """One thread, from `start` to `stop`."""

    def __init__(
        self,
        readers: Mapping[Signal, SpoolReader],
        writer: Writer,
        wake: Callable[[], None],
        *,
        spans: Sequence[SpansTaker],
        logs: Sequence[LogsTaker],
    ) -> None:
        """`readers`: of the FOLDED signals. `wake` is called when there is something new in the journal."""
        self._readers = readers
        self._writer = writer
        self._wake = wake
        self._spans = spans
        self._logs = logs
        self.facts = self.undecodable = self.failures = 0
        self._stopping = threading.Event()
        self._bell = threading.Event()
        for reader in readers.values():
            reader.bell = self._bell
        self._thread = threading.Thread(target=self._run, name="received", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after the present request."""
        self._stopping.set()
        self._bell.set()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(seconds)

    @property
    def left(self) -> int:
        """Bytes of requests that wait."""
        return sum(reader.left for reader in self._readers.values())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = [self._step(signal, reader) for signal, reader in self._readers.items()]
                is_idle = not any(busy) and not self._look()
            except Exception:
                _logger.exception("what was received can't be taken in")
                self.failures += 1
                self._stopping.wait(TRY_AGAIN)
                continue
            if is_idle:
                self._bell.wait(LOOK if any(each.waits for each in self._spans) else None)
                self._bell.clear()

    def _step(self, signal: Signal, reader: SpoolReader) -> bool:
        """Take in one request; False if there is none."""
        request = reader.read()
        if request is None:
            return False
        if self._write(self._lines(signal, request)):
            reader.done()
        return True

    def _look(self) -> bool:
        """Take in what is due without a request; False if there is none."""
        lines = self._told([each.taken for each in self._spans if each.waits], (), time.time_ns(), "traces")
        return bool(lines) and self._write(lines)

    def _write(self, lines: Sequence[bytes]) -> bool:
        """Write them, however long the disk is full: who gave them gives them once. False if the end comes first."""
        while lines:
            try:
                self._writer.append(lines)
            except OSError:
                _logger.exception("what was received can't be written to the journal")
                self.failures += 1
                if self._stopping.wait(TRY_AGAIN):
                    return False
            else:
                self.facts += len(lines)
                self._wake()
                break
        return True

    def _lines(self, signal: Signal, request: Stored) -> list[bytes]:
        try:
            data = otlp.unpacked(request.body, gzip=request.gzip)
            message: Any = otlp.decode(signal, data, is_json=request.json)
        except NotOtlpError:
            self.undecodable += 1
            return []
        if signal == "traces":
            return self._told([each.taken for each in self._spans], message.resource_spans, request.at, signal)
        return self._told(self._logs, message.resource_logs, request.at, signal)

    def _told(
        self, takers: Iterable[Callable[[Any, int], Iterable[Fact]]], parts: Any, at: int, signal: Signal
    ) -> list[bytes]:
        lines: list[bytes] = []
        for taker in takers:
            try:
                lines += [encode(fact) for fact in taker(parts, at)]
            except Exception:
                _logger.exception("no facts can be made of what was received", extra={"signal": signal})
                self.failures += 1
        return lines
