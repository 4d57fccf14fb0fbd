"""Sessions: their runs, and what ends when a session ends.

A resume is a new run of the same session, with a span of its own in the session's trace.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import spans
from hookspan.catalogue.clients import of as client_of
from hookspan.catalogue.enums import Basis, EndReason, Outcome, SessionPhase
from hookspan.wire.facts import BackgroundJob, ClientVersion, CostState, Observed
from hookspan.wire.reduced import CacheEstimate, Reduced

from . import agents, calls, collisions, dialogs, ids, logs, places, registry, requests, tools, turns, watchdog
from .rows import Attributes
from .state import KEPT_BRANCHES, KEPT_PLACES, Agent, Place, SessionState, State, Tally, Turn, bound
from .step import NANO, Step

SET_BACK: Final = 60 * NANO
BEHIND: Final = 3
"""So many events in a row that are so much older than the one before are not late: somebody has set the clock back."""
UNHEARD: Final = 2 * NANO
"""What a transcript dates this long before the session's first event happened before hookspan and isn't counted."""
LULL: Final = 600 * NANO
"""A subagent of which nothing was heard for so long may have been stopped: no hook tells of that. It is the client's
own limit for a command."""
ADOPTED: Final = 60 * NANO
"""A hook that outlives its client is recorded sooner than this after the session's end."""
JOB: Final = "bg"
"""The client's word for a session that is a job in the background."""
_WORK: Final = frozenset({"UserPromptSubmit", "PreToolUse", "Stop"})


def session_of(state: State, event: Reduced) -> SessionState:
    """The session of an event; an unknown one begins with it."""
    session = state.sessions.get(event.session)
    if session is None:
        session = SessionState(id=event.session, first=event.at, opened=event.at, start=event.at, phase_since=event.at)
        state.sessions[event.session] = session
    elif session.unhooked:  # its first hook: what was before is not known
        session.unhooked = session.started = session.written = False
        session.ended, session.end_reason = 0, ""
        session.first = session.opened = session.start = event.at
    return session


def learn(session: SessionState, event: Reduced) -> None:
    """Takes from an event what every event says about its session."""
    session.host, session.pidns, session.agent = event.host, event.pidns, event.agent
    session.pid = pid_of(session, event)
    if client := _client(session, event):
        session.pids[client] = event.at
    elif event.client_pid:
        session.parents.setdefault(event.client_pid, event.at)
        bound(session.parents, KEPT_PLACES)
    session.entrypoint = event.entrypoint or session.entrypoint
    session.remote = session.remote or event.remote
    session.served_by = event.served_by
    session.project_dir = event.project_dir or session.project_dir
    session.cwd = event.cwd or session.cwd
    session.folder = event.project_dir or session.folder or event.cwd
    session.transcript = event.transcript or session.transcript
    session.permission_mode = event.permission_mode or session.permission_mode
    session.synthetic = session.synthetic or event.synthetic
    session.local = session.local or event.local
    if agent := session.agents.get(event.agent_id):
        agent.last = max(agent.last, event.at)


def locate(state: State, session: SessionState, at: int) -> None:
    """What is known of the session's folder holds for it from `at` on. Its spans keep the branch of their own time."""
    repository = state.world.repositories.get(session.folder)
    if repository is None:
        return
    session.project, session.repository = repository.project, repository.name
    branches = session.branches
    if not branches or branches[-1][1] != repository.branch:
        branches.append((max(at, branches[-1][0]) if branches else at, repository.branch))
        del branches[:-KEPT_BRANCHES]


def enter(step: Step, event: Reduced, former_pid: int) -> None:
    """Begins a run if an event requires it: a SessionStart, or work in a session that had ended.

    A SessionStart in an open session means that its previous client (`former_pid`) died without an event.
    """
    session = step.session
    if is_new_run(session, event, former_pid):
        if not session.ended:
            end(step, session.last, EndReason.CLIENT_GONE)
        _begin_run(step, event.at)
        client = _client(session, event)
        if not client_of(event.agent).pid_variable:
            _remember_clients(session, event)
        session.pids = {client: event.at} if client else {}
        if _begins(event):
            _end_workflows(session)
    if event.event in _WORK:
        _count(step)


def _remember_clients(session: SessionState, event: Reduced) -> None:
    """Those of the run before, as a run begins; who was taken for one without a SessionStart stays what it was."""
    kept = {pid: at for pid, at in session.parents.items() if not at or pid == event.client_pid or pid in session.pids}
    session.parents = kept | {pid: kept.get(pid, 0) for pid in session.pids}
    bound(session.parents, KEPT_PLACES)


