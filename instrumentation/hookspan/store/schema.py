"""Tables of the store, and how rows become values in them and back."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import session_fields
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.metrics import BY_NAME
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import (
    Attributes,
    AttributeValue,
    EventRow,
    MoveRow,
    Span,
    SpanEvent,
    SpanLink,
    StayedRow,
    Waste,
)
from hookspan.model.sums import Exemplar, Series

APPLICATION: Final = 0x6873706E  # "hspn"
NANOSECONDS: Final = 1_000_000_000
INTEGER_MAX: Final = (1 << 63) - 1
MINUTE: Final = 60 * NANOSECONDS
HOUR: Final = 60 * MINUTE
DAY_MINUTES: Final = 1440

# span.key is record * 65536 + ordinal: the one order of spans, a rowid, so that new rows are appended, and what the
# export cursor is. Ids and texts that repeat in every row are kept short: session ids are numbers of table `state`,
# trace and span ids are blobs (`hex(trace_id)` shows them). No index on random ids is unique: a unique one has to be
# looked up before each insert. `span_work` has what a session's page shows, in its order; `span_turns` its turns, and
# `span_asked` the calls that somebody was asked about, few among many. A query must repeat an index's condition to use
# it. Attributes are JSON, so that SQLite's and DuckDB's JSON functions can read them. Sums
# have no column type: with one, SQLite would make the integer 2 of the float 2.0.
_FIRST: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;

CREATE TABLE state (
    session INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, open INTEGER NOT NULL DEFAULT 0, state BLOB
);
CREATE INDEX state_open ON state (session) WHERE open;

CREATE TABLE session (
    session INTEGER PRIMARY KEY, id TEXT NOT NULL, project TEXT NOT NULL, repository TEXT NOT NULL,
    branch TEXT NOT NULL, title TEXT NOT NULL, source TEXT NOT NULL, entrypoint TEXT NOT NULL,
    client_version TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, phase TEXT NOT NULL,
    phase_since INTEGER NOT NULL, started INTEGER NOT NULL, last INTEGER NOT NULL, ended INTEGER NOT NULL,
    end_reason TEXT NOT NULL, turns INTEGER NOT NULL, prompts INTEGER NOT NULL, messages INTEGER NOT NULL,
    tools INTEGER NOT NULL, tools_failed INTEGER NOT NULL, subagents INTEGER NOT NULL, current_tool TEXT NOT NULL,
    waiting_tool TEXT NOT NULL, waiting_since INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL, unpriced INTEGER NOT NULL, context_tokens INTEGER NOT NULL, model TEXT NOT NULL,
    permission_mode TEXT NOT NULL, local INTEGER NOT NULL
);
CREATE INDEX session_last ON session (last, started);
CREATE INDEX session_open ON session (ended) WHERE ended = 0;

CREATE TABLE event (
    record INTEGER PRIMARY KEY, at INTEGER NOT NULL, session INTEGER NOT NULL, event TEXT NOT NULL, tool TEXT NOT NULL,
    took INTEGER NOT NULL, size INTEGER NOT NULL, prompt TEXT NOT NULL, agent_id TEXT NOT NULL,
    tool_use_id TEXT NOT NULL, project TEXT NOT NULL, label TEXT NOT NULL
);
CREATE INDEX event_session ON event (session);

CREATE TABLE span (
    key INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, span_id BLOB NOT NULL, parent_id BLOB, name TEXT NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, kind INTEGER NOT NULL, status INTEGER NOT NULL,
    hook INTEGER NOT NULL, local INTEGER NOT NULL, session INTEGER NOT NULL, attributes TEXT NOT NULL, links TEXT,
    label TEXT
);
CREATE INDEX span_trace ON span (trace_id);
CREATE INDEX span_session ON span (session);
CREATE INDEX span_work ON span (session, start) WHERE NOT hook;
CREATE INDEX span_turn ON span (session, start) WHERE name = 'invoke_agent claude-code';
CREATE INDEX span_waited ON span (key) WHERE instr(attributes, '"hookspan.waited":') > 0;

CREATE TABLE metric (
    key INTEGER PRIMARY KEY, instrument TEXT NOT NULL, attributes TEXT NOT NULL, start INTEGER NOT NULL,
    value NOT NULL, count INTEGER NOT NULL, low REAL NOT NULL, high REAL NOT NULL, buckets TEXT NOT NULL,
    exemplar TEXT
);

CREATE TABLE rollup (
    minute INTEGER NOT NULL, metric INTEGER NOT NULL, count INTEGER NOT NULL, value NOT NULL,
    PRIMARY KEY (minute, metric)
) WITHOUT ROWID;
"""

