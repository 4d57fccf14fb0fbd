"""Tool calls, from their start to their end.

A tool's span is the time it ran: its end minus the client's own `duration_ms`. Waiting for a person is a span of its
own beside it, so that a search for slow tools finds no lunch breaks. A call that never ran is a span of length 0.
"""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.claude_code import READING_TOOLS
from hookspan.catalogue.clients import AWAITS_AGENTS
from hookspan.catalogue.enums import Basis, Decision, ErrorType, Outcome, WasteKind
from hookspan.wire.facts import Rejection, ToolResult
from hookspan.wire.reduced import VERDICT_DENIED, VERDICT_HOOK, VERDICT_INVALID, VERDICT_REJECTED, Call, Reduced

from . import (
    agents,
    children,
    collisions,
    commits,
    dialogs,
    ids,
    logs,
    open_spans,
    places,
    teams,
    times,
    turns,
    waste,
    watchdog,
)
from .rows import STATUS_ERROR, STATUS_UNSET, Attributes
from .state import KEPT_CLOSED, KEPT_PLACES, Place, SessionState, Tally, ToolCall, Wait, Wasted, bound
from .step import NANO, Step

_WASTE: Final = {Outcome.ERROR: WasteKind.FAILED, Outcome.DENIED: WasteKind.DENIED}
REORDER: Final = 2 * NANO
"""Within 2 s the order of arrival is not reliable: hooks run in parallel, and lines may come from a stray file."""


def started(step: Step, event: Reduced) -> None:
    """PreToolUse."""
    session = step.session
    call = session.calls.get(event.tool_use_id)
    if call is None:
        if _is_closed(step, event):
            return
        call = session.calls[event.tool_use_id] = ToolCall(id=event.tool_use_id, tool=event.tool)
    if call.at:
        return
    call.at, call.record, call.begins = event.at, step.number, event.begins
    _describe(step, call, event)
    for wait in session.waits:
        if not wait.tool_use_id and dialogs.fits(wait, call):
            wait.tool_use_id = call.id
            break
    if call.post and not _is_awaited(session, call):
        finish(step, call)


def _is_closed(step: Step, event: Reduced) -> bool:
    """Whether this call's span is written. Models may repeat an id, so one closed long ago is another call."""
    closed = step.session.closed.get(event.tool_use_id)
    return closed is not None and event.at <= closed + REORDER


def _describe(step: Step, call: ToolCall, event: Reduced) -> None:
    call.agent_id = event.agent_id
    call.mode = event.permission_mode
    call.prompt = event.prompt
    call.program, call.extension, call.mcp_server = event.program, event.extension, event.mcp_server
    call.digest, call.input_size, call.label = event.input_digest, event.input_size, event.label
    call.background = call.background or event.background
    if event.agent_id:
        agents.place_of_event(step, event)
    else:
        turns.active(step, event)
    collisions.begun(step, call, event)


def ended(step: Step, event: Reduced) -> None:
    """PostToolUse, PostToolUseFailure, PermissionDenied. Before its PreToolUse it waits for that."""
    session = step.session
    call = session.calls.get(event.tool_use_id)
    if call is None:
        if _is_closed(step, event):
            return
        call = session.calls[event.tool_use_id] = ToolCall(id=event.tool_use_id, tool=event.tool)
    if call.post:
        return
    call.post = event
    call.background = call.background or event.background
    collisions.read(step, event)
    if call.at and not _is_awaited(session, call):
        finish(step, call)


def _is_awaited(session: SessionState, call: ToolCall) -> bool:
    """Whether a call that ended waits for what its transcript says of that or of its turn, for REORDER at most."""
    if call.post is None:
        return False
    return (call.post.awaits_result and call.exit_code < 0) or teams.may_be_answer(session, call)


def told(step: Step, fact: ToolResult) -> None:
    """The transcript tells of a call's result. One whose end no hook has told by then failed."""
    call = step.session.calls.get(fact.tool_use_id)
    if call is None:
        return
    if not fact.over:
        call.exit_code, call.ran_ms = fact.exit_code, fact.duration_ms
    if call.post and call.at:
        finish(step, call)
    elif fact.over and not call.post:
        failed: Attributes = {sc.ERROR_TYPE: ErrorType.TOOL_ERROR.value}
        start = call.begins or call.at
        if wait := dialogs.of_call(step, call):
            decision = Decision.APPROVED if wait.running_at else Decision.UNKNOWN
            start = _close_dialog(step, call, wait, fact.at, decision, Basis.TRANSCRIPT, failed)
        if not call.program:
            collisions.never_ran(step, call)
        _write(step, call, start, fact.at, Outcome.ERROR, failed)


