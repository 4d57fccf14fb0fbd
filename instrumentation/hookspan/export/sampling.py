"""Which turns are exported where `traces.sample` is below 1: each that failed or was slow, and a share of the others.

A turn is decided as a whole, by what the store has of it. Until then its spans stay behind the export cursor; what
decides for it sends all of them: a span with an error, one by which it was slow, or else its end, if its trace id is in
the share. The share is OpenTelemetry's consistent probability sampling: a trace id counts by its last 56 bits, and the
spans carry the threshold in their trace state, so that whoever counts them can count each for those that it stands for.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.spans import is_turn
from hookspan.model import ids
from hookspan.model.rows import STATUS_ERROR, Span
from hookspan.store import Reader, SpanKey

RANGE: Final = 1 << 56  # what the last 56 bits of a trace id can be; those of a random UUID are all random
DIGITS: Final = 14
Outcome = Literal["exported", "rejected", "expired"]
ALWAYS: Final = "0"
"""The threshold of what is sent whatever its trace id."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """`traces.sample`, and `traces.slow_seconds` in nanoseconds."""

    share: float = 1.0
    slow: int = 300 * 10**9

    @property
    def on(self) -> bool:
        """Whether anything may stay behind."""
        return self.share < 1

    @property
    def threshold(self) -> str:
        """Hex digits without trailing zeros, as trace states have it."""
        return f"{self._least:0{DIGITS}x}".rstrip("0") or ALWAYS

    def selects(self, trace_id: str) -> bool:
        """Whether a trace is in the share."""
        return int(trace_id[-DIGITS:], 16) >= self._least

    @property
    def _least(self) -> int:
        return RANGE - round(self.share * RANGE)


EVERYTHING: Final = Sampling()


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a turn's trace.

    Attributes:
        first: Key of its first span that was not sent at once (SpanKey.pack).
        back: How many of its spans stay behind.
        start: Of all its spans, Unix nanoseconds.
        end: Of all but those of hooks, which may come long after the turn.
        over: The turn's own span was there.
        threshold: That which its spans are sent with; empty as long as they aren't.
    """

    first: int
    back: int = 0
    start: int
    end: int
    over: bool = False
    threshold: str = ""

    @property
    def open(self) -> bool:
        """Whether it is undecided."""
        return not self.over and not self.threshold


class Refusal(msgspec.Struct, frozen=True):
    """A span that the endpoint will not take. `status` is 0 where it could not even be encoded."""

    key: SpanKey
    at: int
    status: int
    reason: str


class Settlement(NamedTuple):
    """What is to be noted when the cursor moves over some spans.

    Attributes:
        cursor: Where to.
        spans: How many of them there were.
        counts: What became of them and, with them, of earlier ones of their traces.
        refused: Those that were.
        traces: What is now known of sampled traces, by id.
    """

    cursor: SpanKey
    spans: int
    counts: Mapping[str, int]
    refused: Sequence[Refusal] = ()
    traces: Mapping[str, Trace] = {}


class Sent(NamedTuple):
    """A span to be sent; `threshold` is empty where nothing is sampled."""

    span: Span
    threshold: str = ""


class Step(NamedTuple):
    """What one span behind the cursor leads to.

    Attributes:
        key: Of that span: where the cursor is afterwards.
        sends: What is to be sent, with spans of its trace from before.
        trace: What is then known of its trace, by id.
        sampled_out: How many spans are now known to stay behind.
        recalled: How many of those that were said to stay behind are sent after all.
        gone: How many were to be sent but are no longer in the store.
    """

    key: SpanKey
    sends: Sequence[Sent] = ()
    trace: tuple[str, Trace] | None = None
    sampled_out: int = 0
    recalled: int = 0
    gone: int = 0


