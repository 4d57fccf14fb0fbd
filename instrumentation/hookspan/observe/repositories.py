"""Which repository a project folder belongs to, and its branch: read from git's own files, no program started."""

from __future__ import annotations

import os
import re
from configparser import ConfigParser, Error
from typing import Final

from hookspan.model.state import Session, State
from hookspan.wire.facts import Fact, Repository

from .files import read_small

NANO: Final = 1_000_000_000
REFRESH: Final = 5 * NANO
"""How often the branch of a folder with open sessions is looked at."""
_MAX_DEPTH: Final = 64
_BRANCH: Final = re.compile(r"\Aref: refs/heads/(.{1,200})\s*\Z")
_URL_NAME: Final = re.compile(r"([^/:]{1,100}?)(?:\.git)?/?\s*\Z")


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
    project = last_part(folder)
    if git:
        head = read_small(f"{git}/HEAD", 512).decode("utf-8", "replace")
        match = _BRANCH.match(head)
        branch = match.group(1) if match else ""
        main = _main_git(git)
        if os.path.basename(main) == ".git":
            top = os.path.dirname(main)
        project = os.path.basename(top) or project
        name = _remote_name(main) or project
    return Repository(
        at=now, key=f"repository:{folder}:{now}", folder=folder, project=project[:100], name=name[:100], branch=branch
    )


def last_part(folder: str) -> str:
    """What a project is called that no repository gives a name."""
    return os.path.basename(folder.rstrip("/")) or "/"


def main_folder(folder: str) -> str:
    """The main work tree that a folder belongs to, seen from subfolders and linked work trees; itself without one."""
    top, git = _find(folder)
    if not git:
        return folder
    main = _main_git(git)
    return os.path.dirname(main) if os.path.basename(main) == ".git" else top


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
    parser = ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(read_small(f"{git}/config").decode("utf-8", "replace"))
        url = parser.get('remote "origin"', "url", fallback="")
    except Error:
        return ""
    match = _URL_NAME.search(url)
    return match.group(1) if match else ""
