"""Agent teams: subagents with names, the tasks that they share, and the answers that their messages cause.

A teammate's message begins an answer of the lead under the prompt id of the turn before it, and no event tells of that:
the transcript has the message. The answer is a turn of its own, a trace like any other, told apart by its `key`.
"""

from __future__ import annotations

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Link, PromptKind
from hookspan.catalogue.spans import TASK_COMPLETED, TASK_CREATED, EventKind
from hookspan.wire.facts import Fact, TeammateMessage
from hookspan.wire.reduced import Reduced

from . import agents, ids, places, turns
from .rows import Attributes, SpanEvent, SpanLink
from .state import ANSWER, KEPT_EVENTS, KEPT_PLACES, SessionState, Teammate, ToolCall, bound
from .step import Step


def key(prompt: str, at: int) -> str:
    """What an answer to a teammate is called in place of the prompt id, which it shares with the turn before it."""
    return f"{prompt}{ANSWER}{at}"


def prompt_at(session: SessionState, prompt: str, at: int) -> str:
    """The turn that something of a prompt was of at a moment: the prompt's own, or an answer after it."""
    prompt = prompt.partition(ANSWER)[0]
    answers = [answer for answer, start in session.answers.items() if start <= at and _is_after(answer, prompt)]
    return answers[-1] if answers else prompt


def resolve(session: SessionState, record: Reduced | Fact) -> None:
    """Puts what the main agent did in an answer to that answer: the client's prompt id is that of the turn before."""
    if session.answers and not getattr(record, "agent_id", "") and (prompt := getattr(record, "prompt", "")):
        record.prompt = prompt_at(session, prompt, getattr(record, "start", 0) or record.at)  # type: ignore[union-attr]


def _is_after(answer: str, prompt: str) -> bool:
    return answer.partition(ANSWER)[0] == prompt


def messaged(step: Step, fact: TeammateMessage) -> None:
    """A teammate's message. While a turn runs it is a part of that."""
    session = step.session
    prompt = fact.prompt.partition(ANSWER)[0]
    before = prompt_at(session, prompt, fact.at)
    turn = session.turns.get(before)
    if (turn is None and before not in session.done) or (turn is not None and not turns.had_stopped(turn, fact.at)):
        return
    answer = key(prompt, fact.at)
    if answer in session.turns or answer in session.done:
        return
    session.answers[answer] = fact.at
    bound(session.answers, KEPT_PLACES)
    opened = turns.open_turn(step, answer, fact.at, kind=PromptKind.TEAMMATE)
    for call in session.calls.values():
        if not call.agent_id and call.prompt == before and call.at >= fact.at:
            call.prompt = answer  # heard of before the transcript had the message
    if turn:
        turns.hand_over(turn, opened)
    if session.stray and _is_after(session.stray[0], prompt) and session.stray[1].at >= max(fact.at, opened.stop):
        end = session.stray[1]
        opened.stop, opened.stop_reason, opened.error, session.stray = end.at, end.reason, end.error, None
        opened.last = max(opened.last, opened.stop)
        session.failure = opened.error
    session.last_stop = opened.stop
    opened.teammate = fact.teammate
    opened.size, opened.label = fact.size, fact.label
    if mate := session.teammates.get(fact.teammate):
        made = places.of_work(session, mate.parent_agent_id, mate.prompt)
        own = ids.of_tool(session.id, mate.call)
        opened.links.append(SpanLink(made.trace_id, own, {sc.LINK: Link.STARTED_BY.value}))


def may_be_answer(session: SessionState, told: Reduced | ToolCall) -> bool:
    """Whether an event or a call may be of an answer to a teammate that only the transcript has told of so far."""
    if not session.teammates or told.agent_id or not told.prompt:
        return False
    turn = session.turns.get(prompt_at(session, told.prompt, told.at))
    return turn is None or turns.had_stopped(turn, told.at - 1)


def spawned(step: Step, event: Reduced, call: ToolCall) -> None:
    """PostToolUse of an Agent call that made a teammate: its name, its team, and what kind of agent it is."""
    session = step.session
    session.teammates[event.teammate] = Teammate(
        agent_id=event.child_agent,
        type=event.child_type,
        name=event.teammate,
        team=event.team,
        call=call.id,
        prompt=call.prompt,
        parent_agent_id=call.agent_id,
    )
    bound(session.teammates, KEPT_PLACES)
    if agent := session.agents.get(event.child_agent):
        agents.introduce(step, agent)


def _told(step: Step, event: Reduced, kind: EventKind) -> None:
    owner = step.session.agents.get(event.agent_id) if event.agent_id else turns.active(step, event)
    if owner is None or len(owner.events) >= KEPT_EVENTS:
        return
    attributes: Attributes = {sc.TASK_ID: event.task} if event.task else {}
    if event.teammate:
        attributes |= {sc.TEAMMATE: event.teammate}
    owner.events.append(SpanEvent(kind.name, event.at, attributes))


def task_created(step: Step, event: Reduced) -> None:
    """TaskCreated."""
    _told(step, event, TASK_CREATED)


def task_completed(step: Step, event: Reduced) -> None:
    """TaskCompleted."""
    _told(step, event, TASK_COMPLETED)
