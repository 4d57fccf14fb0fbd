"""Turns the store's rows into what the API answers."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from hookspan import hooktime
from hookspan.catalogue import attributes as sc
from hookspan.catalogue import session_fields
from hookspan.catalogue.child_attributes import without_content
from hookspan.catalogue.enums import Collision, QuotaWindow, SessionPhase
from hookspan.catalogue.session_fields import Conversion, SessionRow
from hookspan.catalogue.spans import SPANS, TOOL, TURN, SpanType, is_turn
from hookspan.hooktime import HookTime
from hookspan.model import ids, writes
from hookspan.model.open_spans import OpenSpan
from hookspan.model.rows import STATUS_ERROR, Attributes, EventRow
from hookspan.model.rows import Span as SpanRow
from hookspan.store import Day, QuotaUse, Summary, schema
from hookspan.store.schema import INTEGER_MAX, SpanKey
from hookspan.web import schemas
from hookspan.web.queries import BriefSpan

NANO: Final = 1_000_000_000
MILLI: Final = 1_000_000
WINDOW: Final = 200_000  # tokens of the context window of today's models
LONG_WINDOW: Final = 1_000_000  # of those that say so in their name (`[1m]`)
HOOK_THRESHOLD: Final = 5.0  # milliseconds: the promise for a hook


_TYPES: Final = {kind.operation: kind.type for kind in SPANS if kind is not TURN}
_ORDER: Final = {
    phase: rank
    for rank, phase in enumerate(
        (
            SessionPhase.WAITING,
            SessionPhase.WAITING_OR_RUNNING,
            SessionPhase.WORKING,
            SessionPhase.IDLE,
            SessionPhase.ENDED,
        )
    )
}
WAITING: Final = frozenset({SessionPhase.WAITING, SessionPhase.WAITING_OR_RUNNING})
PHASES: Final[Mapping[str, frozenset[SessionPhase]]] = {
    "all": frozenset(SessionPhase),
    "open": frozenset(SessionPhase) - {SessionPhase.ENDED},
    "waiting": WAITING,
    "working": frozenset({SessionPhase.WORKING}),
    "idle": frozenset({SessionPhase.IDLE}),
    "ended": frozenset({SessionPhase.ENDED}),
}
"""What a filter by state lets through."""


def ms(nanoseconds: int) -> float:
    """Milliseconds with microseconds as their fraction: more a double can't hold of Unix time."""
    return nanoseconds // 1000 / 1000


def ms_or_none(nanoseconds: int) -> float | None:
    """Milliseconds; None for 0, which stands for `not there`."""
    return ms(nanoseconds) if nanoseconds else None


_CONVERTERS: Final[Mapping[Conversion, Callable[[Any], Any]]] = {
    Conversion.TIME: ms,
    Conversion.TIME_OR_NULL: ms_or_none,
    Conversion.USD: lambda nano: nano / NANO,
}
_SHOWN: Final = [
    (name, field.api or name, field.conversion) for name, _, field in session_fields.fields() if field.api is not None
]
_copied: Final = operator.attrgetter(*(name for name, _, _ in _SHOWN))
_CONVERTED: Final = [(place, _CONVERTERS[how]) for place, (_, _, how) in enumerate(_SHOWN) if how in _CONVERTERS]


def ns(milliseconds: int) -> int:
    """Nanoseconds, at most what the store can be asked for."""
    return min(milliseconds * 1_000_000, INTEGER_MAX)


def now_ms() -> float:
    """The present."""
    return ms(time.time_ns())


def span_type(name: str, attributes: Mapping[str, object]) -> SpanType:
    """What a span is about."""
    if is_turn(name, attributes):
        return TURN.type
    return _TYPES.get(name.partition(" ")[0], TOOL.type)


