"""Which repository a project folder belongs to, and its branch: read from git's own files, no program started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

from hookspan.model.state import Session, State
from hookspan.wire.facts import Fact, Repository
from hookspan.wire.scrub import folder_name, scrub

from .files import read_small

NANO: Final = 1_000_000_000
REFRESH: Final = 5 * NANO
"""How often the branch of a folder with open sessions is looked at."""
_MAX_DEPTH: Final = 64
_HEAD: Final = "ref: refs/heads/"
_BRANCH_LENGTH: Final = 200
_NAME_LENGTH: Final = 100
_ORIGIN: Final = frozenset({'[remote "origin"]', "[remote.origin]"})
_HOST_END: Final = re.compile(r"[/?#]")
_QUERY: Final = re.compile(r"[?#]")
_AROUND: Final = '"/ \t'
"""Stands around an address: quotes, blanks before a comment, a slash at the end."""
_NAME: Final = re.compile(rf"\A[\w.+~-]{{1,{_NAME_LENGTH}}}\Z")
"""What hosts allow in a repository's name. An address has more in it, and may have secrets in that."""


class Repositories:
    """Repositories of the folders that open sessions work in."""

    def __init__(self) -> None:
        self._looked: dict[str, int] = {}

    def step(self, now: int, state: State, sessions: list[Session]) -> list[Fact]:
        """What is new or has changed about the folders of these sessions."""
        found: list[Fact] = []
        folders = {session.project_dir or session.cwd for session in sessions if not session.ended} - {""}
        for folder in folders:
            if now < self._looked.get(folder, 0) + REFRESH:
                continue
            self._looked[folder] = now
            fact = describe(folder, now)
            known = state.world.repositories.get(folder)
            if known is None or (known.project, known.name, known.branch) != (fact.project, fact.name, fact.branch):
                found.append(fact)
        for folder in self._looked.keys() - folders:
            del self._looked[folder]
        return found


def describe(folder: str, now: int) -> Repository:
    """The repository of a folder: the main one for a linked worktree; none gives a fact with the folder's own name."""
    top, git = _find(folder)
    name = branch = ""
    project = folder_name(folder)
    if git:
        branch = _branch(git)
        main = _main_git(git)
        if os.path.basename(main) == ".git":
            top = os.path.dirname(main)
        project = folder_name(top)
        name = _remote_name(main) or project
    return Repository(
        at=now,
        key=f"repository:{folder}:{now}",
        folder=folder,
        project=project[:_NAME_LENGTH],
        name=name[:_NAME_LENGTH],
        branch=branch,
    )


def main_folder(folder: str) -> str:
    """The main work tree that a folder belongs to, seen from subfolders and linked work trees; itself without one."""
    top, git = _find(folder)
    if not git:
        return folder
    main = _main_git(git)
    return os.path.dirname(main) if os.path.basename(main) == ".git" else top


def _branch(git: str) -> str:
    """The branch that a work tree is on; none with a detached HEAD."""
    head = read_small(f"{git}/HEAD", 512).decode("utf-8", "replace").rstrip()
    branch = head.removeprefix(_HEAD)
    return branch if head.startswith(_HEAD) and len(branch) <= _BRANCH_LENGTH and branch.isprintable() else ""


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
        if os.path.isdir(candidate):
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
