"""Answers searches, from any thread and beside the agent that writes."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Final, get_args

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.clients.message import Kind
from hookspan.model import ids
from hookspan.model.rows import Span
from hookspan.paths import Paths
from hookspan.store import Identity, Reader
from hookspan.store.database import Reading
from hookspan.store.readings import Readings
from hookspan.store.schema import INTEGER_MAX

from . import database, words
from .database import MIGRATIONS, SESSION, SLOT

LOOKED_MAX: Final = 2_000
"""Messages whose spans are looked at for one page; the next page goes on after them."""
LOOKED: Final = 100
"""Of them at once."""
TABLES: Final = 16
"""Tables of words that one statement reads at most. The first reads the newest alone, which has the answer mostly."""


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
    until: int = INTEGER_MAX
    before: int = 0
    limit: int = 20

    @property
    def asks_more(self) -> bool:
        """Whether more is asked than the index knows."""
        return bool(self.agent or self.asks_spans)

    @property
    def asks_when(self) -> bool:
        """Whether it is asked when it was."""
        return bool(self.since) or self.until != INTEGER_MAX

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


class _Message(msgspec.Struct, array_like=True, frozen=True):
    """A row of _MESSAGES."""

    key: int
    name: str
    kind: str
    turn: str
    call: str
    tool_call: str
    tool: str
    failed: int
    session: str
    project: str
    branch: str
    title: str
    subagent: str
    is_packed: int
    text: str
    """Packed: in hex digits."""


# Between two rows a thread gives the interpreter away and waits until the agent's others are at a pause: what is found
# comes as one row, whatever it takes.
_KEYS: Final = (
    "SELECT key FROM (SELECT rowid AS key FROM {0} WHERE {0} MATCH ?1 AND rowid < ?2 AND rowid >= ?3 "
    "ORDER BY rowid DESC LIMIT ?4)"
)
_ALL_KEYS: Final = "SELECT message AS key FROM message WHERE message < ?2 AND message >= ?3 ORDER BY message DESC"
_MESSAGES: Final = """
SELECT json_group_array(json_array(
    message.message, name, kind, message.turn, call, tool_call, tool, failed,
    session.id, project, branch, title, coalesce(subagent, ''), typeof(text) = 'blob',
    iif(typeof(text) = 'blob', hex(text), text)
)) FROM json_each(?) AS wanted CROSS JOIN message ON message.message = wanted.value
JOIN session USING (session) LEFT JOIN file USING (file)
"""
_keys_of = msgspec.json.Decoder(list[int]).decode
_messages_of = msgspec.json.Decoder(list[_Message]).decode
_encode = msgspec.json.Encoder().encode


class Search:
    """Thread-safe. Before anything is kept there are no hits."""

    def __init__(self, paths: Paths, reader: Reader, *, damaged: Callable[[Identity], None] = lambda _: None) -> None:
        """`damaged` hears which file SQLite finds broken."""
        self._reader = reader
        self._readings = Readings(paths.content_db, _is_ready, damaged)

    def close(self) -> None:
        """Close the idle connections."""
        self._readings.close()

    def reading(self) -> AbstractContextManager[Reading | None]:
        """A connection, None while there is no database. What is found on it is not deleted before it is read."""
        return self._readings.snapshot()

    def find_sessions(self, start: str, limit: int = 10) -> list[str]:
        """Ids that begin with `start`, of sessions of which anything is kept here; the store may know them no more."""
        sql = "SELECT id FROM session WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
        with self.reading() as db:
            return [] if db is None else [id_ for (id_,) in db.execute(sql, (start, start + "\U0010ffff", limit))]

    def messages(self, query: Query) -> Hits:
        """The messages that a query finds. Raises StoreDamaged."""
        asked = words.terms(query.text)
        # Unwanted words alone are taken from all that there is: each message is of some kind.
        match = words.expression(asked, _scope(query) or (_ANY if asked else ""))
        with self.reading() as db:
            if db is None or not (match or query.asks_more or query.asks_when):
                return Hits(hits=[])
            if query.asks_more:
                return self._looked_at(db, query, match, asked)
            before = min(query.until, query.before or query.until)
            messages = _read(db, _keys(db, query, match, before, query.limit + 1))
            more = len(messages) > query.limit
            del messages[query.limit :]
            agents = self._agents(messages)
            hits = [_hit(message, asked, agents) for message in messages]
            return Hits(hits=hits, next=hits[-1].at if more else 0)

    def _looked_at(self, db: sqlite3.Connection, query: Query, match: str, asked: list[words.Term]) -> Hits:
        """A page of those whose sessions and spans are as they are asked to be."""
        found: list[Hit] = []
        before, looked = min(query.until, query.before or query.until), 0
        while messages := _read(db, _keys(db, query, match, before, LOOKED)):
            agents = self._agents(messages)
            for message in messages:
                before, looked = message.key, looked + 1
                hit = _hit(message, [], agents)
                if query.agent in {"", hit.agent} and self._fits(hit, query):
                    found.append(_hit(message, asked, agents))
                if len(found) == query.limit or looked == LOOKED_MAX:
                    return Hits(hits=found, next=before)
        return Hits(hits=found)

    def _agents(self, messages: Iterable[_Message]) -> Mapping[str, str]:
        """Whose sessions these are; one that the store no longer has is Claude Code's, whose alone are archived."""
        return self._reader.agents_of({message.session for message in messages})

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


