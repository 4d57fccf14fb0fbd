"""The fold: (state, record) -> (state, rows). One place where events and facts become spans and sums.

It reads no clock, no setting and no file, so the same records give the same rows, ids included, however often they
are folded. It changes the state in place; the caller commits that state and the rows together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import spans
from hookspan.catalogue.clients import EVENTS
from hookspan.catalogue.enums import EndReason, ErrorType
from hookspan.wire import facts
from hookspan.wire.facts import Fact
from hookspan.wire.record import Record
from hookspan.wire.reduced import Reduced

from . import (
    agents,
    attempts,
    cache,
    calls,
    children,
    commits,
    definitions,
    dialogs,
    ids,
    logs,
    places,
    registry,
    requests,
    sessions,
    skills,
    status_line,
    teams,
    told,
    tools,
    turns,
    watchdog,
)
from .rows import Attributes, EventRow, Increment, Rows
from .state import KEPT_FACTS, KEPT_PLACES, KEPT_SEEN, Place, SessionState, State, bound
from .step import NANO, Step, project_of

_TASKS: Final = frozenset({"TaskCreated", "TaskCompleted"})
_SUBAGENT_EVENTS: Final = frozenset({"SubagentStart", "SubagentStop"})
_OTHER_EVENT: Final = "other"
_SESSION_EVENTS: Final = frozenset(event.name for event in EVENTS.values() if event.of_session)


def fold(state: State, number: int, record: Record) -> Rows:
    """Takes in one record.

    Args:
        state: Everything that the fold remembers; it must include the record's session if that was ever seen. Changed
            in place.
        number: The record's number in the journal.
        record: A reduced event or a fact.

    Returns:
        The rows that it gave; empty for a repeat.
    """
    if isinstance(record, Reduced):
        return _fold_event(state, number, record)
    return _fold_fact(state, number, record)


def fold_behind(state: State, number: int, ahead: Sequence[Fact], record: Record) -> list[Rows]:
    """Folds the facts that were found for a record, then the record; all their rows have the record's number."""
    if not ahead and isinstance(record, Reduced):  # nearly always: its rows are numbered as they come
        return [fold(state, number, record)]
    folded = [fold(state, number, each) for each in (*ahead, record)]
    for ordinal, span in enumerate(span for rows in folded for span in rows.spans):
        span.ordinal = ordinal
    for ordinal, log in enumerate(log for rows in folded for log in rows.logs):
        log.ordinal = ordinal
    return folded


def _fold_event(state: State, number: int, event: Reduced) -> Rows:
    if event.history and not _is_next(state.sessions.get(event.session), event.history):
        return Rows()
    existed = event.session in state.sessions
    session = sessions.session_of(state, event)
    former_pid = session.pid
    teams.resolve(session, event)
    sessions.learn(session, event)
    sessions.locate(state, session, event.at)
    if _is_opted_out(state, session):
        del state.sessions[session.id]
        return Rows(removed={session.id} if existed else set())
    step = Step(state, session, number, event.at)
    if event.history:
        session.local, session.imported = True, event.history
    elif session.imported:
        sessions.revive(step, event.at)
    if _is_repeat(step, event):
        return step.rows
    if not event.history:
        sessions.notice_set_back(session, event.at)
    sessions.enter(step, event, former_pid)
    tools.flush(step, event.at)
    call = session.calls.get(event.tool_use_id) if event.tool_use_id else None
    prompt = call.prompt if call and call.at else event.prompt
    handler = HANDLERS.get(event.event)
    if handler:
        handler(step, event)
    if not event.history:
        _write_hook(step, event, prompt)
        logs.heard(step, event)
    session.last = max(session.last, event.at)
    session.last_record = number
    sessions.update_phase(session, event.at)
    return step.rows


def _is_next(session: SessionState | None, history: int) -> bool:
    """Whether a record of an imported history is new: not recorded live, and not imported before."""
    return session is None or (0 < session.imported < history and not session.written)


def _is_repeat(step: Step, event: Reduced) -> bool:
    """Whether the same event came before: hooked twice (by settings and a plugin), or taken in twice after a crash.

    The client gives every hook of an event the very same bytes. A tool's event happens once; of others, equal ones
    are the same only within 2 s, and not if they are of two runs of a subagent. Two equal dialogs of two moments are
    two when two equal calls are pending.
    """
    if not event.digest:
        return False
    session = step.session
    key = f"{event.digest}{event.ppid}"
    before = session.seen.get(key)
    session.seen[key] = event.at
    bound(session.seen, KEPT_SEEN)
    if before is None:
        return False
    if event.event == "PermissionRequest":
        return event.at == before or dialogs.pending_equal(step, event) < 1
    if event.event in _SUBAGENT_EVENTS and agents.is_of_later_run(session, event, before):
        return False
    return bool(event.tool_use_id) or abs(event.at - before) <= tools.REORDER