def started(step: Step, event: Reduced) -> None:
    """Takes from a SessionStart what it says about the run that it begins."""
    if not _begins(event):
        return
    session = step.session
    session.source = event.source
    session.model = event.model or session.model
    session.title = event.label or session.title
    session.resumed = event.estimate
    session.start = event.at if session.start_inferred else min(session.start, event.at)
    session.start_inferred = False
    _count(step)


def became_job(step: Step, _fact: BackgroundJob) -> None:
    """It is a job in the background, whose id its own begins with."""
    session = step.session
    session.kind, session.job = JOB, session.job or session.id.partition("-")[0]


def _count(step: Step) -> None:
    session = step.session
    if not session.started:
        session.started = True
        logs.began(step)
        step.count("hookspan.session.started", 1, (sc.SOURCE, session.source), place=places.of_session(step.session))


def is_new_run(session: SessionState, event: Reduced, former_pid: int) -> bool:
    """Whether an event begins a run in a session that had one. What that one left is then to be read and written."""
    if session.ended:
        return _begins(event) or (event.event in _WORK and event.at > session.ended + tools.REORDER)
    if not _begins(event) or not session.started:
        return False
    return event.at > session.start + tools.REORDER or pid_of(session, event) != former_pid


def _begins(event: Reduced) -> bool:
    return event.event == "SessionStart" and event.source != "compact"


def pid_of(session: SessionState, event: Reduced) -> int:
    """The client's pid, as far as it is known with this event."""
    return _client(session, event) or session.pid or event.ppid


def _client(session: SessionState, event: Reduced) -> int:
    """The pid of the client whose hook this was, 0 if the event does not tell.

    A hook that outlives its client has another parent by the time it is recorded: who adopted it (pid 1, systemd), and
    never ends. So where the parent alone tells, it is the client if it began a run, or if it is heard for longer than
    that and no client is.
    """
    pid = event.client_pid
    if not session.pid or pid == session.pid or pid in session.pids:
        return pid
    if _begins(event) or client_of(event.agent).pid_variable:
        return pid
    if session.ended and event.at > session.ended + ADOPTED:
        return pid
    first = session.parents.get(pid)
    if first is None or (first and event.at <= first + tools.REORDER):
        return 0
    return 0 if first and any(at > first for at in session.pids.values()) else pid


def notice_set_back(session: SessionState, at: int) -> None:
    """Where the clock was set back nothing of what comes from then on is from before the session, nor too late."""
    session.behind = session.behind + 1 if at < session.last - SET_BACK else 0
    if session.behind >= BEHIND:
        session.first, session.start = min(session.first, at), min(session.start, at)
        session.settled = min(session.settled, at)
        session.batches = {agent: time for agent, time in session.batches.items() if time <= at}


def revive(step: Step, at: int) -> None:
    """A session that was imported goes on with hooks: what it was stays local, and is told apart from what comes."""
    session = step.session
    end(step, session.last, EndReason.SILENT)
    finish(step)
    session.local, session.imported, session.first = False, 0, at


def _begin_run(step: Step, at: int) -> None:
    session = step.session
    finish(step)
    session.opened = session.start = at
    session.started, session.start_inferred = False, True
    session.ended, session.end_reason, session.written = 0, "", False
    session.last_stop = 0
    if session.reported_nano < 0 <= session.client_nano:  # that run's client has told no total
        session.client_nano += session.tally.cost_nano - session.before.cost_nano
        session.client_at = at - 1
    session.before = msgspec.structs.replace(session.tally)
    if session.reported_nano >= 0:
        session.reported_before, session.reported_nano = session.reported_nano, -1
        session.reported_models_before, session.reported_models = session.reported_models, []
    session.by_model = {}
    session.turns_before = session.turns_finished


def left(step: Step, pid: int, at: int, reason: EndReason) -> None:
    """A client has left the session. The run is over, unless hooks of another client came in it.

    One that only has the session open, as the registry tells, begins a run when it works.
    """
    session = step.session
    session.pids.pop(pid, None)
    session.clients.pop(pid, None)
    if session.pids:
        session.pid = max(session.pids, key=session.pids.__getitem__)
        return
    clients = session.clients
    end(step, at, reason)
    session.clients = clients
    session.pid = next(iter(clients), session.pid)


