"""Exports the store's log records."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, set_span_in_context

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.logs import Severity
from hookspan.config import Signal
from hookspan.model.rows import LogRow
from hookspan.store import Reader, SpanKey
from hookspan.wire.scrub import scrub

from .convert import SCOPE, of_service, span_context
from .db import ExportDb
from .plan import Outcome, Plan, Refusal, Sent, Step
from .queue import QueueExport
from .resource import Resources
from .sealing import Sealer
from .settings import ExportSettings


class LogExport(QueueExport[LogRow]):
    """Records are written only while they are wanted, so each that was is sent, also after a time without export."""

    signal: ClassVar[Signal] = "logs"
    noun = "log record"

    def __init__(
        self,
        reader: Reader,
        db: ExportDb,
        settings: ExportSettings,
        resources: Resources,
        *,
        key: Path,
        permit: Callable[[ExportSettings], bool],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`key`: file of the key that records are signed with, if they are."""
        super().__init__(reader, db, settings, resources, permit=permit, clock=clock)
        self._sealer = Sealer(db, key, clock)

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
        rows = [(row, row.attributes.get(sc.PROJECT) not in left_out) for row in batch]
        if self._settings.audit:
            return Plan(self._sealer.steps((self._as_sent(row), is_sent) for row, is_sent in rows))
        self._sealer.plain()
        return Plan(Step(SpanKey(row.record, row.ordinal), [Sent(row)] if is_sent else []) for row, is_sent in rows)

    def _noted(self, became: Sequence[Outcome | Refusal]) -> Mapping[str, str]:
        return self._sealer.settled(became)

    def _encodable(self, part: Sequence[Sent[LogRow]]) -> list[ReadableLogRecord]:
        if self._settings.audit:
            self._sealer.flies(part[-1].row)
            return [readable_log(row, self._resource) for row, _ in part]
        return [readable_log(self._as_sent(row), self._resource) for row, _ in part]

    def _as_sent(self, row: LogRow) -> LogRow:
        return labelled(row) if self._settings.level_of(str(row.attributes.get(sc.PROJECT, ""))) else row


def labelled(log: LogRow) -> LogRow:
    """With its label as an attribute, which leaves with it."""
    return msgspec.structs.replace(log, attributes=log.attributes | {sc.LABEL: scrub(log.label)}) if log.label else log


def readable_log(log: LogRow, resource: Resource) -> ReadableLogRecord:
    """A log record of the store; its label stays behind."""
    attributes = log.attributes
    if service := attributes.get(sc.SERVICE_NAME):
        attributes = {key: value for key, value in attributes.items() if key != sc.SERVICE_NAME}
        resource = of_service(resource, str(service))
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