def _write_hook(step: Step, event: Reduced, prompt: str) -> None:
    """The hook's own span, from its process's start to the journal's write, and its row and sums."""
    session = step.session
    place = _place_of_hook(step, event, prompt)
    own = ids.of_hook(session.id, event.event, event.at, event.pid, event.host)
    name = event.event if event.event in EVENTS else _OTHER_EVENT
    attributes: Attributes = {sc.HOOK_EVENT: event.event or _OTHER_EVENT, sc.PAYLOAD_SIZE: event.size}
    if event.tool:
        attributes[sc.TOOL_NAME] = event.tool
        attributes[sc.TOOL_CALL_ID] = event.tool_use_id
    if event.cut:
        attributes[sc.PAYLOAD_CUT] = True
    if event.teammate or event.team:
        attributes[sc.TEAMMATE], attributes[sc.TEAM] = event.teammate, event.team
    if event.event == "PostModelSwitch":
        attributes |= sessions.cache_estimate(event.estimate)
    if event.event in _TASKS and event.task:
        attributes[sc.TASK_ID] = event.task
    if event.notification:
        attributes[sc.NOTIFICATION_TYPE] = event.notification
    written = event.at + event.age + event.took
    step.span(spans.HOOK.of(name), place, own, event.at, written, attributes, hook=True)
    step.add("hookspan.hook.events", 1, (sc.HOOK_EVENT, name), place=place, own_id=own)
    step.add("hookspan.hook.duration", event.took / NANO, place=place, own_id=own)
    step.rows.events.append(
        EventRow(
            record=step.number,
            at=event.at,
            session=session.id,
            event=event.event or _OTHER_EVENT,
            tool=event.tool,
            took=event.took,
            size=event.size,
            prompt=event.prompt,
            agent_id=event.agent_id,
            tool_use_id=event.tool_use_id,
            project=step.project,
            label=event.label,
        )
    )


def _place_of_hook(step: Step, event: Reduced, prompt: str) -> Place:
    if event.event in _SESSION_EVENTS:
        return places.of_session(step.session)
    return places.of_work(step.session, event.agent_id, prompt)


def _session_ended(step: Step, event: Reduced) -> None:
    step.session.exit_reason = event.reason
    sessions.left(step, step.session.pid, event.at, EndReason.SESSION_END)


def _submitted(step: Step, event: Reduced) -> None:
    if not event.agent_id:  # what a subagent is given is no prompt of the session's
        turns.submitted(step, event)


def _stopped_by_user(step: Step, event: Reduced) -> None:
    turns.interrupted(step, facts.Interruption(at=event.at, key="", session=event.session, prompt=event.prompt))


def _stopped(step: Step, event: Reduced) -> None:
    if not event.agent_id:
        turns.stopped(step, event, EndReason.STOP)


def _failed(step: Step, event: Reduced) -> None:
    if not event.agent_id:
        turns.stopped(step, event, EndReason.STOP_FAILURE)


def _notified(step: Step, event: Reduced) -> None:
    kind = event.notification if len(event.notification) < 40 and event.notification.isidentifier() else "other"  # noqa: PLR2004
    step.count("hookspan.notifications", 1, (sc.NOTIFICATION_TYPE, kind))
    if event.notification == "permission_prompt":
        dialogs.still_waiting(step)


def _tool_event(handler: Callable[[Step, Reduced], None]) -> Callable[[Step, Reduced], None]:
    """A tool's event without a call id or a tool name gives a hook span and nothing else."""

    def checked(step: Step, event: Reduced) -> None:
        if event.tool_use_id and event.tool:
            handler(step, event)

    return checked


def _subagent_event(handler: Callable[[Step, Reduced], None]) -> Callable[[Step, Reduced], None]:
    def checked(step: Step, event: Reduced) -> None:
        if event.agent_id:
            handler(step, event)

    return checked