def listed(step: Step, event: Reduced) -> None:
    """PostToolBatch: all calls of one answer are over; those that never ran are reported nowhere else."""
    session = step.session
    for entry in event.calls:
        call = session.calls.get(entry.tool_use_id)
        if call is None:
            if not entry.verdict or entry.tool_use_id in session.closed:
                continue
            call = session.calls[entry.tool_use_id] = _unheard(step, entry, event)
        if entry.verdict and not call.resolved:
            watchdog.refused(step, call, entry)
        call.resolved = event.at
        call.verdict = entry.verdict
    watchdog.answered(step, event.agent_id)
    dialogs.forget_answered(step, event.agent_id, event.at)
    session.batches[event.agent_id] = max(event.at, session.batches.get(event.agent_id, 0))
    bound(session.batches, KEPT_PLACES)


def _unheard(step: Step, entry: Call, event: Reduced) -> ToolCall:
    call = ToolCall(id=entry.tool_use_id, tool=entry.tool, mcp_server=entry.mcp_server)
    call.agent_id, call.prompt = event.agent_id, event.prompt
    if not event.agent_id:
        turns.active(step, event)
    return call


def rejected(step: Step, fact: Rejection) -> None:
    """The transcript says that a call was rejected, in its dialog or while it ran. No event will follow."""
    call = step.session.calls.get(fact.tool_use_id)
    if call is None or call.post:
        return
    call.rejection = fact
    if fact.never_ran:
        _write_never_ran(step, call, min(fact.at, call.resolved or fact.at))
    else:
        _write_cut_off(step, call, fact.at, Outcome.INTERRUPTED)


def is_unexplained(session: SessionState, now: int) -> bool:
    """Whether a call is to be closed at `now` by its batch alone, though a transcript may say when and why it ended."""
    for call in session.calls.values():
        is_over = _is_awaited(session, call) or (call.resolved and not call.post)
        if is_over and now > (call.post.at if call.post else call.resolved) + REORDER:
            return True
    return False


def _is_written(session: SessionState, call: ToolCall) -> bool:
    """Whether an end alone is of a call whose span there is, as of a command that outlived its turn.

    Its start may still come, if it is another call of that id.
    """
    return call.post is not None and not call.at and call.id in session.closed


def flush(step: Step, now: int, *, of: str | None = None) -> None:
    """Closes calls of which nothing is awaited any more at `now`, and all that are over of the prompt `of`."""
    session = step.session
    for call in list(session.calls.values()):
        if call.post and _is_written(session, call):
            if now > call.post.at + REORDER:
                del session.calls[call.id]
            continue
        is_whole = call.post and call.at and not _is_awaited(session, call)
        if call.post and (is_whole or call.prompt == of or now > call.post.at + REORDER):
            finish(step, call)
        elif call.resolved and (call.prompt == of or now > call.resolved + REORDER):
            if call.verdict:
                _write_never_ran(step, call, call.resolved)
            else:
                _write(step, call, call.at or call.resolved, call.resolved, Outcome.UNKNOWN, {sc.END_INFERRED: True})


def finish(step: Step, call: ToolCall) -> None:
    """Writes a call that an event ended."""
    event = call.post
    if event is None:
        return
    inferred = not call.at
    if inferred:
        _describe(step, call, event)
    watchdog.ended(step, call, event)
    if event.event == "PermissionDenied":
        _write_never_ran(step, call, event.at)
        return
    wait = dialogs.of_call(step, call)
    start, told = _begin(call, wait, event)
    attributes: Attributes = {} if told is Basis.HOOK or _is_told(wait) else {sc.START_INFERRED: True}
    if wait:
        start = min(max(start, wait.at), max(event.at, wait.at))
        place = places.of_call(step.session, call)
        dialogs.write(step, wait, place, start, Decision.APPROVED, told or Basis.HOOK)
        attributes[sc.WAITED] = (start - wait.at) / NANO
    outcome, how = _ended_how(call, event)
    attributes |= how
    if inferred and event.duration_ms < 0:
        attributes[sc.START_INFERRED] = True
    attributes[sc.OUTPUT_SIZE] = event.output_size
    attributes |= _repeated(step, call, event)
    attributes |= commits.told(step, event)
    _remember_children(step, call, event)
    _count_lines(step, call, event)
    collisions.done(step, call, event)
    _write(step, call, start, event.at, outcome, attributes)


