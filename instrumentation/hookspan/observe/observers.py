"""Runs all observers in one step: what hooks can't report is written to the journal as facts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from hookspan import wire
from hookspan.clients.claude_code.transcript_files import transcript_roots
from hookspan.config import Settings
from hookspan.model.agents import resumed
from hookspan.model.sessions import is_new_run, is_open
from hookspan.model.state import SessionState, State
from hookspan.model.teams import may_be_answer
from hookspan.model.tools import is_unexplained
from hookspan.wire.facts import Dropped, Fact, Policy
from hookspan.wire.reduced import Reduced

from . import timers
from .folder_watch import FolderWatch
from .heads import Heads
from .processes import Processes
from .registry import Registry
from .transcripts import Transcripts, waits_since

NANO: Final = 1_000_000_000
BUSY: Final = NANO // 5
"""Between two steps while a session works or something waits to be written: 0.2 s."""
IDLE: Final = 4 * NANO
"""Between two steps while all open sessions are idle."""
RECENT: Final = 60 * NANO
_GO_ON: Final = frozenset({"PreToolUse", "PreModelRequest", "PostModelRequest", "Stop", "StopFailure"})
"""Events of a turn that is not over."""
IDLE_HOURS: Final = Settings().session.idle_hours  # if it is not set


class Observers:
    """Observes the open sessions. Works only when the journal's tail has caught up.

    Args:
        idle_hours: Silence after which a session counts as ended.
        labels: Whether scrubbed labels (titles, queued prompts) are kept.
        policy: Settings that change rows; None when they are not known yet.
        totals: Gives the totals of lost events so far, by (where, reason).
        roots: Folders that transcripts may be read in; the client's own by default.
        other_roots: Those of other agents' transcripts, by the agents' names.
        read_record: Gives a journal line by its number, None if it is gone.
        key: The install's secret for digests.
        watch: Tells of changes in the clients' registry.
    """

    def __init__(
        self,
        *,
        idle_hours: float = IDLE_HOURS,
        labels: bool = True,
        policy: Policy | None = None,
        totals: Callable[[], Mapping[tuple[str, str], int]] | None = None,
        roots: tuple[str, ...] | None = None,
        other_roots: Mapping[str, tuple[str, ...]] | None = None,
        read_record: Callable[[int], bytes | None] = lambda _number: None,
        key: bytes = b"",
        watch: FolderWatch | None = None,
    ) -> None:
        roots = transcript_roots() if roots is None else roots
        self._idle = round(idle_hours * 3600 * NANO)
        self._policy = policy
        self._totals = totals
        decisions = policy is not None and policy.logs
        self._transcripts = Transcripts(roots, labels=labels, decisions=decisions, other_roots=other_roots, key=key)
        self._registry = Registry(roots, FolderWatch(notify=False) if watch is None else watch, labels=labels)
        self._processes = Processes(read_record)
        self._heads = Heads()
        self._newest: list[Fact] = []  # by the last step; the next one comes when all of it is folded
        self._broke_off = False  # that step, by what an observer raised: what the others have found they tell once
        self._looked = self._due = 0
        self._woken = False

    def step(self, now: int, state: State) -> list[bytes]:
        """The journal lines (without LF) of all that is new at `now` (unix ns).

        Before `next_due` that is what the system has notified of; nothing else is looked at.
        """
        woken, self._woken = self._woken, False
        if self._looked <= now < self._due:  # earlier than the last look: the clock was set back
            if not woken and not self._registry.has_news():
                return []
            return [wire.encode(fact) for fact in self._registry.step(now, state, look=False)]
        if self._broke_off:
            self._broke_off = False
            if self._newest:
                return [wire.encode(fact) for fact in self._newest]
        self._broke_off = True
        began = time.monotonic_ns()
        facts: list[Fact] = []
        self._newest = facts
        facts += self._registry.step(now, state, look=True)
        sessions = [session for session in state.sessions.values() if is_watched(session)]
        facts += self._world(now, state)
        facts += self._transcripts.step(now, sessions, self._processes.is_alive)
        facts += self._processes.step(now, sessions)
        facts += timers.step(now, sessions, self._idle)
        facts += timers.lulls(now, sessions)
        facts += self._heads.step(now, state.world.trees, self._policy.opted_out if self._policy else ())
        busy = bool(facts) or any(_is_busy(session, now) for session in sessions)
        took = time.monotonic_ns() - began  # not of the pause: one that takes longer would be due at once again
        self._looked, self._due = now, now + took + (BUSY if busy else IDLE)
        self._broke_off = False
        return [wire.encode(fact) for fact in facts]

    def before(self, session: SessionState, event: Reduced) -> list[Fact]:
        """Judgements about a session as of the time of an event, and what its transcripts say up to then.

        Mostly nothing, since steps are more frequent. But an event may be read long after it was written.
        """
        goes_on = event.prompt if event.event in _GO_ON and not event.agent_id else ""
        judged = timers.step(event.at, [session], self._idle, goes_on=goes_on)
        if judged or (not session.written and is_new_run(session, event, session.pid)):
            return [*judged, *self._on_their_way(session), *self._transcripts.read_up_to(session, event.at)]
        if agent := resumed(session, event):
            return [*self._on_their_way(session), *self._transcripts.read_run(session, agent, event.at)]
        if is_unexplained(session, event.at) or (event.event != "UserPromptSubmit" and may_be_answer(session, event)):
            return [*self._on_their_way(session), *self._transcripts.facts_up_to(session, event.at)]
        return []

    def _on_their_way(self, session: SessionState) -> list[Fact]:
        """What was read of a session's transcripts, but stands in the journal behind an event that came meanwhile."""
        folded = session.facts
        return [fact for fact in self._newest if fact.file and fact.session == session.id and fact.key not in folded]

    def next_due(self) -> int:
        """When (unix ns) `step` wants to be called again at the latest."""
        return self._due

    def wake(self) -> None:
        """Something happened, and the state may be another: run the next step as soon as for a session that works."""
        self._woken = True
        self._due = min(self._due, self._looked + BUSY)

    def _world(self, now: int, state: State) -> list[Fact]:
        facts: list[Fact] = []
        if self._policy and not _same(self._policy, state.world.policy):
            self._policy.at, self._policy.key = now, f"policy:{now}"
            facts.append(self._policy)
        for (where, reason), total in (self._totals() if self._totals else {}).items():
            if total != state.world.dropped.get(f"{where}/{reason}", 0):
                key = f"dropped:{where}:{reason}:{total}:{now}"
                facts.append(Dropped(at=now, key=key, where=where, reason=reason, total=total))
        return facts


def _same(wanted: Policy, current: Policy | None) -> bool:
    """Whether they say the same; when and under which key is not theirs."""
    return msgspec.structs.replace(current or Policy(at=0, key=""), at=wanted.at, key=wanted.key) == wanted


def is_watched(session: SessionState) -> bool:
    """Whether anything about the session may still change without an event."""
    return not session.imported and is_open(session)


def _is_busy(session: SessionState, now: int) -> bool:
    return bool(session.waits or waits_since(session)) or now < session.last + RECENT
