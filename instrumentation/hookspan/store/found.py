"""Spans by what they are, over all sessions: every Bash over 30 s, what was denied, what exited 1."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import heapq
import itertools
import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import CLIENTS
from hookspan.catalogue.enums import WasteKind
from hookspan.catalogue.spans import ALARM, CACHE_MISSED, COMPACTION, REQUEST_FAILED, SPANS, SpanType
from hookspan.model.rows import Span

from . import schema

TOOL: Final = "execute_tool "
MODEL: Final = "chat "
_OF_MODELS: Final = re.compile(f"{MODEL}.*")
_ANY: Final = re.compile(".*")
_NAMES: Final = """
WITH RECURSIVE one (name) AS (
    SELECT min(name) FROM span WHERE NOT hook
    UNION ALL SELECT (SELECT min(name) FROM span WHERE NOT hook AND name > one.name) FROM one WHERE one.name IS NOT NULL
) SELECT name FROM one WHERE name IS NOT NULL
"""


class SpanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; whatever is empty or 0 is not asked.

    Attributes:
        words: Each is in the span's name, label or attributes.
        tool: A tool's name; its calls alone are looked for.
        model: A model's name; its calls alone are looked for.
        agent: A coding agent; what it did alone is looked for.
        since: Unix ns: those that began at that time or later; `until`, before that time.
        longer: Nanoseconds that they took at least.
        costlier: USD that they cost at least.
        exit_code: Exit status of a shell command.
        collisions: Calls that wrote what another session or agent wrote at the same time.
        waste: A kind of waste, and behind a colon what it is of: the spans that it was counted of.
        type: A kind of span.
        trace: The trace that they are in.
        ended: Unix ns: those that ended at that time or later.
        own: Without what subagents did.
        waited: Tool calls alone that somebody was asked about.
        account: An attribute that names what model calls were made for, and the name; those calls alone.
        before: `(start, key)` of the last one of the page before.
    """

    words: tuple[str, ...] = ()
    tool: str = ""
    model: str = ""
    project: str = ""
    branch: str = ""
    agent: str = ""
    session: str = ""
    outcome: str = ""
    since: int = 0
    until: int = schema.INTEGER_MAX
    longer: int = 0
    costlier: float = 0.0
    exit_code: int | None = None
    collisions: bool = False
    waste: str = ""
    type: SpanType | Literal[""] = ""
    trace: str = ""
    ended: int = 0
    own: bool = False
    waited: bool = False
    account: tuple[str, str] | None = None
    before: tuple[int, int] | None = None
    limit: int = 50


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What all spans come to that a query finds: how many, USD of model calls, seconds that tool calls waited."""

    spans: int = 0
    cost: float = 0.0
    waited: float = 0.0


_OPERATIONS: Final[dict[str, str]] = {kind.type: kind.operation for kind in SPANS}


def _attribute(name: str) -> str:
    return f"json_extract(attributes, '$.\"{name}\"')"


_OUTCOME: Final = _attribute(sc.OUTCOME)
_CALLS: Final[dict[str, list[str]]] = {
    WasteKind.FAILED: [f"{_OUTCOME} = 'error'"],
    WasteKind.DENIED: [f"{_OUTCOME} = 'denied'"],
    WasteKind.REPEATED: [_attribute(sc.REPEATED)],
    WasteKind.ASKED: [
        f"coalesce({_attribute(sc.WAITED)}, {_attribute(sc.WAITED_INSIDE)}) > 0",
        f"{_OUTCOME} <> 'denied'",
    ],
}
"""Kinds of waste that are of tool calls, each with its conditions."""


def find(db: sqlite3.Connection, query: SpanQuery) -> list[Span]:
    """The newest of them, by start. Spans of hooks are left out.

    The index `span_found` has them by name and start: one cursor for each name, merged, so that reading ends with the
    last one that is wanted.
    """
    where, values, names = _selection(db, query)
    sql = f"SELECT key, start FROM span WHERE {where} ORDER BY start DESC, key DESC"
    cursors = [db.execute(sql, (name, *values)) for name in names]
    merged: Iterator[tuple[int, int]] = heapq.merge(*cursors, key=lambda row: (-row[1], -row[0]))
    keys = [key for key, _ in itertools.islice(merged, query.limit)]
    for cursor in cursors:
        cursor.close()
    return _read(db, keys)


def sums(db: sqlite3.Connection, query: SpanQuery) -> Sums:
    """Of all that match, whatever page is asked for."""
    where, values, names = _selection(db, msgspec.structs.replace(query, before=None))
    sql = f"SELECT count(*), total({_attribute(sc.COST_USD)}), total({_attribute(sc.WAITED)}) FROM span WHERE {where}"
    rows = [db.execute(sql, (name, *values)).fetchone() for name in names]
    spans, cost, waited = map(sum, zip(*rows, strict=True)) if rows else (0, 0.0, 0.0)
    return Sums(spans=spans, cost=cost, waited=waited)


def _selection(db: sqlite3.Connection, query: SpanQuery) -> tuple[str, list[Any], list[str]]:
    """The condition of one name's spans, its values but the name, and all names."""
    where, values = _asked(query)
    name, conditions, more = _wasted(query.waste)
    return " AND ".join([*where, *conditions]), [*values, *more], list(filter(name.fullmatch, _names(db, query)))


