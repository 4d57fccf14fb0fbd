"""A session as lists and totals show it."""

from __future__ import annotations

from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import KeptFields, SessionRow
from hookspan.wire.facts import Asks

from . import collisions, places, registry
from .sessions import is_open
from .state import SessionState, State, Wait
from .step import folder_of, project_of, repository_of
from .watches import Alarm


def foremost(session: SessionState) -> Wait | None:
    """The dialog that waits longest; one that may be answered by now only where there is no other."""
    return min(session.waits, key=lambda wait: (wait.running_at > 0 or wait.over > 0, wait.at), default=None)


def session_row(state: State, session: SessionState) -> SessionRow | None:
    """The row of a session; None while it has had only preparatory events."""
    if not session.started:
        return None
    repository = state.world.repositories.get(folder_of(session))
    tally = session.tally
    client = registry.foremost(session)
    asks = client if session.phase is SessionPhase.WAITING else None
    wait = foremost(session) if asks or not client else None
    if asks and wait and wait.answered:  # it asks something else
        wait = None
    waiting = {dialog.tool_use_id for dialog in session.waits if not dialog.running_at and not dialog.inside}
    running = [call for call in session.calls.values() if call.at and not call.resolved and call.id not in waiting]
    failed = session.attempts.get("", ())
    alarm = newest_alarm(session)
    meeting = collisions.foremost(session)
    kept = {name: getattr(session, name) for name in KeptFields.__struct_fields__}
    return SessionRow(
        **kept,
        project=project_of(state, session),
        repository=repository_of(state, session),
        branch=session.branches[-1][1] if session.branches else repository.branch if repository else "",
        started=session.start,
        ended=0 if is_open(session) and not session.imported else session.ended or session.last,
        turns=session.turns_finished + len(session.turns),
        prompts=tally.prompts,
        tools=tally.tools,
        tools_failed=tally.failed,
        subagents=tally.subagents,
        subagents_running=sum(1 for agent in session.agents.values() if not agent.stop),
        retries=failed[-1].number if failed else 0,
        retry_error=failed[-1].error if failed else "",
        current_tool=running[-1].tool if running else "",
        waiting_tool=wait.tool if wait else "sandbox" if asks and asks.asks == Asks.SANDBOX else "",
        waiting_since=wait.at if wait else asks.at if asks else 0,
        collision=meeting.kind.value if meeting else "",
        collision_with=meeting.other if meeting else "",
        collision_file=meeting.name if meeting else "",
        collision_at=meeting.at if meeting else 0,
        input_tokens=tally.whole_input,
        output_tokens=tally.output_tokens,
        cache_read_tokens=tally.cache_read_tokens,
        cache_write_tokens=tally.cache_write_tokens,
        cost_nano=tally.cost_nano,
        unpriced=tally.unpriced,
        alarm=alarm.kind.value if alarm else "",
        alarm_agent=_agent_of(session, alarm) if alarm else "",
        alarm_since=alarm.since if alarm else 0,
        alarm_ended=alarm.ended if alarm else 0,
        alarm_calls=alarm.calls if alarm else 0,
        alarm_cost_nano=alarm.cost_nano if alarm else 0,
        alarm_first=alarm.first if alarm else "",
        alarm_last=alarm.last if alarm else "",
    )


def newest_alarm(session: SessionState) -> Alarm | None:
    """What the watchdog noticed last, of what goes on if anything does."""
    return max(session.alarms, key=lambda alarm: (not alarm.ended, alarm.raised), default=None)


def _agent_of(session: SessionState, alarm: Alarm) -> str:
    """The type of the subagent that an alarm is about, empty for the main agent."""
    return places.of_work(session, alarm.agent_id, alarm.prompt).agent if alarm.agent_id else ""
