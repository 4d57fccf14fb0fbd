"""Status lines of our own: a file for each session, which the relay prints where there was no line before.

`lines/<session>` is a stamp (Unix nanoseconds), a line break, the line. What it says of the session is what the client
told its status line, a moment ago; the relay waits for it.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hookspan.agent.ingest import Committed
from hookspan.catalogue.enums import QuotaWindow, SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.paths import Paths
from hookspan.store import QuotaUse, Reader, earlier
from hookspan.units import money

ID: Final = re.compile(r"\A[0-9a-fA-F-]{1,64}\Z")
"""Of a session that may name a file, as the relay has it: hooks can say anything."""
FRESH: Final = 5.0  # seconds for which the day's cost is not asked for again
KEPT: Final = 64  # files; the oldest go
NAMES: Final = {QuotaWindow.FIVE_HOUR.value: "5h", QuotaWindow.SEVEN_DAY.value: "7d"}
STATES: Final = {
    SessionPhase.WORKING: "works",
    SessionPhase.WAITING: "waits for you",
    SessionPhase.WAITING_OR_RUNNING: "may wait for you",
    SessionPhase.IDLE: "your turn",
}
NANO: Final = 1_000_000_000


class StatusLines:
    """For the ingest thread. Costs a look at a folder where no line of ours is installed."""

    def __init__(self, paths: Paths, reader: Reader) -> None:
        self._paths = paths
        self._reader = reader
        self._spent = 0.0  # USD, since midnight
        self._midnight = 0
        self._asked = float("-inf")

    def committed(self, news: Committed) -> None:
        """Sessions have changed, or told their status lines something: make their lines anew."""
        sessions = news.sessions | news.told
        if not sessions or not self._paths.lines.is_dir():
            return
        now = time.time_ns()
        quota, midnight = self._reader.quota(now), _midnight()
        for session in sessions:
            row = self._reader.session(session) if ID.match(session) else None
            if row is not None and row.status_at and not row.local:
                text = f"{now}\n{line(row, quota, midnight, self._cost_since(midnight))}\n"
                _put(self._paths.lines / session, text)
        self._tidy()

    def _cost_since(self, midnight: int) -> float:
        if midnight != self._midnight or time.monotonic() - self._asked > FRESH:
            totals = self._reader.totals("hookspan.cost", since=midnight)
            self._spent = sum(total.value for total in totals.get("hookspan.cost", ()))
            self._midnight, self._asked = midnight, time.monotonic()
        return self._spent

    def _tidy(self) -> None:
        files = list(self._paths.lines.iterdir())
        if len(files) > KEPT:
            for path in sorted(files, key=lambda path: path.stat().st_mtime)[: len(files) - KEPT]:
                path.unlink(missing_ok=True)


def _midnight() -> int:
    """The beginning of today, Unix ns."""
    midnight = dt.datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return round(earlier(midnight, 0).timestamp()) * NANO


def _put(path: Path, text: str) -> None:
    """Replace a file in one step; what a power cut takes is made anew by the next line."""
    scratch = path.with_suffix(".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def line(row: SessionRow, quota: Sequence[QuotaUse], midnight: int, spent: float) -> str:
    """A session's line: what it does, context, cost, quota. `spent`: since midnight (Unix ns), in USD."""
    return " · ".join(_parts(row, quota, midnight, spent))


def _parts(row: SessionRow, quota: Sequence[QuotaUse], midnight: int, spent: float) -> Iterator[str]:
    if state := STATES.get(row.phase):
        yield state
    if row.context_window and row.told_tokens:
        yield f"context {row.told_tokens / row.context_window:.0%}"
    cost = max(row.told_cost_nano, 0) / NANO
    today = max(cost, spent) if row.started >= midnight else spent  # the client says it before the transcript does
    yield f"{money(cost)} (today {money(today)})"
    for use in quota:
        full = f", full at {dt.datetime.fromtimestamp(use.full_at / NANO).astimezone():%H:%M}" if use.too_soon else ""
        yield f"{NAMES[use.window]} {use.used:.0%}{full}"
