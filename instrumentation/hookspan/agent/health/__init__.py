"""Health checks at an interval, each with its value, its threshold, since when it is in its state, and what to do.

A new check is one function in `checks`.
"""

from __future__ import annotations

from .finding import RANK, Finding, Status, graded, worst
from .monitor import Checked, History, Monitor, Round

__all__ = ["RANK", "Checked", "Finding", "History", "Monitor", "Round", "Status", "graded", "worst"]
