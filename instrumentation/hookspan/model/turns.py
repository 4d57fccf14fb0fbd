"""Turns: one trace each, from a prompt to the last of what may be its end.

A Stop is only a candidate: another Stop hook may block it and the turn goes on. What fixes the end is the next prompt,
the session's end, the client's exit or some seconds of silence; the span is written once the transcript is read past
that, since only the transcript tells of an interruption.
"""

from __future__ import annotations

import re
import sys
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import STOP_FAILURES, EndReason, ErrorType, Link, Outcome, PromptKind, TimeKind
from hookspan.wire.facts import Interruption, QueuedPrompt
from hookspan.wire.reduced import Reduced

from . import attempts, ids, open_spans, places, times, watchdog
from .rows import STATUS_ERROR, STATUS_UNSET, Attributes, SpanLink
from .state import KEPT_GOING_ON, KEPT_PLACES, KEPT_STOPS, GoingOn, Place, Stopped, Tally, Turn, bound
from .step import NANO, Step

MACHINE_MADE: Final = frozenset({PromptKind.TASK_NOTIFICATION, PromptKind.TEAMMATE})
"""Prompts that nobody sat and thought about."""
_TRACEPARENT: Final = re.compile(r"\A(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})\Z")
_SAMPLED: Final = 0x01


def open_turn(step: Step, prompt: str, at: int, *, kind: PromptKind = PromptKind.HUMAN, inferred: bool = False) -> Turn:
    """Opens a turn; every other one that is still open is over by now."""
    session = step.session
    for other in session.turns.values():
        if not other.fixed:
            fix(other, at, EndReason.NEXT_PROMPT)
    turn = Turn(
        prompt=prompt,
        start=at,
        last=at,
        trace_id=ids.trace_id(prompt),
        span_id=ids.of_turn(session.id, prompt),
        agent=session.agent,
        start_inferred=inferred,
        kind=kind,
        permission_mode=session.permission_mode,
        synthetic=session.synthetic,
    )
    if session.previous:
        turn.links.append(_link(session.previous, Link.PREVIOUS_TURN))
    if session.last_stop and session.last_stop < at and kind not in MACHINE_MADE:
        turn.idle_before = at - session.last_stop
    session.last_stop = 0
    session.turns[prompt] = turn
    session.current = prompt
    session.previous = places.of_turn(turn)
    return turn


def _began(turn: Turn, at: int) -> None:
    """It began earlier than it seemed: its user was idle for so much less."""
    turn.idle_before = max(0, turn.idle_before - (turn.start - at))
    turn.start = at


def _link(place: Place, why: Link) -> SpanLink:
    return SpanLink(place.trace_id, place.span_id, {sc.LINK: why.value})


def submitted(step: Step, event: Reduced) -> None:
    """UserPromptSubmit. With the running turn's prompt_id it was typed during that turn and opens none."""
    session = step.session
    session.tally.prompts += 1
    session.messages += 1
    watchdog.prompted(session, event.prompt, event.at)
    if event.task_call:  # also in the middle of another turn
        _task_is_over(step, event.task_call)
    if not event.prompt:
        return
    turn = session.turns.get(event.prompt)
    if turn or event.prompt in session.done:
        if turn:
            if turn.start_inferred and event.at <= turn.start:
                _began(turn, event.at)
                turn.start_inferred = False
            else:
                turn.tally.prompts += 1
            turn.last = max(turn.last, event.at)
        return
    kind = PromptKind.HUMAN
    if event.machine_prompt:
        kind = PromptKind.TASK_NOTIFICATION
    elif event.command_name:
        kind = PromptKind.COMMAND
    turn = open_turn(step, event.prompt, event.at, kind=kind)
    turn.tally.prompts = 1
    turn.size, turn.label, turn.command_name = event.prompt_size, event.label, event.command_name
    turn.permission_mode = event.permission_mode or turn.permission_mode
    started_by = session.tasks.get(event.task_call) or session.tasks.get(event.task)
    if event.machine_prompt and started_by:
        turn.links.append(_link(started_by, Link.STARTED_BY))
    _follow_traceparent(step, turn, event)


def _task_is_over(step: Step, call: str) -> None:
    for run in step.session.workflows.values():
        run.over = run.over or run.call == call
    count_time(step)


def _follow_traceparent(step: Step, turn: Turn, event: Reduced) -> None:
    """Joins the trace of whoever started the client; one that nobody records (not sampled) is only linked to."""
    match = _TRACEPARENT.match(event.traceparent)
    if not match:
        return
    policy = step.state.world.policy
    if policy and policy.adopt_traceparent and int(match.group(3), 16) & _SAMPLED:
        turn.trace_id, turn.parent_id = match.group(1), match.group(2)
        step.session.previous = places.of_turn(turn)
    else:
        turn.links.append(_link(Place(match.group(1), match.group(2)), Link.TRACEPARENT))


