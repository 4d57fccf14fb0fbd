"""Spans by what they are, over all sessions: every Bash over 30 s, what was denied, what exited 1."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import heapq
import itertools
import re
import sqlite3
from collections import Counter
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
_SEARCHED: Final = ("attributes", "label", "name")  # for words
_WILD: Final = re.compile(r"[\\%_]")
_PATTERN_MAX: Final = 10_000  # characters; SQLite refuses patterns of more than 50,000 bytes
NAMES: Final = """RECURSIVE named (one) AS (
    SELECT min(name) FROM span WHERE NOT hook
    UNION ALL SELECT (SELECT min(name) FROM span WHERE NOT hook AND name > named.one) FROM named WHERE one IS NOT NULL
)"""
"""The names of spans, as a table for other statements: one step of an index each."""


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
        waste: A kind of waste, and behind a colon what it is of: the spans that it was counted of. Without that, misses
            of the prompt cache and requests that failed are found whatever they are of.
        type: A kind of span.
        trace: The trace that they are in.
        ended: Unix ns: those that ended at that time or later.
        own: Without what subagents did.
        waited: Tool calls alone that somebody was asked about; `decision`, what was decided.
        call: A tool, and the program that it ran (empty: none); these calls alone.
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
    decision: str = ""
    call: tuple[str, str] | None = None
    account: tuple[str, str] | None = None
    before: tuple[int, int] | None = None
    limit: int = 50


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What all spans come to that a query finds.

    Attributes:
        cost: USD of model calls.
        waited: Seconds that tool calls waited.
        input: Tokens of model calls, with those that were read from the cache or written to it.
    """

    spans: int = 0
    cost: float = 0.0
    waited: float = 0.0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


_SUMS_OF_CALLS: Final = dict(
    zip(("cost", "input", "output", "cache_read", "cache_write"), schema.CALL_SUMS, strict=True)
)
_SUMS_OF_TOOLS: Final = {"waited": sc.WAITED}
_encode = msgspec.json.Encoder().encode
_OPERATIONS: Final[dict[str, str]] = {kind.type: kind.operation for kind in SPANS}


