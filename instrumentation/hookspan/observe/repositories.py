"""Which repository a project folder belongs to, and its branch: read from git's own files, no program started."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from hookspan.model.state import bound
from hookspan.reading import read_small
from hookspan.wire import Reduced
from hookspan.wire.facts import Repository
from hookspan.wire.scrub import folder_name, scrub

from .branches import Branches

REFRESH: Final = 5.0
"""Seconds after which it is looked again where a folder's git files are, and what its repository is called."""
KEPT: Final = 512
"""Folders that are remembered, and sessions whose transcripts are."""
MOMENTS: Final = frozenset({"SessionStart", "UserPromptSubmit", "PreToolUse", "Stop", "StopFailure"})
"""Events of the main thread at which the branch is looked at: the client has just written a line of its transcript, or
is about to (`BEFORE`), so that this line tells the same as git's files."""
BEFORE: Final = frozenset({"SessionStart", "UserPromptSubmit"})
_MAX_DEPTH: Final = 64
_HEAD: Final = "ref: refs/heads/"
_BRANCH_LENGTH: Final = 200
_NAME_LENGTH: Final = 100
_ORIGIN: Final = frozenset({'[remote "origin"]', "[remote.origin]"})
_HOST_END: Final = re.compile(r"[/?#]")
_QUERY: Final = re.compile(r"[?#]")
_AROUND: Final = '"/ \t'
"""What may surround an address: quotes, blanks before a comment, a slash at the end."""
_NAME: Final = re.compile(rf"\A[\w.+~-]{{1,{_NAME_LENGTH}}}\Z")
"""What hosts allow in a repository's name. An address has more in it, and may have secrets in that."""


class _Place(NamedTuple):
    """Whether a folder is there, its git folder (empty for none), what its project and its repository are called.

    `tree` is the top of its work tree, without links.
    """

    there: bool
    git: str
    project: str
    name: str
    tree: str = ""


class Repositories:
    """Repositories of the folders that sessions work in, as of the time of an event, not of the lookup.

    Git's `HEAD` tells the branch of every moment since it was last written. What was before that, the session's
    transcript tells (`gitBranch` of its lines). So an agent that comes late finds what one that was there has found.

    Args:
        roots: Folders that transcripts may be read in.
    """

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = roots
        self._places: dict[str, tuple[float, _Place]] = {}
        self._heads: dict[str, tuple[tuple[int, int], str]] = {}
        self._transcripts: dict[str, Branches] = {}

    def at(self, event: Reduced, folder: str, current: Repository | None) -> Repository | None:
        """The fact about an event's folder, if it differs from the `current` one; None if nothing is new."""
        if current is not None and (event.agent_id or event.event not in MOMENTS):
            return None
        place = self._place(folder)
        if not place.there and current is not None:
            place = _Place(False, "", current.project, current.name, current.tree)
        branch = self._branch(event, place)
        if branch is None:
            branch = current.branch if current else ""
        if current is not None and (current.project, current.name, current.branch, current.tree) == (
            place.project,
            place.name,
            branch,
            place.tree,
        ):
            return None
        return _fact(folder, place, branch, event.at, event.session)

    def _place(self, folder: str) -> _Place:
        now = time.monotonic()
        looked_at, place = self._places.get(folder, (0.0, None))
        if place is None or now >= looked_at + REFRESH:
            place = _look(folder)
            self._places[folder] = now, place
            bound(self._places, KEPT)
        return place

    def _branch(self, event: Reduced, place: _Place) -> str | None:
        """The branch at an event; empty for none, None if it is not known."""
        if place.git:
            branch, since = self._head(place.git)
            if since <= event.at:
                return branch
        elif place.there:
            return ""
        transcript = self._transcripts.get(event.session)
        if transcript is None:
            transcript = self._transcripts[event.session] = Branches(event.transcript, event.session, self._roots)
            bound(self._transcripts, KEPT)
        return transcript.at(event.at, before=event.event in BEFORE)

    def _head(self, git: str) -> tuple[str, int]:
        """The branch that is checked out, and the time (Unix ns) since which it certainly has been."""
        stamp = _stamp(git)
        cached = self._heads.get(git)
        if cached is not None and cached[0] == stamp:
            return cached[1], stamp[0]
        self._heads[git] = stamp, branch_of(git)
        bound(self._heads, KEPT)
        return self._heads[git][1], _stamp(git)[0]  # asked after it was read: it was so by then


def describe(folder: str, now: int) -> Repository:
    """The repository of a folder: the main one for a linked worktree; none gives a fact with the folder's own name."""
    place = _look(folder)
    return _fact(folder, place, branch_of(place.git) if place.git else "", now)


def _fact(folder: str, place: _Place, branch: str, at: int, session: str = "") -> Repository:
    return Repository(
        at=at,
        key=f"repository:{folder}:{at}",
        session=session,
        folder=folder,
        tree=place.tree,
        project=place.project,
        name=place.name,
        branch=branch,
    )


