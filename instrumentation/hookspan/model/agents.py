"""Subagents: their start, the call that started them, their stop and their span.

A SubagentStart names no call. It is bound by the PostToolUse of the call (`agentId` in its response), which may come
before or after it, to the only open Agent call that can be meant, or by the subagent's `.meta.json`. One of a workflow
is bound to the Workflow call that began its run: the only run that goes on, or the one that its transcript's folder is
called after. A subagent that has stopped and starts again, after a message, has another run below the SendMessage call.
"""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import RESUMES_AGENTS, STARTS_AGENTS
from hookspan.catalogue.enums import EndReason, Outcome
from hookspan.wire.facts import AgentMeta, Interruption
from hookspan.wire.reduced import Reduced

from . import attempts, ids, open_spans, places, watchdog
from .rows import STATUS_ERROR, STATUS_UNSET, Attributes
from .state import KEPT_PLACES, Agent, Given, Place, SessionState, ToolCall, WorkflowRun, bound
from .step import Step
from .turns import count_time, measure_agent, tally_attributes

WORKFLOW_AGENT: Final = "workflow-subagent"
"""Type of a workflow's subagents, unless its script names another."""
QUIET: Final = 300_000_000
"""The client writes its last lines up to 0.1 s after the event of the same moment (seen on 2.1.331): what has stopped
counts as over so long after that, and a subagent that starts again before goes on."""


def start(step: Step, event: Reduced) -> None:
    """SubagentStart."""
    agent = _open(step, event)
    agent.type = event.agent_type or agent.type
    agent.transcript = event.agent_transcript or agent.transcript
    agent.start = min(agent.start, event.at)
    agent.start_inferred = False
    introduce(step, agent)
    if agent.stop and event.at > agent.stop:
        agent.stop, agent.failure = 0, ""  # it goes on at once, so this is no other run
        step.session.given.pop(agent.id, None)
    if agent.bound:
        return
    if agent.type == WORKFLOW_AGENT:
        if run := _only_run(step.session, agent.type):
            bind(step, agent, run.call, run.prompt, run.agent_id)
    else:
        candidates = _candidates(step.session, agent)
        if len(candidates) == 1:
            _bind_to_call(step, agent, candidates[0])
        elif candidates:
            agent.place = places.of_work(step.session, candidates[0].agent_id, candidates[0].prompt)


def resumed(session: SessionState, event: Reduced) -> Agent | None:
    """The subagent's run that has stopped for good, if an event is the start of the next one."""
    agent = session.agents.get(event.agent_id) if event.event == "SubagentStart" else None
    return agent if agent and 0 < agent.stop <= event.at - QUIET and is_over(session, agent) else None


def is_of_later_run(session: SessionState, event: Reduced, before: int) -> bool:
    """Whether the start or stop of a subagent is of a later run than the equal one of `before`."""
    agent = session.agents.get(event.agent_id)
    if event.event == "SubagentStart":
        if agent:
            return before < agent.stop < event.at
        written = event.agent_id in session.agents_done  # it had stopped by what was read then
        return written and before < session.read <= event.at
    return agent is not None and before < agent.start < event.at


def _open(step: Step, event: Reduced) -> Agent:
    session = step.session
    agent = session.agents.get(event.agent_id)
    if agent is None:
        run = session.agent_runs.pop(event.agent_id, 0)
        session.agent_runs[event.agent_id] = run + 1
        bound(session.agent_runs, KEPT_PLACES)
        begun = _only_run(session, event.agent_type)  # its events have the prompt id of whatever was typed since
        prompt = event.prompt or session.current
        parent = places.of_prompt(session, places.of_run(session, begun).prompt if begun else prompt)
        agent = Agent(
            id=event.agent_id,
            type=event.agent_type,
            start=event.at,
            place=parent,
            span_id=ids.of_subagent(session.id, event.agent_id, run),
            start_inferred=True,
        )
        session.agents[event.agent_id] = agent
        introduce(step, agent)
        turn = session.turns.get(parent.prompt)
        if turn and not turn.fixed:  # whether one that is over is written yet depends on who read what by now
            turn.tally.subagents += 1
        session.tally.subagents += 1
        if given := session.given.pop(event.agent_id, None):
            bind(step, agent, given.call, given.prompt, given.agent_id)
            agent.resumed = given.resumes
    agent.last = max(agent.last, event.at)
    return agent


def _only_run(session: SessionState, agent_type: str) -> WorkflowRun | None:
    """The run of a workflow that goes on, if there is just one that an agent of this type can be of."""
    going_on = [run for run in session.workflows.values() if not run.over]
    return going_on[0] if agent_type == WORKFLOW_AGENT and len(going_on) == 1 else None