_RESIDUAL: Final = "ALTER TABLE session ADD COLUMN residual_nano INTEGER NOT NULL DEFAULT 0;"
_FAILURE: Final = "ALTER TABLE session ADD COLUMN failure TEXT NOT NULL DEFAULT '';"
# `subagents` was how many work now, `input_tokens` was without cached ones, and a session whose state had never changed
# had no time of that.
_ONE_NAME: Final = """
ALTER TABLE session ADD COLUMN subagents_running INTEGER NOT NULL DEFAULT 0;
UPDATE session SET
    subagents_running = subagents,
    subagents = subagents + (
        SELECT count(*) FROM span
        WHERE span.session = session.session AND instr(attributes, '"gen_ai.agent.id":') > 0
    ),
    input_tokens = input_tokens + cache_read_tokens + cache_write_tokens,
    phase_since = iif(phase_since, phase_since, started);
"""

_SPAN_EVENTS: Final = "ALTER TABLE span ADD COLUMN events TEXT;"

# A turn, subagent and session had the names of a model call's usage and cost, and a hook and a dialog those of the
# execution of a tool, so that whoever added up spans counted each several times. A store of 300,000 spans (216 MB)
# takes 6 s on a busy machine, its copy included.
_NAMES_OF_ONE_KIND: Final = """
UPDATE span SET attributes = replace(replace(attributes,
    '"gen_ai.tool.name":', '"hookspan.tool.name":'),
    '"gen_ai.tool.call.id":', '"hookspan.tool.call.id":')
WHERE (hook OR name GLOB 'permission *') AND instr(attributes, '"gen_ai.tool.') > 0;
UPDATE span SET attributes = replace(replace(replace(replace(replace(attributes,
    '"gen_ai.usage.input_tokens":', '"hookspan.total.input_tokens":'),
    '"gen_ai.usage.output_tokens":', '"hookspan.total.output_tokens":'),
    '"gen_ai.usage.cache_read.input_tokens":', '"hookspan.total.cache_read.input_tokens":'),
    '"gen_ai.usage.cache_creation.input_tokens":', '"hookspan.total.cache_creation.input_tokens":'),
    '"hookspan.cost.usd":', '"hookspan.total.cost.usd":')
WHERE NOT hook AND (name = 'session' OR name GLOB 'invoke_agent *');
"""

# Names that the GenAI conventions have changed since (docs/decisions/2026-11-26-genai-names.md). Durations of turns and
# subagents are one metric now, with other buckets: what was counted under the two former names can't go on.
_NAMES_OF_2026_11: Final = """
UPDATE span SET attributes = replace(replace(replace(attributes,
    '"gen_ai.usage.cache_creation.input_tokens":', '"gen_ai.usage.cache_write.input_tokens":'),
    '"hookspan.effort":', '"gen_ai.request.reasoning.level":'),
    '"error.type":"other"', '"error.type":"_OTHER"')
WHERE NOT hook AND name GLOB 'chat *';
UPDATE span SET attributes = replace(replace(replace(attributes,
    '"gen_ai.agent.id":', '"hookspan.agent.id":'),
    '"error.type":"other"', '"error.type":"_OTHER"'),
    '"hookspan.total.cache_creation.input_tokens":', '"hookspan.total.cache_write.input_tokens":')
WHERE NOT hook AND name NOT GLOB 'chat *';
UPDATE span SET events = replace(events, '"error.type":"other"', '"error.type":"_OTHER"') WHERE events IS NOT NULL;
DELETE FROM rollup WHERE metric IN (
    SELECT key FROM metric WHERE instrument IN ('hookspan.turn.duration', 'hookspan.subagent.duration'));
DELETE FROM metric WHERE instrument IN ('hookspan.turn.duration', 'hookspan.subagent.duration');
UPDATE metric SET attributes = replace(attributes, '"error.type":"other"', '"error.type":"_OTHER"');
UPDATE metric SET instrument = 'gen_ai.client.inference.duration'
WHERE instrument = 'gen_ai.client.operation.duration';
UPDATE metric SET
    instrument = 'gen_ai.client.inference.operation.' || json_extract(attributes, '$."gen_ai.token.type"') || '_tokens',
    attributes = json_remove(attributes, '$."gen_ai.token.type"')
WHERE instrument = 'gen_ai.client.token.usage' AND json_extract(attributes, '$."gen_ai.token.type"') IS NOT NULL;
"""

