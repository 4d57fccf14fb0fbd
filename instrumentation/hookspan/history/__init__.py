"""Sessions from before hookspan: transcripts that Claude Code kept, found and turned into journal records."""

from __future__ import annotations

from .records import Copies, History

__all__ = ["Copies", "History"]
