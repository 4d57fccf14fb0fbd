"""What the fold returns: rows for the store. Plain data, no I/O.

What is made for each event has `gc=False`: Python need not look for cycles in what can have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:  # readers of the store need none of them
    from hookspan.wire.facts import ClientTold, HeadMoved, LinesStayed

AttributeValue: TypeAlias = str | bool | int | float | list[str]
Attributes: TypeAlias = dict[str, AttributeValue]
SeriesAttributes: TypeAlias = tuple[tuple[str, str], ...]
"""Attribute set of a metric series, sorted by key: hashable, and equal sets are equal keys."""

INTERNAL: Literal[1] = 1
CLIENT: Literal[3] = 3
"""Span kinds, as OTLP numbers them; a program that a call runs may send any."""

STATUS_UNSET: Literal[0] = 0
STATUS_ERROR: Literal[2] = 2


class SpanLink(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A link to another span; ids in lower-case hex."""

    trace_id: str
    span_id: str
    attributes: Attributes


class SpanEvent(msgspec.Struct, frozen=True, array_like=True):
    """Something that happened during a span, at `at` (Unix nanoseconds)."""

    name: str
    at: int
    attributes: Attributes


class Span(msgspec.Struct, kw_only=True, gc=False):
    """A finished span. Its key in the store is (record, ordinal).

    Attributes:
        record: Number of the journal record that closed it.
        ordinal: Its place among the spans that this record closed.
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: 16 hex digits, empty for a root.
        start: Unix nanoseconds.
        end: Unix nanoseconds, at least `start`.
        kind: INTERNAL or CLIENT; of a program's span, any.
        status: STATUS_UNSET or STATUS_ERROR; there is never a message, since error text is content.
        hook: Whether it belongs to scope `hookspan.hooks` instead of `hookspan`.
        session: Session id.
        local: Whether it must never be exported (imported transcripts).
        label: Scrubbed text for the user's own page, never exported; empty without one.
        tree: Of a model call: the top folder of its work tree, which only the store has, as a number; empty for none.
    """

    record: int
    ordinal: int
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start: int
    end: int
    attributes: Attributes
    kind: int = INTERNAL
    status: int = STATUS_UNSET
    links: tuple[SpanLink, ...] = ()
    events: tuple[SpanEvent, ...] = ()
    hook: bool = False
    session: str = ""
    local: bool = False
    label: str = ""
    tree: str = ""


class Increment(msgspec.Struct, frozen=True, gc=False):
    """One observation of an instrument: an addition to a counter or a value of a histogram.

    `value` has the instrument's unit. Exemplars point to the span that it was seen on.
    """

    instrument: str
    attributes: SeriesAttributes
    value: int | float
    at: int
    trace_id: str = ""
    span_id: str = ""


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """One hook event, for lists and rates on the page. Its raw JSON stays in the journal under `record`."""

    record: int
    at: int
    session: str
    event: str
    tool: str
    took: int
    size: int
    prompt: str = ""
    agent_id: str = ""
    tool_use_id: str = ""
    project: str = ""
    label: str = ""


class Waste(msgspec.Struct, frozen=True, gc=False):
    """Some waste of a session, which adds up with all of its kind and of what it is of.

    Attributes:
        kind: A WasteKind.
        what: What it is of, such as a tool, a cause, a server.
        at: When it was, unix nanoseconds.
        count: How many more of it there are now.
        priced: How many of these have a price.
        tokens: What it came to, in tokens.
        nano: The same in nano-USD.
        took: The same in nanoseconds.
    """

    kind: str
    what: str
    at: int
    session: str
    count: int = 0
    priced: int = 0
    tokens: int = 0
    nano: int = 0
    took: int = 0


class LogRow(msgspec.Struct, kw_only=True):
    """A log record: something that happened at one moment. Its key in the store is (record, ordinal).

    Attributes:
        record: Number of the journal record that told of it.
        ordinal: Its place among those that this record told of.
        at: When it was, Unix nanoseconds.
        event: What happened, one of the catalogue's `LOG_EVENTS`.
        severity: As OTLP numbers them.
        trace_id: Of the span that it belongs to, 32 hex digits; empty without one.
        span_id: The same, 16 hex digits.
        attributes: `log.record.uid` among them, which is the same after a rebuild.
        session: Session id, empty for what is the machine's.
        label: Scrubbed text, exported only with `content.export`; empty without one.
    """

    record: int
    ordinal: int
    at: int
    event: str
    severity: int
    attributes: Attributes
    trace_id: str = ""
    span_id: str = ""
    session: str = ""
    label: str = ""


class MoveRow(msgspec.Struct, frozen=True):
    """A move of a work tree's HEAD, and the record that told of it."""

    record: int
    fact: HeadMoved


class StayedRow(msgspec.Struct, frozen=True):
    """How many lines of a commit were there at some age, and the record that told of it."""

    record: int
    fact: LinesStayed


class PullRow(msgspec.Struct, frozen=True):
    """A session was on this branch when it had to do with this pull request. `where`: `owner/name`, if it is known."""

    session: str
    number: int
    branch: str
    where: str
    at: int


class ToldRow(msgspec.Struct, frozen=True):
    """What a client's own telemetry told of a session."""

    session: str
    fact: ClientTold


class Collided(msgspec.Struct, frozen=True, kw_only=True):
    """News: two write the same at the same time. `file` is its name, empty for a work tree or where it isn't shown."""

    at: int
    session: str
    other: str
    project: str
    file: str


class Rows(msgspec.Struct, gc=False):
    """All that one record gave: append-only rows, news, the ids of sessions whose state it touched, or that go."""

    spans: list[Span] = msgspec.field(default_factory=list)
    increments: list[Increment] = msgspec.field(default_factory=list)
    events: list[EventRow] = msgspec.field(default_factory=list)
    waste: list[Waste] = msgspec.field(default_factory=list)
    logs: list[LogRow] = msgspec.field(default_factory=list)
    moves: list[MoveRow] = msgspec.field(default_factory=list)
    stayed: list[StayedRow] = msgspec.field(default_factory=list)
    pulls: list[PullRow] = msgspec.field(default_factory=list)
    told: list[ToldRow] = msgspec.field(default_factory=list)
    collided: list[Collided] = msgspec.field(default_factory=list)
    touched: set[str] = msgspec.field(default_factory=set)
    removed: set[str] = msgspec.field(default_factory=set)
    world: bool = False
