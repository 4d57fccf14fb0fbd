"""Sealed log records as the Collector's file exporter writes them: from a sink that took protobuf, or JSON."""

import base64
import copy
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict

from hookspan.catalogue import attributes as sc
from hookspan.evidence import Key, Report, canonical, digest, verify
from hookspan.evidence.files import records
from tests.otlp_sink import Sink

Json = dict[str, Any]


def requests(sink: Sink) -> list[Json]:
    """The requests of log records that were kept, whether or not that was answered, as OTLP JSON objects."""
    found = []
    for request in sink.requests:
        if request.signal != "logs" or request.status not in {0, 200}:  # 0: nobody said so
            continue
        whole = (
            json.loads(request.text) if request.text else MessageToDict(request.message, use_integers_for_enums=True)
        )
        for record in () if request.text else each([whole]):
            for name in {"traceId", "spanId"} & record.keys():
                record[name] = base64.b64decode(record[name]).hex()
        found.append(whole)
    return found


def each(whole: Iterable[Json]) -> Iterator[Json]:
    """The records of requests, to be changed in place."""
    for request in whole:
        for resource in request["resourceLogs"]:
            for scope in resource["scopeLogs"]:
                yield from scope["logRecords"]


def single(whole: Iterable[Json]) -> list[Json]:
    """The same, a request for each record."""
    made = []
    for request in whole:
        for resource in request["resourceLogs"]:
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    alone = {**resource, "scopeLogs": [{**scope, "logRecords": [copy.deepcopy(record)]}]}
                    made.append({"resourceLogs": [alone]})
    return made


def line(request: Json) -> bytes:
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()


def verified(lines: Iterable[bytes | Json], **options: Any) -> Report:
    """What `hookspan audit verify` finds in these lines; places are `file:NUMBER`."""
    texts = [text if isinstance(text, bytes) else line(text) for text in lines]
    return verify((one for at, text in enumerate(texts, 1) for one in records(text, f"file:{at}")), **options)


def named(report: Report) -> tuple[str, int]:
    """Kind and place of the first fault."""
    return (report.faults[0].kind, report.faults[0].sequence) if report.faults else ("", 0)


def attribute(record: Json, key: str) -> Any:
    """The value of an attribute, None without it."""
    return next((next(iter(one["value"].values())) for one in record["attributes"] if one["key"] == key), None)


def put(record: Json, key: str, value: Json) -> None:
    next(one for one in record["attributes"] if one["key"] == key)["value"] = value


def place(record: Json) -> int:
    return int(attribute(record, sc.AUDIT_SEQUENCE))


def signed_again(whole: list[Json], key: Key, change: Callable[[Json], None]) -> list[Json]:
    """A chain as root would rewrite it: each record changed, linked and signed anew."""
    made, previous = copy.deepcopy(whole), ""
    for record in sorted(each(made), key=place):
        change(record)
        put(record, sc.AUDIT_PREVIOUS, {"stringValue": previous})
        put(record, sc.AUDIT_SIGNATURE, {"stringValue": key.sign(canonical(record))})
        previous = digest(canonical(record))
    return made
