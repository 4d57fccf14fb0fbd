"""Which work goes into which commit.

A session's work in a work tree goes to the first commit after it

- that a shell command of the session made there (the client names it, or it was made while this command ran there, and
  none of another session), or that one made elsewhere while the session worked there (`cd ../other && git commit`). Of
  one that the client doesn't name that is so in another work tree of the repository in which nobody has worked yet;
- that nobody's command made (a person's, in a terminal or an editor), if the session has written files or run shell
  commands there since its commit before.

What other sessions commit takes no work of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from hookspan.catalogue.clients import SHELLS, WRITERS

from .commits import Made
from .schema import NANOSECONDS
from .work import Item, SessionWork

LATE: Final = NANOSECONDS
"""So much later than a command its span may begin."""


class Maker(NamedTuple):
    """The session whose shell command made a commit."""

    session: str
    command: Item


class Booked(NamedTuple):
    """A piece of a session's work, and its commit; None for none."""

    session: str
    item: Item
    commit: Made | None


def book(sessions: Sequence[SessionWork], commits: Iterable[Made]) -> Iterator[Booked]:
    """Books each piece of work once.

    Args:
        sessions: All sessions that may have made one of the commits.
        commits: Those that may take work (`Made.work`), of all repositories.
    """
    ordered = sorted(commits, key=attrgetter("at", "record"))
    makers = _makers(sessions, ordered)
    by_tree: dict[int, list[Made]] = defaultdict(list)
    own: dict[str, list[tuple[Made, Item]]] = defaultdict(list)
    for made in ordered:
        if maker := makers.get(made.sha):
            own[maker.session].append((made, maker.command))
        else:
            by_tree[made.tree].append(made)
    known = sorted(made.sha for made in ordered)
    for session in sessions:
        told = [(_unseen(item), item) for item in session.items if item.told.revision and not _found(known, item)]
        yield from _of_session(session, [*own[session.id], *told], by_tree)


def _found(known: Sequence[str], item: Item) -> str:
    """The commit that a command made, as its client says; empty if it is not known."""
    revision = item.told.revision
    place = bisect_left(known, revision)
    return known[place] if place < len(known) and known[place].startswith(revision) else ""


def _unseen(item: Item) -> Made:
    """A commit of which the client alone has told: in a repository where no session works, or of another kind."""
    told = item.told
    return Made(sha=told.revision, at=item.end, project=told.project, branch=told.branch)


def _makers(sessions: Sequence[SessionWork], commits: Sequence[Made]) -> dict[str, Maker]:
    named: dict[str, Maker] = {}
    during: dict[str, list[Maker]] = defaultdict(list)
    times = [made.at for made in commits]
    known = sorted(made.sha for made in commits)
    entered = _entered(sessions)
    for session in sessions:
        for item in session.items:
            if item.tool not in SHELLS:
                continue
            maker = Maker(session.id, item)
            if item.told.revision and (sha := _found(known, item)):
                named.setdefault(sha, maker)
            began = max(item.asked, item.start - LATE)
            place = bisect_left(times, began - NANOSECONDS)
            while place < len(commits) and times[place] <= item.end:
                made = commits[place]
                if made.latest >= began and _may_have_made(item, made, entered):
                    during[made.sha].append(maker)
                place += 1
    for sha, makers in during.items():
        if len({maker.session for maker in makers}) == 1:
            quiet = [maker for maker in makers if not maker.command.told.revision]  # that made no other commit
            named.setdefault(sha, (quiet or makers)[-1])
    return named


def _entered(sessions: Iterable[SessionWork]) -> dict[int, int]:
    """When a session first worked in each work tree."""
    entered: dict[int, int] = {}
    for session in sessions:
        for item in session.items:
            entered[item.tree] = min(item.at, entered.get(item.tree, item.at))
    return entered


def _may_have_made(item: Item, made: Made, entered: Mapping[int, int]) -> bool:
    """Whether a command can have made a commit where that was made, of which its client says nothing."""
    if item.tree in {0, made.tree}:
        return True
    return item.told.project == made.project and entered.get(made.tree, made.at) >= made.at


def _of_session(
    session: SessionWork, own: Sequence[tuple[Made, Item]], by_tree: Mapping[int, Sequence[Made]]
) -> Iterator[Booked]:
    """Goes through a session's time: work waits, by work tree, until a commit takes it."""
    moments: list[tuple[int, int, int, Made | Item, tuple[int, ...]]] = [
        (item.at, 0, 0, item, (item.tree,)) for item in session.items
    ]
    for made, command in own:
        at = min(max(made.latest, command.start), command.end)
        moments.append((at, 1, made.record, made, (made.tree, command.tree)))
    if session.items:
        trees = {item.tree for item in session.items} - {0}
        others = _of_others(trees, by_tree, session.items[0].at, session.items[-1].at)
        moments += [(made.latest, 2, made.record, made, (made.tree,)) for made in others]
    waiting: dict[int, list[Item]] = defaultdict(list)
    wrote: set[int] = set()
    for _, rank, _, what, trees_of in sorted(moments, key=lambda moment: moment[:3]):
        if isinstance(what, Item):
            waiting[what.tree].append(what)
            if what.tool in WRITERS:
                wrote.add(what.tree)
        elif rank == 1 or what.tree in wrote:
            for tree in trees_of:
                wrote.discard(tree)
                yield from (Booked(session.id, item, what) for item in waiting.pop(tree, ()))
    yield from (Booked(session.id, item, None) for items in waiting.values() for item in items)


def _of_others(trees: Iterable[int], by_tree: Mapping[int, Sequence[Made]], first: int, last: int) -> Iterator[Made]:
    """Commits in these work trees that no session's command made: from the first work on to the next after the last."""
    for tree in trees:
        commits = by_tree.get(tree, ())
        for place in range(bisect_left(commits, first - NANOSECONDS, key=attrgetter("at")), len(commits)):
            yield commits[place]
            if commits[place].at > last:
                break
