"""Runs the checks in rounds and keeps the newest rounds.

One check that breaks makes itself unknown, not the monitor.
"""

from __future__ import annotations

import collections
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from hookspan.agent import log
from hookspan.agent.loop import Loop
from hookspan.record import Record, plain

from .finding import RANK, Finding, Status

ROUNDS_KEPT: Final = 100

INTERVAL: Final = 30.0  # seconds

Check = Callable[[], Finding]

_logger = logging.getLogger(__name__)


class Checked(Record):
    """A finding, since when the check has had this status (unix seconds), and how long the check took (seconds)."""

    finding: Finding
    since: float
    took: float

    def report(self) -> dict[str, Any]:
        """As the API and `status` show it."""
        return {**plain(self.finding), "since": self.since, "took": round(self.took, 6)}


class Round(Record):
    """All checks once: when, how long it took, what each found. The overall status is the worst."""

    at: float
    took: float
    checks: Mapping[str, Checked]

    @property
    def status(self) -> Status:
        """The worst of them."""
        return max(
            (checked.finding.status for checked in self.checks.values()), key=RANK.__getitem__, default=Status.UNKNOWN
        )

    def report(self) -> dict[str, Any]:
        """As the API and `status` show it."""
        return {
            "status": self.status,
            "at": self.at,
            "took": round(self.took, 6),
            "checks": {name: checked.report() for name, checked in self.checks.items()},
        }


class History:
    """The newest rounds since the agent's start, oldest first. Any thread may read it."""

    def __init__(self) -> None:
        self.rounds: collections.deque[Round] = collections.deque(maxlen=ROUNDS_KEPT)

    @property
    def latest(self) -> Round | None:
        """The newest round; None before the first."""
        return self.rounds[-1] if self.rounds else None

    def newest(self, count: int) -> list[dict[str, Any]]:
        """So many of the newest rounds, oldest first, as the API shows them."""
        return [round_.report() for round_ in list(self.rounds)[-count:]]


class Monitor:
    """A loop that adds rounds to `history`.

    Args:
        checks: By name.
        history: Gets the rounds.
        on_change: Hears of every check whose status is another than before.
        interval: Seconds between two rounds.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        history: History,
        *,
        on_change: Callable[[str, Checked], None] = lambda _name, _checked: None,
        interval: Callable[[], float] = lambda: INTERVAL,
    ) -> None:
        self._checks = dict(checks)
        self._history = history
        self._on_change = on_change
        self._interval = interval
        self.loop = Loop("health", self.step)

    def step(self) -> None:
        """A round, and the wait for the next."""
        self.run()
        self.loop.pause(self._interval())

    def run(self) -> Round:
        """Every check once."""
        began, at = time.monotonic(), time.time()
        latest = self._history.latest
        before = {} if latest is None else latest.checks
        checks = {name: _checked(check, before.get(name), at) for name, check in self._checks.items()}
        round_ = Round(at, time.monotonic() - began, checks)
        self._history.rounds.append(round_)
        for name, checked in checks.items():
            was = before[name].finding.status if name in before else Status.HEALTHY
            if was is not checked.finding.status:
                self._on_change(name, checked)
                _log(name, checked.finding)
        return round_


def _log(name: str, finding: Finding) -> None:
    level = logging.INFO if finding.status is Status.HEALTHY else logging.WARNING
    _logger.log(level, "health", extra={"check": name, "status": finding.status, "value": finding.value})


def _checked(check: Check, before: Checked | None, at: float) -> Checked:
    began = time.monotonic()
    try:
        finding = check()
    except Exception as error:  # noqa: BLE001 - a broken check is unknown and shown; the others go on
        finding = Finding(Status.UNKNOWN, f"the check failed: {log.describe(error)}", todo="see `agent.log`")
    same = before is not None and before.finding.status == finding.status
    return Checked(finding, before.since if same and before is not None else at, time.monotonic() - began)