def _ended_how(call: ToolCall, event: Reduced) -> tuple[Outcome, Attributes]:
    """The outcome of a call that an event ended, and what tells of a failure."""
    if event.interrupted:
        return Outcome.INTERRUPTED, {}
    code = event.exit_code if event.exit_code >= 0 else call.exit_code
    error = event.error or ("exit_nonzero" if call.exit_code > 0 else "")
    if not error and event.event != "PostToolUseFailure":
        return Outcome.SUCCESS, {}
    told: Attributes = {sc.ERROR_TYPE: error or ErrorType.TOOL_ERROR.value}
    return Outcome.ERROR, told | ({sc.EXIT_CODE: code} if code >= 0 else {})


def _repeated(step: Step, call: ToolCall, event: Reduced) -> Attributes:
    is_repeated = call.tool in READING_TOOLS and waste.is_repeated(
        step.session, call.agent_id, call.digest, event.output_digest
    )
    return {sc.REPEATED: True} if is_repeated and not event.interrupted else {}


def _begin(call: ToolCall, wait: Wait | None, event: Reduced) -> tuple[int, Basis | None]:
    """When a call began that an event ended, and what tells that; None for a guess."""
    if event.duration_ms >= 0:
        return event.at - round(event.duration_ms * 1e6), Basis.HOOK
    if wait is None:
        return call.begins or call.at or event.at, Basis.HOOK if call.begins else None
    if wait.running_at:
        return wait.running_at, Basis(wait.basis)
    if call.ran_ms >= 0:
        return event.at - round(call.ran_ms * 1e6), Basis.TRANSCRIPT
    return call.at or event.at, None


def _is_told(wait: Wait | None) -> bool:
    """Whether the transcript itself says when a dialog was answered."""
    return wait is not None and bool(wait.running_at) and wait.basis == Basis.TRANSCRIPT


def _remember_children(step: Step, call: ToolCall, event: Reduced) -> None:
    """What this call started goes on under its span: a subagent, or a background task whose end is a new prompt."""
    if event.child_agent:
        agents.bind_by_id(step, event.child_agent, call, call.at or event.at - max(0, round(event.duration_ms * 1e6)))
    if event.teammate:
        teams.spawned(step, event, call)
    if event.workflow:
        agents.workflow_started(step, event, call)
    if event.background:
        place = places.of_call(step.session, call)
        own = Place(place.trace_id, ids.of_tool(step.session.id, call.id), place.prompt, place.agent)
        for name in {event.task, event.child_agent, call.id} - {""}:
            step.session.tasks[name] = own
        bound(step.session.tasks, KEPT_PLACES)


def _count_lines(step: Step, call: ToolCall, event: Reduced) -> None:
    place = places.of_call(step.session, call)
    for kind, lines in (("added", event.lines_added), ("removed", event.lines_removed)):
        if lines:
            own = ids.of_tool(step.session.id, call.id)
            step.count("hookspan.lines", lines, (sc.LINES_TYPE, kind), place=place, own_id=own, at=event.at)


def _write_cut_off(step: Step, call: ToolCall, at: int, outcome: Outcome) -> None:
    """A call that ran until its user stopped it, or until the turn or subagent ended.

    If it needed an approval, its start is known only if the transcript tells of that; a child process of the client's
    that was seen is a sign of it.
    """
    attributes: Attributes = {} if outcome is Outcome.INTERRUPTED else {sc.END_INFERRED: True}
    start = call.at or at
    if wait := dialogs.of_call(step, call):
        start = _close_dialog(step, call, wait, at, Decision.APPROVED, _basis_of_end(call), attributes)
    _write(step, call, start, at, outcome, attributes)


