"""Rows as the fold gives them, small and without end: record n gives the same rows whoever asks."""

import time

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.session_fields import SessionRow
from hookspan.journal.position import Position
from hookspan.model import ids
from hookspan.model.rows import EventRow, Increment, LogRow, Rows, Span, SpanLink, Waste
from hookspan.store import Commit

START = time.time_ns() - 60_000_000_000
TOOLS = ("Bash", "Read", "Edit")
TRACE = "0e9b1a2c3d4e4f60818293a4b5c6d7e8"


def session_of(record: int) -> str:
    return f"session-{record % 3}"


def span(record: int, ordinal: int = 0, **changes) -> Span:
    known = {
        "trace_id": TRACE,
        "span_id": ids.span_id("span", record, ordinal),
        "parent_id": "",
        "name": "execute_tool Bash",
        "start": START + record * 1_000_000,
        "end": START + record * 1_000_000 + 1000,
        "attributes": {sc.SESSION_ID: session_of(record), "count": record, "list": ["a", "b"], "yes": True, "f": 0.5},
        "session": session_of(record),
    }
    return Span(record=record, ordinal=ordinal, **{**known, **changes})


def log(record: int, ordinal: int = 0, **changes) -> LogRow:
    known = {
        "at": START + record * 1_000_000,
        "event": "hookspan.tool.decision",
        "severity": 9,
        "attributes": {"log.record.uid": f"{record:032x}", sc.SESSION_ID: session_of(record)},
        "trace_id": TRACE,
        "span_id": ids.span_id("span", record, 1),
        "session": session_of(record),
    }
    return LogRow(record=record, ordinal=ordinal, **{**known, **changes})


def rows(record: int) -> Rows:
    """An event, a hook span with a link, a tool span, a log record, a counter, a histogram, and some waste."""
    at = START + record * 1_000_000
    tool = TOOLS[record % 3]
    link = SpanLink(TRACE, "00000000000000ab", {sc.LINK: "previous_turn"})
    return Rows(
        events=[EventRow(record, at, session_of(record), "PostToolUse", tool, 200_000, 1500, label=f"label {record}")],
        spans=[
            span(record, 0, name="hook PostToolUse", hook=True, links=(link,)),
            span(record, 1, status=2, label="never exported"),
        ],
        logs=[log(record, label="never exported")],
        increments=[
            Increment("hookspan.hook.events", ((sc.HOOK_EVENT, "PostToolUse"),), 1, at),
            Increment(
                "hookspan.tool.duration", ((sc.GEN_AI_TOOL_NAME, tool),), 0.3 + record, at, TRACE, "00000000000000cd"
            ),
            Increment("hookspan.cost", ((sc.PROJECT, "shop"),), 0.1, at),
        ],
        waste=[Waste("failed", tool, at, session_of(record), 1, 1, 20, 500, 1_000)],
        touched={session_of(record)},
    )


def position(record: int) -> Position:
    return Position(segment=1, record=record, offset=record * 100, identity="")


def commit(first: int, last: int) -> Commit:
    """Records `first` to `last`, both included."""
    touched = {session_of(record): record for record in range(first, last + 1)}
    return Commit(
        position=position(last + 1),
        rows=[rows(record) for record in range(first, last + 1)],
        sessions={
            session: (
                f"{session} at {record}".encode(),
                SessionRow(id=session, project="shop", started=START, last=START + record * 1_000_000, tools=record),
            )
            for session, record in touched.items()
        },
        world=f"world {last}".encode(),
    )