HANDLERS: Final[dict[str, Callable[[Step, Reduced], None]]] = {
    "SessionStart": sessions.started,
    "SessionEnd": _session_ended,
    "UserPromptSubmit": _submitted,
    "UserPromptExpansion": turns.expanded,
    "PreModelRequest": requests.started,
    "PostModelRequest": requests.ended,
    "Stop": _stopped,
    "Interrupt": _stopped_by_user,
    "StopFailure": _failed,
    "PreSkillShellCommand": skills.command,
    "PreToolUse": _tool_event(tools.started),
    "PostToolUse": _tool_event(tools.ended),
    "PostToolUseFailure": _tool_event(tools.ended),
    "PermissionDenied": _tool_event(tools.ended),
    "PostToolBatch": tools.listed,
    "PermissionRequest": dialogs.asked,
    "Elicitation": dialogs.elicited,
    "ElicitationResult": dialogs.answered,
    "SubagentStart": _subagent_event(agents.start),
    "SubagentStop": _subagent_event(agents.stop),
    "PreCompact": calls.compaction_started,
    "PostCompact": calls.compaction_ended,
    "TaskCreated": teams.task_created,
    "TaskCompleted": teams.task_completed,
    "Notification": _notified,
}
"""What an event does besides its hook span: one entry for each event that the catalogue gives an effect."""


def _fold_fact(state: State, number: int, fact: Fact) -> Rows:
    world_handler = _WORLD.get(type(fact))
    if world_handler:
        return world_handler(state, number, fact)
    session = state.sessions.get(fact.session)
    if session is None and isinstance(fact, facts.Registered) and not fact.gone:
        session = registry.begin(state, fact)
    if session is None or fact.key in session.facts:
        return Rows()
    if _is_opted_out(state, session):
        return Rows(removed=_leave_out(state, [session]))
    if fact.history or session.imported:
        if not fact.history or not _is_next(session, fact.history):
            return Rows()
        session.imported, session.last = fact.history, max(session.last, fact.at)
    outdated = fact.judged_at and fact.judged_at < session.last_record  # a newer event refutes the judgement
    if outdated or (fact.file and sessions.is_before(session, fact)):
        return Rows()
    session.facts[fact.key] = True
    bound(session.facts, KEPT_FACTS)
    if fact.file:
        session.files[fact.file] = max(fact.offset, session.files.get(fact.file, 0))
        if prompt := getattr(fact, "prompt", ""):
            session.prompts[fact.file] = prompt
    teams.resolve(session, fact)
    step = Step(state, session, number, fact.at)
    _FACTS[type(fact)](step, fact)
    sessions.update_phase(session, fact.at)
    return step.rows


def _told_event(step: Step, fact: facts.TranscriptEvent) -> None:
    """What a transcript tells as a hook would. Whoever ends a call or asks about one need not say what call it is."""
    session, event = step.session, fact.event
    tools.flush(step, event.at)
    if call := session.calls.get(event.tool_use_id):
        event.tool = event.tool or call.tool
        event.mcp_server = event.mcp_server or call.mcp_server
        event.input_size = event.input_size or call.input_size
    if handler := HANDLERS.get(event.event):
        handler(step, event)
    session.last = max(session.last, event.at)
    session.last_record = step.number


def _read(step: Step, fact: facts.TranscriptRead) -> None:
    step.session.read = max(step.session.read, fact.at)
    sessions.read(step, fact.at)


def _shaped(step: Step, fact: facts.RequestShape) -> None:
    cache.shaped(step, fact)
    definitions.shaped(step, fact)


def _interrupted(step: Step, fact: facts.Interruption) -> None:
    handler = agents.interrupted if fact.agent_id else turns.interrupted
    handler(step, fact)


def _settled(step: Step, fact: facts.Settled) -> None:
    turn = step.session.turns.get(fact.prompt)
    if turn and not fact.stop and not turn.stop:
        turn.stop, turn.stop_reason, turn.error = max(fact.at, turn.last), EndReason.STOP_FAILURE, ErrorType.OTHER.value
        watchdog.stopped(step.session, "", turn.stop)
    if turn and fact.stop in {turn.stop, 0} and turns.may_be_over(turn) and not turn.fixed:
        turns.fix(turn, fact.at, turn.stop_reason)


def _gone(step: Step, fact: facts.ClientGone) -> None:
    sessions.left(step, fact.pid or step.session.pid, max(fact.at, step.session.last), EndReason.CLIENT_GONE)


def _silent(step: Step, _fact: facts.Silent) -> None:
    sessions.end(step, step.session.last, EndReason.SILENT)


def _titled(step: Step, fact: facts.Title) -> None:
    step.session.title = fact.label


def _versioned(step: Step, fact: facts.ClientVersion) -> None:
    step.session.client_version = fact.version


