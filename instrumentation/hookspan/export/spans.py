"""Exports the store's spans, of the turns that are sampled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from opentelemetry.sdk.trace import ReadableSpan

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import ExportOutcome
from hookspan.config import Signal
from hookspan.model.rows import Span
from hookspan.store import Reader, SpanKey

from .convert import readable
from .db import ExportDb
from .plan import Plan, Sent
from .queue import BATCH, QueueExport
from .resource import Resources
from .sampling import Sampler
from .settings import ExportSettings


class SpanExport(QueueExport[Span]):
    """`conversation` gives what was said in a span, in so many bytes an attribute; asked only where it may leave."""

    signal: ClassVar[Signal] = "traces"
    noun = "span"

    def __init__(
        self,
        reader: Reader,
        db: ExportDb,
        settings: ExportSettings,
        resources: Resources,
        *,
        permit: Callable[[ExportSettings], bool],
        conversation: Callable[[Span, int], Mapping[str, str]] = lambda _span, _limit: {},
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(reader, db, settings, resources, permit=permit, clock=clock)
        self._conversation = conversation
        self._sampler = self._make_sampler()
        self._swept = False  # undecided traces of sessions that were removed are forgotten

    def stats(self) -> dict[str, Any]:
        """As of every queue, and what became of spans by sampling."""
        return {
            **super().stats(),
            "endpoint": self._settings.shown,
            "protocol": self._settings.protocol,
            "sampled_out": self._total("sampled_out") - self._total("recalled"),
            "held": sum(trace.back for trace in self._db.undecided.values()),
            "outcomes": {outcome.value: self._total(outcome.value) for outcome in ExportOutcome},
        }

    def _outbox(self, after: SpanKey, limit: int) -> tuple[list[Span], SpanKey]:
        return self._reader.outbox(after, limit, hooks=self._settings.hook_spans)

    def _count(self, after: SpanKey) -> tuple[int, SpanKey]:
        return self._reader.count_spans(after, hooks=self._settings.hook_spans)

    def _last(self) -> SpanKey:
        return self._reader.last_span()

    def _time_of(self, row: Span) -> int:
        return row.end

    def _plan(self, batch: Sequence[Span]) -> Plan[Span]:
        return self._sampler.plan(batch, BATCH)

    def _encodable(self, part: Sequence[Sent[Span]]) -> list[ReadableSpan]:
        return [self._readable(sent) for sent in part]

    def _adopted(self) -> None:
        self._sampler = self._make_sampler()

    def _caught_up(self, last: SpanKey) -> None:
        if not self._swept and last >= self._cursor:  # the store is not being rebuilt
            self._db.forget_traces([trace for trace in self._db.undecided if not self._reader.has_trace(trace)])
            self._swept = True

    def _make_sampler(self) -> Sampler:
        settings = self._settings
        return Sampler(
            self._reader, self._db.trace, settings.sampling, hooks=settings.hook_spans, left_out=settings.left_out
        )

    def _readable(self, sent: Sent[Span]) -> ReadableSpan:
        span, settings = sent.row, self._settings
        level = settings.level_of(str(span.attributes.get(sc.PROJECT, "")))
        said = self._conversation(span, settings.content_bytes) if level == "conversation" else None
        return readable(span, self._resource, content=level, said=said, threshold=sent.threshold)
