"""The journal's lines, whichever coding agent they are of: a raw event, a reduced event, a fact."""

from __future__ import annotations

from .facts import Fact
from .record import FORGOTTEN, RawEvent, Record, Unreadable, encode, read_line
from .reduced import Reduced

__all__ = ["FORGOTTEN", "Fact", "RawEvent", "Record", "Reduced", "Unreadable", "encode", "read_line"]
