"""Observers, which write to the journal as facts what no hook reports.

They read transcripts, the client's registry of running sessions, the process table, git's files and the clock.
"""

from __future__ import annotations

from .folder_watch import FolderWatch
from .observers import Observers, is_watched

__all__ = ["FolderWatch", "Observers", "is_watched"]
