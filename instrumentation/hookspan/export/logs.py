"""Exports the store's log records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, set_span_in_context

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.logs import Severity
from hookspan.config import Signal
from hookspan.model.rows import LogRow
from hookspan.store import SpanKey
from hookspan.wire.scrub import scrub

from .convert import SCOPE, of_service, span_context
from .plan import Plan, Sent, Step
from .queue import QueueExport


class LogExport(QueueExport[LogRow]):
    """Records are written only while they are wanted, so each that was is sent, also after a time without export."""

    signal: ClassVar[Signal] = "logs"
    noun = "log record"

    def _outbox(self, after: SpanKey, limit: int) -> tuple[list[LogRow], SpanKey]:
        return self._reader.logs_after(after, limit)

    def _count(self, after: SpanKey) -> tuple[int, SpanKey]:
        return self._reader.count_logs(after)

    def _last(self) -> SpanKey:
        return self._reader.last_log()

    def _time_of(self, row: LogRow) -> int:
        return row.at

    def _plan(self, batch: Sequence[LogRow]) -> Plan[LogRow]:
        left_out = self._settings.left_out
        return Plan(
            Step(SpanKey(row.record, row.ordinal), [] if row.attributes.get(sc.PROJECT) in left_out else [Sent(row)])
            for row in batch
        )

    def _encodable(self, part: Sequence[Sent[LogRow]]) -> list[ReadableLogRecord]:
        level_of = self._settings.level_of
        return [
            readable_log(row, self._resource, content=bool(level_of(str(row.attributes.get(sc.PROJECT, "")))))
            for row, _ in part
        ]


def readable_log(log: LogRow, resource: Resource, *, content: bool = False) -> ReadableLogRecord:
    """A log record of the store. Without `content` its label stays behind."""
    attributes = log.attributes
    if service := attributes.get(sc.SERVICE_NAME):
        attributes = {key: value for key, value in attributes.items() if key != sc.SERVICE_NAME}
        resource = of_service(resource, str(service))
    if content and log.label:
        attributes = attributes | {sc.LABEL: scrub(log.label)}
    span = NonRecordingSpan(span_context(log.trace_id, log.span_id)) if log.trace_id and log.span_id else INVALID_SPAN
    record = LogRecord(
        timestamp=log.at,
        observed_timestamp=log.at,
        context=set_span_in_context(span, Context()),
        severity_text=Severity(log.severity).name,
        severity_number=SeverityNumber(log.severity),
        attributes=attributes,
        event_name=log.event,
    )
    return ReadableLogRecord(record, resource, SCOPE)
