"""Spans by what they are, over all sessions: every Bash over 30 s, what was denied, what exited 1."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import heapq
import itertools
import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import WasteKind
from hookspan.catalogue.spans import ALARM, CACHE_MISSED, COMPACTION, REQUEST_FAILED
from hookspan.model.rows import Span

from . import schema

TOOL: Final = "execute_tool "
MODEL: Final = "chat "
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
        since: Unix ns: those that began at that time or later; `until`, before that time.
        longer: Nanoseconds that they took at least.
        costlier: USD that they cost at least.
        exit_code: Exit status of a shell command.
        collisions: Calls that wrote what another session or agent wrote at the same time.
        waste: A kind of waste, and behind a colon what it is of: the spans that it was counted of.
        before: `(start, key)` of the last one of the page before.
    """

    words: tuple[str, ...] = ()
    tool: str = ""
    model: str = ""
    project: str = ""
    branch: str = ""
    session: str = ""
    outcome: str = ""
    since: int = 0
    until: int = schema.INTEGER_MAX
    longer: int = 0
    costlier: float = 0.0
    exit_code: int | None = None
    collisions: bool = False
    waste: str = ""
    before: tuple[int, int] | None = None
    limit: int = 50


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
    where, values = _asked(query)
    name, conditions, more = _wasted(query.waste)
    where, values = [*where, *conditions], [*values, *more]
    sql = f"SELECT key, start FROM span WHERE {' AND '.join(where)} ORDER BY start DESC, key DESC"
    cursors = [db.execute(sql, (each, *values)) for each in _names(db, query) if name.fullmatch(each)]
    merged: Iterator[tuple[int, int]] = heapq.merge(*cursors, key=lambda row: (-row[1], -row[0]))
    keys = [key for key, _ in itertools.islice(merged, query.limit)]
    for cursor in cursors:
        cursor.close()
    return _read(db, keys)


def _asked(query: SpanQuery) -> tuple[list[str], list[Any]]:
    """Conditions of one name's spans, and the values but the name."""
    last = query.until - 1 if query.before is None else min(query.until - 1, query.before[0])
    cost = f"coalesce({_attribute(sc.COST_USD)}, {_attribute(sc.TOTAL_COST_USD)})"
    conditions: list[tuple[str, tuple[Any, ...], bool]] = [
        ("start >= ?", (query.since,), True),
        ("start <= ?", (last,), True),
        ("(start < ? OR key < ?)", query.before or (), query.before is not None),
        ('"end" - start >= ?', (query.longer,), query.longer > 0),
        (f"{_attribute(sc.OUTCOME)} = ?", (query.outcome,), bool(query.outcome)),
        (schema.OF_SESSION, (query.session,), bool(query.session)),
        (f"{cost} >= ?", (query.costlier,), query.costlier > 0),
        (f"{_attribute(sc.PROJECT)} = ?", (query.project,), bool(query.project)),
        (f"{_attribute(sc.VCS_REF_HEAD_NAME)} = ?", (query.branch,), bool(query.branch)),
        (f"{_attribute(sc.EXIT_CODE)} = ?", (query.exit_code,), query.exit_code is not None),
        (f"{_attribute(sc.COLLISION)} IS NOT NULL", (), query.collisions),
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
        return re.compile(f"{MODEL}.*"), [where], [event.name, f'$[2]."{key}"', what]
    if kind == WasteKind.LOOP:
        return re.compile(re.escape(ALARM.of(what))), [], []
    if kind == WasteKind.COMPACTION:
        return re.compile(COMPACTION.name), [], []
    if kind not in _CALLS:
        return re.compile(".*"), ["0"] if waste else [], []
    tool, _, program = what.partition(" ")
    of_program = f"coalesce({_attribute(sc.COMMAND_PROGRAM)}, '') = ?"
    return re.compile(re.escape(f"{TOOL}{tool}")), [*_CALLS[kind], of_program], [program]


def _names(db: sqlite3.Connection, query: SpanQuery) -> list[str]:
    """The names that spans can have which are looked for."""
    if query.tool or query.model:
        return [f"{TOOL}{query.tool}" if query.tool else f"{MODEL}{query.model}"]
    names = [name for (name,) in db.execute(_NAMES)]
    only_tools = query.collisions or query.exit_code is not None
    return [name for name in names if name.startswith(TOOL)] if only_tools else names


def _read(db: sqlite3.Connection, keys: Iterable[int]) -> list[Span]:
    found = (db.execute(f"{schema.SELECT_SPAN} WHERE key = ?", (key,)).fetchone() for key in keys)
    return [schema.read_span(row) for row in found if row]
