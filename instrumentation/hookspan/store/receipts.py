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

SECOND: Final = 1_000_000_000  # nanoseconds
_MOVES: Final = f"SELECT repository, {MOVE_COLUMNS} FROM move ORDER BY repository, record"  # noqa: S608 - own names
_STAYED: Final = "SELECT repository, sha, days, at, branch, written, stayed FROM stayed ORDER BY record DESC"
_PULLS: Final = "SELECT state.id, number, branch, place FROM pull JOIN state USING (session) ORDER BY at"


class Stayed(NamedTuple):
    """How many lines of a commit were there when it was so many days old.

    Attributes:
        days: 1, 7 or 30.
        at: When they were counted, Unix nanoseconds.
        branch: The one on which they were looked for.
        written: Lines that were the commit's own when it was made.
        stayed: Those that still were; -1 where to count them would have taken too much.
    """

    days: int
    at: int
    branch: str
    written: int
    stayed: int


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
        counted: Its lines, by age, as far as they were counted since it is what it is now.
    """

    sha: str
    at: int
    project: str
    repository: int
    branch: str
    replaces: list[str]
    origin: str
    work: Work
    counted: list[Stayed] = []

    @property
    def lines(self) -> list[Stayed]:
        """What is known of its lines, by age; nothing where it has none of its own."""
        return [each for each in self.counted if each.written and each.stayed >= 0]


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


class Lines(NamedTuple):
    """Lines of some commits at an age (days): how many commits, their lines, those that stayed, what it all cost."""

    days: int
    commits: int
    written: int
    stayed: int
    nano: int


def by_age(receipts: Iterable[Receipt]) -> list[Lines]:
    """The lines of commits at each age at which any were counted; a commit is in it that was counted then."""
    found: dict[int, Lines] = {}
    for receipt in receipts:
        for each in receipt.lines:
            days, commits, written, stayed, nano = found.get(each.days, Lines(each.days, 0, 0, 0, 0))
            found[days] = Lines(
                days, commits + 1, written + each.written, stayed + each.stayed, nano + receipt.work.cost.nano
            )
    return sorted(found.values())


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
    agents = {each.id: each.agent for each in sessions}
    for session, item, made in book([*sessions, *work.others(db, since, sessions)], commits):
        if session not in agents:
            continue
        if made is None:
            none[item.told.project, item.told.branch].take(session, item)
            continue
        if made.sha not in newest:
            told[made.sha] = made
        works[newest.get(made.sha, made.sha)].take(session, item)
    for each in sessions:
        if each.unseen:
            none[each.project, each.branch].take_unseen(each.id, each.unseen)
    counted: dict[tuple[int, str], dict[int, Stayed]] = defaultdict(dict)
    for repository, sha, *values in db.execute(_STAYED):
        stayed = Stayed(*values)
        counted[repository, sha][stayed.days] = stayed  # the first one that was told of an age
    receipts = [
        _receipt(made, works.get(made.sha, Work()), repository, history)
        for repository, history in histories.items()
        for made in history.made.values()
        if newest[made.sha] == made.sha
    ]
    receipts += [_receipt(made, works[sha]) for sha, made in told.items()]
    for receipt in receipts:
        receipt.counted = sorted(counted.get((receipt.repository, receipt.sha), {}).values())
    receipts.sort(key=attrgetter("at"), reverse=True)
    return Receipts(
        receipts=receipts,
        none=dict(none),
        pulls=[Pull(*row) for row in db.execute(_PULLS)],
        agents=agents,
    )


def _in_order(moves: Iterable[Move]) -> list[Move]:
    """Moves by time; those of one work tree as they came, also if only of the first the part of the second is known.

    A work tree that was forgotten and found again tells all of its log once more: what is known, and of an older second
    than its newest, is left out.
    """
    latest: dict[int, int] = {}
    told: set[tuple[object, ...]] = set()
    found = []
    for move in moves:
        second = move.at // SECOND
        known = (move.tree, second, move.moved, move.old, move.new)
        if known in told and second < latest[move.tree] // SECOND:
            continue
        told.add(known)
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
