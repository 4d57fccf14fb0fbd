"""Which turns are exported where `traces.sample` is below 1: each that failed or was slow, and a share of the others.

A turn is decided as a whole, by what the store has of it. Until then its spans stay behind the export cursor; what
decides for it sends all of them: a span with an error, one by which it was slow, or else its end, if its trace id is in
the share. The share is OpenTelemetry's consistent probability sampling: a trace id counts by its last 56 bits, and the
spans carry the threshold in their trace state, so that whoever counts them can count each for those that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.spans import is_turn
from hookspan.model import ids
from hookspan.model.rows import STATUS_ERROR, Span
from hookspan.store import Reader, SpanKey

from .plan import Plan, Sent, Step, Trace

RANGE: Final = 1 << 56  # what the last 56 bits of a trace id can be; those of a random UUID are all random
DIGITS: Final = 14
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

    def plan(self, batch: Sequence[Span], limit: int) -> Plan[Span]:
        """For as much of a batch as gives `limit` spans to be sent."""
        self._planned.clear()
        steps: list[Step[Span]] = []
        sends = 0
        for span in batch:
            steps.append(step := self._step(span))
            sends += len(step.sends)
            if sends >= limit:
                break
        return Plan(steps)

    def _step(self, span: Span) -> Step[Span]:
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

    def _decide(self, trace: Trace, span: Span, key: SpanKey) -> Step[Span]:
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
