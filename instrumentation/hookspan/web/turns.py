"""The session page: where each turn's time went, and what is going on now."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import TimeKind
from hookspan.model import times
from hookspan.model.ids import span_id, trace_id
from hookspan.model.rows import Attributes
from hookspan.model.rows import Span as SpanRow
from hookspan.model.state import Agent, Interval, Place, SessionState, ToolCall, Wait
from hookspan.model.state import Turn as OpenTurn
from hookspan.web import schemas
from hookspan.web.queries import Moment
from hookspan.web.serializers import NANO, ms, span_type

TURNS_KEPT: Final = 2_000


class Work(NamedTuple):
    """Where a finished turn's time went."""

    split: schemas.Split
    delegated: float
    spans: int


class Times:
    """What finished turns' times came to, as long as nothing is added to their traces. Thread-safe.

    A turn of 10,000 spans costs 60 ms, and a page that shows it asks again with each event.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], tuple[tuple[int, int], Work]] = OrderedDict()

    def of(self, moment: Moment, row: SpanRow) -> Work:
        """Those of a turn."""
        key, extent = (row.session, row.span_id), moment.extent(row.trace_id)
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] == extent:
                self._known.move_to_end(key)
                return known[1]
        work = _work(row, moment.parts(row.session, row.trace_id))
        with self._lock:
            self._known[key] = (extent, work)
            while len(self._known) > TURNS_KEPT:
                self._known.popitem(last=False)
        return work


def turns(
    moment: Moment, session: str, state: SessionState | None, now: int, known: Times, *, content: bool
) -> list[schemas.Turn]:
    """All turns of a session by start, those that are still open last. `now` in Unix nanoseconds."""
    finished = moment.turns(session)
    made = [_finished(row, known.of(moment, row), content=content) for row in finished]
    written = {row.span_id for row in finished}
    if state is not None:
        made += [
            open_turn(turn, state, moment.parts(session, turn.trace_id), now, content=content)
            for turn in state.turns.values()
            if turn.span_id not in written
        ]
    made.sort(key=lambda turn: turn.start)
    for number, turn in enumerate(made, 1):
        turn.number = number
    return made


def _work(row: SpanRow, parts: list[times.Part]) -> Work:
    own, beside = times.of_spans(bytes.fromhex(row.span_id), parts)
    idle = row.attributes.get(sc.IDLE_BEFORE, 0)
    user = float(idle) * 1e3 if isinstance(idle, int | float) else 0.0
    split = _split(times.spent(own, beside, row.start, row.end), user)
    return Work(split, _delegated(own, beside), len(parts))


def _finished(row: SpanRow, work: Work, *, content: bool) -> schemas.Turn:
    found = row.attributes

    def text(key: str) -> str:
        return str(found.get(key, ""))

    def number(key: str) -> float:
        value = found.get(key, 0)
        return value if isinstance(value, int | float) else 0

    return schemas.Turn(
        number=0,
        prompt=text(sc.PROMPT_ID),
        trace_id=row.trace_id,
        span_id=row.span_id,
        start=ms(row.start),
        end=ms(row.end),
        open=False,
        label=row.label if content else "",
        prompt_kind=text(sc.PROMPT_KIND),
        outcome=text(sc.OUTCOME),
        end_reason=text(sc.END_REASON),
        error_type=text(sc.ERROR_TYPE),
        permission_mode=text(sc.PERMISSION_MODE),
        split=work.split,
        delegated=work.delegated,
        tools=int(number(sc.TOOLS)),
        tools_failed=int(number(sc.TOOLS_FAILED)),
        model_calls=int(number(sc.MODEL_CALLS)),
        subagents=int(number(sc.SUBAGENTS)),
        input_tokens=int(number(sc.GEN_AI_USAGE_INPUT_TOKENS)),
        output_tokens=int(number(sc.GEN_AI_USAGE_OUTPUT_TOKENS)),
        cost=number(sc.COST_USD),
        spans=work.spans,
    )


def open_turn(turn: OpenTurn, state: SessionState, parts: list[times.Part], now: int, *, content: bool) -> schemas.Turn:
    """A turn whose span is not written; one that stopped is shown as it will be unless something else comes."""
    end = turn.stop if turn.stop and (turn.fixed or turn.last <= turn.stop) else 0
    until = max(end or now, turn.start)
    own, beside = times.of_spans(bytes.fromhex(turn.span_id), parts)
    for wait in state.waits:
        if _place(state, wait.agent_id, wait.prompt).prompt == turn.prompt:
            (beside if wait.agent_id else own).append(Interval(times.WAIT, wait.at, until))
    waiting = {wait.tool_use_id for wait in state.waits}
    for call in state.calls.values():
        if call.at and call.id not in waiting and _place(state, call.agent_id, call.prompt).prompt == turn.prompt:
            rank = times.FRAME if call.tool in times.AGENT_TOOLS else times.TOOL
            (beside if call.agent_id else own).append(Interval(rank, call.at, until))
    tally = turn.tally
    return schemas.Turn(
        number=0,
        prompt=turn.prompt,
        trace_id=turn.trace_id,
        span_id=turn.span_id,
        start=ms(turn.start),
        end=ms(end) if end else None,
        open=not end,
        label=turn.label if content else "",
        prompt_kind=turn.kind.value,
        outcome="",
        end_reason="",
        error_type=turn.error,
        permission_mode=turn.permission_mode,
        split=_split(times.spent(own, beside, turn.start, until), turn.idle_before / 1e6),
        delegated=_delegated(own, beside),
        tools=tally.tools,
        tools_failed=tally.failed,
        model_calls=tally.model_calls,
        subagents=tally.subagents,
        input_tokens=tally.whole_input,
        output_tokens=tally.output_tokens,
        cost=tally.cost_nano / NANO,
        spans=len(parts),
    )


def _split(spent: Mapping[TimeKind, int], user: float) -> schemas.Split:
    return schemas.Split(
        user=user,
        model=ms(spent[TimeKind.MODEL]),
        tool=ms(spent[TimeKind.TOOL]),
        wait=ms(spent[TimeKind.WAIT]),
        other=ms(spent[TimeKind.OTHER]),
    )


def _delegated(own: list[Interval], beside: list[Interval]) -> float:
    """Milliseconds in which a foreground subagent's call ran or a subagent did something, each moment once."""
    return ms(times.covered(*beside, *(interval for interval in own if interval.rank == times.FRAME)))


