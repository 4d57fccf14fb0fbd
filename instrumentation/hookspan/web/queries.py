"""The page's own queries to the store: rows, with the position that they are from."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.catalogue.spans import MODEL
from hookspan.journal.position import read_position
from hookspan.model.rows import EventRow, Span, SpanEvent
from hookspan.model.state import SessionState, load_session
from hookspan.model.times import Part
from hookspan.store import Questions, Reader, schema

DEMO: Final = "demo"  # how a session of the demo data says that it began
OPEN_MAX: Final = 500  # open sessions in a list; more of them nobody reads
NEWEST: Final = 1000  # sessions whose branches can be chosen: 1 ms of 10,000 sessions, and all of them 20 ms
_GOES_ON: Final = f"phase <> '{SessionPhase.ENDED}'"
# A call that never ran, and a dialog that nobody saw: neither took anybody's time.
_NO_TIME: Final = " + ".join(
    f"(instr(attributes, '{mark}') > 0)"
    for mark in ('"hookspan.tool.never_ran":true', '"hookspan.decision":"auto_denied"')
)

_encode: Final = msgspec.json.Encoder().encode
_names: Final = msgspec.json.Decoder(list[str]).decode
_SEARCHED: Final = ("id", "project", "repository", "branch", "model", "host")
"""What a session is found by, its user's texts apart."""


class Order(NamedTuple):
    """What a list is in the order of, the largest first: an expression, and a table that it needs beside `session`."""

    value: str
    beside: str = ""


ORDERS: Final = {
    "newest": Order("last"),
    "cost": Order("cost_nano"),
    "length": Order("max(0, iif(ended, ended, last) - started)"),
    "waited": Order(
        "coalesce(waited, 0)",
        "LEFT JOIN (SELECT session AS waiter, "
        f"CAST(total(json_extract(attributes, '$.\"{sc.WAITED}\"')) * 1e9 AS INTEGER) AS waited "
        f"FROM span WHERE {schema.HAS_WAITED} GROUP BY session) ON waiter = session",
    ),
}
"""By their names in the API."""


class Filter(NamedTuple):
    """Which sessions are looked for: of a project, a branch, an agent (empty: any), in which all words are found.

    Their newest event was in a time: Unix nanoseconds, `until` is not in it.
    """

    project: str = ""
    branch: str = ""
    agent: str = ""
    since: int = 0
    until: int = schema.INTEGER_MAX
    words: Sequence[str] = ()


class Selection(NamedTuple):
    """The sessions that a filter lets through: their newest event was in a time, and a condition holds."""

    since: int
    until: int
    condition: str = ""
    bound: tuple[str | int, ...] = ()

    @property
    def where(self) -> str:
        """All of it as the condition of a statement, with these `values`."""
        return f"last >= ? AND last < ?{self.condition}"

    @property
    def values(self) -> tuple[str | int, ...]:
        """What is bound to it."""
        return self.since, self.until, *self.bound

    def between(self, since: int, until: int) -> Selection:
        """Those of them whose newest event was in that time, too: one range, since of two SQLite reads the first."""
        return self._replace(since=max(since, self.since), until=min(until, self.until))


class Sum(NamedTuple):
    """How many sessions, and their cost in nano-USD."""

    sessions: int
    cost: int


class Match(NamedTuple):
    """A session's number in the store, when its newest event was (Unix ns), and what the list is in the order of."""

    number: int
    last: int
    value: int

    @property
    def place(self) -> tuple[int, int]:
        """In the order: no two have the same."""
        return self.value, self.number


class Wanted(NamedTuple):
    """Which spans of a session, by the ids (hex digits) of a trace and a span, empty for any; hooks' only on demand."""

    trace: str = ""
    span: str = ""
    hooks: bool = False


START: Final = (-1, -1)
"""The place before all spans."""
WORK: Final = Wanted()
"""All but hooks'."""


class SpanRows(NamedTuple):
    """Some spans by start, the cursor of the next ones (empty at the end), and how many there are in all."""

    spans: list[Span]
    next: str
    total: int


