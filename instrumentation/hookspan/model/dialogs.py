"""Dialogs: the user is asked whether a tool may run, or something by an MCP server. Each is a span of its own."""

from __future__ import annotations

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Decision
from hookspan.wire.facts import Running
from hookspan.wire.reduced import Reduced

from . import agents, open_spans, places, times, turns
from .state import Place, ToolCall, Wait
from .step import NANO, Step


def asked(step: Step, event: Reduced) -> None:
    """PermissionRequest: it has no tool_use_id, but the very input of the call it is about."""
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
    )
    taken = {other.tool_use_id for other in session.waits}
    for call in session.calls.values():
        if call.id not in taken and not call.resolved and fits(wait, call):
            wait.tool_use_id = call.id
            break
    session.waits.append(wait)


def elicited(step: Step, event: Reduced) -> None:
    """Elicitation: an MCP server asks the user."""
    step.session.waits.append(
        Wait(
            at=event.at,
            tool="elicitation",
            agent_id=event.agent_id,
            prompt=event.prompt,
            mcp_server=event.mcp_server,
            elicitation=True,
        )
    )


def answered(step: Step, event: Reduced) -> None:
    """ElicitationResult."""
    for wait in step.session.waits:
        if wait.elicitation and wait.mcp_server == event.mcp_server:
            decision = {"accept": Decision.APPROVED, "decline": Decision.REFUSED}.get(event.action, Decision.ABORTED)
            place = (
                agents.place_of_event(step, event) if event.agent_id else places.of_prompt(step.session, event.prompt)
            )
            write(step, wait, place, event.at, decision)
            return


def running(step: Step, fact: Running) -> None:
    """A child process of the client started after a dialog opened, so this dialog may have been answered.

    Facts in older journals don't name the dialog: then it is the one that has been open longest.
    """
    for wait in step.session.waits:
        if not wait.running_at and wait.at < fact.at and not wait.elicitation and fact.asked in {0, wait.at}:
            wait.running_at = fact.at
            break


def still_waiting(step: Step) -> None:
    """Notification{permission_prompt}: a dialog is still open, whatever started in the meantime."""
    if len(step.session.waits) == 1:
        step.session.waits[0].running_at = 0


def forget_answered(step: Step, agent_id: str, before: int) -> None:
    """Drops dialogs that were answered and whose call is unknown or already closed."""
    session = step.session
    session.waits = [
        wait
        for wait in session.waits
        if wait.elicitation or wait.agent_id != agent_id or wait.at >= before or wait.tool_use_id in session.calls
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
    """The open dialog about a call: the one that is known to be, else the first that may be."""
    waits = step.session.waits
    for wait in waits:
        if wait.tool_use_id == call.id:
            return wait
    for wait in waits:
        if not wait.tool_use_id and fits(wait, call):
            return wait
    return None


def write(step: Step, wait: Wait, place: Place, end: int, decision: Decision) -> None:
    """Writes the span of a dialog that was answered at `end`, counts how long that took, and forgets it."""
    session = step.session
    session.waits.remove(wait)
    opened = open_spans.of_wait(session, wait, place)
    end = max(end, wait.at)
    step.close(opened, end, {sc.DECISION: decision.value})
    step.add(
        "hookspan.permission.wait",
        (end - wait.at) / NANO,
        (sc.GEN_AI_TOOL_NAME, wait.tool),
        (sc.DECISION, decision.value),
        place=place,
        own_id=opened.span_id,
        at=end,
    )
    if decision is not Decision.AUTO_DENIED:  # no human was asked
        turns.spend(step, wait.agent_id, place, times.WAIT, wait.at, end)
