"""Commits that are made in work trees, by whomever: read from the log that git keeps of each HEAD, no program started.

A line of the log has the commit before, the commit after, when, and in words what moved it. Of these words nothing is
kept but what kind of move it was, and the branch.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator, Mapping
from operator import itemgetter
from typing import Final, NamedTuple

from hookspan.model.state import WorkTree, bound
from hookspan.reading import RefusedError, open_regular, read_small
from hookspan.wire.facts import HeadMoved, Moved

from . import repositories
from .commit_objects import CommitObject, read_commit

NANO: Final = 1_000_000_000
TAIL: Final = 1 << 20
"""Bytes at the end of a log that are read: some 5,000 moves."""
MOST: Final = 500
"""Moves that are told of a log at once; the rest follows with the next look."""
TREES_MAX: Final = 256
"""Work trees of one repository that are looked at."""
KEPT: Final = 512
LATER: Final = 3600
"""Seconds after git has noted the time until a commit is written: its hooks may take that long, and its editor."""
AHEAD: Final = 60
"""Seconds that a commit may be made after a look began; one later than that has a date in the future."""
_LINE: Final = re.compile(
    rb"(?P<old>[0-9a-f]{40,64}) (?P<new>[0-9a-f]{40,64}) [^\t]{0,1000}> (?P<at>\d{1,12}) [+-]\d{4}\t(?P<what>.{0,500})"
)
_CHECKOUT: Final = re.compile(r"checkout: moving from (\S{1,200}) to (\S{1,200})")
_RENAMED: Final = re.compile(r"Branch: renamed refs/heads/\S{1,200} to refs/heads/(\S{1,200})")
_RETURNED: Final = re.compile(r"(?:rebase|pull)\b[^:]{0,200}: returning to refs/heads/(\S{1,200})")
_STEP: Final = re.compile(r"(?:rebase|pull)\b[^:(]{0,200}\(([a-z]{1,20})\)")
_FINISHED: Final = re.compile(r"rebase (finished): ")  # git before 2.26
_HEX: Final = re.compile(r"[0-9a-f]{7,64}")
_MADE: Final = re.compile(r"(?:commit(?: \((?P<kind>[a-z-]{1,20})\))?|revert|am): ")
_MERGED: Final = re.compile(r"(?:merge|pull)\b.{0,400}: Merge made by ")
_PICKED: Final = "cherry-pick: "
_FORWARDED: Final = "cherry-pick: fast-forward"
_RESET: Final = "reset: moving to "
_STEPS: Final = {
    "start": Moved.REBASE_START,
    "finish": Moved.REBASE_END,
    "finished": Moved.REBASE_END,
    "abort": Moved.REBASE_END,
    "squash": Moved.REBASE_SQUASH,
    "fixup": Moved.REBASE_SQUASH,
}
_KINDS: Final = {"amend": Moved.AMEND, "cherry-pick": Moved.PICK}


class _Entry(NamedTuple):
    """A line of a log; `at` in seconds."""

    old: str
    new: str
    at: int
    what: str

    @property
    def key(self) -> str:
        return f"head:{self.at}:{self.old}:{self.new}"


class _Log(NamedTuple):
    """The log of a work tree: the tree's top, its git folder, its repository's, and since when sessions work there."""

    tree: str
    git: str
    repository: str
    since: int


class Heads:
    """The logs of the work trees that sessions work in, and of the others of their repositories."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._listed: tuple[float, object, list[_Log]] = 0.0, None, []

    def step(self, now: int, trees: Mapping[str, WorkTree], opted_out: Collection[str] = ()) -> list[HeadMoved]:
        """What is new in the logs at `now` (Unix ns), but for projects that are not recorded; `trees`: what is known.

        By time, but those of one log as they came: git takes a commit's date from whoever sets it.
        """
        found: list[tuple[int, HeadMoved]] = []
        for log in self._logs(trees):
            known = trees.get(log.tree)
            latest = 0
            for fact in self._read(log, WorkTree(since=log.since, newest=known.newest if known else ""), opted_out):
                if fact.at > now + AHEAD * NANO:  # it would take all the work until then
                    fact.at = now
                latest = max(latest, fact.at)
                found.append((latest, fact))
        bound(self._seen, KEPT)
        found.sort(key=itemgetter(0))
        return [fact for _, fact in found]

    def _logs(self, trees: Mapping[str, WorkTree]) -> list[_Log]:
        looked_at, of, logs = self._listed
        now = time.monotonic()
        if of != _stamp(trees, logs) or now >= looked_at + repositories.REFRESH:
            logs = [
                _Log(top, git, repository, since)
                for repository, (tree, since) in _repositories(trees).items()
                for top, git in _work_trees(repository, tree)
            ]
            self._listed = now, _stamp(trees, logs), logs
        return logs

    def _read(self, log: _Log, known: WorkTree, opted_out: Collection[str]) -> Iterator[HeadMoved]:
        tree, git, repository, _ = log
        path = f"{git}/logs/HEAD"
        try:
            status = os.stat(path)
        except OSError:
            return
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        if self._seen.get(path) == stamp:
            return
        project = repositories.project_name(tree)
        if project in opted_out:
            self._seen[path] = stamp
            return
        entries = list(_entries(path))
        new = _after(entries, known)
        if len(entries) - new <= MOST:
            self._seen.pop(path, None)
            self._seen[path] = stamp
        branches = _branches(entries, git)
        told = 0
        for entry, branch in zip(entries[new:], branches[new:], strict=True):
            commit = read_commit(repository, entry.new) if entry.new.strip("0") else None
            moved = _moved(entry, commit)
            if moved is None:
                continue
            yield _fact(entry, moved, commit, branch, tree=tree, repository=repository, project=project)
            told += 1
            if told == MOST:
                return


