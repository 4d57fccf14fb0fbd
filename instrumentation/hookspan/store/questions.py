"""The SQL queries that are asked one by one (`Reader`) or several of one state of the store (the page)."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

import msgspec

from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import EventRow, Span

from . import schema
from .quota import QuotaUse, in_use

_encode = msgspec.json.Encoder().encode
_names = msgspec.json.Decoder(dict[str, str]).decode


class Questions(ABC):
    """Whoever asks them says on which connection."""

    @abstractmethod
    def _rows(self, sql: str, *values: Any) -> list[Any]:
        """All rows of a statement; none while there is no store."""

    def session(self, session: str) -> SessionRow | None:
        """One session's row."""
        rows = self._rows(f"{schema.SELECT_SESSION} WHERE {schema.OF_SESSION}", session)
        return schema.read_session(rows[0]) if rows else None

    def agents(self) -> list[str]:
        """Names of the coding agents that there are sessions of."""
        return [row[0] for row in self._rows("SELECT DISTINCT agent FROM session ORDER BY 1")]

    def agents_of(self, sessions: Collection[str]) -> dict[str, str]:
        """The coding agent of each of these sessions that there is."""
        rows = self._rows(
            "SELECT json_group_object(state.id, agent) FROM json_each(?) AS wanted "
            "JOIN state ON state.id = wanted.value JOIN session USING (session)",
            _encode(list(sessions)).decode(),
        )
        return _names(rows[0][0]) if rows else {}

    def quota(self, now: int) -> list[QuotaUse]:
        """The windows of the account's quota that go on at `now` (Unix nanoseconds), if status lines tell of any."""
        from hookspan.model.state import load_world  # noqa: PLC0415 - with the facts, 4 ms

        rows = self._rows("SELECT value FROM meta WHERE name = 'world'")
        known = "SELECT 1 FROM session WHERE id = ? AND NOT local"
        quotas = load_world(rows[0][0]).quotas if rows else {}
        return in_use(quotas, now, lambda session: bool(self._rows(known, session))) if quotas else []

    def spans_of_trace(self, trace_id: str, *, hooks: bool = True) -> list[Span]:
        """All spans of a trace (32 hex digits), by start. Raises ValueError for another text."""
        where = f"WHERE trace_id = ? {'' if hooks else 'AND NOT hook'} ORDER BY start, key"
        return [schema.read_span(row) for row in self._rows(f"{schema.SELECT_SPAN} {where}", bytes.fromhex(trace_id))]

    def span(self, trace_id: str, span_id: str) -> Span | None:
        """One span by its ids (hex digits)."""
        rows = self._rows(
            f"{schema.SELECT_SPAN} WHERE trace_id = ? AND span_id = ? LIMIT 1",
            bytes.fromhex(trace_id),
            bytes.fromhex(span_id),
        )
        return schema.read_span(rows[0]) if rows else None

    def events(
        self, *, after: int | None = None, before: int | None = None, limit: int = 100, session: str = ""
    ) -> list[EventRow]:
        """Events by record number: those next to `after` rising, else the newest (or those `before`) falling."""
        where = ["record > ?" if after is not None else "record < ?"]
        values: list[Any] = [after if after is not None else before if before is not None else schema.INTEGER_MAX]
        if session:
            where.append(schema.OF_SESSION)
            values.append(session)
        order = "ASC" if after is not None else "DESC"
        sql = f"{schema.SELECT_EVENT} WHERE {' AND '.join(where)} ORDER BY record {order} LIMIT ?"
        return [schema.read_event(row) for row in self._rows(sql, *values, limit)]

    def records(self, session: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Of a session's events after a record the records, rising, and whose they are (empty: its own)."""
        where = f"{schema.OF_SESSION} AND record > ?"
        sql = f"SELECT record, agent_id FROM event WHERE {where} ORDER BY record LIMIT ?"
        return self._rows(sql, session, after, limit)

    def whose_records(self, session: str, after: int) -> list[str]:
        """Whose events a session has after a record (empty: its own)."""
        sql = f"SELECT DISTINCT agent_id FROM event WHERE {schema.OF_SESSION} AND record > ?"
        return [row[0] for row in self._rows(sql, session, after)]

    def newest_record(self, session: str, agent_id: str, after: int) -> int | None:
        """The record of the newest event of a session's, or of one of its subagents', after a record."""
        where = f"{schema.OF_SESSION} AND record > ? AND agent_id = ?"
        rows = self._rows(
            f"SELECT record FROM event WHERE {where} ORDER BY record DESC LIMIT 1", session, after, agent_id
        )
        return rows[0][0] if rows else None
