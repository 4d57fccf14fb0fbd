"""What clients say of themselves in the registry of running sessions: it decides what a session does now.

It knows every dialog, and Esc, of which no hook tells. Its times are second best: a client draws its dialog first and
writes its entry afterwards, so a span takes the time of a hook or of the transcript where there is one.
"""

from __future__ import annotations

from typing import Final

from hookspan.catalogue.enums import Basis, EndReason, SessionPhase
from hookspan.wire.facts import Asks, ClientStatus, Registered

from . import dialogs, sessions
from .state import SessionState, State
from .step import Step

_FIRST: Final = (ClientStatus.WAITING, ClientStatus.BUSY, ClientStatus.IDLE)
"""Of several clients that have the same session open the first that applies decides."""

_HOOKED: Final = (Asks.PERMISSION, Asks.INPUT)
"""Dialogs that hooks tell of when they open, and whose calls' ends they tell: none of them is open that isn't known."""


def begin(state: State, fact: Registered) -> SessionState:
    """A session that only the registry tells of: it has no turns, and no span of its own."""
    session = SessionState(
        id=fact.session,
        first=fact.born,
        opened=fact.born,
        start=fact.born,
        started=True,
        written=True,
        unhooked=True,
        phase_since=fact.born,
        host=fact.host,
        pidns=fact.pidns,
        folder=fact.folder,
    )
    state.sessions[session.id] = session
    sessions.locate(state, session, fact.born)
    return session


def registered(step: Step, fact: Registered) -> None:
    """An entry was written, or is gone."""
    session = step.session
    if session.ended and fact.pid not in session.clients:
        return
    if fact.gone:
        session.clients.pop(fact.pid, None)
        if session.unhooked and not session.clients:
            sessions.end(step, fact.at, EndReason.CLIENT_GONE)
        return
    session.clients[fact.pid] = fact
    session.kind, session.job = fact.session_kind, fact.job
    if session.unhooked:  # of any other, hooks and transcripts tell the same to whoever comes late
        session.entrypoint, session.client_version = fact.entrypoint, fact.version
        session.pid, session.title = fact.pid, fact.name
        session.last = max(session.last, fact.at)
    _tell_dialogs(step, fact.at)


def _tell_dialogs(step: Step, at: int) -> None:
    """Takes from what the clients say now which dialogs are over, and whether a sandbox asks.

    Of several dialogs that wait at once the client tells only that the last was answered.
    """
    session = step.session
    client = foremost(session)
    if client is None:
        return
    asks = client.asks if client.status == ClientStatus.WAITING else ""
    for wait in [wait for wait in session.waits if wait.at <= at]:
        if wait.sandbox and asks != Asks.SANDBOX and not wait.over:
            dialogs.sandbox_answered(step, wait, at)
        elif not wait.inside and not asks and not wait.running_at:
            if client.status == ClientStatus.BUSY:
                wait.running_at, wait.basis = at, Basis.REGISTRY
            else:
                wait.over = wait.over or at
    if asks == Asks.SANDBOX and not any(wait.sandbox and not wait.over for wait in session.waits):
        dialogs.sandbox_asked(step, at)


def foremost(session: SessionState) -> Registered | None:
    """The client that decides what the session does; None where the registry says nothing."""
    if not session.clients:
        return None
    clients = [client for client in session.clients.values() if client.status in _FIRST]
    return min(clients, key=lambda client: (_FIRST.index(ClientStatus(client.status)), -client.at), default=None)


def phase(session: SessionState, client: Registered, now: int) -> tuple[SessionPhase, Basis]:
    """What a session does by what its client says, and by hooks that are newer than that."""
    turn = session.turns.get(session.current)
    runs = turn is not None and not turn.stop and not turn.fixed
    if client.status == ClientStatus.WAITING:
        if client.asks in _HOOKED and not session.waits and session.answered > client.at:
            return sessions.inferred_phase(session, now)  # its entry follows, when the terminal is drawn
        nobody_is_needed = client.asks == Asks.DIALOG and not runs  # the user looks at the settings
        return SessionPhase.IDLE if nobody_is_needed else SessionPhase.WAITING, Basis.REGISTRY
    if any(wait.at > client.at and not (wait.running_at or wait.over) for wait in session.waits):
        return SessionPhase.WAITING, Basis.HOOK
    if client.status == ClientStatus.BUSY:
        return SessionPhase.WORKING, Basis.REGISTRY
    if turn is not None and runs and turn.start > client.at:
        return SessionPhase.WORKING, Basis.HOOK
    return SessionPhase.IDLE, Basis.REGISTRY