_ANY: Final = f"(scope : ({' OR '.join(database.token('k', kind) for kind in (*get_args(Kind), SESSION))}))"


def _scope(query: Query) -> str:
    """Which messages are looked at, as FTS5 has it; empty for all."""
    values = {"p": query.project, "b": query.branch, "m": query.model, "s": query.session, "t": query.tool}
    scope = [database.token(letter, value) for letter, value in values.items() if value]
    scope += [database.token("k", query.kind)] if query.kind else []
    scope += ["failed"] if query.outcome == "error" else []
    return f"(scope : ({' AND '.join(scope)}))" if scope else ""


def _keys(db: sqlite3.Connection, query: Query, match: str, before: int, count: int) -> list[int]:
    """Keys of the newest messages before one that FTS5 finds, or of all; the newest first."""
    if not match:
        return _one_row(db, _ALL_KEYS, "", before, query.since, count)
    names = [name for name in database.slots(db) if _has(name, query.since, before)]
    found: list[int] = []
    size = 1
    while names and len(found) < count:
        sql = " UNION ALL ".join(_KEYS.format(name) for name in names[:size])
        found += _one_row(db, sql, match, before, query.since, count - len(found))
        del names[:size]
        size = TABLES
    return found


def _one_row(db: sqlite3.Connection, sql: str, *values: str | int) -> list[int]:
    (keys,) = db.execute(f"SELECT json_group_array(key) FROM ({sql} LIMIT ?4)", values).fetchone()
    return sorted(_keys_of(keys), reverse=True)


def _has(slot: str, since: int, before: int) -> bool:
    """Whether a table of words has such of messages of that time."""
    number = int(slot.removeprefix("words_"))
    return number * SLOT < before and (number + 1) * SLOT > since


def _read(db: sqlite3.Connection, keys: list[int]) -> list[_Message]:
    """The messages with these keys, the newest first."""
    if not keys:
        return []
    (found,) = db.execute(_MESSAGES, (_encode(keys).decode(),)).fetchone()
    return sorted(_messages_of(found), key=lambda message: -message.key)


def _hit(message: _Message, asked: list[words.Term], agents: Mapping[str, str]) -> Hit:
    span, session = "", message.session
    if message.tool_call:
        span = ids.of_tool(session, message.tool_call)
    elif message.call:
        span = ids.of_model_call(session, message.subagent, message.call)
    elif message.turn and not message.subagent:
        span = ids.of_turn(session, message.turn)
    text = database.unpack(bytes.fromhex(message.text)) if message.is_packed and asked else message.text
    return Hit(
        session=session,
        project=message.project,
        branch=message.branch,
        title=message.title,
        kind=message.kind,
        at=message.key,
        message="" if message.kind == "session" else message.name,
        subagent=message.subagent,
        tool=message.tool,
        tool_call=message.tool_call,
        failed=bool(message.failed),
        trace=ids.trace_id(message.turn) if message.turn else "",
        span=span,
        snippet=words.snippet(text, asked),
        agent=agents.get(session, CLAUDE_CODE.name),
    )


def _fits(span: Span, query: Query) -> bool:
    cost = span.attributes.get(sc.COST_USD, span.attributes.get(sc.TOTAL_COST_USD, 0))
    return (
        span.end - span.start >= query.longer
        and (not query.costlier or (isinstance(cost, int | float) and cost >= query.costlier))
        and query.outcome in {"", "error", span.attributes.get(sc.OUTCOME)}
    )