_attribute = schema.attribute
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

    The index `span_listed` has them by name and start: one cursor for each name, merged, so that reading ends with the
    last one that is wanted.
    """
    where, values, names = _selection(db, query)
    sql = f"SELECT key, start FROM span WHERE {where} ORDER BY start DESC, key DESC"
    cursors = [db.execute(sql, (name, *values)) for name in _together(query, names)]
    merged: Iterator[tuple[int, int]] = heapq.merge(*cursors, key=lambda row: (-row[1], -row[0]))
    keys = [key for key, _ in itertools.islice(merged, query.limit)]
    for cursor in cursors:
        cursor.close()
    return _read(db, keys)


def find_and_add(db: sqlite3.Connection, query: SpanQuery) -> tuple[list[Span], Sums]:
    """The first page, and what all that match come to: where they fit on that page, they are not looked for again."""
    query = msgspec.structs.replace(query, before=None)
    spans = find(db, query)
    return spans, _added(spans) if len(spans) < query.limit else _sums(db, query)


def _added(spans: list[Span]) -> Sums:
    found = Counter[str](spans=len(spans))
    for span in spans:
        for field, key in _sums_of(span.name).items():
            value = span.attributes.get(key)
            if isinstance(value, int | float):
                found[field] += value  # type: ignore[assignment]  # seconds and USD are no integers
    return Sums(**found)


def _sums_of(name: str) -> dict[str, str]:
    """What spans of a name add to; a program may have the same attributes on its own."""
    return _SUMS_OF_CALLS if name.startswith(MODEL) else _SUMS_OF_TOOLS if name.startswith(TOOL) else {}


def _own(field: str, key: str) -> str:
    """An attribute in SQL, of spans of any name: 0 where it is not one that adds to it."""
    return f"iif(name GLOB '{MODEL if field in _SUMS_OF_CALLS else TOOL}*', {_attribute(key)}, 0)"


def _sums(db: sqlite3.Connection, query: SpanQuery) -> Sums:
    where, values, names = _selection(db, query)
    found = Counter[str]()
    for name in _together(query, names):
        is_call, of = name.startswith(MODEL), _sums_of(name)
        each = ", ".join(f"{_attribute(key)} AS {field}" for field, key in of.items())
        if _is_narrow(query):
            is_call, of = False, _SUMS_OF_CALLS | _SUMS_OF_TOOLS
            each = ", ".join(f"{_own(field, key)} AS {field}" for field, key in of.items())
        all_ = ", ".join(["count(*)", *(f"coalesce(sum({field}), 0)" for field in of)])
        # The limit keeps SQLite from adding up the expressions themselves, for which it would read the spans.
        rows = f"SELECT {each or 1} FROM span WHERE {where} {f'AND {schema.IS_CALL}' if is_call else ''} LIMIT -1"
        row = db.execute(f"SELECT {all_} FROM ({rows})", (name, *values)).fetchone()
        found.update(dict(zip(("spans", *of), row, strict=True)))
    return Sums(**found)


def _is_narrow(query: SpanQuery) -> bool:
    """Whether a session's or a trace's spans are looked through, whatever their names."""
    return bool(query.session or query.trace)


def _together(query: SpanQuery, names: list[str]) -> list[str]:
    """What is asked for in place of a name: each by itself, or all as one list."""
    if not _is_narrow(query):
        return names
    return [_encode(names).decode()] if names else []


def _selection(db: sqlite3.Connection, query: SpanQuery) -> tuple[str, list[Any], list[str]]:
    """The condition of a name's spans (or of a list's), its values but the name, and all names."""
    where, values = _asked(query)
    name, conditions, more = _wasted(query.waste)
    return " AND ".join([*where, *conditions]), [*values, *more], list(filter(name.fullmatch, _names(db, query)))


def _asked(query: SpanQuery) -> tuple[list[str], list[Any]]:
    """Conditions of one name's spans, and the values but the name."""
    last = query.until - 1 if query.before is None else min(query.until - 1, query.before[0])
    cost = f"coalesce({_attribute(sc.COST_USD)}, {_attribute(sc.TOTAL_COST_USD)})"
    key, name = query.account or ("", "")
    _, program = query.call or ("", "")
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
        (f"{schema.MODEL} = ?", (query.model,), bool(query.model)),
        ("trace_id = ?", (_trace_id(query.trace),), bool(query.trace)),
        ('"end" >= ?', (query.ended,), query.ended > 0),
        (f"{_attribute(sc.GEN_AI_AGENT_NAME)} IN ({', '.join('?' * len(CLIENTS))})", tuple(CLIENTS), query.own),
        (f"{_attribute(sc.WAITED)} IS NOT NULL", (), query.waited),
        (f"coalesce({_attribute(sc.DECISION)}, 'approved') = ?", (query.decision,), bool(query.decision)),
        (f"coalesce({_attribute(sc.COMMAND_PROGRAM)}, '') = ?", (program,), query.call is not None),
        (f"{_attribute(key)} = ?", (name,), query.account is not None),
        (schema.IS_TURN, (), query.type == "turn"),
        (f"NOT ({schema.IS_TURN})", (), query.type == "subagent"),
    ]
    text = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in _SEARCHED)
    conditions += [(f"({text})", (_pattern(word),) * len(_SEARCHED), True) for word in query.words]
    named = "+name IN (SELECT value FROM json_each(?))" if _is_narrow(query) else "name = ?"
    where = ["NOT hook", named, *(condition for condition, _, is_asked in conditions if is_asked)]
    return where, [value for _, values, is_asked in conditions if is_asked for value in values]


def _pattern(word: str) -> str:
    """What LIKE finds it by anywhere in a text: quicker than `instr`, and ASCII's small letters are its large ones."""
    literal = _WILD.sub(r"\\\g<0>", word[:_PATTERN_MAX])
    return f"%{literal}%"


def _wasted(waste: str) -> tuple[re.Pattern[str], list[str], list[Any]]:
    """What names its spans have, and conditions with their values."""
    kind, _, what = waste.partition(":")
    if kind in {WasteKind.CACHE_MISS, WasteKind.RETRY}:
        key, event = (sc.CACHE_CAUSE, CACHE_MISSED) if kind == WasteKind.CACHE_MISS else (sc.ERROR_TYPE, REQUEST_FAILED)
        told = "json_extract(value, '$[0]') = ? AND ? IN ('', json_extract(value, ?))"
        where = f"EXISTS (SELECT 1 FROM json_each(events) WHERE {told})"
        return _OF_MODELS, [where], [event.name, what, f'$[2]."{key}"']
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
    if tool := query.tool or (query.call or ("",))[0]:
        return [f"{TOOL}{tool}"]
    names = [name for (name,) in db.execute(f"WITH {NAMES} SELECT one FROM named WHERE one IS NOT NULL")]
    if query.model or query.account:
        return [name for name in names if name.startswith(MODEL)]
    if query.waited or query.decision or query.collisions or query.exit_code is not None:
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
    wanted = _encode([*keys]).decode()
    sql = f"{schema.SELECT_SPAN} WHERE key IN (SELECT value FROM json_each(?)) ORDER BY start DESC, key DESC"
    return [schema.read_span(row) for row in db.execute(sql, (wanted,)).fetchall()]
