"""Dialogs: the user is asked whether a tool may run, or something by an MCP server. Each is a span of its own."""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Basis, Decision, Outcome
from hookspan.wire.facts import Permitted, Running
from hookspan.wire.reduced import Reduced

from . import agents, logs, open_spans, places, times, turns
from .state import Place, ToolCall, Wait
from .step import NANO, Step

SHELL_TOOLS: Final = frozenset({"Bash", "PowerShell"})
"""Tools that run a command, in a sandbox where that is set."""


def asked(step: Step, event: Reduced) -> None:
    """PermissionRequest. Where it has no tool_use_id, it has the very input of the call it is about."""
    session = step.session
    if session.ended or event.at < session.batches.get(event.agent_id, 0):
        return  # late: it was answered before
    wait = Wait(
        at=event.at,
        tool=event.tool,
        agent_id=event.agent_id,
        digest=event.input_digest,
        prompt=event.prompt,
        mcp_server=event.mcp_server,
        tool_use_id=event.tool_use_id,
    )
    taken = {other.tool_use_id for other in session.waits}
    for call in () if wait.tool_use_id else session.calls.values():
        if call.id not in taken and not call.resolved and fits(wait, call):
            wait.tool_use_id = call.id
            break
    session.waits.append(wait)


def elicited(step: Step, event: Reduced) -> None:
    """Elicitation: an MCP server asks the user."""
    wait = Wait(
        at=event.at,
        tool="elicitation",
        agent_id=event.agent_id,
        prompt=event.prompt,
        mcp_server=event.mcp_server,
        elicitation=True,
    )
    calls = [call for call in _running(step) if call.agent_id == wait.agent_id and call.mcp_server == wait.mcp_server]
    if len(calls) == 1:
        wait.tool_use_id = calls[0].id
    step.session.waits.append(wait)


def sandbox_asked(step: Step, at: int) -> None:
    """A sandboxed command wants what it may not, as the registry says: no hook tells, nor whose command it is."""
    wait = Wait(at=at, tool="sandbox", prompt=step.session.current, sandbox=True)
    calls = [call for call in _running(step) if call.tool in SHELL_TOOLS]
    if len(calls) == 1:
        (call,) = calls
        wait.tool_use_id, wait.agent_id, wait.prompt = call.id, call.agent_id, call.prompt
    step.session.waits.append(wait)


def sandbox_answered(step: Step, wait: Wait, at: int) -> None:
    """The client goes on. Whether it was a yes or a no is known when the command has ended, if it is known whose."""
    wait.over = at
    if wait.tool_use_id not in step.session.calls:
        place = places.of_wait(step.session, wait)
        write(step, wait, place, at, Decision.UNKNOWN, Basis.REGISTRY)


def _running(step: Step) -> list[ToolCall]:
    """Calls that run: those that nobody was asked about, or that were approved as far as that is known."""
    asked_about = {wait.tool_use_id for wait in step.session.waits if not wait.inside and not wait.running_at}
    return [
        call
        for call in step.session.calls.values()
        if call.at and not call.post and not call.resolved and call.id not in asked_about
    ]


def answered(step: Step, event: Reduced) -> None:
    """ElicitationResult."""
    for wait in step.session.waits:
        if wait.elicitation and wait.mcp_server == event.mcp_server:
            decision = {"accept": Decision.APPROVED, "decline": Decision.REFUSED}.get(event.action, Decision.ABORTED)
            place = (
                agents.place_of_event(step, event) if event.agent_id else places.of_prompt(step.session, event.prompt)
            )
            write(step, wait, place, event.at, decision, Basis.HOOK)
            return


def running(step: Step, fact: Running) -> None:
    """A child process of the client started after a dialog opened, so this dialog may have been answered.

    Facts in older journals don't name the dialog: then it is the one that has been open longest.
    """
    for wait in step.session.waits:
        if not wait.running_at and wait.at < fact.at and not wait.inside and fact.asked in {0, wait.at}:
            wait.running_at, wait.basis = fact.at, Basis.PROCESS
            break


