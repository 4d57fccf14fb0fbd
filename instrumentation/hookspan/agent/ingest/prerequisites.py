"""Finds the facts that an event's rows depend on, to be folded before the event.

Which repository a folder belongs to is looked up when an event tells of the folder. What silence has told by the time
of an event (a turn is over, a session is) is judged before it is folded, if it was not yet. The journal has such facts
after their event: that was there first. If they were folded there, the event's rows would not heed them, and the later
the agent came the more rows would not. So they are moved ahead, at once when they are found, and by a look through the
journal when it is read again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from hookspan.clients.decode import decode
from hookspan.journal import Tail
from hookspan.model.state import SessionState, State
from hookspan.observe.repositories import Repositories
from hookspan.wire import Fact, Record, Reduced, Unreadable, encode
from hookspan.wire.facts import Repository, TranscriptRead

_FACT: Final = b'{"v":1,"kind":"fact",'
_AHEAD: Final = b'"ahead":'
_READ: Final = b'"type":"transcript_read"'


class Prerequisites:
    """For one thread. `restart` comes first, and again with each new way through the journal.

    Args:
        roots: Gives the folders that transcripts may be read in.
        judge: Gives what is so of a session by the time of its event.
    """

    def __init__(
        self, roots: Callable[[], tuple[str, ...]], judge: Callable[[SessionState, Reduced], list[Fact]]
    ) -> None:
        self._roots = roots
        self._judge = judge
        self._forget()

    def _forget(self) -> None:
        self._repositories = Repositories(self._roots())
        self._told: dict[tuple[str, int], list[Fact]] = {}
        self._moved: dict[tuple[str, int], int] = {}  # how many of them are still to come where they stand ..
        self._kept: dict[tuple[str, int], int] = {}  # .. and as of the last commit
        self._passed: list[tuple[str, int]] = []
        self._looked = 0
        self._new: list[Fact] = []

    def restart(self, rest: Tail) -> None:
        """Begin anew, with what an agent has told before: it stands in the rest of the journal."""
        self._forget()
        while lines := rest.read():
            for line in lines:
                if line.data.startswith(_FACT) and (_AHEAD in line.data or _READ in line.data):
                    with contextlib.suppress(Unreadable):
                        self._see(line.number, decode(line.data, b""))

    def _see(self, number: int, record: Record) -> None:
        if isinstance(record, Reduced):
            return
        if record.ahead:
            self._told.setdefault((record.session, record.ahead), []).append(record)
        elif isinstance(record, TranscriptRead) and not record.history:
            self._looked = number  # it was written when all before it was folded

    def begin(self) -> None:
        """A batch is folded, perhaps once more: what was since the last commit is not so."""
        self._moved = dict(self._kept)
        self._passed.clear()

    def committed(self) -> None:
        """What was folded is in the store."""
        self._kept = dict(self._moved)
        for name in self._passed:
            self._told.pop(name, None)
        self._passed.clear()

    def of(self, number: int, record: Record, state: State) -> list[Fact]:
        """What is to be folded before a record."""
        if not isinstance(record, Reduced) or record.local or record.history:
            return []
        name = record.session, record.at
        if name not in self._told:
            facts = self._find(record, state, anew=number >= self._looked)
            if not facts:
                return []
            for fact in facts:
                fact.ahead, fact.session = record.at, record.session
            self._told[name] = facts
            self._new += facts
        self._moved[name] = len(self._told[name])
        return self._told[name]

    def _find(self, event: Reduced, state: State, *, anew: bool) -> list[Fact]:
        """What is new at an event; without `anew` an agent has looked at it and found what is told already."""
        session = state.sessions.get(event.session)
        facts: list[Fact] = []
        folder = event.project_dir or (session.folder if session else "") or event.cwd
        known = state.world.repositories.get(folder)
        if folder and (anew or known is None) and (fact := self._repositories.at(event, folder, known)):
            facts.append(fact)
        if event.writes or event.rewrites or event.request:  # in which work tree that is
            unknown = {event.cwd, event.rewrites} - {folder, "", *state.world.repositories}
            facts += filter(None, (self._repositories.at(event, other, None) for other in sorted(unknown)))
        if anew and session is not None and not session.local:
            facts += self._judge(session, event)
        return facts

    def has_moved(self, record: Record, state: State) -> bool:
        """Whether a record is such a fact and was folded before, so that nothing is to be made of it here."""
        if isinstance(record, Reduced) or not record.ahead:
            return False
        name = record.session, record.ahead
        if name in self._moved:
            self._moved[name] -= 1
            if not self._moved[name]:
                del self._moved[name]
                self._passed.append(name)
            return True
        self._passed.append(name)
        # It was before a restart, if what is known is newer.
        if isinstance(record, Repository):
            known = state.world.repositories.get(record.folder)
            return known is not None and known.at > record.at
        session = state.sessions.get(record.session)
        return session is not None and bool(record.file) and record.offset <= session.files.get(record.file, -1)

    def lines(self) -> list[bytes]:
        """The journal lines (without LF) of what is new."""
        return [encode(fact) for fact in self._new]

    def written(self) -> None:
        """They are in the journal."""
        self._new.clear()