def _stamp(trees: Mapping[str, WorkTree], logs: list[_Log]) -> object:
    """Differs when sessions work in other work trees, or their repositories have others."""
    return frozenset(trees), [_changed(f"{git}/worktrees") for git in {log.repository: None for log in logs}]


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def _repositories(trees: Mapping[str, WorkTree]) -> dict[str, tuple[str, int]]:
    """Git folders of the repositories of work trees: with one of these, and since when sessions work in any."""
    found: dict[str, tuple[str, int]] = {}
    for tree, known in trees.items():
        _, main = repositories.git_folders(tree)
        if main:
            before = found.get(main, (tree, known.since))
            found[main] = before[0], min(before[1], known.since)
    return found


def _work_trees(repository: str, tree: str) -> Iterator[tuple[str, str]]:
    """All work trees of a repository, its main one first: top and git folder; `tree` is one of them."""
    main = repositories.main_folder(tree)
    if repositories.git_folders(main)[0] == repository:
        yield main, repository
    try:
        names = sorted(os.listdir(f"{repository}/worktrees"))[:TREES_MAX]
    except OSError:
        return
    for name in names:
        git = f"{repository}/worktrees/{name}"
        pointer = read_small(f"{git}/gitdir", 4096).decode("utf-8", "replace").strip()
        top = os.path.dirname(os.path.normpath(os.path.join(git, pointer)))
        if pointer and repositories.git_folders(top)[0] == git:
            yield top, git


def _entries(path: str) -> Iterator[_Entry]:
    try:
        descriptor = open_regular(path)
    except (OSError, RefusedError):
        return
    try:
        start = max(0, os.fstat(descriptor).st_size - TAIL)
        data = os.pread(descriptor, TAIL, start)
    except OSError:
        return
    finally:
        os.close(descriptor)
    lines = data.split(b"\n")
    for line in lines[1 if start else 0 : -1]:  # the first one is cut, the last one is not whole yet
        if match := _LINE.match(line):
            what = match["what"].decode("utf-8", "replace")
            yield _Entry(match["old"].decode(), match["new"].decode(), int(match["at"]), what)


def _after(entries: list[_Entry], known: WorkTree) -> int:
    """Where what is not known begins. A log is also written anew, without its oldest lines."""
    for index in range(len(entries) - 1, -1, -1):
        if entries[index].key == known.newest:
            return index + 1
    since = int(known.newest.split(":")[1]) + 1 if known.newest else known.since // NANO
    return next((index for index, entry in enumerate(entries) if entry.at >= since), len(entries))


def _branches(entries: list[_Entry], git: str) -> list[str]:
    """The branch at each move; empty for none, also while commits are made anew, whose end names it."""
    branch = ""
    found: list[str] = []
    known = rebasing = False
    for entry in entries:
        if match := _CHECKOUT.match(entry.what):
            if not known:
                found = [_local(match[1])] * len(found)
            branch, known = _local(match[2]), True
        elif match := _RETURNED.match(entry.what) or _RENAMED.match(entry.what):
            branch, known = match[1], True
        if step := _STEP.match(entry.what):
            rebasing = step[1] not in {"finish", "abort"}
        found.append("" if rebasing else branch)
    now = repositories.branch_of(git)
    if now and not known:
        return [now] * len(found)
    return found


def _local(name: str) -> str:
    """A branch, unless it is a commit or an expression."""
    return "" if _HEX.fullmatch(name) or any(letter in name for letter in "~^:@{") else name


def _moved(entry: _Entry, commit: CommitObject | None) -> Moved | None:
    what = entry.what
    if step := _STEP.match(what) or _FINISHED.match(what):
        return _moved_anew(entry, step[1], commit)
    if match := _MADE.match(what):
        return _KINDS.get(match["kind"] or "", Moved.COMMIT)
    if _MERGED.match(what):
        return Moved.COMMIT
    if what.startswith(_PICKED) and what != _FORWARDED:
        return Moved.PICK
    return Moved.RESET if what.startswith(_RESET) and entry.old != entry.new else None


def _moved_anew(entry: _Entry, step: str, commit: CommitObject | None) -> Moved | None:
    """A step of a rebase."""
    if step in _STEPS:
        return _STEPS[step]
    if entry.old == entry.new:
        return None
    if commit is not None and entry.old not in commit.parents and commit.parents:  # in place of the one before
        return Moved.AMEND
    return Moved.REBASE_CONTINUE if step == "continue" else Moved.REBASE_PICK


def _fact(
    entry: _Entry, moved: Moved, commit: CommitObject | None, branch: str, *, tree: str, repository: str, project: str
) -> HeadMoved:
    fact = HeadMoved(
        at=entry.at * NANO,
        key=entry.key,
        tree=tree,
        repository=repository,
        project=project,
        moved=moved.value,
        old=entry.old if entry.old.strip("0") else "",
        new=entry.new,
        branch=branch,
    )
    if commit:
        if entry.at * NANO <= commit.written < (entry.at + LATER) * NANO:
            fact.at = commit.written
        fact.likeness, fact.content = commit.likeness, commit.content
        fact.named = commit.picked if moved is Moved.PICK else commit.squashed if moved is Moved.COMMIT else []
    return fact
