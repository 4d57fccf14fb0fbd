"""Finds Codex's sessions among rollouts: each thread has one, and the first line of it says whose thread it is."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hookspan.clients.codex.rollout_lines import Line, read
from hookspan.reading import read_lines
from hookspan.wire.facts import AgentMeta
from hookspan.wire.fields import as_name, as_object, as_path


class Rollout(msgspec.Struct, frozen=True):
    """One. `session` is that of its thread's root, `began` when it was begun (Unix ns), as far as it says so."""

    path: str
    session: str = ""
    thread: str = ""
    agent_type: str = ""
    cwd: str = ""
    began: int = 0

    @property
    def is_main(self) -> bool:
        """Whether it is the session's own, and no subagent's."""
        return self.thread == self.session

    def meta(self) -> AgentMeta | None:
        """Of a subagent, what is known of it."""
        if self.is_main:
            return None
        return AgentMeta(at=0, key="", session=self.session, agent_id=self.thread, agent_type=self.agent_type)


def look(path: str) -> Rollout:
    """What its first line says. Raises OSError and RefusedError."""
    first = next(iter(read_lines(path)), 0)
    line = read(first) if isinstance(first, bytes) else None
    return _described(path, line) if line and line.type == "session_meta" else Rollout(path)


def _described(path: str, line: Line) -> Rollout:
    told = line.payload
    spawned = as_object(as_object(as_object(told.get("source")).get("subagent")).get("thread_spawn"))
    thread = as_name(told.get("id"))
    return Rollout(
        path,
        as_name(told.get("session_id")) or as_name(spawned.get("parent_thread_id")) or thread,
        thread,
        as_name(told.get("agent_role") or spawned.get("agent_role")),
        as_path(told.get("cwd")),
        line.at,
    )


def by_session(rollouts: Iterable[Rollout]) -> dict[str, list[Rollout]]:
    """Of each session its rollouts, its own first, then the one that began first."""
    sessions: dict[str, list[Rollout]] = {}
    for rollout in sorted(rollouts, key=lambda one: (not one.is_main, one.began, one.path)):
        if rollout.session:
            sessions.setdefault(rollout.session, []).append(rollout)
    return sessions
