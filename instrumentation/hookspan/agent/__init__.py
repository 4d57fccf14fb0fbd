"""The resident process: loops, lifecycle, health, notifications."""

from __future__ import annotations

from typing import Final

PROTOCOL: Final = 1
"""Of the control socket; goes up when an older peer would misunderstand a question or an answer."""
