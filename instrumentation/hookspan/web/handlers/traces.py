"""Answers with one trace."""

from __future__ import annotations

import re
from typing import Final

from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers.sessions import unwritten
from hookspan.web.parameters import Arguments
from hookspan.web.problems import not_found
from hookspan.web.queries import Moment

_TRACE: Final = re.compile(r"\A[0-9a-f]{32}\Z")


def trace(context: Context, arguments: Arguments) -> schemas.Trace:
    """GET /traces/{id}: all spans of a trace, and what is still open of it."""
    id_, content = arguments["id"], context.content
    if not _TRACE.match(id_):
        raise not_found("a trace id has 32 digits of 0-9 and a-f")
    with context.reader.moment() as moment:
        position = moment.position()
        rows = moment.spans_of_trace(id_, hooks=arguments["hooks"])
        owner = rows[0].session if rows else _owner(moment, id_)
        state = moment.state(owner) if owner else None
    spans = [serializers.span(row, content=content) for row in rows]
    written = {span.span_id for span in spans}
    opened = unwritten(state, content=content)
    spans += [span for span in opened if span.trace_id == id_ and span.span_id not in written]
    if not spans:
        raise not_found("there is no such trace", "it may be past `store.days`, or its turn has not begun")
    spans.sort(key=lambda span: span.start)
    jaeger = context.agent.settings().links.jaeger
    return schemas.Trace(
        now=serializers.now_ms(),
        position=position,
        trace_id=id_,
        session=owner,
        items=spans,
        links=schemas.Links(jaeger=f"{jaeger.rstrip('/')}/trace/{id_}" if jaeger else ""),
    )


def _owner(moment: Moment, trace_id: str) -> str:
    """The session whose turn has this trace, of which nothing is written yet."""
    for row in moment.unwritten_sessions():
        state = moment.state(row.id)
        if state is not None and any(turn.trace_id == trace_id for turn in state.turns.values()):
            return row.id
    return ""