# Column `exemplar` was the newest one; it holds a list of them.
_EXEMPLARS: Final = "UPDATE metric SET exemplar = '[' || exemplar || ']' WHERE exemplar IS NOT NULL;"

# `kind` and `what` first: a sum over all time reads the table in its order.
_WASTE: Final = """
CREATE TABLE waste (
    kind TEXT NOT NULL, what TEXT NOT NULL, session INTEGER NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL,
    priced INTEGER NOT NULL, tokens INTEGER NOT NULL, nano INTEGER NOT NULL, took INTEGER NOT NULL,
    PRIMARY KEY (kind, what, session, hour)
) WITHOUT ROWID;
"""

_LOG: Final = """
CREATE TABLE log (
    key INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL, severity INTEGER NOT NULL, trace_id BLOB,
    span_id BLOB, session INTEGER, attributes TEXT NOT NULL, label TEXT
);
CREATE INDEX log_session ON log (session);
"""

# What receipts are made of: in which work tree a model call was, how the HEADs of work trees were moved, which branches
# pull requests are of. Work trees are numbers made of their paths (`tree_number`); ids of commits are texts, which are
# found by their first digits.
_COMMITS: Final = """
ALTER TABLE span ADD COLUMN tree INTEGER;
CREATE INDEX span_tree ON span (tree, "end") WHERE tree IS NOT NULL;
CREATE TABLE move (
    record INTEGER PRIMARY KEY, at INTEGER NOT NULL, tree INTEGER NOT NULL, repository INTEGER NOT NULL,
    project TEXT NOT NULL, moved TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, branch TEXT NOT NULL,
    likeness TEXT NOT NULL, content TEXT NOT NULL, named TEXT NOT NULL
);
CREATE INDEX move_repository ON move (repository, at, record);
CREATE INDEX move_new ON move (new);
CREATE TABLE pull (
    session INTEGER NOT NULL, number INTEGER NOT NULL, branch TEXT NOT NULL, place TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (session, number, branch)
) WITHOUT ROWID;
"""

# Sums of whole days (UTC): a month reads 30 rows of each series instead of 720. Some series by the hour are read
# by their index, which grows with new rows and not with each sum.
_DAILY: Final = """
CREATE TABLE daily (
    metric INTEGER NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL, value NOT NULL, PRIMARY KEY (metric, day)
) WITHOUT ROWID;
INSERT INTO daily (metric, day, count, value)
SELECT metric, minute / 1440, sum(count), sum(value) FROM rollup GROUP BY 1, 2;
CREATE INDEX rollup_metric ON rollup (metric, minute);
"""

# How many lines of a commit were there at some age; `written` of them when it was made. -1: it can't be told.
_STAYED: Final = """
CREATE TABLE stayed (
    record INTEGER PRIMARY KEY, at INTEGER NOT NULL, repository INTEGER NOT NULL, sha TEXT NOT NULL,
    made INTEGER NOT NULL, days INTEGER NOT NULL, branch TEXT NOT NULL, written INTEGER NOT NULL,
    stayed INTEGER NOT NULL
);
"""

