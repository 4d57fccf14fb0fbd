"""Takes spans of programs that tool calls ran, and the client's own that tell which call it was; gives facts.

What waits is in a file as well, so that an agent which is killed goes on with it: a log of what came, which is made
anew when spans have waited and none does, and when it has grown.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from hookspan import atomic
from hookspan.journal import writer
from hookspan.wire import Fact
from hookspan.wire.facts import Children
from hookspan.wire.foreign import UNREADABLE

from .child_spans import INT64_MAX, Sent, children
from .joining import Execution, Joining
from .spans import is_own

LOG: Final = "children"
EXECUTION: Final = "claude_code.tool.execution"
JUMP: Final = 5.0  # seconds that the machine slept, or that its clock was set by: who would tell more slept, too
AWAKE: Final = 5.0  # seconds after that until it counts that something has waited for long
LOG_MAX: Final = 256 << 10
"""Bytes of the log at which it is made anew; where more than half of that is needed, twice what is."""

_logger = logging.getLogger(__name__)


class Came(msgspec.Struct, omit_defaults=True):
    """A line of the log: what came at `at`. `done`: facts that are in the journal; `looked`: for what is old."""

    at: int
    spans: list[Sent] = []
    trace: str = ""
    execution: Execution | None = None
    done: list[str] = []
    looked: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Came).decode
"""What decoding a line raises that is damaged, or another version's."""


class ChildrenTaker:
    """Of one thread, but for `stats`.

    Args:
        folder: Where the log is.
        content: Whether texts are kept that may be content (`content.local`).
    """

    def __init__(self, folder: Path, content: Callable[[], bool]) -> None:
        self._path = folder / LOG
        self._content = content
        self._joining = Joining()
        self._handed: list[Children] = []
        self._again: list[Children] = []
        self._unusable = 0
        self._has_spans = False
        self._clock, self._awake_at = _clock_ahead(), float("-inf")
        self._size, self._most = 0, LOG_MAX
        self._load()

    def stats(self) -> dict[str, int]:
        """How many spans wait, and how many were not kept, by why."""
        return {"waiting": self._joining.count, "unusable": self._unusable, **self._joining.left_out}

    @property
    def waits(self) -> bool:
        """Whether spans wait, or facts that are not known to be in the journal."""
        return bool(self._joining.count or self._handed or self._again)

    def taken(self, spans: Sequence[Any], at: int) -> Iterable[Fact]:
        """The facts of what came in one request; those handed over before are in the journal."""
        read = self._read(spans, at)
        if self._is_awake():
            read.append(Came(at=at, looked=True))
        new = [Came(at=at, done=[fact.key for fact in self._handed])] if self._handed else []
        facts, self._again = self._again, []
        for came in read:
            found = self._take(came)
            if found or not came.looked:
                new.append(came)
            facts += found
        self._handed = facts
        self._write(new, at)
        return facts

    def _is_awake(self) -> bool:
        before, self._clock = self._clock, _clock_ahead()
        if abs(self._clock - before) > JUMP:
            self._awake_at = time.monotonic() + AWAKE
        return time.monotonic() >= self._awake_at

    def _read(self, spans: Sequence[Any], at: int) -> list[Came]:
        """What a request says: the client's spans first, since a program's need them."""
        told: dict[str, Came] = {}
        for resource in spans:
            for scope in resource.scope_spans:
                if is_own(scope.scope.name):
                    for span in scope.spans:
                        came = Came(at=at, trace=span.trace_id.hex(), execution=_execution(span))
                        if came.execution is not None or came.trace not in told:
                            told[came.execution.span_id if came.execution else came.trace] = came
        sent = list(children(spans, content=self._content(), now=at))
        self._unusable += _count(spans) - len(sent)
        for one in sent:
            if one.call is not None:
                told[one.trace_id + one.call.parent_id] = Came(at=at, trace=one.trace_id, execution=_named(one, at))
        return [*told.values(), *([Came(at=at, spans=sent)] if sent else [])]

    def _take(self, came: Came) -> list[Children]:
        if came.looked:
            return self._joining.looked_after(came.at)
        facts = self._joining.told(came.trace, came.execution, came.at) if came.trace else []
        return facts + (self._joining.sent(came.spans, came.at) if came.spans else [])

    # --- The log

    def _load(self) -> None:
        """Go on where the last agent was: what it handed over and is not known to be in the journal comes again."""
        facts: dict[str, Children] = {}
        for came in read_log(self._path):
            self._has_spans = self._has_spans or bool(came.spans)
            for fact in self._take(came):
                facts[fact.key] = fact
            for key in came.done:
                facts.pop(key, None)
        self._again = list(facts.values())

    def _write(self, new: Sequence[Came], at: int) -> None:
        over = self._has_spans and not self._joining.count
        try:
            if not self._handed and (over or (new and self._size > self._most)):
                self._begin_anew(at)
            elif new:
                self._append(new)
        except OSError as error:
            self._most = -1  # it lacks something: made anew as soon as that is possible
            _logger.warning("what waits of programs' spans can't be kept on disk", exc_info=error)

    def _append(self, new: Sequence[Came]) -> None:
        self._has_spans = self._has_spans or any(came.spans for came in new)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            writer.append(file, lines(new))
            self._size = os.fstat(file).st_size
        finally:
            os.close(file)

    def _begin_anew(self, at: int) -> None:
        """With what is known of calls and traces, and what waits, each as it was told."""
        joining = self._joining
        known = [Came(at=call.since, trace=call.execution.trace_id, execution=call.execution) for call in joining.calls]
        known += [Came(at=at, trace=trace_id) for trace_id in joining.traces]
        waiting = [Came(at=since, spans=spans) for since, spans in joining.waiting().items()]
        data = lines([*known, *waiting])
        atomic.write(self._path, data, mode=0o600)
        self._has_spans, self._size, self._most = bool(waiting), len(data), max(LOG_MAX, 2 * len(data))


def read_log(path: Path) -> Iterator[Came]:
    """What came, as far as it can be read; nothing where there is no log."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        for line in file:
            with contextlib.suppress(*UNREADABLE):
                yield _decode(line)


def lines(came: Iterable[Came]) -> bytes:
    """As the log has it."""
    return b"".join(_encode(each) + b"\n" for each in came)


def _execution(span: Any) -> Execution | None:
    if span.name != EXECUTION:
        return None
    texts = {one.key: one.value.string_value for one in span.attributes}
    session, call = texts.get("session.id", ""), texts.get("gen_ai.tool.call.id", "")
    if not (session and call):
        return None
    return Execution(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        session=session,
        tool_use_id=call,
        start=min(span.start_time_unix_nano, INT64_MAX),
        end=min(span.end_time_unix_nano, INT64_MAX),
    )


def _named(sent: Sent, at: int) -> Execution | None:
    """What stands for the execution of a call that a program names itself, which goes on."""
    if sent.call is None:
        return None
    session, call = sent.call
    return Execution(
        trace_id=sent.trace_id, span_id=sent.call.parent_id, session=session, tool_use_id=call, start=0, end=at
    )


def _count(spans: Iterable[Any]) -> int:
    """Spans that are not the client's."""
    return sum(len(scope.spans) for resource in spans for scope in resource.scope_spans if not is_own(scope.scope.name))


def _clock_ahead() -> float:
    """How far the clock is ahead of the time that the machine was awake (seconds)."""
    return time.time() - time.monotonic()
