"""Answers searches, from any thread and beside the agent that writes."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model import ids
from hookspan.model.rows import Span
from hookspan.paths import Paths
from hookspan.store import Reader
from hookspan.store.database import Reading
from hookspan.store.readings import Readings

from . import database, words
from .database import MIGRATIONS, SLOT

LOOKED_MAX: Final = 2_000
"""Messages whose spans are looked at for one page; the next page goes on after them."""


Agents: TypeAlias = Callable[[str], str]
"""Whose a session is."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; whatever is empty or 0 is not asked.

    Attributes:
        text: Words; see `words.terms`.
        agent: A coding agent; what was said in its sessions alone is looked for.
        kind: A kind of message (`clients.message.Kind`), or `session` for titles.
        outcome: How the message's tool call, turn or model call ended; `error` finds failed results without a span.
        longer: Nanoseconds that its span took at least.
        costlier: USD that its span cost at least.
        since: Unix ns, the first; `until`, the first that is not.
        before: `next` of the page before.
    """

    text: str = ""
    project: str = ""
    branch: str = ""
    agent: str = ""
    model: str = ""
    tool: str = ""
    session: str = ""
    kind: str = ""
    outcome: str = ""
    longer: int = 0
    costlier: float = 0.0
    since: int = 0
    until: int = (1 << 63) - 1
    before: int = 0
    limit: int = 20

    @property
    def asks_more(self) -> bool:
        """Whether more is asked than the index knows."""
        return bool(self.agent or self.asks_spans)

    @property
    def asks_spans(self) -> bool:
        """Whether it is asked what a span is."""
        return bool(self.longer or self.costlier or self.outcome not in {"", "error"})


class Hit(msgspec.Struct, kw_only=True):
    """A message that was found.

    Attributes:
        message: Its id in its conversation; empty for a session's title.
        trace: Trace of its turn (32 hex digits), empty before the first prompt.
        span: Its tool call's, model call's or turn's span (16 hex digits), empty without one.
        agent: The coding agent that it was said to or by.
        snippet: Parts of its text around the first hit, each with whether it is one.
    """

    session: str
    project: str
    branch: str
    title: str
    kind: str
    at: int
    message: str
    subagent: str
    tool: str
    tool_call: str
    failed: bool
    trace: str
    span: str
    snippet: list[words.Piece]
    agent: str = ""


class Hits(msgspec.Struct, kw_only=True):
    """A page of hits, the newest first; `next` is 0 at the end."""

    hits: list[Hit]
    next: int = 0


_MESSAGE: Final = """
SELECT message.message, name, kind, message.turn, call, tool_call, tool, failed, text, id, project, branch, title,
    coalesce(subagent, '')
FROM message JOIN session USING (session) LEFT JOIN file USING (file) WHERE message.message = ?
"""


class Search:
    """Thread-safe. Before anything is kept there are no hits."""

    def __init__(self, paths: Paths, reader: Reader) -> None:
        self._reader = reader
        self._readings = Readings(paths.content_db, _is_ready)

    def close(self) -> None:
        """Close the idle connections."""
        self._readings.close()

    def reading(self) -> AbstractContextManager[Reading | None]:
        """A connection, None while there is no database. What is found on it is not deleted before it is read."""
        return self._readings.snapshot()

    def messages(self, query: Query) -> Hits:
        """The messages that a query finds. Raises StoreDamaged."""
        asked = words.terms(query.text)
        with self.reading() as db:
            if db is None:
                return Hits(hits=[])
            keys = _keys(db, query, words.expression(asked))
            agents = self._agents()
            if not query.asks_more:
                found = [_hit(db, key, asked, agents) for key in _some(keys, query.limit + 1)]
                return _page(found, query.limit)
            return self._looked_at(db, keys, query, asked, agents)

    def _looked_at(
        self, db: sqlite3.Connection, keys: Iterator[int], query: Query, asked: list[words.Term], agents: Agents
    ) -> Hits:
        """A page of those whose sessions and spans are as they are asked to be."""
        found: list[Hit] = []
        for looked, key in enumerate(keys, 1):
            hit = _hit(db, key, asked, agents)
            if query.agent in {"", hit.agent} and self._fits(hit, query):
                found.append(hit)
            if len(found) == query.limit or looked == LOOKED_MAX:
                return Hits(hits=found, next=key)
        return Hits(hits=found)

    def _agents(self) -> Agents:
        """Whose a session is; one that the store no longer has is taken for Claude Code's, whose alone are archived."""

        @cache
        def agent_of(session: str) -> str:
            row = self._reader.session(session)
            return row.agent if row else CLAUDE_CODE.name

        return agent_of

    def _fits(self, hit: Hit, query: Query) -> bool:
        if not query.asks_spans:
            return True
        span = self._reader.span(hit.trace, hit.span) if hit.span and hit.trace else None
        return span is not None and _fits(span, query)

    def session(self, session: str) -> SessionRow | None:
        """The row of an archived session that the store may no longer have, as far as the archive knows it."""
        with self.reading() as db:
            sql = (
                "SELECT project, branch, model, title, last, coalesce((SELECT min(message) FROM message "
                "WHERE message.session = session.session AND kind != 'session'), last) FROM session WHERE id = ? "
                "AND session IN (SELECT session FROM file WHERE archived)"
            )
            row = None if db is None else db.execute(sql, (session,)).fetchone()
        if row is None:
            return None
        project, branch, model, title, last, started = row
        return SessionRow(
            id=session,
            project=project,
            branch=branch,
            model=model,
            title=title,
            phase=SessionPhase.ENDED,
            started=started,
            phase_since=last,
            last=last,
            ended=last,
        )

    def counts(self) -> dict[str, int]:
        """How much there is: messages, sessions, archived sessions, bytes in use."""
        with self.reading() as db:
            if db is None:
                return {"messages": 0, "sessions": 0, "archived": 0, "bytes": 0}
            (messages,) = db.execute("SELECT count(*) FROM message WHERE kind != 'session'").fetchone()
            (sessions,) = db.execute("SELECT count(*) FROM session").fetchone()
            (archived,) = db.execute("SELECT count(DISTINCT session) FROM file WHERE archived").fetchone()
            return {
                "messages": messages, "sessions": sessions, "archived": archived, "bytes": database.size(db),
            }  # fmt: skip

    def prunable(self, limits: database.Limits) -> database.Deleted:
        """What is past its time, by age."""
        with self.reading() as db:
            return database.Deleted() if db is None else database.prunable(db, limits)


