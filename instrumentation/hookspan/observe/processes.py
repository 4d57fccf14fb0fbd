"""Looks at the clients' processes: one that is gone, and a child that tells that a dialog was answered."""

from __future__ import annotations

import os
import socket
from typing import Final

import psutil

from hookspan.claude_settings import RELAY_NAME
from hookspan.model.state import Session
from hookspan.wire.facts import ClientGone, Fact, Running

NANO: Final = 1_000_000_000
GRACE: Final = 2 * NANO
"""A client exits some 20 ms after its SessionEnd event was written; its last events may still be on their way."""
NOT_A_HOOK: Final = 300_000_000
"""A child born sooner than this after a dialog opened is one of the dialog's own hooks: nobody answers that fast."""
SETTLED_CHILD: Final = 0.4
"""Seconds that a child must live to count: hooks and status lines are over by then."""
_SHELL_TOOLS: Final = frozenset({"Bash", "PowerShell"})


def own_pid_namespace() -> int:
    """Inode of this process's pid namespace, 0 where there is no such thing."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


class Processes:
    """The clients of open sessions. A pid means something only on its own host and in its own namespace."""

    def __init__(self) -> None:
        self._host = socket.gethostname()
        self._namespace = own_pid_namespace()
        self._known: dict[int, psutil.Process] = {}

    def step(self, now: int, sessions: list[Session]) -> list[Fact]:
        """Judgements about clients of these sessions."""
        found: list[Fact] = []
        for session in sessions:
            if session.ended or not session.started or not session.pid or not self._is_here(session):
                continue
            process = self._process(session)
            if process is None:
                if now > session.last + GRACE:
                    found.append(self._gone(session))
            elif any(not wait.running_at and wait.tool in _SHELL_TOOLS for wait in session.waits):
                found += self._children(process, session, now)
        alive = {session.pid for session in sessions}
        for pid in self._known.keys() - alive:
            del self._known[pid]
        return found

    def is_alive(self, session: Session) -> bool:
        """Whether the session's client is known to run still."""
        return self._is_here(session) and bool(session.pid) and self._process(session) is not None

    def _is_here(self, session: Session) -> bool:
        same_namespace = session.pidns == self._namespace or not session.pidns or not self._namespace
        return session.host in {"", self._host} and same_namespace

    def _process(self, session: Session) -> psutil.Process | None:
        """The client, or None if its pid is free or somebody else's by now."""
        known = self._known.get(session.pid)
        try:
            if known is None:
                known = psutil.Process(session.pid)
                # Older than the session's first sign of life, else the pid was given to another program since.
                if known.create_time() * NANO > session.last + NANO:
                    return None
                self._known[session.pid] = known
            if known.is_running() and known.status() != psutil.STATUS_ZOMBIE:
                return known
        except psutil.NoSuchProcess:
            pass
        except psutil.AccessDenied:
            return known
        self._known.pop(session.pid, None)
        return None

    @staticmethod
    def _gone(session: Session) -> ClientGone:
        return ClientGone(
            at=session.last,
            key=f"gone:{session.pid}:{session.opened}",
            session=session.id,
            judged_at=session.last_record,
            pid=session.pid,
        )

    @staticmethod
    def _children(process: psutil.Process, session: Session, now: int) -> list[Fact]:
        oldest = min(wait.at for wait in session.waits if not wait.running_at)
        try:
            # A hook that waits for a processor lives long, before it is even a program of its own: the client's copy.
            no_tools = {RELAY_NAME, process.name()}
            children = [child for child in process.children() if child.name() not in no_tools]
            births = [round(child.create_time() * NANO) for child in children]
        except psutil.Error:
            return []
        born = [at for at in births if oldest + NOT_A_HOOK < at < now - SETTLED_CHILD * NANO]
        if not born:
            return []
        at = min(born)
        return [Running(at=at, key=f"running:{at}", session=session.id, judged_at=session.last_record)]