def end(step: Step, at: int, reason: EndReason) -> None:
    """The run is over. Its spans follow once the transcripts are read past that."""
    session = step.session
    if session.ended:
        return
    session.ended, session.end_reason = at, reason.value
    session.clients = {}
    watchdog.over(session, at)
    collisions.left(step)
    session.given.clear()
    if reason is not EndReason.SILENT:  # one that is silent may go on
        _end_workflows(session)
    for turn in session.turns.values():
        if not turn.fixed:
            turns.fix(turn, at, reason)


def _end_workflows(session: SessionState) -> None:
    """The client that ran them is gone."""
    for run in session.workflows.values():
        run.over = True


def read(step: Step, up_to: int) -> None:
    """All transcripts are read up to then: what ended before that is written."""
    session = step.session
    tools.flush(step, up_to)
    for agent in agents.stopped(session, up_to):
        outcome = Outcome.INTERRUPTED if agent.interrupted else Outcome.UNKNOWN
        tools.close_open(step, "", agent.stop, outcome, agent_id=agent.id)
        agents.write_end(step, agent)
    calls.write_compactions(step, up_to)
    for turn in list(session.turns.values()):
        if turn.fixed and turn.fixed <= up_to:
            finish_turn(step, turn)
    watchdog.write(step, up_to)
    logs.read(step, up_to)
    if session.ended and session.ended <= up_to:
        finish(step)


def finish_turn(step: Step, turn: Turn) -> None:
    """Closes what is open in a turn, and writes it."""
    end_at, reason = turns.end_of(turn)
    end_at = max(end_at, turn.start)
    tools.flush(step, step.now, of=turn.prompt)
    outcome = _outcome_of_open(reason)
    if outcome is Outcome.INTERRUPTED or reason is EndReason.CLIENT_GONE:
        for agent in list(step.session.agents.values()):
            if agent.place.prompt == turn.prompt and not agent.stop and agents.is_foreground(step, agent):
                tools.close_open(step, "", end_at, outcome, agent_id=agent.id)
                requests.close_open(step, "", end_at, agent_id=agent.id)
                agents.write(step, agent, end_at, outcome, reason)
    tools.close_open(step, turn.prompt, end_at, outcome)
    requests.close_open(step, turn.prompt, end_at)
    dialogs.forget_answered(step, "", end_at)
    calls.write_compactions(step, 0, of=turn.prompt)
    turns.write(step, turn)


def is_before(session: SessionState, fact: Observed) -> bool:
    """Whether what a transcript tells is from before the session. A fork copies its parent's under its own ids.

    The client's own total is wanted from before, too: its later ones go on from there. So is its version, since one
    that starts slowly says it seconds before its first hook.
    """
    allowed = 0 if session.source == "fork" else UNHEARD
    return fact.at < session.first - allowed and not session.local and not isinstance(fact, CostState | ClientVersion)


def is_open(session: SessionState) -> bool:
    """Whether anything of the session is still to come: a row of it, or what a client says that has it open."""
    return not session.ended or bool(session.clients) or is_unwritten(session)


def is_unwritten(session: SessionState) -> bool:
    """Whether rows of a run that ended are still to be written."""
    open_things = session.turns or session.calls or session.agents or session.waits or session.compactions
    return bool(session.ended) and (not session.written or bool(open_things))


def _outcome_of_open(reason: EndReason) -> Outcome:
    """What became of calls that were open at an end. A tool may have outlived a client that died."""
    return Outcome.INTERRUPTED if reason in {EndReason.INTERRUPTED, EndReason.SESSION_END} else Outcome.UNKNOWN


def finish(step: Step) -> None:
    """Closes all that is open in an ended run, and writes its span once. A session that never did anything has none."""
    session = step.session
    at, reason = session.ended or session.last, EndReason(session.end_reason or EndReason.CLIENT_GONE)
    for turn in list(session.turns.values()):
        if not turn.fixed:
            turns.fix(turn, at, reason)
        finish_turn(step, turn)
    outcome = _outcome_of_open(reason)
    for agent in list(session.agents.values()):
        tools.close_open(step, "", agent.stop or at, outcome, agent_id=agent.id)
        requests.close_open(step, "", agent.stop or at, agent_id=agent.id)
        if agent.stop:
            agents.write_end(step, agent)
        else:
            agents.write(step, agent, at, outcome, reason)
    for call in {call.agent_id for call in session.calls.values()}:
        tools.close_open(step, "", at, outcome, agent_id=call)
    turns.count_time(step, ended=True)  # of turns that only a workflow kept waiting
    session.waits.clear()
    session.attempts.clear()  # the client has given up
    for prompt in {compaction.place.prompt for compaction in session.compactions}:
        calls.write_compactions(step, at, of=prompt)
    watchdog.over(session, at)
    watchdog.write(step, step.now)
    logs.read(step)
    if session.started and not session.written:
        _write(step, at, reason)
    session.written = True


