"""Which work went into which commit."""

from __future__ import annotations

import msgspec


class Spent(msgspec.Struct, kw_only=True):
    """What some work came to: list price in USD, no bill; tokens; milliseconds.

    `unseen` is what clients counted beyond the calls in their transcripts, `unpriced` calls have no known price, and
    `waited` is how long tools waited for permission. `sessions` has the list price by session.
    """

    cost: float
    unseen: float
    unpriced: int
    calls: int
    turns: int
    input: int
    cache_read: int
    output: int
    model_time: float
    tool_time: float
    waited: float
    sessions: dict[str, float]


class LinesStayed(msgspec.Struct, kw_only=True):
    """How many of the lines that a commit had of its own were there at an age (days), on which branch."""

    days: int
    branch: str
    written: int
    stayed: int


class LinesByAge(msgspec.Struct, kw_only=True):
    """The same of several commits, which cost this much together (list price, USD)."""

    days: int
    commits: int
    written: int
    stayed: int
    cost: float


class Commit(msgspec.Struct, kw_only=True):
    """A commit as it is now, when it was made, and the work that went into it.

    `replaces`: the commits whose place it has taken. `origin`: the one that it was picked from, empty for any other.
    `lines`: by age, as far as they were counted.
    """

    sha: str
    at: float
    replaces: list[str]
    origin: str
    lines: list[LinesStayed]
    spent: Spent


class PullRequest(msgspec.Struct, kw_only=True):
    """A pull request of a branch. `place`: `owner/name`, empty if it is not known."""

    number: int
    place: str


class BranchReceipts(msgspec.Struct, kw_only=True):
    """The commits of a branch into which work went, the newest first, and its work that is in no commit.

    `branch` is empty where none was checked out. `agents`: coding agents that did the work.
    """

    project: str
    branch: str
    pulls: list[PullRequest]
    commits: list[Commit]
    lines: list[LinesByAge]
    no_commit: Spent
    total: Spent
    agents: list[str]


class Receipts(msgspec.Struct, kw_only=True):
    """Which work went into which commit, by branch, those with the newest commit first.

    `total` is what clients have counted for all these sessions. `count`: how many branches there are in all. `titles`:
    of sessions, as far as they have one.
    """

    now: float
    position: int
    days: int
    projects: list[str]
    branches: list[BranchReceipts]
    titles: dict[str, str]
    count: int
    total: Spent