def span(row: SpanRow, *, content: bool) -> schemas.Span:
    """A finished span."""
    return schemas.Span(
        key=f"{row.record}.{row.ordinal}",
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_id=row.parent_id,
        name=row.name,
        type="hook" if row.hook else span_type(row.name, row.attributes),
        start=ms(row.start),
        end=ms(row.end),
        status="error" if row.status == STATUS_ERROR else "unset",
        session=row.session,
        label=row.label if content else "",
        attributes=row.attributes if content else without_content(row.attributes),
        links=[
            schemas.SpanLink(
                trace_id=link.trace_id,
                span_id=link.span_id,
                type=str(link.attributes.get(sc.LINK, "other")),
                session=str(link.attributes.get(sc.SESSION_ID, "")),
            )
            for link in row.links
        ],
        events=[
            schemas.SpanEvent(name=event.name, at=ms(event.at), attributes=event.attributes) for event in row.events
        ],
    )


def brief_span(row: BriefSpan, session: str, *, content: bool) -> schemas.Span:
    """A finished span without what its row doesn't show."""
    key = SpanKey.unpack(row.key)
    attributes = schema.read_attributes(row.attributes) if row.attributes else {}
    return schemas.Span(
        key=f"{key.record}.{key.ordinal}",
        trace_id=row.trace_id.hex(),
        span_id=row.span_id.hex(),
        parent_id=row.parent_id.hex() if row.parent_id else "",
        name=row.name,
        type="hook" if row.hook else span_type(row.name, attributes),
        start=ms(row.start),
        end=ms(row.end),
        status="error" if row.status == STATUS_ERROR else "unset",
        session=session,
        label=row.label or "" if content else "",
        attributes=attributes if content else without_content(attributes),
        links=[],
        events=[],
    )


def open_span(session: str, opened: OpenSpan, *, content: bool) -> schemas.Span:
    """A span that is not written yet. What may be its end is its end."""
    attributes: Attributes = {sc.SESSION_ID: session}
    if opened.place.prompt:
        attributes[sc.PROMPT_ID] = opened.place.prompt_id
    attributes |= {key: value for key, value in opened.attributes.items() if value}
    return schemas.Span(
        key="",
        trace_id=opened.place.trace_id,
        span_id=opened.span_id,
        parent_id=opened.place.span_id,
        name=opened.name,
        type=span_type(opened.name, attributes),
        start=ms(opened.start),
        end=ms_or_none(opened.stop),
        status="unset",
        session=session,
        label=opened.label if content else "",
        attributes=attributes,
        links=[],
        events=[],
    )


def event(row: EventRow, *, content: bool) -> schemas.Event:
    """A hook event."""
    return schemas.Event(
        record=row.record,
        at=ms(row.at),
        session=row.session,
        event=row.event,
        tool=row.tool,
        took=row.took / MILLI,
        size=row.size,
        project=row.project,
        prompt=row.prompt,
        trace_id=ids.trace_id(row.prompt) if row.prompt else "",
        agent_id=row.agent_id,
        tool_use_id=row.tool_use_id,
        label=row.label if content else "",
    )


def session(
    row: SessionRow,
    *,
    content: bool,
    dialog: tuple[str, schemas.Asking | None] = ("", None),
    activity: Sequence[int] | None = None,
) -> schemas.Session:
    """A session's row. `dialog`: what a waiting one asks about, in a line, and what beside yes or no."""
    row = row if content else session_fields.without_content(row)
    long = "[1m]" in row.model or row.context_tokens > WINDOW
    window = row.context_window or (LONG_WINDOW if long else WINDOW)
    waits = row.phase in WAITING
    return schemas.Session(
        *_shown(row),
        state=row.phase.value,
        failure=row.failure if row.phase is SessionPhase.IDLE else "",
        tool=row.waiting_tool if waits else row.current_tool,
        asks=dialog[0],
        asking=dialog[1],
        collision=_collision(row),
        tokens=schemas.Tokens(
            input=row.input_tokens - row.cache_read_tokens - row.cache_write_tokens,
            output=row.output_tokens,
            cache_read=row.cache_read_tokens,
            cache_write=row.cache_write_tokens,
        ),
        context=schemas.Context(tokens=row.context_tokens, window=window, share=min(1.0, row.context_tokens / window)),
        alarm=_alarm(row) if row.alarm else None,
        activity=None if activity is None else list(activity),
    )