def _candidates(session: SessionState, agent: Agent) -> list[ToolCall]:
    """The open calls that may have started a subagent, or have it go on: messages but of itself and its team."""
    tools = RESUMES_AGENTS if session.agent_runs.get(agent.id, 0) > 1 else STARTS_AGENTS
    taken = {other.tool_use_id for other in session.agents.values()}
    team = {agent.id, *(mate.agent_id for mate in session.teammates.values())}
    return [
        call
        for call in session.calls.values()
        if call.tool in tools and call.id not in taken and not (call.tool in RESUMES_AGENTS and call.agent_id in team)
    ]


def bind(step: Step, agent: Agent, tool_use_id: str, prompt: str, parent_agent_id: str) -> None:
    """Puts a subagent under the call that started it, or had it go on."""
    parent = places.of_work(step.session, parent_agent_id, prompt)
    own = ids.of_tool(step.session.id, tool_use_id)
    agent.bound = True
    agent.tool_use_id = tool_use_id
    agent.parent_agent_id = parent_agent_id
    agent.place = Place(parent.trace_id, own, parent.prompt)


def _bind_to_call(step: Step, agent: Agent, call: ToolCall) -> None:
    bind(step, agent, call.id, call.prompt, call.agent_id)
    agent.resumed = call.tool in RESUMES_AGENTS


def bind_by_id(step: Step, agent_id: str, call: ToolCall, begun: int) -> None:
    """PostToolUse of a call says which subagent it started or gave more to do, which that one may begin later.

    `begun`: when the call began. What had started by then is a run before the one that a message brings about.
    """
    session = step.session
    agent, resumes = session.agents.get(agent_id), call.tool in RESUMES_AGENTS
    if agent and (agent.start >= begun or not resumes):
        _bind_to_call(step, agent, call)
    elif resumes or agent_id not in session.agent_runs:
        session.given[agent_id] = Given(call.id, call.prompt, call.agent_id, resumes)
        bound(session.given, KEPT_PLACES)


def introduce(step: Step, agent: Agent) -> None:
    """A teammate's events have its name for its type; what it is, and which call made it, that call has told."""
    mate = step.session.teammates.get(agent.type)
    if mate is None or mate.agent_id != agent.id:
        return
    agent.teammate, agent.team, agent.type = mate.name, mate.team, mate.type or agent.type
    if not agent.bound:
        bind(step, agent, mate.call, mate.prompt, mate.parent_agent_id)


def workflow_started(step: Step, event: Reduced, call: ToolCall) -> None:
    """PostToolUse of a Workflow call says which run it began, or began once more."""
    session, name = step.session, event.workflow
    session.workflows.pop(name, None)
    session.workflows[name] = WorkflowRun(
        call=call.id,
        name=event.workflow_name,
        prompt=call.prompt,
        agent_id=call.agent_id,
        over=not event.background,
    )
    bound(session.workflows, KEPT_PLACES)
    for agent in session.agents.values():
        if agent.workflow == name and not agent.bound:
            bind(step, agent, call.id, call.prompt, call.agent_id)


def _bind_to_run(step: Step, agent: Agent, name: str) -> None:
    """Puts a subagent of a workflow under the call that began its run: what was meant before was a guess.

    As long as that call is not known it belongs to its turn.
    """
    if agent.workflow == name:
        return
    agent.workflow = name
    step.session.in_workflow[agent.id] = name
    bound(step.session.in_workflow, KEPT_PLACES)
    if run := step.session.workflows.get(name):
        bind(step, agent, run.call, run.prompt, run.agent_id)
    elif agent.bound:
        agent.bound, agent.tool_use_id = False, ""
        agent.place = places.of_prompt(step.session, agent.place.prompt)


def learn(step: Step, fact: AgentMeta) -> None:
    """A subagent's `.meta.json`."""
    agent = step.session.agents.get(fact.agent_id)
    if agent is None:
        _remember_call(step.session, fact)
        return
    agent.type = agent.type or fact.agent_type
    if fact.teammate and not agent.teammate:
        agent.teammate, agent.team, agent.type = fact.teammate, fact.team, fact.agent_type
    agent.parent_agent_id = fact.parent_agent_id or agent.parent_agent_id
    if fact.tool_use_id and agent.tool_use_id != fact.tool_use_id and not agent.resumed:
        call = step.session.calls.get(fact.tool_use_id)
        prompt = call.prompt if call else agent.place.prompt
        bind(step, agent, fact.tool_use_id, prompt, fact.parent_agent_id or (call.agent_id if call else ""))
    elif fact.workflow:
        _bind_to_run(step, agent, fact.workflow)


