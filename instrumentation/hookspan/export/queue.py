"""Exports rows of the store to an OTLP endpoint, in order, at least once: what spans and log records have in common."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic

from hookspan.config import Signal
from hookspan.store import Reader, SpanKey

from . import answer, sender
from .answer import Answer
from .batch import Batch
from .db import ExportDb
from .plan import Outcome, Plan, Refusal, Row, Sent, Settlement
from .resource import Resources
from .sender import Sender
from .settings import ExportSettings

BATCH: Final = 512
LINGER: Final = 1.0  # seconds that a batch may take to fill
DRAIN_PAUSE: Final = 0.5  # seconds between attempts while somebody waits
PERMIT_PAUSE: Final = 0.1  # seconds until it is asked again whether anything may go; other settings end it
SUSPECTS_MAX: Final = 32
"""Rows refused without any being accepted, after which the endpoint itself is held to be at fault, unless it takes some
of those behind."""
PROBES: Final = 16
"""Rows behind those that are asked for then, spread over a batch."""
COMPLAINT_PAUSE: Final = 60.0  # seconds between two log lines about the same trouble
DAY: Final = 86_400_000_000_000

_logger = logging.getLogger(__name__)


class QueueExport(ABC, Generic[Row]):
    """One thread that sends what comes after the cursor and moves it only when the endpoint has it.

    A refusal (400, 413, gRPC's INVALID_ARGUMENT) is halved down to the rows that are at fault; those are marked and
    counted. But an endpoint that refuses everything is itself at fault (plain HTTP to a TLS port is answered 400, too),
    so a refusal counts only beside something that was accepted.
    """

    signal: ClassVar[Signal]
    noun: ClassVar[str]
    """What a row is called where somebody reads it."""

    def __init__(
        self,
        reader: Reader,
        db: ExportDb,
        settings: ExportSettings,
        resources: Resources,
        *,
        permit: Callable[[ExportSettings], bool],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._reader, self._db, self._settings, self._clock = reader, db, settings, clock
        self._resources, self._permit = resources, permit
        self._resource = resources(settings.resource, settings.identity)[0]
        self._sender: Sender | None = None
        self._next_settings: ExportSettings | None = None
        self._condition = threading.Condition()
        self._fresh = True  # something may have been committed since the last look
        self._urgent = False  # somebody wants the thread's attention now
        self._stopping = False
        self._abandoned = False  # another exporter may have the cursor by now
        self._draining_until: list[float] = []  # for each that waits, until when (monotonic seconds)
        self._settled = SpanKey(0, 0)
        self._count_lock = threading.Lock()
        self._counted, self._queue_total, self._handled = self._cursor, 0, 0
        self._state = "idle" if self._is_on else "off"
        self._failures = self._in_a_row = 0
        self._last_success = 0
        self._last_error, self._retry_at, self._told_when = "", 0.0, False
        self._complained = float("-inf")
        self._not_taken = False  # by its last failure the endpoint takes none of these
        self._proven = False  # this endpoint has accepted something
        self._thread = threading.Thread(target=self._run, name=f"export-{self.signal}", daemon=True)

    # --- What the rows are

    @abstractmethod
    def _outbox(self, after: SpanKey, limit: int) -> tuple[list[Row], SpanKey]:
        """The next rows for export, and the key of the last of all at that moment."""

    @abstractmethod
    def _count(self, after: SpanKey) -> tuple[int, SpanKey]:
        """How many rows there are for export, and the key of the last of all."""

    @abstractmethod
    def _last(self) -> SpanKey:
        """The key of the newest row."""

    @abstractmethod
    def _time_of(self, row: Row) -> int:
        """Since when a row waits, Unix nanoseconds."""

    @abstractmethod
    def _plan(self, batch: Sequence[Row]) -> Plan[Row]:
        """What is to be sent of a batch."""

    @abstractmethod
    def _encodable(self, part: Sequence[Sent[Row]]) -> Batch:
        """As the sender takes it."""

    def _adopted(self) -> None:
        """Other settings are in force."""

    def _noted(self, became: Sequence[Outcome | Refusal]) -> Mapping[str, str]:
        """These became of the next that were planned: what is to be noted with the cursor."""
        del became
        return {}

    def _caught_up(self, last: SpanKey) -> None:
        """There is nothing to send; `last` is the newest row of all."""

    # --- From other threads

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def committed(self) -> None:
        """There may be new rows."""
        if not self._fresh:
            with self._condition:
                self._fresh = True
                self._condition.notify_all()

    def apply(self, settings: ExportSettings) -> None:
        """Go on with other settings."""
        self._call(next_settings=settings)

    def drain(self, seconds: float) -> bool:
        """Wait until all that is in the store now is settled, at most so long; False if it isn't, or when this ends."""
        target = self._last()
        until = time.monotonic() + seconds
        with self._condition:
            self._draining_until.append(until)
            self._urgent = True
            self._condition.notify_all()
            try:
                self._condition.wait_for(lambda: self._is_off() or self._stopping or self._settled >= target, seconds)
                return self._is_off() or self._settled >= target
            finally:
                self._draining_until.remove(until)

    def stop(self, seconds: float = 1.0) -> bool:
        """End after the present request; False if that takes longer."""
        self._call(stopping=True)
        if self._thread.is_alive():
            self._thread.join(seconds)
        self._abandoned = self._thread.is_alive()
        return not self._abandoned

    def stats(self) -> dict[str, Any]:
        """What `status` and health show. Times are Unix nanoseconds, ages and waits seconds."""
        waiting = self._outbox(self._cursor, 1)[0] if self._is_on else []
        state = self._state
        return {
            "state": state,
            "queue": self._queue() if waiting else 0,
            "oldest_age": max(0, self._clock() - self._time_of(waiting[0])) / 1e9 if waiting else 0.0,
            **{name: self._total(name) for name in ("exported", "rejected", "refused", "expired")},
            "failures": self._failures,
            "last_success": self._last_success,
            "last_error": self._last_error,
            "not_taken": state == "holding" and self._not_taken,
            "retry_in": max(0.0, self._retry_at - time.monotonic()) if state == "holding" else 0.0,
        }

    @property
    def _is_on(self) -> bool:
        return self._settings.sends(self.signal)

    @property
    def _cursor(self) -> SpanKey:
        return self._db.cursor_of(self.signal)

    def _total(self, name: str) -> int:
        return self._db.total(name, self.signal)

    def _is_off(self) -> bool:
        """Whether there is nowhere to send to, and nobody has said otherwise."""
        return self._next_settings is None and not self._is_on

    def _call(self, *, next_settings: ExportSettings | None = None, stopping: bool = False) -> None:
        with self._condition:
            self._next_settings = next_settings or self._next_settings
            self._stopping |= stopping
            self._urgent = True
            self._condition.notify_all()

    def _queue(self) -> int:
        """How many rows wait. Each is counted once, so that a long queue is not counted at every question."""
        with self._count_lock:
            cursor = self._cursor
            if self._counted < cursor:
                self._counted, self._queue_total, self._handled = cursor, 0, 0
            count, self._counted = self._count(self._counted)
            self._queue_total += count
            return max(0, self._queue_total - self._handled)

    # --- The thread

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._step()
            except Exception as error:
                _logger.exception("an exporter failed", extra={"signal": self.signal})
                self._hold(Answer(error=f"{type(error).__name__}: {error}"))
                self._rest()
        if self._sender is not None:
            self._sender.close()

    def _step(self) -> None:
        self._adopt()
        if not self._is_on:
            self._state = "off"
            self._wait(None)
            return
        if not self._permit(self._settings):
            self._wait(PERMIT_PAUSE)
            return
        self._fresh = False
        cursor = self._cursor
        batch, last = self._outbox(cursor, BATCH)
        if batch:
            if self._deliver(self._plan(batch)):
                self._settle_to(self._cursor)
            elif self._state == "holding":
                self._expire()
                self._rest()
            return
        self._caught_up(last)
        if last > cursor:  # what is between is not for export, nor to be read again each time
            self._db.settle(Settlement(last, 0, {}), self.signal)
        self._state = "idle"
        self._settle_to(max(last, cursor))
        if not (self._wait(None, fresh=True) or self._draining()):
            self._wait(LINGER)

    def _adopt(self) -> None:
        with self._condition:
            settings, self._next_settings = self._next_settings or self._settings, None
            changed, self._settings = settings != self._settings, settings
        if changed:
            self._proven, self._in_a_row = False, 0
            self._resource = self._resources(settings.resource, settings.identity)[0]
            self._adopted()
            if self._sender is not None:
                self._sender.close()
                self._sender = None
            with self._count_lock:
                self._counted, self._queue_total, self._handled = self._cursor, 0, 0
        if self._sender is None and self._is_on:
            self._sender = sender.make(self._settings, self.signal)

    def _deliver(self, plan: Plan[Row]) -> bool:
        """Settle all of a plan; False: the rest of it has to wait."""
        suspects: list[Refusal] = []
        proven = False
        self._settle(plan, [])  # what comes before the first that is to be sent
        parts = [plan.sends[at : at + BATCH] for at in range(0, len(plan.sends), BATCH)][::-1]
        while parts and len(suspects) < SUSPECTS_MAX:
            if self._stopping or not self._permit(self._settings):
                return False
            part = parts.pop()
            reply = self._send(part)
            if self._abandoned:
                return False
            if reply.accepted:
                proven = True
                rejected = min(reply.rejected, len(part))
                accepted: list[Outcome] = ["rejected"] * rejected
                accepted += ["exported"] * (len(part) - rejected)
                self._settle(plan, suspects, accepted)
            elif not reply.refused:
                self._hold(reply)
                return False
            elif len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            else:
                suspects.append(Refusal(_key(part[0].row), self._clock(), reply.status, reply.error))
                proven = proven or (len(suspects) == SUSPECTS_MAX and self._takes_some(parts))
                if proven or not any(one.status for one in suspects):  # 0: it can't be encoded, whoever asks
                    self._settle(plan, suspects)
        if suspects and not (self._proven and len(plan.sends) == 1):
            self._hold_refused(suspects[-1])
            return False
        if suspects:
            self._settle(plan, suspects)
        return True

    def _hold_refused(self, last: Refusal) -> None:
        """None of some rows was taken, the last of which is this; nothing is new where that holds already."""
        if self._state != "holding" and not (self._stopping or self._abandoned):
            self._hold(Answer(last.status, f"it refuses every {self.noun}: {last.reason}"))

    def _takes_some(self, parts: list[list[Sent[Row]]]) -> bool:
        """Whether one of some rows behind is accepted; in its turn it is sent once more. Any other answer holds."""
        rows = [sent for part in reversed(parts) for sent in part]
        for sent in rows[:: max(1, len(rows) // PROBES)]:
            if self._stopping or not self._permit(self._settings):
                break
            reply = self._send([sent])
            if self._abandoned or reply.accepted:
                return not self._abandoned
            if not reply.refused:
                self._hold(reply)
                break
        return False

    def _send(self, part: list[Sent[Row]]) -> Answer:
        assert self._sender is not None  # noqa: S101 - _adopt made it
        self._state = "sending"
        self._sender.limit(max(self._draining_until, default=None))
        reply = self._sender.send(self._encodable(part))
        if reply.accepted:
            if self._in_a_row:
                _logger.info("export continues", extra={"failures": self._in_a_row})
            self._proven, self._in_a_row, self._last_success = True, 0, self._clock()
            self._last_error = ""
        return reply

    def _settle(self, plan: Plan[Row], suspects: list[Refusal], outcomes: Sequence[Outcome] = ()) -> None:
        """These became of the next rows of a plan: first some that were refused, then others."""
        if suspects:
            extra = {"count": len(suspects), "reason": suspects[-1].reason}
            _logger.warning("%ss were refused", self.noun, extra=extra)
            self._last_error = suspects[-1].reason
        became = [*suspects, *outcomes]
        settlement, notes = plan.settle(became), self._noted(became)
        suspects.clear()
        if settlement is not None:
            self._db.settle(settlement, self.signal, notes)
            with self._count_lock:
                self._handled += settlement.rows

    def _settle_to(self, key: SpanKey) -> None:
        with self._condition:
            self._settled = key
            self._condition.notify_all()

    def _hold(self, reply: Answer) -> None:
        """Nothing more goes out for a while. Why, and for how long, is there before others see that it is so."""
        self._in_a_row += 1
        self._last_error, self._not_taken = reply.error, reply.not_taken
        self._told_when = reply.retry_after > 0
        self._retry_at = time.monotonic() + answer.delay(self._in_a_row, reply)
        self._failures += 1
        self._state = "holding"
        if time.monotonic() - self._complained >= COMPLAINT_PAUSE:
            self._complained = time.monotonic()
            extra = {
                "endpoint": self._settings.shown_of(self.signal),
                "reason": reply.error,
                "failures": self._in_a_row,
            }
            _logger.warning("%ss can't be exported; they are kept", self.noun, extra=extra)

    def _rest(self) -> None:
        """Wait until the next attempt is due; not so long while somebody drains, unless the endpoint named a time."""
        while not self._stopping and self._next_settings is None and (left := self._retry_at - time.monotonic()) > 0:
            drained = self._draining()
            self._wait(min(left, DRAIN_PAUSE) if drained and not self._told_when else left)
            if self._draining() and not self._told_when:
                return

    def _expire(self) -> None:
        """Give up rows that have waited too long, as long as nothing gets through."""
        cutoff = self._clock() - int(self._settings.max_days * DAY)
        while batch := self._outbox(self._cursor, BATCH)[0]:
            old = next((index for index, row in enumerate(batch) if self._time_of(row) >= cutoff), len(batch))
            if not old:
                return
            plan = self._plan(batch[:old])
            self._settle(plan, [], ["expired"] * len(plan.sends))
            extra = {"count": old, "days": self._settings.max_days}
            _logger.warning("%ss have expired unexported", self.noun, extra=extra)

    def _draining(self) -> bool:
        return bool(self._draining_until)

    def _wait(self, seconds: float | None, *, fresh: bool = False) -> bool:
        """Until `seconds` are over, somebody calls (True), or (`fresh`) something is committed."""
        with self._condition:
            self._condition.wait_for(lambda: self._urgent or (fresh and self._fresh), seconds)
            called, self._urgent = self._urgent, False
            return called


def _key(row: Row) -> SpanKey:
    return SpanKey(row.record, row.ordinal)