# --- What is going on


def open_spans(state: SessionState, *, content: bool) -> list[schemas.Span]:
    """Spans that are not written yet, under the ids that they will have. What has stopped has an end already."""
    made = [_open_turn(turn, content=content, state=state) for turn in state.turns.values()]
    made += [_open_agent(agent, state) for agent in state.agents.values()]
    waiting = {wait.tool_use_id for wait in state.waits if not wait.running_at}
    made += [
        _open_call(call, state, content=content)
        for call in state.calls.values()
        if call.at and not call.post and not call.resolved and call.id not in waiting
    ]
    made += [_open_wait(wait, state, content=content) for wait in state.waits if not wait.running_at]
    made += [
        _made(state, compaction.place, span_id("compact", state.id, compaction.start), "compact", compaction.start)
        for compaction in state.compactions
        if not compaction.end
    ]
    made.sort(key=lambda span: span.start)
    return made


def _made(
    state: SessionState,
    place: Place,
    own: str,
    name: str,
    start: int,
    *,
    end: int = 0,
    label: str = "",
    attributes: Mapping[str, str] | None = None,
) -> schemas.Span:
    given: Attributes = {sc.SESSION_ID: state.id}
    if place.prompt:
        given[sc.PROMPT_ID] = place.prompt
    given |= {key: value for key, value in (attributes or {}).items() if value}
    return schemas.Span(
        key="",
        trace_id=place.trace_id,
        span_id=own,
        parent_id=place.span_id,
        name=name,
        type=span_type(name, given),
        start=ms(start),
        end=ms(end) if end else None,
        status="unset",
        session=state.id,
        label=label,
        attributes=given,
        links=[],
    )


def _place(state: SessionState, agent_id: str, prompt: str) -> Place:
    """That of the subagent or the turn, as the fold will put it; else of the session."""
    agent = state.agents.get(agent_id) if agent_id else None
    if agent is not None:
        return Place(agent.place.trace_id, agent.span_id, agent.place.prompt)
    turn = state.turns.get(prompt)
    if turn is not None and agent_id not in state.agents_done:
        return Place(turn.trace_id, turn.span_id, turn.prompt)
    session = Place(trace_id(state.id), span_id("session", state.id, state.opened))
    return state.agents_done.get(agent_id) or state.done.get(prompt) or session


def _open_turn(turn: OpenTurn, state: SessionState, *, content: bool) -> schemas.Span:
    return _made(
        state,
        Place(turn.trace_id, turn.parent_id, turn.prompt),
        turn.span_id,
        "invoke_agent claude-code",
        turn.start,
        end=turn.stop,
        label=turn.label if content else "",
        attributes={sc.PROMPT_KIND: turn.kind.value, sc.PERMISSION_MODE: turn.permission_mode},
    )


def _open_agent(agent: Agent, state: SessionState) -> schemas.Span:
    name = f"invoke_agent {agent.type or 'subagent'}"
    attributes = {sc.GEN_AI_AGENT_NAME: agent.type, sc.GEN_AI_AGENT_ID: agent.id}
    return _made(state, agent.place, agent.span_id, name, agent.start, end=agent.stop, attributes=attributes)


def _open_call(call: ToolCall, state: SessionState, *, content: bool) -> schemas.Span:
    place = _place(state, call.agent_id, call.prompt)
    started = (wait.running_at for wait in state.waits if wait.tool_use_id == call.id and wait.running_at)
    return _made(
        state,
        place,
        span_id("tool", state.id, call.id),
        f"execute_tool {call.tool}",
        next(started, call.at),
        label=call.label if content else "",
        attributes={
            sc.GEN_AI_TOOL_NAME: call.tool,
            sc.GEN_AI_TOOL_CALL_ID: call.id,
            sc.COMMAND_PROGRAM: call.program,
            sc.FILE_EXTENSION: call.extension,
            sc.MCP_SERVER: call.mcp_server,
        },
    )


def _open_wait(wait: Wait, state: SessionState, *, content: bool) -> schemas.Span:
    call = state.calls.get(wait.tool_use_id)
    return _made(
        state,
        _place(state, wait.agent_id, wait.prompt),
        span_id("permission", state.id, wait.agent_id, wait.tool_use_id or wait.tool, wait.at),
        f"permission {wait.tool}",
        wait.at,
        label=call.label if content and call is not None else "",
        attributes={
            sc.GEN_AI_TOOL_NAME: "" if wait.elicitation else wait.tool,
            sc.GEN_AI_TOOL_CALL_ID: wait.tool_use_id,
            sc.MCP_SERVER: wait.mcp_server,
        },
    )