def _write(step: Step, at: int, reason: EndReason) -> None:
    session = step.session
    own_id = ids.of_session(session.id, session.opened)
    run = _difference(session.tally, session.before)
    attributes: Attributes = {
        **turns.tally_attributes(run),
        sc.TURNS: session.turns_finished - session.turns_before,
        sc.PROMPTS: run.prompts,
        sc.SOURCE: session.source,
        sc.END_REASON: reason.value,
        sc.EXIT_REASON: session.exit_reason,
        sc.ENTRYPOINT: session.entrypoint,
        sc.JOB_ID: session.job,
        **cache_estimate(session.resumed),
        sc.CLIENT_VERSION: session.client_version,
        sc.PERMISSION_MODE: session.permission_mode,
    }
    if session.remote:
        attributes[sc.REMOTE] = True
    if session.start_inferred:
        attributes[sc.START_INFERRED] = True
    if reason is not EndReason.SESSION_END:
        attributes[sc.END_INFERRED] = True
    if session.reported_nano >= 0 and session.source != "fork":  # its total has its parent's
        before = session.before.cost_nano if session.client_nano < 0 else session.client_nano
        session.client_nano = before + session.reported_nano - session.reported_before
        session.client_at = max(at, session.reported_at)
    if session.reported_nano >= 0 and not run.unpriced and session.source != "fork":
        residual = session.reported_nano - session.reported_before - run.cost_nano
        session.residual_nano += residual
        attributes[sc.COST_RESIDUAL_USD] = residual / NANO
        if not session.start_inferred:  # whose start was not heard may be a fork
            calls.count_unseen(step, residual, run.cost_nano, at)
    root = Place(ids.trace_id(session.id), "", "", session.agent)
    step.span(spans.SESSION.name, root, own_id, session.start, at, attributes, label=session.title)
    logs.ended(step, at, attributes)


def cache_estimate(estimate: CacheEstimate | None) -> Attributes:
    """What the client told of its cache as it took the conversation up again, or switched its model."""
    if estimate is None:
        return {}
    told: Attributes = {sc.CACHE_EXPIRED: estimate.expired}
    if estimate.idle >= 0:
        told[sc.RESUMED_AFTER] = estimate.idle
    if estimate.tokens >= 0:
        told[sc.RESUMED_TOKENS] = estimate.tokens
    if estimate.write_usd >= 0:
        told[sc.CACHE_WRITE_ESTIMATE] = estimate.write_usd
    return told


def _difference(now: Tally, before: Tally) -> Tally:
    return Tally(*(getattr(now, name) - getattr(before, name) for name in Tally.__struct_fields__))


def update_phase(session: SessionState, now: int) -> None:
    """Updates what the session is doing, after each record: what its clients say, else what follows from its hooks."""
    client = registry.foremost(session)
    if session.imported or (session.ended and client is None):
        phase, basis = SessionPhase.ENDED, Basis.HOOK
    elif client is not None:
        phase, basis = registry.phase(session, client, now)
    else:
        phase, basis = inferred_phase(session, now)
    if session.basis != basis:
        session.basis = basis.value
    if phase is not session.phase:
        session.phase, session.phase_since = phase, now


def inferred_phase(session: SessionState, now: int) -> tuple[SessionPhase, Basis]:
    """From hooks and processes. A tool that may be running must not be shown as waiting."""
    if session.waits:
        maybe = all(wait.running_at for wait in session.waits)
        return (SessionPhase.WAITING_OR_RUNNING, Basis.PROCESS) if maybe else (SessionPhase.WAITING, Basis.HOOK)
    works = _turn_runs(session) or any(_works_beside(session, agent, now) for agent in session.agents.values())
    return SessionPhase.WORKING if works else SessionPhase.IDLE, Basis.HOOK


def in_lull(session: SessionState, now: int) -> bool:
    """Whether it counts as working because of subagents of which nothing was heard for too long."""
    works = session.phase is SessionPhase.WORKING and session.basis == Basis.HOOK
    return works and inferred_phase(session, now)[0] is SessionPhase.IDLE


def _turn_runs(session: SessionState) -> bool:
    turn = session.turns.get(session.current)
    return turn is not None and not turn.stop and not turn.fixed


def _works_beside(session: SessionState, agent: Agent, now: int) -> bool:
    """Whether a subagent works in the background, as far as is known."""
    call = session.calls.get(agent.tool_use_id)
    return not agent.stop and (call is None or call.background) and now < agent.last + LULL