def _asked(query: SpanQuery) -> tuple[list[str], list[Any]]:
    """Conditions of one name's spans, and the values but the name."""
    last = query.until - 1 if query.before is None else min(query.until - 1, query.before[0])
    cost = f"coalesce({_attribute(sc.COST_USD)}, {_attribute(sc.TOTAL_COST_USD)})"
    model = f"coalesce({_attribute(sc.GEN_AI_RESPONSE_MODEL)}, {_attribute(sc.GEN_AI_REQUEST_MODEL)})"
    key, name = query.account or ("", "")
    conditions: list[tuple[str, tuple[Any, ...], bool]] = [
        ("start >= ?", (query.since,), True),
        ("start <= ?", (last,), True),
        ("(start < ? OR key < ?)", query.before or (), query.before is not None),
        ('"end" - start >= ?', (query.longer,), query.longer > 0),
        (f"{_attribute(sc.OUTCOME)} = ?", (query.outcome,), bool(query.outcome)),
        ("session IN (SELECT session FROM session WHERE agent = ?)", (query.agent,), bool(query.agent)),
        (schema.OF_SESSION, (query.session,), bool(query.session)),
        (f"{cost} >= ?", (query.costlier,), query.costlier > 0),
        (f"{_attribute(sc.PROJECT)} = ?", (query.project,), bool(query.project)),
        (f"{_attribute(sc.VCS_REF_HEAD_NAME)} = ?", (query.branch,), bool(query.branch)),
        (f"{_attribute(sc.EXIT_CODE)} = ?", (query.exit_code,), query.exit_code is not None),
        (f"{_attribute(sc.COLLISION)} IS NOT NULL", (), query.collisions),
        (f"{model} = ?", (query.model,), bool(query.model)),
        ("trace_id = ?", (_trace_id(query.trace),), bool(query.trace)),
        ('"end" >= ?', (query.ended,), query.ended > 0),
        (f"{_attribute(sc.GEN_AI_AGENT_NAME)} IN ({', '.join('?' * len(CLIENTS))})", tuple(CLIENTS), query.own),
        (f"{_attribute(sc.WAITED)} IS NOT NULL", (), query.waited),
        (f"{_attribute(key)} = ?", (name,), query.account is not None),
        (schema.IS_TURN, (), query.type == "turn"),
        (f"NOT ({schema.IS_TURN})", (), query.type == "subagent"),
    ]
    text = "instr(lower(name || ' ' || coalesce(label, '') || ' ' || attributes), ?) > 0"
    conditions += [(text, (word.lower(),), True) for word in query.words]
    where = ["NOT hook", "name = ?", *(condition for condition, _, is_asked in conditions if is_asked)]
    return where, [value for _, values, is_asked in conditions if is_asked for value in values]


def _wasted(waste: str) -> tuple[re.Pattern[str], list[str], list[Any]]:
    """What names its spans have, and conditions with their values."""
    kind, _, what = waste.partition(":")
    if kind in {WasteKind.CACHE_MISS, WasteKind.RETRY}:
        key, event = (sc.CACHE_CAUSE, CACHE_MISSED) if kind == WasteKind.CACHE_MISS else (sc.ERROR_TYPE, REQUEST_FAILED)
        told = "json_extract(value, '$[0]') = ? AND json_extract(value, ?) = ?"
        where = f"EXISTS (SELECT 1 FROM json_each(events) WHERE {told})"
        return _OF_MODELS, [where], [event.name, f'$[2]."{key}"', what]
    if kind == WasteKind.LOOP:
        return re.compile(re.escape(ALARM.of(what))), [], []
    if kind == WasteKind.COMPACTION:
        return re.compile(re.escape(COMPACTION.name)), [], []
    if kind not in _CALLS:
        return _ANY, ["0"] if waste else [], []
    tool, _, program = what.partition(" ")
    of_program = f"coalesce({_attribute(sc.COMMAND_PROGRAM)}, '') = ?"
    return re.compile(re.escape(f"{TOOL}{tool}")), [*_CALLS[kind], of_program], [program]


def _names(db: sqlite3.Connection, query: SpanQuery) -> list[str]:
    """The names that spans can have which are looked for."""
    if query.tool:
        return [f"{TOOL}{query.tool}"]
    names = [name for (name,) in db.execute(_NAMES)]
    if query.model or query.account:
        return [name for name in names if name.startswith(MODEL)]
    if query.waited or query.collisions or query.exit_code is not None:
        return [name for name in names if name.startswith(TOOL)]
    operation = _OPERATIONS.get(query.type)
    return names if operation is None else [name for name in names if name.partition(" ")[0] == operation]


def _trace_id(text: str) -> bytes:
    """As the store has it; what is none matches nothing."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _read(db: sqlite3.Connection, keys: Iterable[int]) -> list[Span]:
    found = (db.execute(f"{schema.SELECT_SPAN} WHERE key = ?", (key,)).fetchone() for key in keys)
    return [schema.read_span(row) for row in found if row]