class Plan:
    """What is to be sent for a batch, in order, and how far the cursor gets when so much of that is settled.

    A step counts as a whole: if it is interrupted, all of it is sent again and counted then.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = deque(steps)
        self.sends = [sent for step in self._steps for sent in step.sends]
        self._outcomes: deque[Outcome | Refusal] = deque()  # of sends that are settled, of steps that are not

    def settle(self, outcomes: Iterable[Outcome | Refusal]) -> Settlement | None:
        """These became of the next sends: what is to be noted of the steps that are now done, None without any."""
        self._outcomes += outcomes
        done: list[Step] = []
        became: list[Outcome | Refusal] = []
        while self._steps and len(self._steps[0].sends) <= len(self._outcomes):
            done.append(step := self._steps.popleft())
            became += (self._outcomes.popleft() for _ in step.sends)
        if not done:
            return None
        counts: Counter[str] = Counter(outcome for outcome in became if not isinstance(outcome, Refusal))
        counts["expired"] += sum(step.gone for step in done)
        counts["sampled_out"] = sum(step.sampled_out for step in done)
        counts["recalled"] = sum(step.recalled for step in done)
        return Settlement(
            cursor=done[-1].key,
            spans=len(done),
            counts=+counts,
            refused=[outcome for outcome in became if isinstance(outcome, Refusal)],
            traces=dict(step.trace for step in done if step.trace is not None),
        )


class Sampler:
    """Plans what is sent of a batch. The same spans lead to the same decisions, whenever they are read."""

    def __init__(
        self,
        reader: Reader,
        known: Callable[[str], Trace | None],
        sampling: Sampling,
        *,
        hooks: bool,
        left_out: frozenset[str],
    ) -> None:
        """`known`: a trace as of the cursor, by id. `hooks`: hook spans are sent. `left_out`: projects that are not."""
        self._reader, self._known, self._sampling = reader, known, sampling
        self._hooks, self._left_out = hooks, left_out
        self._planned: dict[str, Trace] = {}

    def plan(self, batch: Sequence[Span], limit: int) -> Plan:
        """For as much of a batch as gives `limit` spans to be sent."""
        self._planned.clear()
        steps: list[Step] = []
        sends = 0
        for span in batch:
            steps.append(step := self._step(span))
            sends += len(step.sends)
            if sends >= limit:
                break
        return Plan(steps)

    def _step(self, span: Span) -> Step:
        key = SpanKey(span.record, span.ordinal)
        if self._is_left_out(span):
            return Step(key)
        trace = self._planned.get(span.trace_id) or self._known(span.trace_id)
        if trace is None:
            if not self._sampling.on:
                return Step(key, [Sent(span)])
            if sc.SYNTHETIC in span.attributes or span.trace_id == ids.trace_id(span.session):
                return Step(key, [Sent(span, ALWAYS)])
            trace = Trace(first=key.pack(), start=span.start, end=span.start)
            if self._reader.has_turn(span.trace_id, key):  # which was sent when nothing was sampled yet
                trace = msgspec.structs.replace(trace, threshold=ALWAYS)
        step = self._decide(trace, span, key)
        if step.trace is not None:
            self._planned[span.trace_id] = step.trace[1]
        return step

    def _decide(self, trace: Trace, span: Span, key: SpanKey) -> Step:
        ends = is_turn(span.name, span.attributes)
        seen = msgspec.structs.replace(
            trace,
            start=min(trace.start, span.start),
            end=trace.end if span.hook else max(trace.end, span.end),
            over=trace.over or ends,
        )
        if trace.threshold:
            return Step(key, [Sent(span, trace.threshold)], (span.trace_id, seen))
        joined = ends and span.parent_id  # a trace that others record
        if span.status == STATUS_ERROR or joined or seen.end - seen.start >= self._sampling.slow:
            threshold = ALWAYS
        elif ends and self._sampling.selects(span.trace_id):
            threshold = self._sampling.threshold
        else:
            behind = msgspec.structs.replace(seen, back=trace.back + 1)
            sampled_out = 0 if behind.open else behind.back if behind.over and not trace.over else 1
            return Step(key, (), (span.trace_id, behind), sampled_out)
        before = self._reader.spans_between(span.trace_id, SpanKey.unpack(trace.first), key, hooks=self._hooks)
        sends = [Sent(each, threshold) for each in before if not self._is_left_out(each)]
        return Step(
            key,
            [*sends, Sent(span, threshold)],
            (span.trace_id, msgspec.structs.replace(seen, back=0, threshold=threshold)),
            recalled=trace.back if trace.over else 0,
            gone=max(0, trace.back - len(sends)),
        )

    def _is_left_out(self, span: Span) -> bool:
        return span.attributes.get(sc.PROJECT) in self._left_out