def _remember_call(session: SessionState, fact: AgentMeta) -> None:
    """Which call a subagent is of may be told before it starts, and is told once."""
    call = session.calls.get(fact.tool_use_id)
    known = call or session.ran.get(fact.tool_use_id)
    if known and fact.agent_id not in session.agent_runs:
        parent = fact.parent_agent_id or (call.agent_id if call else "")
        session.given[fact.agent_id] = Given(fact.tool_use_id, known.prompt, parent)
        bound(session.given, KEPT_PLACES)


def place_of_event(step: Step, event: Reduced) -> Place:
    """Where an event of a subagent belongs; an unknown subagent begins here, its start inferred.

    One that calls a tool after it stopped was sent back to work by somebody's hook.
    """
    agent = step.session.agents.get(event.agent_id)
    if agent is None and event.agent_id in step.session.agents_done:
        return step.session.agents_done[event.agent_id]
    if agent is None:
        agent = _open(step, event)
    if event.event == "PreToolUse" and event.at > agent.stop:
        agent.stop, agent.failure = 0, ""
    return places.of_subagent(agent)


def stop(step: Step, event: Reduced) -> None:
    """SubagentStop. One without a type is the client's own (a compaction's) and no subagent of anybody."""
    session = step.session
    if event.agent_id not in session.agents and (not event.agent_type or event.agent_id in session.agents_done):
        return
    agent = _open(step, event)
    agent.type = agent.type or event.agent_type
    agent.stop, agent.interrupted = max(agent.stop, event.at), False
    agent.failure = agent.failure or event.failure
    watchdog.stopped(session, agent.id, event.at)
    if event.workflow:
        _bind_to_run(step, agent, event.workflow)


def interrupted(step: Step, fact: Interruption) -> None:
    """Esc in a foreground subagent: no SubagentStop comes, its transcript ends with the interruption."""
    agent = step.session.agents.get(fact.agent_id)
    if agent and not agent.stop:
        agent.stop, agent.interrupted = fact.at, True
        watchdog.stopped(step.session, agent.id, fact.at)


def is_foreground(step: Step, agent: Agent) -> bool:
    """Whether the Agent call is still open: then the turn waits for this subagent."""
    call = step.session.calls.get(agent.tool_use_id)
    return call is not None and not call.background


def is_over(session: SessionState, agent: Agent) -> bool:
    """Whether it has stopped for good: while the call that waits for it is open, a hook may send it back to work."""
    call = session.calls.get(agent.tool_use_id)
    is_awaited = call is not None and not (call.background or call.post or call.resolved)
    return bool(agent.stop) and (agent.interrupted or not is_awaited)


def stopped(session: SessionState, up_to: int) -> list[Agent]:
    """Those that stopped before `up_to`."""
    return [agent for agent in session.agents.values() if is_over(session, agent) and agent.stop <= up_to]


def write_end(step: Step, agent: Agent) -> None:
    """Writes a subagent that stopped by itself, by Esc or by a failure."""
    if agent.interrupted:
        write(step, agent, agent.stop, Outcome.INTERRUPTED, EndReason.INTERRUPTED)
    elif agent.failure:
        write(step, agent, agent.stop, Outcome.ERROR, EndReason.STOP_FAILURE)
    else:
        write(step, agent, agent.stop, Outcome.SUCCESS, EndReason.STOP)


def write(step: Step, agent: Agent, end: int, outcome: Outcome, reason: EndReason) -> None:
    """Writes one subagent's span and forgets it but for its place."""
    session = step.session
    session.agents.pop(agent.id, None)
    watchdog.stopped(session, agent.id, end)
    own = places.of_subagent(agent)
    session.agents_done[agent.id] = own
    bound(session.agents_done, KEPT_PLACES)
    error = agent.failure if outcome is Outcome.ERROR else ""
    attributes: Attributes = {
        sc.GEN_AI_OPERATION_NAME: "invoke_agent",
        sc.OUTCOME: outcome.value,
        sc.END_REASON: reason.value,
        sc.ERROR_TYPE: error,
        **tally_attributes(agent.tally),
    }
    if agent.start_inferred:
        attributes[sc.START_INFERRED] = True
    events = (*agent.events, *attempts.events(attempts.take(session, agent.id, end)))
    status = STATUS_ERROR if outcome is Outcome.ERROR else STATUS_UNSET
    step.close(open_spans.of_subagent(agent), end, attributes, status=status, events=events)
    measure_agent(step, agent.type or "subagent", end - agent.start, outcome, agent.tally, own, end, error)
    count_time(step)
