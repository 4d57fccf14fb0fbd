"""Since when nobody listened, and whether agents run the hooks: for log records, and only while these are on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from hookspan.agent.installed import installed
from hookspan.agent.loop import Interval
from hookspan.model.state import State
from hookspan.model.step import logs_on
from hookspan.paths import Paths
from hookspan.wire import Fact
from hookspan.wire.facts import Gap, HooksJudged

JUDGE_INTERVAL: Final = 30.0  # seconds between two looks at the settings files
RUNS: Final = b"1"
ENDED: Final = b"0"
"""What the heartbeat's file says while an agent runs, and after an end in good order; before the first, nothing."""


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` shows it; empty where there is none to read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def gap(heartbeat: Path, now: int) -> Gap | None:
    """The time until `now` (Unix nanoseconds) without an agent, as the heartbeat of the last one tells it."""
    try:
        since, said = heartbeat.stat().st_mtime_ns, heartbeat.read_bytes()
    except OSError:
        return None
    if said not in {RUNS, ENDED} or since >= now:
        return None
    return Gap(at=now, key=f"gap:{since}", since=since, killed=said == RUNS)


def beat(heartbeat: Path, *, ended: bool = False) -> None:
    """A sign of life, in one write over the one before. OSError where it can't be given."""
    descriptor = os.open(heartbeat, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(descriptor, ENDED if ended else RUNS, 0)
    finally:
        os.close(descriptor)


class Presence:
    """What the agent tells of its hooks."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._judging = Interval(JUDGE_INTERVAL)

    def facts(self, now: int, state: State) -> list[Fact]:
        """What is new at `now` (Unix nanoseconds)."""
        if not logs_on(state) or not self._judging.is_due():
            return []
        troubles = self._troubles()
        if troubles is None or troubles == state.world.troubles:
            return []
        return [HooksJudged(at=now, key=f"hooks:{now}", troubles=troubles)]

    def _troubles(self) -> list[str] | None:
        """What keeps hooks from being run; None where nothing tells whose hooks there are (a project's, a plugin's)."""
        state = installed(self._paths)
        if not state.wanted:
            return None
        return sorted({problem.area.value for problem in state.broken})