# What a client's own telemetry told: sums of what its hooks took, and what is known of calls, as JSON.
_TOLD: Final = """
CREATE TABLE told (
    session INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (session, kind, key)
) WITHOUT ROWID;
CREATE TABLE hook_time (
    session INTEGER NOT NULL, name TEXT NOT NULL, runs INTEGER NOT NULL, hooks INTEGER NOT NULL,
    failed INTEGER NOT NULL, took INTEGER NOT NULL, longest INTEGER NOT NULL, PRIMARY KEY (session, name)
) WITHOUT ROWID;
"""

# Which sessions a commit changed, the last one at the end: a row is moved there, since its number is the next one and
# its session's old row goes. Who keeps sums reads only these again, what one session has of all waste by an index.
_CHANGED: Final = """
CREATE TABLE changed (stamp INTEGER PRIMARY KEY, session INTEGER NOT NULL UNIQUE);
CREATE INDEX waste_session ON waste (session);
"""

MIGRATIONS: Final = (
    _FIRST,
    _RESIDUAL,
    _FAILURE,
    _ONE_NAME,
    _SPAN_EVENTS,
    _NAMES_OF_ONE_KIND,
    _NAMES_OF_2026_11,
    _EXEMPLARS,
    _WASTE,
    _LOG,
    _COMMITS,
    _DAILY,
    _STAYED,
    _TOLD,
    _CHANGED,
)
"""MIGRATIONS[n] leads from `user_version` n to n + 1. Only ever appended to.

A field of a session that is new needs no step here: `add_columns` sees to it, and older versions leave it alone; so
does an index, which `add_indexes` makes. What changes the meaning of what is there does."""

CALL_SUMS: Final = (
    sc.COST_USD,
    sc.GEN_AI_USAGE_INPUT_TOKENS,
    sc.GEN_AI_USAGE_OUTPUT_TOKENS,
    sc.GEN_AI_USAGE_CACHE_READ,
    sc.GEN_AI_USAGE_CACHE_WRITE,
)
"""Attributes of model calls that are added up."""
IS_TURN: Final = "name GLOB 'invoke_agent *' AND instr(attributes, '\"hookspan.agent.id\":') = 0"
"""Condition of `spans.is_turn`, and of the index on turns, which a query uses that repeats it."""

IS_CALL: Final = "name GLOB 'chat *'"
"""Condition of model calls' spans, and of the index that adds them up."""
HAS_WAITED: Final = "NOT hook AND instr(attributes, '\"hookspan.waited\":') > 0"
"""Condition of the calls that somebody was asked about, and of the indexes `span_asked` and `span_waits`."""


def attribute(name: str) -> str:
    """The expression of an attribute, as indexes have it."""
    return f"json_extract(attributes, '$.\"{name}\"')"


MODEL: Final = f"coalesce({attribute(sc.GEN_AI_RESPONSE_MODEL)}, {attribute(sc.GEN_AI_REQUEST_MODEL)})"
"""The expression of a call's model, as its index has it."""
_FILTERED: Final = f"""name, start, "end", session, {attribute(sc.PROJECT)}, {attribute(sc.VCS_REF_HEAD_NAME)}"""
_INDEXES: Final = (
    # What `found.py` looks for over all sessions, and adds up without reading the spans: 0.15 us each instead of 2.
    f"""CREATE INDEX IF NOT EXISTS span_listed ON span (
        {_FILTERED}, {attribute(sc.OUTCOME)}, {attribute(sc.WAITED)}
    ) WHERE NOT hook""",
    f"""CREATE INDEX IF NOT EXISTS span_calls ON span (
        {_FILTERED}, {MODEL}, {", ".join(map(attribute, CALL_SUMS))}
    ) WHERE NOT hook AND {IS_CALL}""",
    # The same calls in the order of their starts: what a day's come to is read from it, not from all that began then.
    f"CREATE INDEX IF NOT EXISTS span_waits ON span (start, {attribute(sc.WAITED)}) WHERE {HAS_WAITED}",
    # Those again in the order in which they were written. Its condition no more searches the attributes of each hook.
    f"CREATE INDEX IF NOT EXISTS span_asked ON span (key) WHERE {HAS_WAITED}",
    "DROP INDEX IF EXISTS span_waited",
    "DROP INDEX IF EXISTS span_found",
    # The turns of every coding agent, where it was those of one.
    f"CREATE INDEX IF NOT EXISTS span_turns ON span (session, start) WHERE {IS_TURN}",
    "DROP INDEX IF EXISTS span_turn",
    # What the session list counts, adds up and chooses from, in its order, without reading the sessions.
    """CREATE INDEX IF NOT EXISTS session_listed ON session (
        last, session, phase, cost_nano, project, agent, branch
    )""",
)


