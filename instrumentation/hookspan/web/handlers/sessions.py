"""Sessions: all of them in a list, and one with its turns and spans."""

from __future__ import annotations

import collections
import re
import time
from typing import Final

from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.open_spans import open_spans
from hookspan.model.state import SessionState
from hookspan.web import schemas, serializers, turns
from hookspan.web.activity import MINUTES
from hookspan.web.context import Context
from hookspan.web.parameters import Arguments
from hookspan.web.problems import invalid, not_found
from hookspan.web.queries import OPEN_MAX, Moment

EVENTS: Final = 50  # on a session's page
_SPAN_CURSOR: Final = re.compile(r"\A([0-9]{1,19})\.([0-9]{1,19})\Z")
_SESSION_CURSOR: Final = re.compile(r"\A[0-9]{1,19}\Z")
_START: Final = (-1, -1)


def sessions(context: Context, arguments: Arguments) -> schemas.Sessions:
    """GET /sessions: those that have not ended in the order of who needs you first, then a page of ended ones."""
    limit, before, words = arguments["limit"], _before(arguments["before"]), (arguments["q"] or "").split()
    phases = serializers.PHASES[arguments["state"]]
    strips = context.activity.strips(time.time_ns())
    with context.reader.moment() as moment:
        position = moment.position()
        matching = moment.find(arguments["project"] or "", words, content=context.content)
        wanted = [match for match in matching if match.phase in phases]
        unfinished = [match for match in wanted if match.phase != SessionPhase.ENDED] if before is None else []
        ended = [
            match for match in wanted if match.phase == SessionPhase.ENDED and (before is None or match.last < before)
        ]
        following = str(ended[limit - 1].last) if len(ended) > limit else None
        rows = serializers.in_order(moment.rows(unfinished[:OPEN_MAX])) + moment.rows(ended[:limit])
        items = [listed(context, moment, row, strips.get(row.id)) for row in rows]
        projects = moment.projects()
    counts = collections.Counter(match.phase for match in matching)
    return schemas.Sessions(
        now=serializers.now_ms(),
        position=position,
        sessions=items,
        next=following,
        counts={phase.value: counts[phase] for phase in SessionPhase},
        projects=projects,
    )


def session(context: Context, arguments: Arguments) -> schemas.SessionPage:
    """GET /sessions/{id}: everything about one."""
    id_, content, now = arguments["id"], context.content, time.time_ns()
    strips = context.activity.strips(now)
    with context.reader.moment() as moment:
        row = row_of(moment, id_)
        state = moment.state(id_)
        page = moment.spans(id_, _START, arguments["limit"], hooks=False)
        events = moment.events(after=None, before=None, limit=EVENTS, session=id_)
        return schemas.SessionPage(
            now=serializers.ms(now),
            position=moment.position(),
            session=listed(context, moment, row, strips.get(id_)),
            asking=context.dialogs.details(moment, state) if state is not None else [],
            turns=turns.turns(moment, id_, state, now, context.times, content=content),
            open=unwritten(state, content=content),
            spans=schemas.SpanPage(
                items=[serializers.span(span, content=content) for span in page.spans],
                next=page.next or None,
                total=page.total,
            ),
            events=[serializers.event(event, content=content) for event in events],
            links=schemas.Links(jaeger=context.agent.settings().links.jaeger or ""),
        )


def spans(context: Context, arguments: Arguments) -> schemas.SessionSpans:
    """GET /sessions/{id}/spans: more of its spans."""
    content, after = context.content, _START
    if arguments["after"]:
        match = _SPAN_CURSOR.match(arguments["after"])
        numbers = (int(match[1]), int(match[2])) if match else _START
        if match is None or max(numbers) >> 63:
            raise invalid("`after` is not a cursor", "use the `next` of the previous answer")
        after = numbers
    with context.reader.moment() as moment:
        row_of(moment, arguments["id"])
        page = moment.spans(arguments["id"], after, arguments["limit"], hooks=arguments["hooks"])
        position = moment.position()
    return schemas.SessionSpans(
        now=serializers.now_ms(),
        position=position,
        items=[serializers.span(span, content=content) for span in page.spans],
        next=page.next or None,
        total=page.total,
    )


def open_now(context: Context, arguments: Arguments) -> schemas.OpenSpans:
    """GET /sessions/{id}/open: its open spans."""
    with context.reader.moment() as moment:
        row_of(moment, arguments["id"])
        state, position = moment.state(arguments["id"]), moment.position()
    opened = unwritten(state, content=context.content)
    return schemas.OpenSpans(now=serializers.now_ms(), position=position, open=opened)


def listed(context: Context, moment: Moment, row: SessionRow, strip: list[int] | None = None) -> schemas.Session:
    """A session as lists show it. `strip`: its events by minute, none if it had none."""
    state = moment.state(row.id) if row.phase in serializers.WAITING else None
    dialog = context.dialogs.foremost(moment, state) if state is not None else ("", None)
    return serializers.session(row, content=context.content, dialog=dialog, activity=strip or [0] * MINUTES)


def unwritten(state: SessionState | None, *, content: bool) -> list[schemas.Span]:
    """A session's open spans; none while nothing is known of it."""
    if state is None:
        return []
    return [serializers.open_span(state.id, opened, content=content) for opened in open_spans(state)]


def row_of(moment: Moment, id_: str) -> SessionRow:
    """The row of a session. Raises a problem, 404, if there is none."""
    row = moment.session(id_)
    if row is None:
        raise not_found("there is no such session", "it may be past `store.days`; `hookspan sessions` lists them")
    return row


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not _SESSION_CURSOR.match(cursor) or int(cursor) >> 63:
        raise invalid("`before` is not a cursor", "use the `next` of the previous answer")
    return int(cursor)
