"""Finds the tool call that each span of a program belongs to.

A program has its trace context from TRACEPARENT, which names the client's own span of the call's execution. That is
sent when the call is over, mostly after the program's spans; until then what the program sent waits. A span whose
parent is another one of the program's waits for that, too: parents end, and are sent, last. A program that names its
call itself has a span of the execution made up for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from hookspan.model.state import bound
from hookspan.wire.facts import Children, ChildSpan

from .child_spans import Sent

SPANS_MAX: Final = 1_000
"""Of a call; those nearest to it are kept, since the others explain nothing without them."""
WAITING_MAX: Final = 10_000
"""In all, some 10 MB: of a test suite that runs for an hour and sends each test as it ends, too."""
CALLS_KEPT: Final = 256
OWNERS_KEPT: Final = 20_000
"""Spans of which it is known below which call they hang, for those that come later and hang below them."""
FACT_MAX: Final = 200
"""Spans of one line in the journal."""
ORPHANED: Final = 30 * 10**9
"""Nanoseconds after its call: whoever lives sends its spans in less, by the SDKs' defaults 5 s."""
STRANGE: Final = 600 * 10**9
"""Nanoseconds until a trace that the client has told nothing of is a stranger's; the client tells every 5 s."""
LOOK: Final = 10**9
"""Nanoseconds between two looks at all that waits, however often something comes."""
FORGOTTEN: Final = 24 * 3600 * 10**9
TOO_MANY: Final = "too_many"
STRANGER: Final = "stranger"


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """The client's own span of the execution of a tool call."""

    trace_id: str
    span_id: str
    session: str
    tool_use_id: str
    start: int
    end: int


class Waiting(NamedTuple):
    """A span that waits, since when (Unix nanoseconds)."""

    span: ChildSpan
    since: int


class Trace:
    """What waits in a trace, also by what it hangs below."""

    def __init__(self) -> None:
        self.waiting: dict[str, Waiting] = {}  # by span id
        self._below: dict[str, dict[str, None]] = {}

    def add(self, one: Waiting) -> None:
        """It waits."""
        self.waiting[one.span.span_id] = one
        self._below.setdefault(one.span.parent_id, {})[one.span.span_id] = None

    def take(self, span_id: str) -> bool:
        """It waits no more; False if it did not."""
        if (one := self.waiting.pop(span_id, None)) is None:
            return False
        siblings = self._below[one.span.parent_id]
        del siblings[span_id]
        if not siblings:
            del self._below[one.span.parent_id]
        return True

    def below(self, span_id: str) -> list[ChildSpan]:
        """What waits directly below, in order of arrival."""
        return [self.waiting[id_].span for id_ in self._below.get(span_id, ())]


@dataclass(slots=True)
class Call:
    """A call that is over, since when that is known, and how many spans are kept below it.

    Of one that goes on: as far as its program has told, and when it told last.
    """

    execution: Execution
    since: int
    kept: int = 0

    @property
    def goes_on(self) -> bool:
        """Whether it is one that a program has named, whose end nobody tells."""
        return not self.execution.start

    def ran(self, at: int) -> bool:
        """Whether it ran then."""
        return self.execution.start <= at <= self.execution.end


class Owner(NamedTuple):
    """The call, by its execution's span id, that a span hangs below; whether it was kept."""

    execution: str
    kept: bool


