"""Log records in the store: how they become rows and back, and what their exporter asks for."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hookspan.model.rows import AttributeValue, LogRow

from .database import Reading
from .schema import SpanKey

COLUMNS: Final = "key, at, event, severity, trace_id, span_id, session, attributes, label"
INSERT: Final = f"INTO log ({COLUMNS}) VALUES ({', '.join('?' * 9)})"
SELECT: Final = f"SELECT {COLUMNS.replace(' session,', ' state.id,')} FROM log LEFT JOIN state USING (session)"

_encode = msgspec.json.Encoder().encode
_attributes = msgspec.json.Decoder(dict[str, AttributeValue | None]).decode


def values(log: LogRow, session: int | None) -> tuple[Any, ...]:
    """What INSERT takes; `session` is None for what is the machine's."""
    return (
        SpanKey(log.record, log.ordinal).pack(),
        log.at,
        log.event,
        log.severity,
        bytes.fromhex(log.trace_id) or None,
        bytes.fromhex(log.span_id) or None,
        session,
        _encode(log.attributes).decode(),
        log.label or None,
    )


def outbox(db: Reading, after: SpanKey, limit: int) -> list[LogRow]:
    """The next records for export, in the order of their keys."""
    rows = db.execute(f"{SELECT} WHERE key > ? ORDER BY key LIMIT ?", (after.pack(), limit))
    return [_read(row) for row in rows]


def count(db: Reading, after: SpanKey) -> tuple[int, SpanKey]:
    """How many there are behind a key, and the key of the last of all: `after` without one."""
    number, last_key = db.execute("SELECT count(*), max(key) FROM log WHERE key > ?", (after.pack(),)).fetchone()
    return number, after if last_key is None else SpanKey.unpack(last_key)


def last(db: Reading) -> SpanKey:
    """The key of the newest record, (0, 0) without one."""
    return SpanKey.unpack(db.execute("SELECT max(key) FROM log").fetchone()[0] or 0)


def _read(row: Sequence[Any]) -> LogRow:
    key, at, event, severity, trace_id, span_id, session, attributes, label = row
    place = SpanKey.unpack(key)
    return LogRow(
        record=place.record,
        ordinal=place.ordinal,
        at=at,
        event=event,
        severity=severity,
        # JSON has no NaN: it was written as null.
        attributes={name: value for name, value in _attributes(attributes).items() if value is not None},
        trace_id=trace_id.hex() if trace_id else "",
        span_id=span_id.hex() if span_id else "",
        session=session or "",
        label=label or "",
    )
