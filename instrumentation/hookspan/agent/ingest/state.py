"""The fold's state in memory: that of the machine, and of the open sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hookspan.agent.ingest.keeper import StoreKeeper
from hookspan.model.sessions import is_open
from hookspan.model.state import State, World, load_session, load_world
from hookspan.model.turns import may_be_over
from hookspan.wire.facts import Repository

SESSIONS_KEPT: Final = 150  # open sessions in memory, up to 140 KB each: more are there while a long backlog is read


class FoldState:
    """`now` is the state that the fold works on. What is not in memory is loaded from the store when it is needed."""

    def __init__(self, keeper: StoreKeeper) -> None:
        self._keeper = keeper
        self._incomplete = False  # some open sessions are in the store only
        self.now = State()

    def load(self) -> None:
        """The state as of the last commit."""
        world = self._keeper.store.load_world()
        self.now = State(world=World() if world is None else load_world(world), sessions={})
        self._load_open_sessions()

    def load_session(self, id_: str) -> None:
        """Have a session in memory, if there is one."""
        if id_ and id_ not in self.now.sessions and (blob := self._keeper.store.load_session(id_)) is not None:
            self.now.sessions[id_] = load_session(blob)

    def complete(self) -> None:
        """Have the open sessions in memory again after there were too many."""
        if self._incomplete and len(self.now.sessions) < SESSIONS_KEPT // 2:
            self._load_open_sessions()

    def let_go(self, touched: Iterable[str]) -> None:
        """Let go of sessions that are over, and of the longest untouched while there are too many.

        What comes for one of them loads it again.
        """
        sessions = self.now.sessions
        for id_ in touched:
            session = sessions.pop(id_, None)
            if session is not None and is_open(session):
                sessions[id_] = session  # at the end: dicts keep the order of insertion
        while len(sessions) > SESSIONS_KEPT:
            del sessions[next(iter(sessions))]
            self._incomplete = True

    def _load_open_sessions(self) -> None:
        """Observers look after open sessions, so these must be in memory; of very many the newest come first."""
        blobs = self._keeper.store.open_sessions(SESSIONS_KEPT)
        for blob in reversed(blobs):
            session = load_session(blob)
            self.now.sessions.setdefault(session.id, session)
        self._incomplete = len(blobs) == SESSIONS_KEPT

    # --- for any thread

    def repositories(self) -> dict[str, Repository]:
        """What is known of folders."""
        return dict(self.now.world.repositories)

    def trees(self) -> list[str]:
        """The work trees that sessions work in."""
        return list(self.now.world.trees)

    def open_sessions(self) -> int:
        """How many sessions have not ended; made-up ones are nobody's work."""
        return sum(not (session.ended or session.local) for session in list(self.now.sessions.values()))

    def unwritten(self) -> int:
        """How many turns and sessions may be over and have no span yet: a judgement or a transcript is waited for."""
        sessions = [session for session in list(self.now.sessions.values()) if not session.local]
        turns = sum(may_be_over(turn) for session in sessions for turn in list(session.turns.values()))
        return turns + sum(bool(session.ended) and not session.written for session in sessions)