def _close_dialog(
    step: Step, call: ToolCall, wait: Wait, at: int, decision: Decision, basis: Basis, attributes: Attributes
) -> int:
    """Writes the dialog of a call that no hook ended, but `at` at the latest; returns when it was answered.

    Adds what the call's span has of it to `attributes`. `basis`: what told the end, if nothing told the answer.
    """
    end = max(min(wait.running_at, at) if wait.running_at else at, wait.at)
    if not _is_told(wait):
        attributes[sc.START_INFERRED] = True
    attributes[sc.WAITED] = (end - wait.at) / NANO
    basis = Basis(wait.basis) if wait.running_at else basis
    dialogs.write(step, wait, places.of_call(step.session, call), end, decision, basis)
    return end


def _write_never_ran(step: Step, call: ToolCall, at: int, cut_off: Outcome | None = None) -> None:
    """A call that was stopped before it began; `cut_off` is the outcome of one whose dialog nobody answered."""
    collisions.never_ran(step, call)
    fact, verdict = call.rejection, call.verdict
    decision = ""
    by_hook = verdict == VERDICT_HOOK or (fact is not None and fact.source == "hook")
    if cut_off:
        outcome, decision = cut_off, Decision.ABORTED.value
    elif by_hook:
        outcome = Outcome.DENIED
    elif verdict == VERDICT_INVALID and not fact:
        outcome = Outcome.ERROR
    else:
        outcome = Outcome.DENIED
        decision = _decision(step, call)
    wait = dialogs.of_call(step, call)
    attributes: Attributes = {
        sc.NEVER_RAN: True,
        sc.DECISION: decision,
        sc.ERROR_TYPE: ErrorType.TOOL_ERROR.value if outcome is Outcome.ERROR else "",
    }
    if by_hook:
        attributes[sc.BLOCKED_BY_HOOK] = True
    if wait:
        if decision != Decision.AUTO_DENIED:
            attributes[sc.WAITED] = max(0, at - wait.at) / NANO
        place, answer = places.of_call(step.session, call), Decision(decision) if decision else Decision.REFUSED
        basis = Basis.REGISTRY if cut_off and wait.over else _basis_of_end(call)
        dialogs.write(step, wait, place, at, answer, basis)
    _write(step, call, at, at, outcome, attributes)


def _basis_of_end(call: ToolCall) -> Basis:
    return Basis.TRANSCRIPT if call.rejection else Basis.HOOK


def _decision(step: Step, call: ToolCall) -> str:
    """Who said no. A client without a terminal (its entry point is an SDK's) asks nobody."""
    fact = call.rejection
    if fact:
        if fact.source and not fact.source.startswith("user"):
            return Decision.AUTO_DENIED
        return Decision.REFUSED if fact.feedback or fact.source else Decision.ABORTED
    if call.verdict == VERDICT_REJECTED and not step.session.entrypoint.startswith("sdk"):
        return Decision.REFUSED
    if call.verdict in {VERDICT_REJECTED, VERDICT_DENIED} or (call.post and call.post.event == "PermissionDenied"):
        return Decision.AUTO_DENIED
    return Decision.ABORTED


def close_open(step: Step, prompt: str, at: int, outcome: Outcome, *, agent_id: str = "") -> None:
    """Closes calls of a turn (or of a subagent) that nothing ended, at the end of what they ran in."""
    for call in list(step.session.calls.values()):
        if call.agent_id == agent_id and (not prompt or call.prompt == prompt):
            if _is_written(step.session, call):
                del step.session.calls[call.id]
                continue
            wait = dialogs.of_call(step, call)
            if call.post:
                finish(step, call)
            elif wait and not wait.running_at:
                _write_never_ran(step, call, min(at, wait.over) if wait.over else at, outcome)
            else:
                _write_cut_off(step, call, at, outcome)


