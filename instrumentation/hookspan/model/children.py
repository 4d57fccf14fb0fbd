"""Spans of programs that tool calls ran: each hangs below the call whose context it was given."""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import spans
from hookspan.catalogue.child_attributes import is_plain
from hookspan.wire.facts import Children

from . import ids, places
from .rows import STATUS_ERROR, STATUS_UNSET, Attributes
from .state import KEPT_RAN, Place, SessionState, ToolCall, bound
from .step import Step

UNKNOWN_SERVICE: Final = "unknown_service"
"""As OpenTelemetry calls a service without a name."""


def closed(session: SessionState, call: ToolCall, place: Place) -> None:
    """A call is over: what its programs did is told some seconds later, or for as long as one runs beside it."""
    _remember(session, call.id, place)


def _remember(session: SessionState, call: str, place: Place) -> None:
    session.ran.pop(call, None)
    session.ran[call] = place
    bound(session.ran, KEPT_RAN)


def sent(step: Step, fact: Children) -> None:
    """Writes the spans below their call; none for a call that no hook has told of."""
    session = step.session
    call = session.calls.get(fact.tool_use_id)
    place = places.of_call(session, call) if call and call.at else session.ran.get(fact.tool_use_id)
    if place is None:
        return
    if call is None:
        _remember(session, fact.tool_use_id, place)
    own = ids.of_tool(session.id, fact.tool_use_id)
    for child in fact.spans:
        if child.span_id in {own, place.span_id}:
            continue  # whoever says so would have its parent below itself
        theirs = {key: value for key, value in child.attributes.items() if key not in step.base()}
        attributes: Attributes = {
            **theirs,
            sc.CHILD_CONTENT: sorted(key for key, value in theirs.items() if not is_plain(key, value)),
            sc.CHILD_SERVICE: child.service or UNKNOWN_SERVICE,
            sc.TOOL_CALL_ID: fact.tool_use_id,
            sc.CHILD_SCOPE: child.scope,
            sc.CHILD_LEFT_OUT: child.left_out or "",
            sc.CHILD_ORPHAN: child.orphan or "",
        }
        step.span(
            spans.CHILD.of(child.name),
            Place(place.trace_id, child.parent_id or own, place.prompt, place.agent),
            child.span_id,
            child.start,
            child.end,
            attributes,
            kind=child.kind,
            status=STATUS_ERROR if child.failed else STATUS_UNSET,
        )