def expanded(step: Step, event: Reduced) -> None:
    """UserPromptExpansion: the prompt was a command of the project's own."""
    turn = step.session.turns.get(event.prompt)
    if turn:
        turn.kind, turn.command_name = PromptKind.COMMAND, event.command_name or turn.command_name


def active(step: Step, event: Reduced) -> Turn | None:
    """The open turn that a main-thread tool or Stop event belongs to; an unseen prompt_id opens one, inferred."""
    turn = step.session.turns.get(event.prompt)
    if turn is None and event.prompt and event.prompt not in step.session.done:
        turn = open_turn(step, event.prompt, event.at, inferred=True)
    if turn:
        turn.last = max(turn.last, event.at)
        turn.permission_mode = turn.permission_mode or event.permission_mode
        turn.effort = event.effort or turn.effort
    return turn


def dequeued(step: Step, fact: QueuedPrompt) -> None:
    """A queued prompt became a turn: that is its start, whatever event of it came first."""
    session = step.session
    turn = session.turns.get(fact.prompt)
    if turn is None and fact.prompt in session.done:
        return
    before = [other for other in session.turns.values() if other.prompt != fact.prompt and other.start < fact.at]
    if before:  # their UserPromptSubmit came with the id of the turn that ran
        before[-1].queued += fact.prompts
    if turn is None:
        turn = open_turn(step, fact.prompt, fact.at)
    else:
        for other in session.turns.values():
            if other.fixed == turn.start and other.fixed_by is EndReason.NEXT_PROMPT:
                other.fixed = min(other.fixed, fact.at)
        _began(turn, min(turn.start, fact.at))
    turn.start_inferred = False
    turn.tally.prompts += fact.prompts
    turn.label = turn.label or fact.label


def stopped(step: Step, event: Reduced, reason: EndReason) -> None:
    """Stop or StopFailure of the main thread: a candidate for the turn's end, the last one wins."""
    turn = active(step, event)
    step.session.messages += 1
    watchdog.stopped(step.session, "", event.at)
    if turn is None or (turn.fixed and event.at > turn.fixed):
        if step.session.teammates:
            step.session.stray = event.prompt, Stopped(event.at, reason, _error_of(event, reason))
        return
    if event.at >= turn.stop:
        if turn.stop and step.session.teammates:
            turn.stops = [*turn.stops[1 - KEPT_STOPS :], Stopped(turn.stop, turn.stop_reason, turn.error)]
        turn.stop, turn.stop_reason = event.at, reason
        turn.error = _error_of(event, reason)
        if event.at >= step.session.last_stop:
            step.session.failure = turn.error
    step.session.last_stop = max(step.session.last_stop, event.at)


def _error_of(event: Reduced, reason: EndReason) -> str:
    if reason is not EndReason.STOP_FAILURE:
        return ""
    return event.failure if event.failure in STOP_FAILURES else ErrorType.OTHER.value


def interrupted(step: Step, fact: Interruption) -> None:
    """The user pressed Esc: no event reports it, only the transcript."""
    session = step.session
    turn = session.turns.get(fact.prompt)
    if turn is None:
        open_ones = [turn for turn in session.turns.values() if turn.start <= fact.at]
        turn = open_ones[-1] if open_ones and not fact.prompt else None
    if turn is None or fact.agent_id:
        return
    watchdog.interrupted(session, turn, fact.at)
    turn.stop, turn.stop_reason, turn.error = fact.at, EndReason.INTERRUPTED, ""
    turn.last = max(turn.last, fact.at)
    if turn.prompt == session.current and not turn.fixed:
        session.last_stop = max(session.last_stop, fact.at)
        session.failure = ""
    after = [other for other in session.turns.values() if other.start >= fact.at and other.prompt != turn.prompt]
    if after and after[0].kind not in MACHINE_MADE:  # the next prompt was told of before this
        after[0].idle_before = after[0].start - fact.at


def fix(turn: Turn, at: int, reason: EndReason) -> None:
    """The turn is over; its exact end is known once the transcript has been read past `at`."""
    turn.fixed, turn.fixed_by = at, reason