class SpanKey(NamedTuple):
    """The place of a span in the one order of all spans: the record that closed it and its number among those."""

    record: int
    ordinal: int

    def pack(self) -> int:
        """As the store and the export cursor hold it. Raises ValueError if the ordinal needs more than 16 bits."""
        if self.ordinal >> 16:
            raise ValueError(f"record {self.record} closed more than 65536 spans")
        return self.record << 16 | self.ordinal

    @classmethod
    def unpack(cls, key: int) -> SpanKey:
        """From what `pack` gave."""
        return cls(key >> 16, key & 0xFFFF)


OF_SESSION: Final = "session = (SELECT session FROM state WHERE id = ?)"
"""The condition that a row of any table is of the session with that id."""
WORK: Final = "span INDEXED BY span_work"
"""The spans of a session but hooks': by itself SQLite chooses `span_session`, and reads those, too."""

# --- Spans

SPAN_COLUMNS: Final = (
    'key, trace_id, span_id, parent_id, name, start, "end", kind, status, hook, local, session'  # the fixed part
    ", attributes, links, events, label"
)
_WRITTEN_SPAN: Final = f"{SPAN_COLUMNS}, tree"
INSERT_SPAN: Final = (
    f"INTO span ({_WRITTEN_SPAN}) "
    f"VALUES ({', '.join('?' * 13)}, nullif(?, ''), nullif(?, ''), nullif(?, ''), nullif(?, 0))"
)
SELECT_SPAN: Final = (
    f"SELECT {SPAN_COLUMNS.replace(' session,', ' state.id,')} FROM span LEFT JOIN state USING (session)"
)

_encode = msgspec.json.Encoder().encode
_attributes = msgspec.json.Decoder(dict[str, AttributeValue | None]).decode
_links = msgspec.json.Decoder(tuple[SpanLink, ...]).decode
read_events = msgspec.json.Decoder(tuple[SpanEvent, ...]).decode
"""Of the column `events`."""


def span_values(span: Span, session: int) -> tuple[Any, ...]:
    """What INSERT_SPAN takes.

    Of each bool, None and bytes `sqlite3` asks whether there is an adapter, which takes longer than all else: a span's
    17 values went in twice as fast as numbers, texts and bytearrays.
    """
    return (
        span.record << 16 | span.ordinal if span.ordinal < 1 << 16 else SpanKey(span.record, span.ordinal).pack(),
        bytearray.fromhex(span.trace_id),
        bytearray.fromhex(span.span_id),
        bytearray.fromhex(span.parent_id) if span.parent_id else None,
        span.name,
        span.start,
        span.end,
        span.kind,
        span.status,
        int(span.hook),
        int(span.local),
        session,
        _encode(span.attributes).decode(),
        _encode(span.links).decode() if span.links else "",
        _encode(span.events).decode() if span.events else "",
        span.label,
        tree_number(span.tree) if span.tree else 0,
    )


@functools.lru_cache(maxsize=1024)
def tree_number(path: str) -> int:
    """The number of the work tree, or of the repository, that has this path."""
    from hashlib import blake2b  # noqa: PLC0415 - 3 ms, and readers need none

    return int.from_bytes(blake2b(os.fsencode(path), digest_size=8).digest()) >> 1


def read_span(row: Sequence[Any]) -> Span:
    """From what SELECT_SPAN gave."""
    (
        key,
        trace_id,
        span_id,
        parent_id,
        name,
        start,
        end,
        kind,
        status,
        hook,
        local,
        session,
        attributes,
        links,
        events,
        label,
    ) = row
    return Span(
        record=key >> 16,
        ordinal=key & 0xFFFF,
        trace_id=trace_id.hex(),
        span_id=span_id.hex(),
        parent_id=parent_id.hex() if parent_id else "",
        name=name,
        start=start,
        end=end,
        attributes=read_attributes(attributes),
        kind=kind,
        status=status,
        links=_links(links) if links else (),
        events=read_events(events) if events else (),
        hook=bool(hook),
        session=session or "",
        local=bool(local),
        label=label or "",
    )


