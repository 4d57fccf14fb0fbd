"""Commits that were made in a repository, and what became of them: amended, made anew, squashed, picked.

Made of the moves of its work trees' HEADs (table `move`), whenever it is asked for: the meaning of a move may stand in
a later one. Where git does not say what a commit was made of, the commit stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final, NamedTuple

import msgspec

from hookspan.wire.facts import Moved

from .schema import NANOSECONDS

MOVE_COLUMNS: Final = "record, at, tree, project, moved, old, new, branch, likeness, content, named"
_CLOCK: Final = 10_000_000  # ns that the clock of a file system may be behind
_WORK: Final = frozenset({Moved.COMMIT, Moved.AMEND, Moved.PICK, Moved.REBASE_CONTINUE})
"""Moves before which somebody worked; what only makes commits anew takes no work."""


class Move(NamedTuple):
    """A row of table `move`, as MOVE_COLUMNS has it."""

    record: int
    at: int
    tree: int
    project: str
    moved: str
    old: str
    new: str
    branch: str
    likeness: str
    content: str
    named: str


class Made(msgspec.Struct, kw_only=True):
    """A commit that was made while hookspan looked on.

    Attributes:
        at: Unix nanoseconds; a whole second where only that is known.
        tree: Number of the work tree that it was made in.
        branch: The branch that was checked out, empty for none.
        work: Whether work may have gone into it, instead of into those that it was made of alone.
        parent: The commit before, empty for the first one.
        origin: The commit whose changes were picked for it, empty for any other.
    """

    sha: str
    at: int
    project: str
    branch: str
    record: int = 0
    tree: int = 0
    work: bool = True
    parent: str = ""
    likeness: str = ""
    content: str = ""
    origin: str = ""

    @property
    def latest(self) -> int:
        """When it was made at the latest."""
        return self.at + (_CLOCK if self.at % NANOSECONDS else NANOSECONDS - 1)


class _Rebase(msgspec.Struct):
    """Commits that are being made anew: the old ones that are left, and the new ones of which it is not clear."""

    tip: str
    left: list[str]
    made: list[str] = []
    squashes: list[str] = []
    unknown: list[str] = []
    became: dict[str, str] = {}


class Commits:
    """Those of one repository.

    Attributes:
        made: Commits by their full ids, in the order in which they were made.
        became: What a commit was replaced by, which may be replaced itself (`newest`).
    """

    def __init__(self, moves: Iterable[Move]) -> None:
        self.made: dict[str, Made] = {}
        self.became: dict[str, str] = {}
        self._rebases: dict[int, _Rebase] = {}
        self._resets: dict[int, tuple[str, str]] = {}
        self._named: list[tuple[str, str]] = []  # by messages: what was squashed, into what
        self._alike: dict[str, str] = {}  # the newest commit of each likeness ..
        self._same: dict[str, str] = {}  # .. and of each content
        take = {
            Moved.COMMIT: self._committed,
            Moved.AMEND: self._amended,
            Moved.PICK: self._picked,
            Moved.REBASE_START: self._rebase_started,
            Moved.REBASE_PICK: self._made_anew,
            Moved.REBASE_CONTINUE: self._made_anew,
            Moved.REBASE_SQUASH: self._squashed,
            Moved.REBASE_END: self._rebased,
            Moved.RESET: self._reset,
        }
        for move in moves:
            take[Moved(move.moved)](move)
        for old, new in self._named:
            if old in self.made and old not in self.became:
                self._replace(old, new)
        self._took: dict[str, list[str]] = {}
        for old, new in self.became.items():
            self._took.setdefault(new, []).append(old)

    def newest(self, sha: str) -> str:
        """What has taken its place last; itself if nothing has."""
        seen = {sha}
        while (following := self.became.get(sha)) and following not in seen:
            sha = following
            seen.add(sha)
        return sha

    def replaced_by(self, sha: str) -> list[str]:
        """The commits whose place it has taken, the newest last."""
        found = [sha]
        for each in found:
            found += [old for old in reversed(self._took.get(each, ())) if old not in found]
        return found[:0:-1]

    def before(self, sha: str) -> Iterator[str]:
        """A commit and those before it, as far as they were made here."""
        seen: set[str] = set()
        while sha in self.made and sha not in seen:
            yield sha
            seen.add(sha)
            sha = self.made[sha].parent

    def _add(self, move: Move, parent: str) -> None:
        known = self.made.pop(move.new, None)
        self.became.pop(move.new, None)  # it is there again
        self.made[move.new] = Made(
            sha=move.new,
            at=move.at,
            record=move.record,
            tree=move.tree,
            project=move.project,
            branch=move.branch,
            work=move.moved in _WORK or (known is not None and known.work),
            parent=parent,
            likeness=move.likeness,
            content=move.content,
        )
        if move.likeness:
            self._alike[move.likeness], self._same[move.content] = move.new, move.new
        if rebase := self._rebases.get(move.tree):
            rebase.made.append(move.new)

    def _replace(self, old: str, new: str) -> None:
        """Note what took a commit's place; what took it first in another work tree keeps it."""
        if old == new or self.newest(new) == old:
            return
        heir = self.made.get(self.became.get(old, ""))
        if heir is None or new not in self.made or heir.tree == self.made[new].tree:
            self.became[old] = new

    def _committed(self, move: Move) -> None:
        same = self._same.get(move.content, "") if move.content else ""
        self._add(move, move.old)
        self._named += [(sha, move.new) for sha in move.named.split()]
        for sha in self._between(same, move.old):  # several commits were left, and all of them is committed as one
            self._replace(sha, move.new)
        if (rebase := self._rebases.get(move.tree)) and (old := self._original(rebase, move)):
            self._take_place(rebase, old, move.new)
        tip, base = self._resets.pop(move.tree, ("", ""))
        if base != move.old or tip not in self.made:
            return
        if move.content and self.made[tip].content == move.content:
            for sha in takewhile(lambda sha: sha != base, self.before(tip)):
                self._replace(sha, move.new)
        elif move.likeness and self.made[tip].likeness == move.likeness:
            self._replace(tip, move.new)

    def _between(self, tip: str, base: str) -> list[str]:
        """The commits from `tip` down to `base`; none if `base` is not before it."""
        found = []
        for sha in self.before(tip):
            found.append(sha)
            if self.made[sha].parent == base:
                return found
        return []

    def _amended(self, move: Move) -> None:
        old = self.made.get(move.old)
        self._add(move, old.parent if old else "")
        if rebase := self._rebases.get(move.tree):
            rebase.unknown = [move.new if sha == move.old else sha for sha in rebase.unknown]
            self._take_place(rebase, move.old, move.new)
        else:
            self._replace(move.old, move.new)

    def _picked(self, move: Move) -> None:
        origin = next(iter(move.named.split()), "") or self._alike.get(move.likeness, "")
        self._add(move, move.old)
        self.made[move.new].origin = origin

    def _reset(self, move: Move) -> None:
        tip, base = self._resets.get(move.tree, (move.old, move.old))
        self._resets[move.tree] = (tip if base == move.old else move.old, move.new)
        if move.new in self.became:  # back to where it was before it was made anew
            for sha in self.before(move.new):
                if self.became.pop(sha, None) is None:
                    break

    def _rebase_started(self, move: Move) -> None:
        onto = set(self.before(move.new)) | {move.new}
        left = []
        for sha in self.before(move.old):
            if sha in onto:
                break
            left.append(sha)
        self._rebases[move.tree] = _Rebase(tip=move.old, left=left[::-1])

    def _made_anew(self, move: Move) -> None:
        rebase = self._rebases.setdefault(move.tree, _Rebase(tip="", left=[]))
        if move.new in rebase.left:  # nothing before it has changed
            rebase.left.remove(move.new)
            return
        old = self._original(rebase, move)
        self._add(move, move.old)
        if old:
            self._take_place(rebase, old, move.new)
        else:
            rebase.unknown.append(move.new)

    def _original(self, rebase: _Rebase, move: Move) -> str:
        """The commit that this one was made of, which is then no more left; empty if it is not clear."""
        old = next((sha for sha in rebase.left if move.likeness and self.made[sha].likeness == move.likeness), "")
        if old:
            rebase.left.remove(old)
        return old

    def _squashed(self, move: Move) -> None:
        self._rebases.setdefault(move.tree, _Rebase(tip="", left=[])).squashes.append(move.new)
        self._amended(move)

    def _take_place(self, rebase: _Rebase, old: str, new: str) -> None:
        self._replace(old, new)
        rebase.became[old] = new

    def _rebased(self, move: Move) -> None:
        rebase = self._rebases.pop(move.tree, None)
        if rebase is None:
            return
        if move.new == rebase.tip:  # it was given up
            for old in rebase.became:
                self.became.pop(old, None)
            return
        for sha in rebase.made:
            self.made[sha].branch = move.branch
        for old, new in zip(rebase.left, [*rebase.squashes, *rebase.unknown], strict=False):
            self._replace(old, new)