class BriefSpan(NamedTuple):
    """What a row of a span shows. Attributes are there (JSON) where they decide what it is called or looks like."""

    key: int
    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    name: str
    start: int
    end: int
    status: int
    hook: int
    attributes: str | None
    label: str | None


class BriefRows(NamedTuple):
    """The same of these."""

    spans: list[BriefSpan]
    next: str
    total: int


# Agents are called by their attributes, and what goes on in the background is marked: a few of ten thousand.
_SELECT_BRIEF: Final = (
    'SELECT key, trace_id, span_id, parent_id, name, start, "end", status, hook, '
    "iif(name GLOB 'invoke_agent *' OR instr(attributes, '\"hookspan.background\":') > 0, attributes, NULL), label "
    "FROM span"
)


class News(NamedTuple):
    """What was committed between two positions."""

    events: list[EventRow]
    spans: list[Span]
    sessions: list[SessionRow]


class Moment(Questions):
    """The store at one moment; only within `PageReader.moment()`."""

    def __init__(self, db: sqlite3.Connection | None) -> None:
        self._db = db

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        return [] if self._db is None else self._db.execute(sql, values).fetchall()

    def position(self) -> int:
        """The number of the first record that is not in the store; 0 while there is no store."""
        rows = self._rows("SELECT value FROM meta WHERE name = 'position'")
        return read_position(rows[0][0]).record if rows else 0

    def removed(self) -> int:
        """The position at which sessions were last taken out; 0 for never."""
        rows = self._rows("SELECT value FROM meta WHERE name = 'removed'")
        return int(rows[0][0]) if rows else 0

    def epoch(self) -> str:
        """Which store this is: another one after a rebuild; empty while there is none."""
        rows = self._rows("SELECT value FROM meta WHERE name = 'epoch'")
        return str(rows[0][0]) if rows else ""

    def generation(self) -> str:
        """Another one after a rebuild, and after something was forgotten that somebody may still show."""
        rows = self._rows("SELECT value FROM meta WHERE name IN ('epoch', 'forgotten') ORDER BY name")
        return ":".join(str(value) for (value,) in rows)

    # --- Sessions

    def select(self, wanted: Filter, *, content: bool) -> Selection:
        """The sessions that a filter lets through.

        `content`: whether the user's texts are looked at, too: titles and first prompts.
        """
        columns = [column for column in ("project", "branch", "agent") if getattr(wanted, column)]
        selection = Selection(
            wanted.since,
            wanted.until,
            "".join(f" AND {column} = ?" for column in columns),
            tuple(getattr(wanted, column) for column in columns),
        )
        if not wanted.words or self._db is None:
            return selection
        # SQLite knows upper and lower case of ASCII alone.
        self._db.create_function("holds", 2, _holds, deterministic=True)
        texts = [*_SEARCHED, *(("session.title", schema.FIRST_PROMPT) if content else ())]
        text = " || ' ' || ".join(texts)
        words = "\n".join(word.casefold() for word in wanted.words)
        sql = f"SELECT json_group_array(session) FROM session WHERE {selection.where} AND holds({text}, ?)"
        ((found,),) = self._rows(sql, *selection.values, words)
        return selection._replace(condition=" AND session IN (SELECT value FROM json_each(?))", bound=(found,))

    def by_phase(self, selection: Selection) -> dict[str, Sum]:
        """What they come to in each phase."""
        where = f"FROM session WHERE {selection.where}"
        # Those that have ended are many, and grouping them takes longer than adding them up.
        sql = (
            f"SELECT phase, count(*), sum(cost_nano) {where} AND ended = 0 AND {_GOES_ON} GROUP BY phase UNION ALL "
            f"SELECT '{SessionPhase.ENDED}', count(*), sum(cost_nano) {where} AND NOT {_GOES_ON}"
        )
        found = self._rows(sql, *selection.values, *selection.values)
        return {phase: Sum(*sums) for phase, *sums in found if sums[0]}

    def sum_between(self, selection: Selection, since: int, until: int) -> Sum:
        """What those of them come to that have ended, and whose newest event was in a time (Unix nanoseconds)."""
        within = selection.between(since, until)
        sql = f"SELECT count(*), coalesce(sum(cost_nano), 0) FROM session WHERE {within.where} AND NOT {_GOES_ON}"
        return Sum(*(self._rows(sql, *within.values) or [(0, 0)])[0])

    def find(
        self,
        selection: Selection,
        order: Order,
        phases: Collection[SessionPhase],
        limit: int,
        before: tuple[int, int] | None = None,
    ) -> list[Match]:
        """Those of them that are in some phase, the largest places first; only ones `before` a place."""
        wanted = _encode([*phases]).decode()
        where = f"{selection.where} AND phase IN (SELECT value FROM json_each(?))"
        if SessionPhase.ENDED not in phases:
            where += " AND ended = 0"  # an index has these
        values = [*selection.values, wanted]
        if before is not None:
            where += f" AND ({order.value}, session) < (?, ?)"
            values += before
        sql = (
            f"SELECT session, last, {order.value} AS value FROM session {order.beside} "
            f"WHERE {where} ORDER BY value DESC, session DESC LIMIT ?"
        )
        return [Match(*row) for row in self._rows(sql, *values, limit)]

    def rows(self, matches: Sequence[Match]) -> list[SessionRow]:
        """Rows of sessions, in the same order."""
        wanted = "(SELECT key AS place, value AS wanted FROM json_each(?)) ON session.session = wanted"
        numbers = _encode([match.number for match in matches]).decode()
        found = self._rows(f"{schema.SELECT_SESSION} JOIN {wanted} ORDER BY place", numbers)
        return [schema.read_session(row) for row in found]

    def waiting_sessions(self) -> list[SessionRow]:
        """Sessions that wait for you, or may."""
        sql = f"{schema.SELECT_SESSION} WHERE ended = 0 AND phase IN (?, ?) ORDER BY last DESC LIMIT {OPEN_MAX}"
        phases = (SessionPhase.WAITING, SessionPhase.WAITING_OR_RUNNING)
        return [schema.read_session(row) for row in self._rows(sql, *phases)]

    def any_local(self) -> bool:
        """Whether a session that has not ended is of this machine alone, as those of the demo data."""
        return bool(self._rows(f"SELECT 1 FROM session WHERE ended = 0 AND {_GOES_ON} AND local LIMIT 1"))

    def unwritten_sessions(self) -> list[SessionRow]:
        """Those, and the ones that ended a moment ago, whose last spans are still to come."""
        sql = f"{schema.SELECT_SESSION} WHERE ended = 0 ORDER BY last DESC LIMIT {OPEN_MAX}"
        return [schema.read_session(row) for row in self._rows(sql)]

    def demo_sessions(self) -> list[str]:
        """Ids of the demo data's sessions."""
        return [row[0] for row in self._rows("SELECT id FROM session WHERE local AND source = ?", DEMO)]

    def projects(self) -> list[str]:
        """Names of all projects."""
        return [row[0] for row in self._rows("SELECT DISTINCT project FROM session WHERE project <> '' ORDER BY 1")]

    def projects_and_agents(self) -> tuple[list[str], list[str]]:
        """Both, in one look at all sessions."""
        rows = self._rows("SELECT json_group_array(DISTINCT project), json_group_array(DISTINCT agent) FROM session")
        projects, agents = map(_names, rows[0]) if rows else ([], [])
        return sorted(filter(None, projects)), sorted(agents)

    def branches(self, project: str) -> list[str]:
        """Branches of a project's newest sessions (empty: of any project's), those first that were worked on last."""
        newest = "SELECT branch, last FROM session WHERE branch <> '' AND ? IN ('', project) ORDER BY last DESC LIMIT ?"
        sql = f"SELECT branch FROM ({newest}) GROUP BY branch ORDER BY max(last) DESC"
        return [row[0] for row in self._rows(sql, project, NEWEST)]

    def state(self, session: str) -> SessionState | None:
        """What the fold knows of a session, as of the last commit."""
        rows = self._rows("SELECT state FROM state WHERE id = ? AND state IS NOT NULL", session)
        return load_session(rows[0][0]) if rows else None

    # --- Spans

    def turns(self, session: str) -> list[Span]:
        """The turns of a session that are written, by start."""
        sql = f"{schema.SELECT_SPAN} WHERE {schema.OF_SESSION} AND {schema.IS_TURN} ORDER BY start, key"
        return [schema.read_span(row) for row in self._rows(sql, session)]

    def turn_of(self, trace_id: str) -> Span | None:
        """The turn that a trace is of, once it is written."""
        sql = f"{schema.SELECT_SPAN} WHERE trace_id = ? AND {schema.IS_TURN} LIMIT 1"
        rows = self._rows(sql, bytes.fromhex(trace_id))
        return schema.read_span(rows[0]) if rows else None

    def extent(self, trace_id: str) -> tuple[int, int]:
        """How many spans a trace has, and the key of the newest: another pair tells that something was added."""
        rows = self._rows("SELECT count(*), max(key) FROM span WHERE trace_id = ?", bytes.fromhex(trace_id))
        return (rows[0][0], rows[0][1] or 0) if rows else (0, 0)

    def parts(self, session: str, trace_id: str) -> list[Part]:
        """A session's spans in a trace but hook spans."""
        sql = (
            f'SELECT span_id, parent_id, name, start, "end", {_NO_TIME} '
            f"FROM span WHERE trace_id = ? AND +{schema.OF_SESSION} AND NOT hook"
        )
        return [Part(*row) for row in self._rows(sql, bytes.fromhex(trace_id), session)]

    def spans(self, session: str, after: tuple[int, int], limit: int, wanted: Wanted = WORK) -> SpanRows:
        """Those wanted of a session's spans, from a place (start and key of the last one) on."""
        rows, total = self._span_rows(schema.SELECT_SPAN, session, after, limit, wanted)
        spans = [schema.read_span(row) for row in rows[:limit]]
        more = len(rows) > limit > 0
        return SpanRows(spans, f"{spans[-1].start}.{rows[limit - 1][0]}" if more else "", total)

    def brief_spans(self, session: str, after: tuple[int, int], limit: int, wanted: Wanted) -> BriefRows:
        """The same spans, in brief: half of the time."""
        rows, total = self._span_rows(_SELECT_BRIEF, session, after, limit, wanted)
        spans = [BriefSpan._make(row) for row in rows[:limit]]
        more = len(rows) > limit > 0
        return BriefRows(spans, f"{spans[-1].start}.{spans[-1].key}" if more else "", total)

    def _span_rows(
        self, select: str, session: str, after: tuple[int, int], limit: int, wanted: Wanted
    ) -> tuple[list[Any], int]:
        """One row more than the limit if there are more, and how many there are in all."""
        table, where, values = "span" if wanted.hooks else schema.WORK, schema.OF_SESSION, list[str | bytes]((session,))
        if wanted.trace:
            table, where, values = "span", f"trace_id = ? AND +{where}", [bytes.fromhex(wanted.trace), session]
        if wanted.span:
            where, values = f"{where} AND span_id = ?", [*values, bytes.fromhex(wanted.span)]
        where = f"WHERE {where} {'' if wanted.hooks else 'AND NOT hook'}"
        sql = f"{select} {where} AND (start, key) > (?, ?) ORDER BY start, key LIMIT ?"
        rows = self._rows(sql, *values, *after, limit + 1) if limit else []
        if after == START and 0 < len(rows) <= limit:
            return rows, len(rows)  # these are all
        total = self._rows(f"SELECT count(*) FROM {table} {where}", *values)
        return rows, total[0][0] if total else 0

    def calls_by(self, session: str, keys: Sequence[str]) -> list[tuple[dict[str, str], float, int]]:
        """A session's model calls by these attributes: those that they have, their cost (USD), how many they are."""
        paths = ", ".join(f"json_extract(attributes, '$.\"{key}\"')" for key in keys)
        groups = ", ".join(str(number + 1) for number in range(len(keys)))
        sql = (
            f"SELECT {paths}, total(json_extract(attributes, '$.\"{sc.COST_USD}\"')), count(*) FROM {schema.WORK} "
            f"WHERE {schema.OF_SESSION} AND NOT hook AND name LIKE '{MODEL.operation} %' GROUP BY {groups}"
        )
        found = []
        for *names, cost, count in self._rows(sql, session):
            found.append(({key: name for key, name in zip(keys, names, strict=True) if name}, cost, count))
        return found

    def span_events(self, session: str) -> list[SpanEvent]:
        """What happened during a session's spans, by their start."""
        where = f"{schema.OF_SESSION} AND NOT hook AND events IS NOT NULL"
        sql = f"SELECT events FROM {schema.WORK} WHERE {where} ORDER BY start"
        return [event for (events,) in self._rows(sql, session) for event in schema.read_events(events)]

    def waited(self, since: int) -> list[Span]:
        """Tool calls that somebody was asked about and that ended since then, in the order of their ends."""
        sql = f'{schema.SELECT_SPAN} WHERE {schema.HAS_WAITED} AND "end" >= ? ORDER BY key'
        return [schema.read_span(row) for row in self._rows(sql, since)]

    def waits_after(self, key: int) -> list[tuple[int, str, float]]:
        """Key, session id and seconds of the tool calls that waited and are written after a key, in that order."""
        sql = (
            f"SELECT key, state.id, json_extract(attributes, '$.\"{sc.WAITED}\"') FROM span JOIN state USING (session) "
            f"WHERE {schema.HAS_WAITED} AND key > ? ORDER BY key"
        )
        return self._rows(sql, key)

    # --- Events

    def any_event(self) -> bool:
        """Whether there is one, of demo data apart. The first real one ends the search."""
        demo = "coalesce(local AND source = ?, 0)"
        return bool(self._rows(f"SELECT 1 FROM event LEFT JOIN session USING (session) WHERE NOT {demo} LIMIT 1", DEMO))

    def asked_at(self, session: str, at: int) -> int:
        """The record of the event that opened a session's dialog at that time; 0 if it is not kept any more."""
        sql = (
            f"SELECT record FROM event WHERE {schema.OF_SESSION} AND at = ? "
            "AND event IN ('PermissionRequest', 'Elicitation') ORDER BY record DESC LIMIT 1"
        )
        rows = self._rows(sql, session, at)
        return int(rows[0][0]) if rows else 0

    def activity(self, since: int) -> list[tuple[str, int, int]]:
        """Session, Unix minute and number of events, from `since` (Unix nanoseconds) on.

        Events lie in the order of their records, which is nearly that of time: the first of them is found by halving.
        """
        low, high = 0, self._rows("SELECT max(record) FROM event")[0][0] or 0 if self._db else 0
        while low < high:
            middle = (low + high) // 2
            row = self._rows("SELECT at FROM event WHERE record >= ? ORDER BY record LIMIT 1", middle)
            low, high = (low, middle) if row[0][0] >= since else (middle + 1, high)
        sql = (
            f"SELECT state.id, minute, n FROM (SELECT session, at / {schema.MINUTE} AS minute, count(*) AS n "
            "FROM event WHERE record >= ? AND at >= ? GROUP BY 1, 2) JOIN state USING (session)"
        )
        return self._rows(sql, low, since)

    # --- News

    def news(self, since: int, until: int, touched: Iterable[str]) -> News:
        """What records from `since` up to `until` gave; rows of the sessions in it and of `touched` ones."""
        events = self._rows(f"{schema.SELECT_EVENT} WHERE record BETWEEN ? AND ? ORDER BY record", since, until - 1)
        spans = self._rows(
            f"{schema.SELECT_SPAN} WHERE key >= ? AND key < ? AND NOT hook ORDER BY key", since << 16, until << 16
        )
        news = News([schema.read_event(row) for row in events], [schema.read_span(row) for row in spans], [])
        ids = {event.session for event in news.events} | {span.session for span in news.spans} | set(touched)
        news.sessions.extend(row for id_ in sorted(ids) if (row := self.session(id_)) is not None)
        return news


def _holds(text: str, words: str) -> bool:
    """Whether all words, one a line and casefolded, are in the text."""
    folded = text.casefold()
    return all(word in folded for word in words.split("\n"))


class PageReader(Reader):
    """The store's reader with the page's questions."""

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """A block whose queries are all answered from one state of the store; not across an await."""
        with self._readings.snapshot() as db:
            yield Moment(db)