def read_attributes(text: str) -> Attributes:
    """Of the column `attributes`."""
    known = _attributes(text)
    if None in known.values():  # JSON has no NaN: it was written as null
        known = {name: value for name, value in known.items() if value is not None}
    return cast(Attributes, known)


# --- Events

EVENT_COLUMNS: Final = "record, at, session, event, tool, took, size, prompt, agent_id, tool_use_id, project, label"
INSERT_EVENT: Final = f"INTO event ({EVENT_COLUMNS}) VALUES ({', '.join('?' * 12)})"
SELECT_EVENT: Final = (
    f"SELECT {EVENT_COLUMNS.replace(' session,', ' state.id,')} FROM event LEFT JOIN state USING (session)"
)


# --- Commits

INSERT_CHANGED: Final = "INSERT OR REPLACE INTO changed (session) VALUES (?)"
INSERT_MOVE: Final = f"INSERT OR REPLACE INTO move VALUES ({', '.join('?' * 12)})"
INSERT_STAYED: Final = f"INSERT OR REPLACE INTO stayed VALUES ({', '.join('?' * 9)})"
INSERT_PULL: Final = "INSERT OR IGNORE INTO pull (session, number, branch, place, at) VALUES (?, ?, ?, ?, ?)"


def move_values(row: MoveRow) -> tuple[Any, ...]:
    """What INSERT_MOVE takes."""
    fact = row.fact
    return (
        row.record,
        fact.at,
        tree_number(fact.tree),
        tree_number(fact.repository),
        fact.project,
        fact.moved,
        fact.old,
        fact.new,
        fact.branch,
        fact.likeness,
        fact.content,
        " ".join(fact.named),
    )


def stayed_values(row: StayedRow) -> tuple[Any, ...]:
    """What INSERT_STAYED takes."""
    fact = row.fact
    number = tree_number(fact.repository)
    return (row.record, fact.at, number, fact.sha, fact.made, fact.days, fact.branch, fact.written, fact.stayed)


def event_values(event: EventRow, session: int) -> tuple[Any, ...]:
    """What INSERT_EVENT takes."""
    return (
        event.record,
        event.at,
        session,
        event.event,
        event.tool,
        event.took,
        event.size,
        event.prompt,
        event.agent_id,
        event.tool_use_id,
        event.project,
        event.label,
    )


def read_event(row: Sequence[Any]) -> EventRow:
    """From what SELECT_EVENT gave."""
    return EventRow(*row)


# --- Waste

INSERT_WASTE: Final = (
    "INSERT INTO waste (kind, what, session, hour, count, priced, tokens, nano, took) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET count = count + excluded.count, priced = priced + excluded.priced, "
    "tokens = tokens + excluded.tokens, nano = nano + excluded.nano, took = took + excluded.took"
)


def waste_values(waste: Waste, session: int) -> tuple[Any, ...]:
    """What INSERT_WASTE takes."""
    return (
        waste.kind,
        waste.what,
        session,
        waste.at // HOUR,
        waste.count,
        waste.priced,
        waste.tokens,
        waste.nano,
        waste.took,
    )


# --- Sessions

