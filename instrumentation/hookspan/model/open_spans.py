"""Open spans: what is known of each before its end, under the id, name and parent that it will be written with.

The fold writes a span when it has ended, from what is made here and what the end adds. What is learned later may still
change it: an earlier start (a late PreToolUse, the client's own duration), the Agent call above a subagent, the call
that a dialog is about and with it the dialog's id.
"""

from __future__ import annotations

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import spans

from . import ids, places
from .rows import Attributes
from .state import Agent, Compaction, Place, SessionState, ToolCall, Turn, Wait
from .watches import Alarm


class OpenSpan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span before its end.

    Attributes:
        place: Its trace and parent, the prompt and the agent.
        span_id: 16 hex digits.
        start: Unix nanoseconds.
        stop: Unix nanoseconds of what may be its end and is not certain yet, 0 without.
        attributes: What it is about; empty values are not written.
        label: Scrubbed text for the user's own page, empty without one.
    """

    place: Place
    span_id: str
    name: str
    start: int
    stop: int = 0
    attributes: Attributes = {}
    label: str = ""


def of_turn(turn: Turn) -> OpenSpan:
    """A turn."""
    return OpenSpan(
        place=Place(turn.trace_id, turn.parent_id, turn.prompt, turn.agent),
        span_id=turn.span_id,
        name=spans.TURN.of(turn.agent),
        start=turn.start,
        stop=turn.stop,
        attributes={
            sc.PROMPT_KIND: turn.kind.value,
            sc.PERMISSION_MODE: turn.permission_mode,
            sc.TEAMMATE: turn.teammate,
        },
        label=turn.label,
    )


def of_subagent(agent: Agent) -> OpenSpan:
    """A subagent."""
    return OpenSpan(
        place=Place(agent.place.trace_id, agent.place.span_id, agent.place.prompt, agent.type),
        span_id=agent.span_id,
        name=spans.SUBAGENT.of(agent.type or "subagent"),
        start=agent.start,
        stop=agent.stop,
        attributes={
            sc.GEN_AI_AGENT_NAME: agent.type,
            sc.AGENT_ID: agent.id,
            sc.TEAMMATE: agent.teammate,
            sc.TEAM: agent.team,
        },
    )


def of_tool(session: SessionState, call: ToolCall) -> OpenSpan:
    """A tool call; it began when its dialog was approved, as far as that is known."""
    approved = (wait.running_at for wait in session.waits if wait.tool_use_id == call.id and wait.running_at)
    return OpenSpan(
        place=places.of_call(session, call),
        span_id=ids.of_tool(session.id, call.id),
        name=spans.TOOL.of(call.tool),
        start=next(approved, call.at),
        attributes={
            sc.GEN_AI_TOOL_NAME: call.tool,
            sc.GEN_AI_TOOL_CALL_ID: call.id,
            sc.COMMAND_PROGRAM: call.program,
            sc.FILE_EXTENSION: call.extension,
            sc.COLLISION: call.collision,
            sc.MCP_SERVER: call.mcp_server,
        },
        label=call.label,
    )


def of_wait(session: SessionState, wait: Wait, place: Place) -> OpenSpan:
    """A dialog. One that opened while a call ran is about that call, if it is certain which."""
    call = session.calls.get(wait.tool_use_id) if wait.inside else None
    return OpenSpan(
        place=place,
        span_id=ids.of_wait(session.id, wait.agent_id, wait.tool_use_id or wait.tool, wait.at),
        name=spans.WAIT.of(wait.tool),
        start=wait.at,
        stop=wait.over,
        attributes={
            sc.TOOL_NAME: call.tool if call else "" if wait.inside else wait.tool,
            sc.TOOL_CALL_ID: wait.tool_use_id,
            sc.MCP_SERVER: wait.mcp_server,
        },
    )


def of_compaction(session: SessionState, compaction: Compaction) -> OpenSpan:
    """A compaction."""
    return OpenSpan(
        place=compaction.place,
        span_id=ids.of_compaction(session.id, compaction.start),
        name=spans.COMPACTION.name,
        start=compaction.start,
    )


def of_alarm(session: SessionState, alarm: Alarm) -> OpenSpan:
    """An alarm of the watchdog. It is over when it was last true."""
    return OpenSpan(
        place=places.of_work(session, alarm.agent_id, alarm.prompt),
        span_id=ids.of_alarm(session.id, alarm.agent_id, alarm.kind, alarm.raised),
        name=spans.ALARM.of(alarm.kind),
        start=alarm.since,
        stop=alarm.ended,
        attributes={sc.ALARM_KIND: str(alarm.kind), sc.ALARM_FIRST_CALL: alarm.first},
    )


def open_spans(session: SessionState) -> list[OpenSpan]:
    """All spans that a session has open, by start; of its own span alone there is none.

    A call is no more open when its end was heard, and not yet while its dialog is.
    """
    waits = [wait for wait in session.waits if not wait.running_at]
    waited_for = {wait.tool_use_id for wait in waits if not wait.inside}
    opened = [of_turn(turn) for turn in session.turns.values()]
    opened += [of_subagent(agent) for agent in session.agents.values()]
    opened += [
        of_tool(session, call)
        for call in session.calls.values()
        if call.at and not call.post and not call.resolved and call.id not in waited_for
    ]
    opened += [_labelled(session, wait) for wait in waits]
    opened += [of_alarm(session, alarm) for alarm in session.alarms if not alarm.written]
    opened += [of_compaction(session, compaction) for compaction in session.compactions if not compaction.end]
    opened.sort(key=lambda span: span.start)
    return opened


def _labelled(session: SessionState, wait: Wait) -> OpenSpan:
    """A dialog is shown with what its call is about, for as long as it is open."""
    call = session.calls.get(wait.tool_use_id)
    opened = of_wait(session, wait, places.of_wait(session, wait))
    return msgspec.structs.replace(opened, label=call.label) if call is not None else opened
