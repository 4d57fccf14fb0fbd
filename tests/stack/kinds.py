"""One log record of each kind of the catalogue, with every attribute that it may have; sent as an agent sends it."""

from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.attributes import ATTRIBUTES
from hookspan.catalogue.logs import COMMON, LOG_EVENTS, LogEvent
from hookspan.export.logs import readable_log
from hookspan.model.rows import LogRow
from tests.waiting import PATIENCE

BATCH = 512
OF_TYPE: dict[str, Any] = {"string": "some", "boolean": True, "int": 7, "double": 900.5, "string[]": ["hooks"]}


def value(key: str) -> Any:
    """One that an attribute may have."""
    declared = ATTRIBUTES[key]
    if declared.values:
        return str(next(iter(declared.values)))
    return declared.examples[0] if declared.examples else OF_TYPE[declared.type]


def record(kind: LogEvent, number: int, at: int, **changed: Any) -> LogRow:
    """One of a kind; `changed` are attributes by their constant's name (`VERDICT="denied"`), None leaves one out."""
    keys = [*kind.attributes, *(COMMON if kind.place else ())]
    attributes = {key: value(key) for key in keys if key not in {sc.LABEL, sc.SYNTHETIC}}
    attributes |= {getattr(sc, name): one for name, one in changed.items()}
    attributes[sc.LOG_RECORD_UID] = f"{kind.name}/{number}"
    placed = bool(kind.place)
    return LogRow(
        record=number,
        ordinal=0,
        at=at,
        event=kind.name,
        severity=kind.severity,
        attributes={key: one for key, one in attributes.items() if one is not None},
        trace_id=f"{0xC0FFEE + number:032x}" if placed else "",
        span_id=f"{0xBEE + number:016x}" if placed else "",
        session="a-session" if placed else "",
    )


def each(at: int) -> list[LogRow]:
    """One of each kind."""
    return [record(kind, number, at) for number, kind in enumerate(LOG_EVENTS)]


def send(rows: list[LogRow], otlp: str, resource: dict[str, str], **exporter: Any) -> None:
    """To a Collector, over HTTP."""
    session = requests.Session()
    session.trust_env = False  # a machine's own REQUESTS_CA_BUNDLE would count more than the certificate that is given
    to = OTLPLogExporter(f"{otlp}/v1/logs", session=session, timeout=PATIENCE, **exporter)
    of = Resource({"service.name": "claude-code-hooks", "service.instance.id": "kinds", **resource})
    for first in range(0, len(rows), BATCH):
        sent = to.export([readable_log(row, of) for row in rows[first : first + BATCH]])
        assert sent is LogRecordExportResult.SUCCESS
    to.shutdown()