def _alarm(row: SessionRow) -> schemas.Alarm:
    return schemas.Alarm(
        kind=row.alarm,
        agent=row.alarm_agent,
        since=ms(row.alarm_since),
        ended=ms_or_none(row.alarm_ended),
        calls=row.alarm_calls,
        cost=row.alarm_cost_nano / NANO,
        first=ids.of_tool(row.id, row.alarm_first) if row.alarm_first else "",
        last=ids.of_tool(row.id, row.alarm_last) if row.alarm_last else "",
    )


def _collision(row: SessionRow) -> schemas.Collision | None:
    if not row.collision:
        return None
    return schemas.Collision(
        kind=Collision(row.collision).value,
        session=row.collision_with,
        file=row.collision_file,
        at=ms(row.collision_at),
        until=ms(row.collision_at + writes.FRESH),
    )


def _shown(row: SessionRow) -> list[Any]:
    """What is copied from the row, as the catalogue says, in the order of `schemas.Session`."""
    values = list(_copied(row))
    for place, convert in _CONVERTED:
        values[place] = convert(values[place])
    return values


def in_order(rows: Iterable[SessionRow]) -> list[SessionRow]:
    """Who needs you first: who waits longest, then who may wait, who works, who is idle; else the newest."""

    def key(row: SessionRow) -> tuple[int, int]:
        return _ORDER[row.phase], row.waiting_since if row.phase in WAITING else -row.last

    return sorted(rows, key=key)


def top_tools(summary: Summary) -> list[schemas.ToolCount]:
    """The tools that were called most in the last hour."""
    return [schemas.ToolCount(tool=count.tool, calls=count.calls) for count in summary.top_tools]


def figures(day: Day, since: int, until: int) -> schemas.Figures:
    """What a time came to."""
    return schemas.Figures(
        since=ms(since),
        until=ms(until),
        spent=day.nano / NANO,
        unpriced=day.unpriced,
        waited=day.waited * 1e3,
        turns=day.turns,
        failed=day.failed,
    )


def quota(use: QuotaUse) -> schemas.Quota:
    """A window of the account's quota."""
    return schemas.Quota(
        window=QuotaWindow(use.window).value,
        used=use.used,
        resets_at=ms(use.resets_at),
        full_at=ms_or_none(use.full_at),
        too_soon=use.too_soon,
        shares=[schemas.QuotaShare(session=one.session, share=one.share) for one in use.shares],
    )


def states(summary: Summary) -> dict[str, int]:
    """Sessions that have not ended, by state; every state is there."""
    return {
        phase.value: summary.phases.get(phase.value, 0) for phase in SessionPhase if phase is not SessionPhase.ENDED
    }


def hooks(times: Sequence[HookTime]) -> schemas.Hooks | None:
    """What hooks took; None before the first."""
    statistics = hooktime.statistics(times)
    if statistics is None:
        return None
    return schemas.Hooks(
        average=statistics["average"] * 1e3,
        p99=statistics["p99"] * 1e3,
        max=statistics["max"] * 1e3,
        min=statistics["min"] * 1e3,
        start=None if statistics["start"] is None else statistics["start"] * 1e3,
        samples=statistics["samples"],
        threshold=HOOK_THRESHOLD,
    )


def check(name: str, report: Mapping[str, Any]) -> schemas.Check:
    """A health check as the monitor reports it (seconds)."""
    return schemas.Check(
        name=name,
        status=report["status"],
        message=report["message"],
        value=report["value"],
        threshold=report["threshold"],
        unit=report["unit"],
        todo=report["todo"],
        since=report["since"] * 1e3,
        took=report["took"] * 1e3,
    )
