"""Receipts: what went into each commit that is there now, and what went into none.

All of them together come to what the clients themselves counted for their sessions, to the nano-dollar.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from . import work
from .booking import book
from .commits import MOVE_COLUMNS, Commits, Made, Move
from .work import Work

_MOVES: Final = f"SELECT repository, {MOVE_COLUMNS} FROM move ORDER BY repository, record"  # noqa: S608 - own names
_PULLS: Final = "SELECT state.id, number, branch, place FROM pull JOIN state USING (session) ORDER BY at"


class Receipt(msgspec.Struct, kw_only=True):
    """A commit as it is now, and the work that went into it.

    Attributes:
        sha: Its id; shortened where only the client told of it.
        at: When it was made, Unix nanoseconds.
        project: Of its repository.
        repository: Number of the repository, 0 if it is not known.
        branch: That was checked out when it was made; empty for none.
        replaces: The commits whose place it has taken (amended, rebased, squashed), the newest last.
        origin: The commit that it was picked from, empty for any other. What went into that one stays there.
    """

    sha: str
    at: int
    project: str
    repository: int
    branch: str
    replaces: list[str]
    origin: str
    work: Work


class Pull(NamedTuple):
    """A pull request, and a session that had to do with it on a branch. `place`: `owner/name`, empty if unknown."""

    session: str
    number: int
    branch: str
    place: str


class Receipts(msgspec.Struct, kw_only=True):
    """The receipts of all commits, the newest first, and what is in no commit, by project and branch.

    `agents`: the coding agent of each session. All of them together are the whole (`total`).
    """

    receipts: list[Receipt] = []
    none: dict[tuple[str, str], Work] = {}
    pulls: list[Pull] = []
    agents: dict[str, str] = {}

    def agents_of(self, work: Work) -> list[str]:
        """The coding agents that did some work."""
        return sorted({self.agents[session] for session in work.sessions if session in self.agents})

    def total(self) -> Work:
        """All work: as far as sessions have ended, what their clients have counted, to the nano-dollar."""
        return together(work for work in (*self.none.values(), *(receipt.work for receipt in self.receipts)))


def together(works: Iterable[Work]) -> Work:
    """The sum of several."""
    total = Work()
    for each in works:
        total.add(each)
    return total


def of_all(db: sqlite3.Connection, since: int = 0) -> Receipts:
    """Those of the sessions whose last event was at or after `since` (Unix nanoseconds)."""
    histories = {
        repository: Commits(_in_order(Move(*row[1:]) for row in rows))
        for repository, rows in groupby(db.execute(_MOVES), key=lambda row: int(row[0]))
    }
    newest = {sha: history.newest(sha) for history in histories.values() for sha in history.made}
    sessions = work.sessions(db, since)
    commits = [made for history in histories.values() for made in history.made.values() if made.work]
    works: dict[str, Work] = defaultdict(Work)
    told: dict[str, Made] = {}
    none: dict[tuple[str, str], Work] = defaultdict(Work)
    for session, item, made in book(sessions, commits):
        if made is None:
            none[item.told.project, item.told.branch].take(session, item)
            continue
        if made.sha not in newest:
            told[made.sha] = made
        works[newest.get(made.sha, made.sha)].take(session, item)
    for each in sessions:
        if each.unseen:
            none[each.project, each.branch].take_unseen(each.id, each.unseen)
    receipts = [
        _receipt(made, works.get(made.sha, Work()), repository, history)
        for repository, history in histories.items()
        for made in history.made.values()
        if newest[made.sha] == made.sha
    ]
    receipts += [_receipt(made, works[sha]) for sha, made in told.items()]
    receipts.sort(key=attrgetter("at"), reverse=True)
    return Receipts(
        receipts=receipts,
        none=dict(none),
        pulls=[Pull(*row) for row in db.execute(_PULLS)],
        agents={each.id: each.agent for each in sessions},
    )


def _in_order(moves: Iterable[Move]) -> list[Move]:
    """Moves by time; those of one work tree as they came, also if only of the first the part of the second is known."""
    latest: dict[int, int] = {}
    found = []
    for move in moves:
        latest[move.tree] = max(move.at, latest.get(move.tree, 0))
        found.append(move._replace(at=latest[move.tree]))
    return sorted(found, key=attrgetter("at", "record"))


def _receipt(made: Made, went_in: Work, repository: int = 0, history: Commits | None = None) -> Receipt:
    return Receipt(
        sha=made.sha,
        at=made.at,
        project=made.project,
        repository=repository,
        branch=made.branch,
        replaces=history.replaced_by(made.sha) if history else [],
        origin=history.newest(made.origin) if history and made.origin else "",
        work=went_in,
    )
