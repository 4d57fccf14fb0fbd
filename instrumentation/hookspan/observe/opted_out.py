"""Projects that are not recorded (`record = false`): whose lines are theirs, told before anything is made of them.

The fold knows them, too, but only by the facts that are in the journal: those of a new setting or a new folder come
after the first events that they speak of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hookspan.config import Project
from hookspan.model.state import bound
from hookspan.wire import FORGOTTEN, Record, Unreadable, decode
from hookspan.wire.reduced import Reduced

from .repositories import describe

_KEPT: Final = 4096
"""Folders, and sessions, that are remembered."""


class OptedOut:
    """For one thread at a time, and for one state of the settings."""

    def __init__(self, projects: Mapping[str, Project]) -> None:
        self.projects = projects
        self.names = frozenset(name for name, project in projects.items() if not project.record)
        self._folders: dict[str, bool] = {}
        self._sessions: dict[str, bool] = {}

    def has(self, record: Record) -> bool:
        """Whether a record is of such a project's session: its subfolders and linked work trees belong to it."""
        if not self.names:
            return False
        if record.session in self._sessions:
            return True
        folder = (record.project_dir or record.cwd) if isinstance(record, Reduced) else ""
        if not folder or not self.has_folder(folder):
            return False
        self._sessions[record.session] = True
        bound(self._sessions, _KEPT)
        return True

    def blanked(self, line: bytes) -> bytes:
        """A journal line, or what stands in its place where it is such a session's; what can't be read is nobody's."""
        try:
            return FORGOTTEN if self.names and self.has(decode(line, b"", labels=False)) else line
        except Unreadable:
            return line

    def has_folder(self, folder: str) -> bool:
        """Whether a folder belongs to such a project."""
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = describe(folder, 0).project in self.names
            bound(self._folders, _KEPT)
        return known
