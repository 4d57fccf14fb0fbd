"""A session as lists and totals show it."""

from __future__ import annotations

from .rows import SessionRow
from .sessions import is_open
from .state import SessionState, State, Wait
from .step import folder_of, project_of, repository_of


def foremost(session: SessionState) -> Wait | None:
    """The dialog that waits longest; one that may be answered by now only where there is no other."""
    return min(session.waits, key=lambda wait: (wait.running_at > 0, wait.at), default=None)


def session_row(state: State, session: SessionState) -> SessionRow | None:
    """The row of a session, or None while nothing but preparation was heard of it."""
    if not session.started:
        return None
    known = state.world.repositories.get(folder_of(session))
    tally = session.tally
    wait = foremost(session)
    waiting = {waiting.tool_use_id for waiting in session.waits if not waiting.running_at}
    running = [call for call in session.calls.values() if call.at and not call.resolved and call.id not in waiting]
    return SessionRow(
        id=session.id,
        project=project_of(state, session),
        repository=repository_of(state, session),
        branch=session.branches[-1][1] if session.branches else known.branch if known else "",
        title=session.title,
        source=session.source,
        entrypoint=session.entrypoint,
        client_version=session.client_version,
        host=session.host,
        pid=session.pid,
        phase=session.phase,
        phase_since=session.phase_since,
        started=session.start,
        last=session.last,
        ended=0 if is_open(session) and not session.imported else session.ended or session.last,
        end_reason=session.end_reason,
        turns=session.turns_finished + len(session.turns),
        prompts=tally.prompts,
        messages=session.messages,
        tools=tally.tools,
        tools_failed=tally.failed,
        subagents=tally.subagents,
        subagents_running=sum(1 for agent in session.agents.values() if not agent.stop),
        current_tool=running[-1].tool if running else "",
        waiting_tool=wait.tool if wait else "",
        waiting_since=wait.at if wait else 0,
        input_tokens=tally.whole_input,
        output_tokens=tally.output_tokens,
        cache_read_tokens=tally.cache_read_tokens,
        cache_write_tokens=tally.cache_write_tokens,
        cost_nano=tally.cost_nano,
        unpriced=tally.unpriced,
        context_tokens=session.context_tokens,
        model=session.model,
        permission_mode=session.permission_mode,
        local=session.local,
        residual_nano=session.residual_nano,
        failure=session.failure,
    )