def _write(step: Step, call: ToolCall, start: int, end: int, outcome: Outcome, attributes: Attributes) -> None:
    """Writes the span of a call, counts it, and forgets it but for its id."""
    session = step.session
    end = max(start, end)
    dialogs.close_inside(step, call, end, outcome)
    opened = open_spans.of_tool(session, call)
    place, own = opened.place, opened.span_id
    session.calls.pop(call.id, None)
    session.closed[call.id] = max(end, step.now)
    bound(session.closed, KEPT_CLOSED)
    if not call.at:
        attributes.setdefault(sc.START_INFERRED, sc.NEVER_RAN not in attributes)
    if not call.agent_id and call.prompt in session.done:
        attributes[sc.LATE] = True
    error, never_ran = attributes.get(sc.ERROR_TYPE), sc.NEVER_RAN in attributes
    whole: Attributes = {
        sc.GEN_AI_OPERATION_NAME: "execute_tool",
        sc.GEN_AI_TOOL_TYPE: "extension" if call.mcp_server else "function",
        sc.OUTCOME: outcome.value,
        sc.INPUT_SIZE: call.input_size,
        **attributes,
    }
    if call.background:
        whole[sc.BACKGROUND] = True
    if call.waited:
        whole[sc.WAITED_INSIDE] = call.waited / NANO
    status = STATUS_ERROR if outcome is Outcome.ERROR else STATUS_UNSET
    step.close(opened, end, whole, start=start, status=status, links=tuple(call.links))
    children.closed(session, call, place)
    own_place = Place(place.trace_id, own, place.prompt, place.agent)
    logs.finished(step, call, own_place, start, end, whole)
    _count_waste(step, call, start, end, outcome, whole)
    failed = outcome is Outcome.ERROR
    for tally in _tallies(step, call, place):
        tally.tools += 1
        tally.failed += failed
    step.count(
        "hookspan.tool.calls",
        1,
        (sc.GEN_AI_TOOL_NAME, call.tool),
        (sc.OUTCOME, outcome.value),
        (sc.ERROR_TYPE, str(error or "")),
        (sc.NEVER_RAN, "true" if never_ran else ""),
        place=place,
        own_id=own,
        at=end,
    )
    if call.collision:
        step.count("hookspan.collisions", 1, (sc.COLLISION, call.collision), place=place, own_id=own, at=end)
    if not never_ran:
        tool = sc.GEN_AI_TOOL_NAME, call.tool
        step.count(
            "gen_ai.execute_tool.duration",
            (end - start) / NANO,
            tool,
            (sc.GEN_AI_TOOL_TYPE, str(whole[sc.GEN_AI_TOOL_TYPE])),
            (sc.GEN_AI_AGENT_NAME, place.agent or session.agent),
            (sc.ERROR_TYPE, str(error or "")),
            place=place,
            own_id=own,
            at=end,
        )
        step.count(
            "hookspan.tool.duration",
            max(0, end - start - call.waited) / NANO,
            tool,
            (sc.MCP_SERVER, call.mcp_server),
            place=place,
            own_id=own,
            at=end,
        )
        rank = times.FRAME if call.tool in AWAITS_AGENTS else times.TOOL
        turns.spend(step, call.agent_id, place, rank, start, end)


def _count_waste(step: Step, call: ToolCall, start: int, end: int, outcome: Outcome, attributes: Attributes) -> None:
    """What of the call was for nothing, and how long somebody was asked; that is in the waste of a refused one."""
    what = waste.named(call.tool, call.program)
    waited = attributes.get(sc.WAITED, 0)
    asked = call.waited + (round(waited * NANO) if isinstance(waited, int | float) else 0)
    kind = _WASTE.get(outcome) or (WasteKind.REPEATED if sc.REPEATED in attributes else None)
    if kind is None:
        waste.ended(step, call.id, None)
    else:
        took = asked if kind is WasteKind.DENIED else end - start - call.waited
        waste.ended(step, call.id, Wasted(kind=kind.value, what=what, at=end, took=took, agent_id=call.agent_id))
    if asked and kind is not WasteKind.DENIED:
        waste.asked(step, what, end, asked)
    if sc.NEVER_RAN not in attributes:
        waste.used_tool(step, call.tool, end)


def _tallies(step: Step, call: ToolCall, place: Place) -> list[Tally]:
    session = step.session
    tallies = [session.tally]
    if call.agent_id:
        if agent := session.agents.get(call.agent_id):
            tallies.append(agent.tally)
    elif turn := session.turns.get(place.prompt):
        tallies.append(turn.tally)
    return tallies
