"""Finds a span's place in the traces: below its subagent, else its turn, else its session.

Built-in commands (/clear, /compact, /exit) have prompt ids and are no turns, so what they do falls to the session.
"""

from __future__ import annotations

from . import ids
from .state import Agent, Place, SessionState, ToolCall, Turn, Wait, WorkflowRun


def of_session(session: SessionState) -> Place:
    """Below the span of the session's run, in the session's own trace."""
    return Place(ids.trace_id(session.id), ids.of_session(session.id, session.opened), "", session.agent)


def of_turn(turn: Turn) -> Place:
    """Below a turn."""
    return Place(turn.trace_id, turn.span_id, turn.prompt, turn.agent)


def of_prompt(session: SessionState, prompt: str) -> Place:
    """Below the prompt's turn, open or finished, else the session."""
    turn = session.turns.get(prompt)
    if turn:
        return of_turn(turn)
    return session.done.get(prompt) or of_session(session)


def of_subagent(agent: Agent) -> Place:
    """Below a subagent."""
    return Place(agent.place.trace_id, agent.span_id, agent.place.prompt, agent.type)


def of_agent_id(session: SessionState, agent_id: str) -> Place | None:
    """Below a subagent, open or finished; None for one that is not known."""
    if not agent_id:
        return None
    agent = session.agents.get(agent_id)
    return of_subagent(agent) if agent else session.agents_done.get(agent_id)


def of_work(session: SessionState, agent_id: str, prompt: str) -> Place:
    """Below the subagent that does it, else as `of_prompt`."""
    return of_agent_id(session, agent_id) or of_prompt(session, prompt)


def of_call(session: SessionState, call: ToolCall) -> Place:
    """Of a tool call."""
    return of_work(session, call.agent_id, call.prompt)


def of_run(session: SessionState, run: WorkflowRun) -> Place:
    """Of a workflow: hooks of a subagent's call say the newest prompt, whatever turn the subagent is of."""
    return of_work(session, run.agent_id, run.prompt)


def of_wait(session: SessionState, wait: Wait) -> Place:
    """Of an open dialog: its call's, once that is known."""
    call = session.calls.get(wait.tool_use_id)
    return of_call(session, call) if call and call.at else of_work(session, wait.agent_id, wait.prompt)