def end_of(turn: Turn) -> tuple[int, EndReason]:
    """When and why a fixed turn ended."""
    if turn.stop and (turn.stop <= turn.fixed or turn.stop_reason is EndReason.INTERRUPTED):
        return turn.stop, turn.stop_reason
    if turn.fixed_by in {EndReason.SESSION_END, EndReason.CLIENT_GONE}:
        return max(turn.fixed, turn.start), turn.fixed_by
    return turn.last, turn.fixed_by


def had_stopped(turn: Turn, at: int) -> bool:
    """Whether a Stop may have ended it before `at`."""
    return any(0 < stop <= at for stop in (turn.stop, *(former.at for former in turn.stops)))


def hand_over(turn: Turn, later: Turn) -> None:
    """What came to a turn since another had begun was that one's: all after the last Stop before its start."""
    at = later.start
    later.events = [event for event in turn.events if event.at >= at]
    turn.events = [event for event in turn.events if event.at < at]
    if turn.last > at:
        later.last, later.effort = turn.last, turn.effort
    if turn.stop > at:
        if turn.fixed > at:
            fix(later, turn.fixed, turn.fixed_by)
            fix(turn, at, EndReason.NEXT_PROMPT)
        later.stop, later.stop_reason, later.error = turn.stop, turn.stop_reason, turn.error
        later.stops = [stop for stop in turn.stops if stop.at > at]
        *turn.stops, end = [stop for stop in turn.stops if stop.at <= at]
        turn.stop, turn.stop_reason, turn.error = end.at, end.reason, end.error
    turn.last = turn.stop


def may_be_over(turn: Turn) -> bool:
    """Whether nothing has come since what may be its end. What still comes of one that was interrupted is late."""
    if turn.fixed or turn.stop_reason is EndReason.INTERRUPTED:
        return True
    return bool(turn.stop) and turn.last <= turn.stop


def outcome_of(reason: EndReason) -> Outcome:
    """The turn's outcome for an end reason."""
    return {
        EndReason.STOP: Outcome.SUCCESS,
        EndReason.STOP_FAILURE: Outcome.ERROR,
        EndReason.INTERRUPTED: Outcome.INTERRUPTED,
        EndReason.SESSION_END: Outcome.INTERRUPTED,
        EndReason.CLIENT_GONE: Outcome.INTERRUPTED,
    }.get(reason, Outcome.UNKNOWN)


def write(step: Step, turn: Turn) -> None:
    """Writes the span of a turn whose end is certain, and adds the turn to the sums."""
    session = step.session
    end, reason = end_of(turn)
    end = max(end, turn.start)
    outcome = outcome_of(reason)
    own = places.of_turn(turn)
    session.turns.pop(turn.prompt, None)
    session.done[turn.prompt] = own
    bound(session.done, KEPT_PLACES)
    if session.current == turn.prompt:
        session.current = ""
    session.turns_finished += 1
    step.close(
        open_spans.of_turn(turn),
        end,
        _attributes(turn, outcome, reason),
        status=STATUS_ERROR if outcome is Outcome.ERROR else STATUS_UNSET,
        links=tuple(turn.links),
        events=(*turn.events, *attempts.events(attempts.take(session, "", end))),
    )
    _measure(step, turn, end, outcome, own)


def _attributes(turn: Turn, outcome: Outcome, reason: EndReason) -> Attributes:
    attributes = tally_attributes(turn.tally)
    attributes |= {
        sc.GEN_AI_OPERATION_NAME: "invoke_agent",
        sc.OUTCOME: outcome.value,
        sc.END_REASON: reason.value,
        sc.ERROR_TYPE: turn.error if outcome is Outcome.ERROR else "",
        sc.EFFORT: turn.effort,
        sc.COMMAND_NAME: turn.command_name,
        sc.PROMPTS: turn.prompts,
        sc.INPUT_SIZE: turn.size,
    }
    if turn.idle_before:
        attributes[sc.IDLE_BEFORE] = turn.idle_before / NANO
    if turn.start_inferred:
        attributes[sc.START_INFERRED] = True
    if reason not in {EndReason.STOP, EndReason.STOP_FAILURE, EndReason.INTERRUPTED}:
        attributes[sc.END_INFERRED] = True
    return attributes


def tally_attributes(tally: Tally) -> Attributes:
    """The counts as span attributes."""
    attributes: Attributes = {
        sc.TOOLS: tally.tools,
        sc.TOOLS_FAILED: tally.failed,
        sc.MODEL_CALLS: tally.model_calls,
    }
    if tally.subagents:
        attributes[sc.SUBAGENTS] = tally.subagents
    if tally.model_calls:
        attributes[sc.TOTAL_INPUT_TOKENS] = tally.whole_input
        attributes[sc.TOTAL_OUTPUT_TOKENS] = tally.output_tokens
        attributes[sc.TOTAL_CACHE_READ] = tally.cache_read_tokens
        attributes[sc.TOTAL_CACHE_WRITE] = tally.cache_write_tokens
        attributes[sc.TOTAL_COST_USD] = tally.cost_nano / NANO
    return attributes