def permitted(step: Step, fact: Permitted) -> None:
    """The transcript says when a dialog about a call was answered with a yes."""
    for wait in step.session.waits:
        if wait.tool_use_id == fact.tool_use_id and not wait.inside:
            wait.running_at, wait.basis = fact.at, Basis.TRANSCRIPT


def still_waiting(step: Step) -> None:
    """Notification{permission_prompt}: a dialog is still open, whatever started in the meantime.

    It comes six seconds late, also when the dialog is gone by then: the registry knows better.
    """
    if len(step.session.waits) == 1 and not step.session.clients:
        step.session.waits[0].running_at = 0


def forget_answered(step: Step, agent_id: str, before: int) -> None:
    """Drops dialogs that were answered and whose call is unknown or already closed."""
    session = step.session
    session.waits = [
        wait
        for wait in session.waits
        if wait.inside or wait.agent_id != agent_id or wait.at >= before or wait.tool_use_id in session.calls
    ]


def pending_equal(step: Step, event: Reduced) -> int:
    """How many open calls an equal PermissionRequest could be about, less the dialogs that are open for them."""
    probe = Wait(at=0, tool=event.tool, agent_id=event.agent_id, digest=event.input_digest)
    calls = sum(1 for call in step.session.calls.values() if fits(probe, call))
    return calls - sum(
        1 for wait in step.session.waits if wait.digest == probe.digest and wait.agent_id == probe.agent_id
    )


def fits(wait: Wait, call: ToolCall) -> bool:
    """Whether a dialog may be about a call: the same tool with the very same input, by the same agent."""
    return wait.tool == call.tool and wait.agent_id == call.agent_id and wait.digest == call.digest


def of_call(step: Step, call: ToolCall) -> Wait | None:
    """The open dialog about whether a call may run: the one that is known to be, else the first that may be."""
    waits = [wait for wait in step.session.waits if not wait.inside]
    for wait in waits:
        if wait.tool_use_id == call.id:
            return wait
    for wait in waits:
        if not wait.tool_use_id and fits(wait, call):
            return wait
    return None


def close_inside(step: Step, call: ToolCall, end: int, outcome: Outcome) -> None:
    """Writes the dialogs that a call led to, at its end: until then nothing tells of a sandbox's answer.

    Of several the result of the call doesn't say which was refused.
    """
    waits = [wait for wait in step.session.waits if wait.inside and wait.tool_use_id == call.id]
    decision = Decision.UNKNOWN
    if outcome is Outcome.INTERRUPTED:
        decision = Decision.ABORTED
    elif call.post and len(waits) == 1 and waits[0].sandbox:
        decision = Decision.REFUSED if call.post.sandbox_refused else Decision.APPROVED
    for wait in waits:
        basis = Basis.REGISTRY if wait.over else Basis.HOOK
        write(step, wait, places.of_call(step.session, call), min(wait.over or end, end), decision, basis)


def write(step: Step, wait: Wait, place: Place, end: int, decision: Decision, basis: Basis) -> None:
    """Writes the span of a dialog that was answered at `end`, counts how long that took, and forgets it.

    `basis`: what told the end.
    """
    session = step.session
    session.waits.remove(wait)
    if not wait.sandbox:
        session.answered = max(session.answered, step.now)
    if wait.inside and (call := session.calls.get(wait.tool_use_id)) is not None:
        call.waited += max(0, end - wait.at)
    opened = open_spans.of_wait(session, wait, place)
    end = max(end, wait.at)
    step.close(opened, end, {sc.DECISION: decision.value, sc.BASIS: basis.value})
    if wait.inside:
        logs.answered(step, wait, Place(place.trace_id, opened.span_id, place.prompt, place.agent), end, decision)
    tool, decided = (sc.GEN_AI_TOOL_NAME, wait.tool), (sc.DECISION, decision.value)
    waited, own = (end - wait.at) / NANO, opened.span_id
    step.count("hookspan.permission.wait", waited, place=place, own_id=own, at=end)
    step.count("hookspan.permission.decisions", 1, tool, decided, place=place, own_id=own, at=end)
    if decision is not Decision.AUTO_DENIED:  # no human was asked
        turns.spend(step, wait.agent_id, place, times.WAIT, wait.at, end)
