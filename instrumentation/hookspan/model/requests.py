"""Model calls of clients whose hooks tell of them: from the end of the hooks before a request to the hook after it."""

from __future__ import annotations

from typing import Final

from hookspan.catalogue.enums import EndReason, ErrorType
from hookspan.wire.facts import ModelCall
from hookspan.wire.reduced import ModelRequest, Reduced

from . import agents, attempts, calls, turns
from .state import KEPT_CLOSED, KEPT_REQUESTS, Asking, bound
from .step import Step, tree_of

_SAMPLING: Final = "sampling"
"""The kind of requests that are a turn's own; others (`foreground_compaction`) may be without one."""
_FAILED, _CANCELLED = "failed", "cancelled"


def started(step: Step, event: Reduced) -> None:
    """PreModelRequest. It follows one that failed if that is tried again: then the turn goes on."""
    session, request = step.session, event.request
    if request is None:
        return
    _belongs(step, event, request)
    if agent := session.agents.get(event.agent_id):
        agent.failure = ""
    turn = session.turns.get(event.prompt)
    if turn and turn.stop_reason is EndReason.STOP_FAILURE and not turn.fixed and event.at > turn.stop:
        turn.stop, turn.stop_reason, turn.error, session.failure = 0, EndReason.STOP, "", ""
    name = _name(request.id, request.attempt)
    if name in session.closed:
        return  # its answer came first
    session.asked[name] = Asking(
        at=event.done,
        prompt=event.prompt,
        agent_id=event.agent_id,
        model=event.model,
        attempt=request.attempt,
        kind=request.kind,
        served_by=event.served_by,
    )
    bound(session.asked, KEPT_REQUESTS)


def ended(step: Step, event: Reduced) -> None:
    """PostModelRequest."""
    session, request = step.session, event.request
    if request is None:
        return
    name = _name(request.id, request.attempt)
    if name in session.closed:
        return
    _belongs(step, event, request)
    turn = session.turns.get(event.prompt)
    end = event.at
    if request.status == _CANCELLED and turn and turn.stop_reason is EndReason.INTERRUPTED and turn.stop:
        end = min(end, turn.stop)  # what cancelled it is told of first
    asked = session.asked.pop(name, None)
    session.closed[name] = event.at
    bound(session.closed, KEPT_CLOSED)
    start = asked.at if asked else 0
    calls.called(
        step,
        ModelCall(
            at=event.at,
            key="",
            session=session.id,
            start=min(start, end) or end,
            end=end,
            start_inferred=not start,
            message_id=request.response_id,
            name=name,
            agent_id=event.agent_id,
            prompt=event.prompt,
            request_id=request.id,
            request_model=event.model,
            response_model=event.model if request.response_id else "",
            query_source=request.kind,
            input_tokens=request.input_tokens,
            output_tokens=request.output_tokens,
            cache_read_tokens=request.cache_read_tokens,
            cache_write_tokens=request.cache_write_tokens,
            thinking_tokens=request.thinking_tokens,
            cost_nano=request.cost_nano,
            prices=request.prices,
            attempts=max(1, request.attempt),
            aborted=request.status == _CANCELLED,
            failed=request.status == _FAILED,
            error_status=request.error_status,
            served_by=event.served_by,
            agent_type=event.agent_type,
            cache_ttl=-1,
            tree=tree_of(step.state, session, event.cwd),
        ),
    )
    if request.status != _FAILED or request.kind != _SAMPLING:
        return
    event.failure = attempts.error_type(request.error_status)
    if not event.agent_id:
        turns.stopped(step, event, EndReason.STOP_FAILURE)
    elif agent := session.agents.get(event.agent_id):
        agent.failure = event.failure or ErrorType.OTHER.value  # until it is tried again


def close_open(step: Step, prompt: str, at: int, *, agent_id: str = "") -> None:
    """Writes requests of a turn (or of a subagent) that nothing answered, at the end of what they were for."""
    session = step.session
    for name, asked in list(session.asked.items()):
        if asked.agent_id != agent_id or (prompt and asked.prompt != prompt):
            continue
        del session.asked[name]
        session.closed[name] = at
        calls.called(
            step,
            ModelCall(
                at=at,
                key="",
                session=session.id,
                start=min(asked.at, at),
                end=at,
                message_id="",
                name=name,
                agent_id=agent_id,
                prompt=asked.prompt,
                request_id=name.partition("#")[0],
                request_model=asked.model,
                query_source=asked.kind,
                attempts=max(1, asked.attempt),
                aborted=True,
                served_by=asked.served_by,
                cache_ttl=-1,
                tree=tree_of(step.state, session, session.cwd),
            ),
        )
    bound(session.closed, KEPT_CLOSED)


def _name(id_: str, attempt: int) -> str:
    """What an attempt is known by."""
    return f"{id_}#{attempt}"


def _belongs(step: Step, event: Reduced, request: ModelRequest) -> None:
    if event.agent_id:
        agents.place_of_event(step, event)
    elif request.kind == _SAMPLING or event.prompt in step.session.turns:
        turns.active(step, event)
