"""What Claude Code is about to delete of its own: transcripts that nobody touched for `cleanupPeriodDays`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

KEY: Final = "cleanupPeriodDays"
DEFAULT: Final = 30
"""Days, as the client's documentation says, and 2.1.331 does."""
DAY: Final = 86_400.0


class Cleanup(NamedTuple):
    """`days`: its setting in force. `files` transcripts of `bytes` are due within the time that was asked."""

    days: int
    files: int
    bytes: int


def period(files: Sequence[Path]) -> int:
    """The setting's value in the first of these settings files that has it."""
    for file in files:
        try:
            value = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        days = value.get(KEY) if isinstance(value, dict) else None
        if isinstance(days, int) and not isinstance(days, bool) and days >= 0:
            return days
    return DEFAULT


def due(roots: Sequence[str], days: int, now: float, within: float) -> Cleanup:
    """The transcripts that it deletes until `now + within` (seconds) if nobody goes on with their sessions."""
    before = now + within - days * DAY
    sizes = [size for root in roots for at, size in _transcripts(root) if at < before]
    return Cleanup(days, len(sizes), sum(sizes))


def _transcripts(root: str) -> Iterator[tuple[float, int]]:
    """Of each session's main transcript, when it was written last and its bytes."""
    for folder in _entries(root):
        if folder.is_dir(follow_symlinks=False):
            for entry in _entries(folder.path):
                if entry.name.endswith(".jsonl") and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):  # the client deletes some
                        status = entry.stat(follow_symlinks=False)
                        yield status.st_mtime, status.st_size


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
