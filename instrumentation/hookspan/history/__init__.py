"""Sessions from before hookspan: transcripts that Claude Code kept, found and turned into journal records."""

from __future__ import annotations

from .lines import Copies
from .records import History

__all__ = ["Copies", "History"]