_FACTS: Final[dict[type, Callable[[Step, Any], None]]] = {
    facts.ModelCall: calls.called,
    facts.RequestShape: _shaped,
    facts.Listing: definitions.listed,
    facts.AttemptFailed: attempts.failed,
    facts.Interruption: _interrupted,
    facts.Rejection: tools.rejected,
    facts.ToolResult: tools.told,
    facts.Permitted: dialogs.permitted,
    facts.TranscriptEvent: _told_event,
    facts.Decided: logs.decided,
    facts.Children: children.sent,
    facts.QueuedPrompt: turns.dequeued,
    facts.TeammateMessage: teams.messaged,
    facts.AgentMeta: agents.learn,
    facts.CompactBoundary: calls.compaction_measured,
    facts.StopHooks: calls.stop_hooks,
    facts.CostState: calls.reported,
    facts.Title: _titled,
    facts.ClientVersion: _versioned,
    facts.BackgroundJob: sessions.became_job,
    facts.TranscriptRead: _read,
    facts.Settled: _settled,
    facts.Lull: lambda _step, _fact: None,
    facts.Overdue: lambda step, fact: sessions.read(step, fact.at),
    facts.Silent: _silent,
    facts.ClientGone: _gone,
    facts.Running: dialogs.running,
    facts.Registered: registry.registered,
    facts.PullRequest: commits.linked,
    facts.ClientTold: told.told,
}


def _learn_repository(state: State, _number: int, fact: facts.Repository) -> Rows:
    state.world.repositories.pop(fact.folder, None)
    state.world.repositories[fact.folder] = fact
    bound(state.world.repositories, KEPT_PLACES * 4)
    inside = [session for session in state.sessions.values() if _is_in(session, fact.folder)]
    for session in inside:
        sessions.locate(state, session, fact.at)
    removed = _leave_out(state, inside)
    return Rows(touched={session.id for session in inside} - removed, removed=removed, world=True)


def _is_in(session: SessionState, folder: str) -> bool:
    return folder in {session.folder, session.project_dir, session.cwd}


def _learn_policy(state: State, number: int, fact: facts.Policy) -> Rows:
    before, state.world.policy = state.world.policy, fact
    told = logs.policy(state, number, fact, before)
    return Rows(logs=told, removed=_leave_out(state, list(state.sessions.values())), world=True)


def _is_opted_out(state: State, session: SessionState) -> bool:
    policy = state.world.policy
    return policy is not None and bool(policy.opted_out) and project_of(state, session) in policy.opted_out


def _leave_out(state: State, sessions: list[SessionState]) -> set[str]:
    """Removes sessions of projects that are not recorded: a session is kept whole or not at all."""
    removed = {session.id for session in sessions if _is_opted_out(state, session)}
    for session in removed:
        del state.sessions[session]
    return removed


def _told(state: State, _number: int, fact: facts.StatusLine) -> Rows:
    session = state.sessions.get(fact.session)
    if session is not None and _is_opted_out(state, session):
        return Rows(removed=_leave_out(state, [session]))
    return status_line.told(state, fact)


def _count_dropped(state: State, number: int, fact: facts.Dropped) -> Rows:
    name = f"{fact.where}/{fact.reason}"
    before = state.world.dropped.get(name, 0)
    more = fact.total - before if fact.total >= before else fact.total
    if not more:
        return Rows()
    state.world.dropped[name] = fact.total
    attributes = ((sc.DROP_REASON, fact.reason), (sc.DROP_WHERE, fact.where))
    increment = Increment("hookspan.dropped", attributes, more, fact.at)
    return Rows(increments=[increment], logs=logs.lost(state, number, fact, more), world=True)


def _remove(state: State, _number: int, fact: facts.Removed) -> Rows:
    session = state.sessions.get(fact.session)
    if session is None or not session.local or session.imported:
        return Rows()
    del state.sessions[session.id]
    return Rows(removed={session.id})


_WORLD: Final[dict[type, Callable[[State, int, Any], Rows]]] = {
    facts.Forgotten: lambda _state, _number, _fact: Rows(),
    facts.Removed: _remove,
    facts.Repository: _learn_repository,
    facts.HeadMoved: commits.moved,
    facts.LinesStayed: commits.stayed,
    facts.Policy: _learn_policy,
    facts.StatusLine: _told,
    facts.Dropped: _count_dropped,
    facts.Gap: lambda state, number, fact: Rows(logs=logs.gap(state, number, fact)),
    facts.HooksJudged: lambda state, number, fact: Rows(logs=logs.hooks_judged(state, number, fact), world=True),
}

__all__ = ["fold", "fold_behind", "project_of"]