def _is_ready(db: Reading) -> bool:
    return bool(db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS))


def _keys(db: sqlite3.Connection, query: Query, expression: str) -> Iterator[int]:
    """Keys of the messages that the index finds, the newest first."""
    asked = [expression] if expression else []
    values = {"p": query.project, "b": query.branch, "m": query.model, "s": query.session, "t": query.tool}
    scope = [database.token(letter, value) for letter, value in values.items() if value]
    scope += [database.token("k", query.kind)] if query.kind else []
    scope += ["failed"] if query.outcome == "error" else []
    if scope:
        asked.insert(0, f"scope : ({' AND '.join(scope)})")
    before = min(query.until, query.before or query.until)
    if not asked:
        if query.agent:
            sql = "SELECT message FROM message WHERE message < ? AND message >= ? ORDER BY message DESC"
            yield from (key for (key,) in db.execute(sql, (before, query.since)))
        return
    for name in database.slots(db):
        slot = int(name.removeprefix("words_"))
        if slot * SLOT >= before or (slot + 1) * SLOT <= query.since:
            continue
        sql = f"SELECT rowid FROM {name} WHERE {name} MATCH ? AND rowid < ? AND rowid >= ? ORDER BY rowid DESC"
        for (key,) in db.execute(sql, (" AND ".join(f"({part})" for part in asked), before, query.since)):
            yield key


def _some(keys: Iterator[int], count: int) -> list[int]:
    return [key for key, _ in zip(keys, range(count), strict=False)]


def _page(found: list[Hit], limit: int) -> Hits:
    more = len(found) > limit
    del found[limit:]
    return Hits(hits=found, next=found[-1].at if more else 0)


def _hit(db: sqlite3.Connection, key: int, asked: list[words.Term], agent_of: Agents) -> Hit:
    row: Any = db.execute(_MESSAGE, (key,)).fetchone()
    _, name, kind, turn, call, tool_call, tool, failed, text, session, project, branch, title, subagent = row
    span = ""
    if tool_call:
        span = ids.of_tool(session, tool_call)
    elif call:
        span = ids.of_model_call(session, subagent, call)
    elif turn and not subagent:
        span = ids.of_turn(session, turn)
    return Hit(
        session=session,
        project=project,
        branch=branch,
        title=title,
        kind=kind,
        at=key,
        message="" if kind == "session" else name,
        subagent=subagent,
        tool=tool,
        tool_call=tool_call,
        failed=bool(failed),
        trace=ids.trace_id(turn) if turn else "",
        span=span,
        snippet=words.snippet(database.unpack(text), asked),
        agent=agent_of(session),
    )


def _fits(span: Span, query: Query) -> bool:
    cost = span.attributes.get(sc.COST_USD, span.attributes.get(sc.TOTAL_COST_USD, 0))
    return (
        span.end - span.start >= query.longer
        and (not query.costlier or (isinstance(cost, int | float) and cost >= query.costlier))
        and query.outcome in {"", "error", span.attributes.get(sc.OUTCOME)}
    )
