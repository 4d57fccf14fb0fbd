"""What no hook tells, found out and written to the journal as facts: transcripts, processes, git, timers."""

from __future__ import annotations

from .observers import Observers, is_watched

__all__ = ["Observers", "is_watched"]
