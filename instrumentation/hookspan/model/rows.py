"""What the fold gives out: rows for the store. Plain data, no I/O."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from hookspan.catalogue.enums import SessionPhase

AttributeValue: TypeAlias = str | bool | int | float | list[str]
Attributes: TypeAlias = dict[str, AttributeValue]
SeriesAttributes: TypeAlias = tuple[tuple[str, str], ...]
"""Attribute set of a metric series, sorted by key: hashable, and equal sets are equal keys."""

INTERNAL: Literal[1] = 1
CLIENT: Literal[3] = 3
"""Span kinds, as OTLP numbers them."""

STATUS_UNSET: Literal[0] = 0
STATUS_ERROR: Literal[2] = 2


class SpanLink(msgspec.Struct, frozen=True, array_like=True):
    """A link to another span; ids in lower-case hex."""

    trace_id: str
    span_id: str
    attributes: Attributes


class Span(msgspec.Struct, kw_only=True):
    """A finished span. Its key in the store is (record, ordinal).

    Attributes:
        record: Number of the journal record that closed it.
        ordinal: Its place among the spans that this record closed.
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: 16 hex digits, empty for a root.
        start: Unix nanoseconds.
        end: Unix nanoseconds, at least `start`.
        kind: INTERNAL or CLIENT.
        status: STATUS_UNSET or STATUS_ERROR; there is never a message, since error text is content.
        hook: Whether it belongs to scope `hookspan.hooks` instead of `hookspan`.
        session: Session id.
        local: Whether it must never be exported (imported transcripts).
        label: Scrubbed text for the user's own page, never exported; empty without one.
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
    hook: bool = False
    session: str = ""
    local: bool = False
    label: str = ""


class Increment(msgspec.Struct, frozen=True):
    """One observation of an instrument: an addition to a counter or a value of a histogram.

    `value` has the instrument's unit. Exemplars point to the span that it was seen on.
    """

    instrument: str
    attributes: SeriesAttributes
    value: int | float
    at: int
    trace_id: str = ""
    span_id: str = ""


class EventRow(msgspec.Struct, frozen=True):
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


class SessionRow(msgspec.Struct, kw_only=True):
    """What lists and totals show of one session. Written whole each time that the session changes.

    Attributes:
        id: Session id.
        title: Scrubbed label, never exported; empty without one. Read from the store, it is the first prompt's then.
        source: How it began: startup, resume, clear, fork ...
        pid: Process id of the client, 0 if unknown.
        phase_since: Unix nanoseconds of the last change of `phase`.
        started: Unix nanoseconds of the first event.
        last: Unix nanoseconds of the newest event.
        ended: Unix nanoseconds, 0 until its end is final and its span written.
        end_reason: An EndReason, empty while it is open.
        messages: Prompts and assistant messages.
        tools: Tool calls that finished.
        subagents: Those that were started, as in the session's span.
        subagents_running: Those that work now.
        current_tool: Tool that runs now, empty without one.
        waiting_tool: Tool that waits for permission or an answer, empty without one.
        waiting_since: Unix nanoseconds, 0 when nothing waits.
        input_tokens: With those that were read from the cache or written to it, as `gen_ai.usage.input_tokens`.
        cost_nano: List price in nano-USD.
        unpriced: Model calls without a known price.
        residual_nano: What the client's own total has over `cost_nano`: calls that no transcript shows. Known when a
            run has ended.
        failure: Why the newest turn failed (`error` of StopFailure), empty if it didn't or goes on.
        context_tokens: Input of the newest call of the main agent, cached tokens included.
        local: Whether it was imported from transcripts or made up for the page, and is never exported.
    """

    id: str
    project: str = ""
    repository: str = ""
    branch: str = ""
    title: str = ""
    source: str = ""
    entrypoint: str = ""
    client_version: str = ""
    host: str = ""
    pid: int = 0
    phase: SessionPhase = SessionPhase.IDLE
    phase_since: int = 0
    started: int = 0
    last: int = 0
    ended: int = 0
    end_reason: str = ""
    turns: int = 0
    prompts: int = 0
    messages: int = 0
    tools: int = 0
    tools_failed: int = 0
    subagents: int = 0
    current_tool: str = ""
    waiting_tool: str = ""
    waiting_since: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_nano: int = 0
    unpriced: int = 0
    context_tokens: int = 0
    model: str = ""
    permission_mode: str = ""
    local: bool = False
    residual_nano: int = 0
    failure: str = ""
    subagents_running: int = 0


class Rows(msgspec.Struct):
    """All that one record gave: append-only rows, and the ids of sessions whose state it touched, or that go."""

    spans: list[Span] = msgspec.field(default_factory=list)
    increments: list[Increment] = msgspec.field(default_factory=list)
    events: list[EventRow] = msgspec.field(default_factory=list)
    touched: set[str] = msgspec.field(default_factory=set)
    removed: set[str] = msgspec.field(default_factory=set)
    world: bool = False