class Joining:
    """What waits, and what is known of calls. Reads no clock."""

    def __init__(self) -> None:
        self._waiting: dict[str, Trace] = {}
        self._count = 0
        self._looked = 0
        self._calls: dict[str, Call] = {}  # by the span ids of their executions
        self._owners: dict[str, Owner] = {}  # by span id
        self._traces: dict[str, bool] = {}  # that the client has told of
        self.left_out: Counter[str] = Counter()
        """Spans that are not kept, by why."""

    @property
    def count(self) -> int:
        """How many spans wait."""
        return self._count

    @property
    def calls(self) -> Iterable[Call]:
        """Those that are known."""
        return self._calls.values()

    @property
    def traces(self) -> Iterable[str]:
        """Those that the client has told of."""
        return self._traces

    def waiting(self) -> dict[int, list[Sent]]:
        """The spans that wait, by since when."""
        found: dict[int, list[Sent]] = {}
        for trace_id, trace in self._waiting.items():
            for span, since in trace.waiting.values():
                found.setdefault(since, []).append(Sent(trace_id, span))
        return found

    def sent(self, spans: Iterable[Sent], now: int) -> list[Children]:
        """A program sent these; what is now certain."""
        new: dict[str, list[ChildSpan]] = {}
        for trace_id, span, _ in spans:
            trace = self._waiting.setdefault(trace_id, Trace())
            some = new.setdefault(trace_id, [])
            if span.span_id in trace.waiting or span.span_id in self._owners:
                continue
            # What is above something that waits is let in: nothing hangs in the air.
            if self._count >= WAITING_MAX and not trace.below(span.span_id):
                self.left_out[TOO_MANY] += 1
                continue
            trace.add(Waiting(span, now))
            self._count += 1
            some.append(span)
        facts = [fact for trace_id, some in new.items() for fact in self._joined(self._waiting[trace_id], some)]
        self._tidy(new)
        return facts

    def told(self, trace_id: str, execution: Execution | None, now: int) -> list[Children]:
        """The client told of a trace, perhaps of a call that was executed in it."""
        self._traces.pop(trace_id, None)
        self._traces[trace_id] = True
        bound(self._traces, CALLS_KEPT)
        if execution is None:
            return []
        if known := self._calls.get(execution.span_id):
            if known.goes_on:
                known.execution, known.since = execution, now
            return []
        self._calls[execution.span_id] = Call(execution, now)
        bound(self._calls, CALLS_KEPT)
        if (trace := self._waiting.get(trace_id)) is None:
            return []
        facts = self._joined(trace, trace.below(execution.span_id))
        self._tidy([trace_id])
        return facts

    def looked_after(self, now: int) -> list[Children]:
        """What need not wait any more: a span without its parent is its call's, one of a stranger is nobody's."""
        if abs(now - self._looked) < LOOK:
            return []
        self._looked = now
        over: dict[str, list[Call]] = {}
        for one in reversed(self._calls.values()):
            if now - one.since > (STRANGE if one.goes_on else ORPHANED):
                over.setdefault(one.execution.trace_id, []).append(one)
        facts: list[Children] = []
        for trace_id, trace in self._waiting.items():
            patience = FORGOTTEN if trace_id in self._traces else STRANGE
            old = [each for each in trace.waiting.values() if now - each.since > ORPHANED]
            tops: dict[str, list[ChildSpan]] = {}
            for span, _ in old:
                call = next((call for call in over.get(trace_id, ()) if call.ran(span.start)), None)
                if call is not None and span.parent_id not in trace.waiting:
                    tops.setdefault(call.execution.span_id, []).append(
                        msgspec.structs.replace(span, parent_id="", orphan=True)
                    )
            facts += self._taken(trace, tops)
            for span, since in old:
                if now - since > patience and self._take(trace, span.span_id):
                    self.left_out[STRANGER] += 1
        self._tidy(list(self._waiting))
        return facts

    def _joined(self, trace: Trace, spans: Iterable[ChildSpan]) -> list[Children]:
        """Those of the spans that are directly below a call, or below what was joined before; and all below them."""
        tops: dict[str, list[ChildSpan]] = {}
        for span in spans:
            above = span.parent_id
            if above in self._calls:
                tops.setdefault(above, []).append(msgspec.structs.replace(span, parent_id=""))
            elif (owner := self._owners.get(above)) and owner.execution in self._calls:
                tops.setdefault(owner.execution, []).append(span)
        return self._taken(trace, tops)

    def _taken(self, trace: Trace, tops: Mapping[str, list[ChildSpan]]) -> list[Children]:
        """Takes spans and all below them out of what waits: `tops` by the executions that they belong to."""
        return [fact for id_, spans in tops.items() for fact in self._below(self._calls[id_], spans, trace)]

    def _take(self, trace: Trace, span_id: str) -> bool:
        """Whether it waited."""
        waited = trace.take(span_id)
        self._count -= waited
        return waited

    def _below(self, call: Call, tops: Iterable[ChildSpan], trace: Trace) -> list[Children]:
        """Nearest to the call first; what is beyond the limit is counted at the nearest above it that is kept."""
        own = call.execution.span_id
        self._calls[own] = self._calls.pop(own)  # of too many calls those go that nothing has come for
        kept: dict[str, ChildSpan] = {}
        ways: dict[str, str] = {}
        left: Counter[str] = Counter()
        todo = deque(tops)
        while todo:
            span = todo.popleft()
            if not self._take(trace, span.span_id):
                continue
            above = self._owners.get(span.parent_id)
            has_room = call.kept < SPANS_MAX and (above is None or above.kept)
            self._owners[span.span_id] = Owner(call.execution.span_id, has_room)
            if has_room:
                call.kept += 1
                kept[span.span_id] = span
                ways[span.span_id] = span.span_id
            else:
                self.left_out[TOO_MANY] += 1
                ways[span.span_id] = ways.get(span.parent_id, "")
                left[ways[span.span_id]] += 1
            todo += trace.below(span.span_id)
        spans = [msgspec.structs.replace(span, left_out=left[id_]) for id_, span in kept.items()]
        execution = call.execution
        return [
            Children(
                at=execution.end,
                key=f"children:{execution.tool_use_id}:{part[0].span_id}",
                session=execution.session,
                tool_use_id=execution.tool_use_id,
                spans=part,
            )
            for part in (spans[at : at + FACT_MAX] for at in range(0, len(spans), FACT_MAX))
        ]

    def _tidy(self, traces: Iterable[str]) -> None:
        """In these something may wait no more."""
        for trace_id in traces:
            if not self._waiting[trace_id].waiting:
                del self._waiting[trace_id]
        bound(self._owners, OWNERS_KEPT)
