"""Projects that are not recorded (`record = false`): recognises their records before anything is made of them.

The fold knows them, too, but only from facts in the journal, and those about a new setting or a new folder come after
the first events that they apply to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from hookspan.clients.decode import decode
from hookspan.config import Project
from hookspan.model.state import bound
from hookspan.observe.repositories import describe
from hookspan.wire import FORGOTTEN, Record, Unreadable
from hookspan.wire.facts import Fact, HeadMoved, LinesStayed, Registered, Repository, StatusLine
from hookspan.wire.reduced import Reduced
from hookspan.wire.scrub import folder_name

if TYPE_CHECKING:
    from hookspan.store import Questions

_KEPT: Final = 4096
"""How many folders, and sessions, are remembered."""


class OptedOut:
    """For one thread at a time, and for one state of the settings.

    Args:
        projects: The setting.
        repositories: The repositories of folders that may be gone by now, from the fold's state.
        project_of: The project of a session, for records that name no folder, as one with its title; None if what
            nobody knows the project of is not to be had.
    """

    def __init__(
        self,
        projects: Mapping[str, Project],
        repositories: Mapping[str, Repository] | None = None,
        *,
        project_of: Callable[[str], str | None] = lambda _: "",
    ) -> None:
        self.projects = projects
        self.names = frozenset(name for name, project in projects.items() if not project.record)
        self._repositories = {} if repositories is None else repositories
        self._project_of = project_of
        self._folders: dict[str, bool] = {}
        self._sessions: dict[str, bool] = {}
        self._new: list[Fact] = []

    def has(self, record: Record) -> bool:
        """Whether a record belongs to a session of such a project, subfolders and linked work trees included."""
        if not self.names:
            return False
        if record.session in self._sessions:
            return True
        folder = _folder_of(record)
        project = self._project_of(record.session) if record.session else ""
        if project not in self.names and not (folder and self.has_folder(folder, record.at)):
            return project is None and not folder
        self._sessions[record.session] = True
        bound(self._sessions, _KEPT)
        return True

    def blanked(self, line: bytes) -> bytes:
        """A journal line, or an empty record in its place if it is about such a project; an unreadable line is kept."""
        if not self.names:
            return line
        try:
            record = decode(line, b"", labels=False)
        except Unreadable:
            return line
        theirs = isinstance(record, Repository | HeadMoved | LinesStayed) and record.project in self.names
        return FORGOTTEN if theirs or self.has(record) else line

    def has_folder(self, folder: str, now: int = 0) -> bool:
        """Whether a folder belongs to such a project; `now` (Unix ns) is the time of the event that names it."""
        theirs = self._folders.get(folder)
        if theirs is None:
            theirs = self._folders[folder] = self._look(folder, now)
            bound(self._folders, _KEPT)
        return theirs

    def new_facts(self) -> list[Fact]:
        """Facts that the fold can't derive from a folder's name, and needs when it reads the same lines again."""
        facts, self._new = self._new, []
        return facts

    def _look(self, folder: str, now: int) -> bool:
        fact, earlier = describe(folder, now), self._repositories.get(folder)
        if fact.project == folder_name(folder):  # no repository, or none any more
            return (earlier or fact).project in self.names
        if fact.project in self.names and (earlier is None or earlier.project != fact.project):
            self._new.append(fact)
        return fact.project in self.names


def projects_in(store: Questions) -> Callable[[str], str | None]:
    """The project of a session, None for one that the store does not have: not yet, or not any more."""
    known: dict[str, str] = {}

    def project_of(session: str) -> str | None:
        if session not in known:
            if (row := store.session(session)) is None:
                return None
            known[session] = row.project
            bound(known, _KEPT)
        return known[session]

    return project_of


def _folder_of(record: Record) -> str:
    if isinstance(record, Reduced):
        return record.project_dir or record.cwd
    return record.folder if isinstance(record, Registered | StatusLine) else ""