SESSION_FIELDS: Final = SessionRow.__struct_fields__
_DEFAULTS: Final = SessionRow(id="")
_SESSION_TYPES: Final = {name: kind for name, kind, _ in session_fields.fields()}
_COLUMN_TYPES: Final = {str: "TEXT", int: "INTEGER", bool: "INTEGER", SessionPhase: "TEXT"}
INSERT_SESSION: Final = (
    f"INSERT OR REPLACE INTO session (session, {', '.join(SESSION_FIELDS)}) "
    f"VALUES ({', '.join('?' * (len(SESSION_FIELDS) + 1))})"
)
PROMPT_WITHIN: Final = 50  # events of a session among which its first prompt is looked for; it is the second, mostly
FIRST_PROMPT: Final = (
    "coalesce((SELECT label FROM "
    f"(SELECT event, label FROM event WHERE event.session = session.session ORDER BY record LIMIT {PROMPT_WITHIN}) "
    "WHERE event = 'UserPromptSubmit' AND label <> '' LIMIT 1), '')"
)
"""The label of a session's first prompt, empty without one."""
TITLE: Final = f"CASE WHEN session.title <> '' THEN session.title ELSE {FIRST_PROMPT} END"
"""What a session is called, wherever it is shown: the client's title, else the first prompt."""
SELECT_SESSION: Final = f"SELECT {', '.join({'title': TITLE}.get(name, name) for name in SESSION_FIELDS)} FROM session"
_CONVERTED: Final = [(place, kind) for place, kind in enumerate(_SESSION_TYPES.values()) if kind not in {str, int}]


def missing_columns(db: sqlite3.Connection) -> list[str]:
    """Fields of a session for which a store of an older version has no column."""
    columns = {row[1] for row in db.execute("PRAGMA table_info(session)")}
    return [name for name in SESSION_FIELDS if name not in columns]


def complete(db: sqlite3.Connection) -> None:
    """Give the store what it lacks: a column, with the default, for each field of a session, and the indexes.

    An index of a million spans takes 3 s.
    """
    for name in missing_columns(db):
        default = getattr(_DEFAULTS, name)
        literal = int(default) if isinstance(default, int) else f"'{default}'"
        db.execute(
            f"ALTER TABLE session ADD COLUMN {name} {_COLUMN_TYPES[_SESSION_TYPES[name]]} NOT NULL DEFAULT {literal}"
        )
    for statement in _INDEXES:
        db.execute(statement)


def session_values(row: SessionRow, session: int) -> tuple[Any, ...]:
    """What INSERT_SESSION takes."""
    return (session, *msgspec.structs.astuple(row))


def read_session(row: Sequence[Any]) -> SessionRow:
    """From what SELECT_SESSION gave."""
    values = list(row)
    for place, kind in _CONVERTED:
        values[place] = kind(values[place])
    return SessionRow(*values)


# --- Metric series

INSERT_METRIC: Final = (
    "INSERT OR REPLACE INTO metric (key, instrument, attributes, start, value, count, low, high, buckets, exemplar) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SELECT_METRIC: Final = (
    "SELECT key, instrument, attributes, start, value, count, low, high, buckets, exemplar FROM metric"
)
_exemplars = msgspec.json.Decoder(list[Exemplar]).decode
_buckets = msgspec.json.Decoder(list[int]).decode
_labels = msgspec.json.Decoder(dict[str, str]).decode


def metric_values(series: Series) -> tuple[Any, ...]:
    """What INSERT_METRIC takes."""
    return (
        series.key,
        series.instrument,
        _encode(dict(series.attributes)).decode(),
        series.start,
        series.value,
        series.count,
        series.low,
        series.high,
        _encode(series.buckets).decode(),
        _encode(series.exemplars).decode() if series.exemplars else None,
    )


def read_metric(row: Sequence[Any]) -> Series | None:
    """From what SELECT_METRIC gave; None if this program has no such instrument, or has it with other buckets."""
    key, instrument, attributes, start, value, count, low, high, buckets, exemplars = row
    definition = BY_NAME.get(instrument)
    counts = _buckets(buckets)
    if definition is None or len(counts) != (len(definition.bounds) + 1 if definition.bounds else 0):
        return None
    return Series(
        key=key,
        instrument=instrument,
        attributes=read_labels(attributes),
        start=start,
        value=value,
        count=count,
        low=low,
        high=high,
        buckets=counts,
        exemplars=_exemplars(exemplars) if exemplars else [],
    )


@functools.lru_cache(maxsize=1024)  # each question for sums meets the same few hundred
def read_labels(text: str) -> tuple[tuple[str, str], ...]:
    """Attributes of a series, sorted by key as they were written."""
    return tuple(_labels(text).items())
