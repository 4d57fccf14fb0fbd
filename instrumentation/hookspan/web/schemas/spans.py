"""Spans, hook events and turns."""

from __future__ import annotations

from typing import Literal

import msgspec

from hookspan.catalogue.spans import SpanType
from hookspan.model.rows import AttributeValue
from hookspan.web.schemas.common import Links


class SpanLink(msgspec.Struct, kw_only=True):
    """A link to another span. `session`: the other's, empty for the same or where that is not known."""

    trace_id: str
    span_id: str
    type: str
    session: str


class SpanEvent(msgspec.Struct, kw_only=True):
    """What happened during a span."""

    name: str
    at: float
    attributes: dict[str, AttributeValue]


class Span(msgspec.Struct, kw_only=True):
    """A span; while it is open its key is empty and its end null."""

    key: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    type: SpanType
    start: float
    end: float | None
    status: Literal["unset", "error"]
    session: str
    label: str
    attributes: dict[str, AttributeValue]
    links: list[SpanLink]
    events: list[SpanEvent]


class Event(msgspec.Struct, kw_only=True):
    """A hook event. `took` is what our hook needed, `size` the payload's bytes."""

    record: int
    at: float
    session: str
    event: str
    tool: str
    took: float
    size: int
    project: str
    prompt: str
    trace_id: str
    agent_id: str
    tool_use_id: str
    label: str


class Split(msgspec.Struct, kw_only=True):
    """Where the time of a turn and of its subagents went, milliseconds; `user` is the time before it.

    Background subagents go on beside a turn and after it, so the parts may be longer together than the turn.
    """

    user: float
    model: float
    tool: float
    wait: float
    other: float


class Turn(msgspec.Struct, kw_only=True):
    """A turn, one bar of the session page. `delegated`: how much of `split` is of subagents, ms."""

    number: int
    prompt: str
    trace_id: str
    span_id: str
    start: float
    end: float | None
    open: bool
    label: str
    prompt_kind: str
    outcome: str
    end_reason: str
    error_type: str
    permission_mode: str
    split: Split
    delegated: float
    tools: int
    tools_failed: int
    model_calls: int
    subagents: int
    input_tokens: int
    output_tokens: int
    cost: float
    spans: int


class SpanPage(msgspec.Struct, kw_only=True):
    """Some of a session's spans by start; `next` is the cursor of the following ones."""

    items: list[Span]
    next: str | None
    total: int


class SessionSpans(msgspec.Struct, kw_only=True):
    """More of a session's spans."""

    now: float
    position: int
    items: list[Span]
    next: str | None
    total: int


class OpenSpans(msgspec.Struct, kw_only=True):
    """What goes on in a session at this moment."""

    now: float
    position: int
    open: list[Span]


class Trace(msgspec.Struct, kw_only=True):
    """All spans of one trace by start, open ones included."""

    now: float
    position: int
    trace_id: str
    session: str
    items: list[Span]
    links: Links


class Events(msgspec.Struct, kw_only=True):
    """Hook events by record number."""

    now: float
    position: int
    items: list[Event]