def _measure(step: Step, turn: Turn, end: int, outcome: Outcome, own: Place) -> None:
    step.count(
        "hookspan.turn.finished",
        1,
        (sc.OUTCOME, outcome.value),
        (sc.PERMISSION_MODE, turn.permission_mode),
        (sc.ERROR_TYPE, turn.error if outcome is Outcome.ERROR else ""),
        place=own,
        at=end,
    )
    measure_agent(step, turn.agent, end - turn.start, outcome, turn.tally, own, end, turn.error)
    if turn.idle_before:
        step.count("hookspan.user.idle", turn.idle_before / NANO, place=own, at=turn.start)
        _count_time(step, TimeKind.USER, turn.idle_before, own, turn.start)
    step.session.going_on[turn.prompt] = GoingOn(
        start=turn.start,
        end=end,
        intervals=turn.intervals,
        beside=turn.beside,
        past=turn.past,
        waited=turn.waited,
    )
    count_time(step)


def measure_agent(
    step: Step, name: str, length: int, outcome: Outcome, tally: Tally, own: Place, at: int, error: str = ""
) -> None:
    """A turn or a subagent in the conventions' metrics of agents. `length`: nanoseconds; `error`: why it failed."""
    agent = (sc.GEN_AI_AGENT_NAME, name)
    why = (sc.ERROR_TYPE, error if outcome is Outcome.ERROR else "")
    step.count("gen_ai.invoke_agent.duration", max(0, length) / NANO, agent, why, place=own, at=at)
    step.count("gen_ai.invoke_agent.inference_calls", tally.model_calls, agent, place=own, at=at)
    step.count("gen_ai.invoke_agent.tool_calls", tally.tools, agent, place=own, at=at)


def spend(step: Step, agent_id: str, place: Place, rank: int, start: int, end: int) -> None:
    """Records what a turn or one of its subagents spent time on, from start to end.

    A wait counts at once, less what others of the turn that overlap it have counted, all else at the turn's end.
    """
    session = step.session
    turn = session.turns.get(place.prompt)
    timed = turn or session.going_on.get(place.prompt)
    if timed is None and agent_id in session.agents:  # of a turn that is over and counted: it was sent another message
        began = session.agents[agent_id].start
        timed = session.going_on[place.prompt] = GoingOn(start=began, end=began)
    if agent_id and timed:
        times.remember(timed, timed.beside, rank, start, end)
    elif turn:
        times.remember(turn, turn.intervals, rank, start, end)
    if timed:
        times.sum_up(timed, timed.start, _end_so_far(timed))
    if rank == times.WAIT:
        more = end - start
        if timed:
            more = max(0, times.waited(timed, start, end) - timed.waited)
            timed.waited += more
        _count_time(step, TimeKind.WAIT, more, places.of_prompt(step.session, place.prompt), end)


def _end_so_far(turn: Turn | GoingOn) -> int:
    if isinstance(turn, GoingOn):
        return turn.end
    return turn.stop if turn.stop >= turn.last else sys.maxsize


def count_time(step: Step, *, ended: bool = False) -> None:
    """Counts the time of finished turns none of whose subagents is at work any more.

    Between two of a workflow none is, and whether somebody notices that depends on who looks: its turn waits until the
    workflow is over, unless the session has `ended`, or too many turns wait.
    """
    session = step.session
    at_work = {agent.place.prompt for agent in session.agents.values()}
    if not ended and len(session.going_on) <= KEPT_GOING_ON:
        runs = [run for run in session.workflows.values() if not run.over]
        at_work |= {places.of_run(session, run).prompt for run in runs}
    for prompt in session.going_on.keys() - at_work:
        turn = session.going_on.pop(prompt)
        place = session.done.get(prompt) or places.of_session(session)
        spent = times.spent(turn.intervals, turn.beside, turn.start, turn.end, turn.past)
        spent[TimeKind.WAIT] -= turn.waited
        for kind, nanoseconds in spent.items():
            _count_time(step, kind, nanoseconds, place, turn.end)


def _count_time(step: Step, kind: TimeKind, nanoseconds: int, place: Place, at: int) -> None:
    if nanoseconds > 0:
        step.count("hookspan.time", nanoseconds / NANO, (sc.TIME_KIND, kind.value), place=place, at=at)
