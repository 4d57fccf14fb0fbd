"""All sessions in one line, for a prompt or a status bar."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from hookspan.catalogue.enums import SessionPhase
from hookspan.paths import Paths
from hookspan.store import Day, Reader, Summary, earlier
from hookspan.units import elapsed, money

FIELDS: Final = (
    "waiting",
    "oldest",
    "working",
    "idle",
    "alarms",
    "colliding",
    "spent",
    "waited",
    "turns",
    "failed",
    "line",
)


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """What is so now, and what today came to.

    Attributes:
        waiting: Sessions that wait for an answer, or may.
        oldest: Seconds that the longest of them has waited.
        idle: Sessions that wait for the next prompt.
        alarms: Sessions that get nowhere, or whose turn runs away, as the watchdog sees it.
        colliding: Sessions that write what another session or agent writes at the same time.
        spent: USD at list price.
        unpriced: Calls of models whose price is not known; they are not in `spent`.
        waited: Seconds that tool calls waited for somebody.
        turns: Turns that ended, `failed` of them with an error.
    """

    waiting: int
    oldest: float
    working: int
    idle: int
    alarms: int
    colliding: int
    spent: float
    unpriced: int
    waited: float
    turns: int
    failed: int

    @classmethod
    def of(cls, summary: Summary, today: Day, now: int) -> Now:
        """Of sessions and a day at a time (Unix nanoseconds)."""
        phases = summary.phases
        return cls(
            waiting=phases.get(SessionPhase.WAITING, 0) + phases.get(SessionPhase.WAITING_OR_RUNNING, 0),
            oldest=(now - summary.oldest_wait) / 1e9 if summary.oldest_wait else 0.0,
            working=phases.get(SessionPhase.WORKING, 0),
            idle=phases.get(SessionPhase.IDLE, 0),
            alarms=summary.alarms,
            colliding=summary.colliding,
            spent=today.nano / 1e9,
            unpriced=today.unpriced,
            waited=today.waited,
            turns=today.turns,
            failed=today.failed,
        )

    def line(self) -> str:
        """What matters, as a line; empty if no session is open."""
        waits = f"{self.waiting} waits" if self.waiting == 1 else f"{self.waiting} wait"
        parts = [
            (self.waiting, f"{waits} {elapsed(self.oldest)}" if self.oldest else waits),
            (self.working, f"{self.working} works" if self.working == 1 else f"{self.working} work"),
            (self.idle, f"{self.idle} idle"),
            (self.alarms, f"{self.alarms} to look at"),
            (self.colliding, f"{self.colliding} collides" if self.colliding == 1 else f"{self.colliding} collide"),
        ]
        said = [text for count, text in parts if count]
        return " · ".join([*said, f"{self._money()} today"] if said and self.spent else said)

    def texts(self) -> Mapping[str, str]:
        """Every field as a text."""
        return {
            **{
                name: str(getattr(self, name))
                for name in ("waiting", "working", "idle", "alarms", "colliding", "turns", "failed")
            },
            "oldest": elapsed(self.oldest) if self.oldest else "",
            "waited": elapsed(self.waited),
            "spent": self._money(),
            "line": self.line(),
        }

    def _money(self) -> str:
        return money(self.spent) + ("+" if self.unpriced else "")


def answer() -> tuple[str, int]:
    """The line."""
    return read(Paths.from_environment()).line(), 0


def read(paths: Paths) -> Now:
    """What the store says."""
    at = time.time_ns()
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    reader = Reader(paths)
    try:
        return Now.of(reader.summary(at), reader.day(int(earlier(midnight, 0).timestamp() * 1e9), at), at)
    finally:
        reader.close()
