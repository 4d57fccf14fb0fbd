"""Observers, which write to the journal as facts what no hook reports: transcripts, processes, git, timers."""

from __future__ import annotations

from .observers import Observers, is_watched

__all__ = ["Observers", "is_watched"]