def _look(folder: str) -> _Place:
    top, git = _find(folder)
    if not git:
        there = "\0" not in folder and os.path.isdir(folder)
        return _Place(there, "", folder_name(folder)[:_NAME_LENGTH], "")
    main, tree = _main_git(git), os.path.realpath(top)
    if os.path.basename(main) == ".git":
        top = os.path.dirname(main)
    project = folder_name(top)
    return _Place(True, git, project[:_NAME_LENGTH], (_remote_name(main) or project)[:_NAME_LENGTH], tree)


def main_folder(folder: str) -> str:
    """The main work tree that a folder belongs to, seen from subfolders and linked work trees; itself without one."""
    top, git = _find(folder)
    if not git:
        return folder
    main = _main_git(git)
    return os.path.dirname(main) if os.path.basename(main) == ".git" else top


def work_tree(folder: str) -> str:
    """The top of the work tree that a folder is in; empty outside of any."""
    return _find(folder)[0]


def git_folders(tree: str) -> tuple[str, str]:
    """The git folder of the work tree with that top, and its repository's; empty where it is not there any more."""
    top, git = _find(tree)
    return (git, _main_git(git)) if top == tree else ("", "")


def project_name(tree: str) -> str:
    """What the project of a work tree is called: as its repository's main one, whose top is its address."""
    return folder_name(main_folder(tree))[:_NAME_LENGTH]


def branch_of(git: str) -> str:
    """The branch that a work tree is on; none with a detached HEAD."""
    head = read_small(f"{git}/HEAD", 512).decode("utf-8", "replace").rstrip()
    branch = head.removeprefix(_HEAD)
    return branch if head.startswith(_HEAD) and len(branch) <= _BRANCH_LENGTH and branch.isprintable() else ""


def _stamp(git: str) -> tuple[int, int]:
    """When `HEAD` was last written (unix ns), and its inode."""
    try:
        status = os.stat(f"{git}/HEAD")
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino


def _main_git(git: str) -> str:
    """The main repository's git folder, from that of a linked work tree."""
    common = read_small(f"{git}/commondir", 4096).decode("utf-8", "replace").strip()
    return os.path.normpath(os.path.join(git, common)) if common else git


def _find(folder: str) -> tuple[str, str]:
    """The work tree's top and its git folder, or empty strings."""
    at = folder
    for _ in range(_MAX_DEPTH):
        if not at.startswith("/") or "\0" in at:
            break
        candidate = f"{at.rstrip('/')}/.git"
        if os.path.exists(f"{candidate}/HEAD"):  # as for git itself, a folder of that name alone is none
            return at, candidate
        pointer = read_small(candidate, 4096).decode("utf-8", "replace").strip()
        if pointer.startswith("gitdir: "):
            git = os.path.normpath(os.path.join(at, pointer.removeprefix("gitdir: ")))
            return (at, git) if os.path.isdir(git) else ("", "")
        if at == "/":
            break
        at = os.path.dirname(at.rstrip("/")) or "/"
    return "", ""


def _remote_name(git: str) -> str:
    """The repository's name as its `origin` has it; never the address, which may hold a password."""
    config = read_small(f"{git}/config").decode("utf-8", "replace")
    return next((repository_name(url) for url in _origins(config)), "")


def _origins(config: str) -> Iterator[str]:
    """The addresses of `origin`, read line by line: of git's syntax what git itself writes."""
    within = False
    for line in config.splitlines():
        text = line.strip()
        if text.startswith("["):
            heading, bracket, text = text.partition("]")
            section, _, remote = (heading + bracket).partition(" ")
            within = f"{section.lower()} {remote}".strip() in _ORIGIN
        key, equals, value = text.partition("=")
        if within and equals and key.strip().lower() == "url":
            yield value.strip()


def repository_name(address: str) -> str:
    """The last part of a remote's address without `.git`, where it is a name beyond doubt; empty where it is not.

    The address is a URL, `[user@]host:path` or a path, with git's quotes and escapes. Neither user and password nor
    query and fragment are in a name. An `@` behind a `?` or `#` may end a password: such an address has none.
    """
    address = address.replace("\\\\", "\\")
    if "::" in address:  # a helper's (`ext::`, `codecommit::`), with a syntax of its own
        return ""
    _, scheme, rest = address.partition("://")
    if scheme:
        end = _HOST_END.search(rest)
        address = rest[end.start() :] if end else ""
    path, *behind = _QUERY.split(address, maxsplit=1)
    if behind and "@" in behind[0]:
        return ""
    parts = path.replace("\\", "/").strip(_AROUND)
    last = (parts if scheme else parts.replace(":", "/")).rpartition("/")[2]
    name = last.removesuffix(".git")
    return name if _NAME.match(name) and not name.startswith(".") and scrub(name) == name else ""
