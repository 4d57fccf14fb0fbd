"""What Claude Code sends: hook events and transcripts, read tolerantly, and their reduction."""

from __future__ import annotations

from .facts import Fact
from .record import FORGOTTEN, Record, Unreadable, decode, encode, shell_command
from .reduced import Reduced

__all__ = ["FORGOTTEN", "Fact", "Record", "Reduced", "Unreadable", "decode", "encode", "shell_command"]
