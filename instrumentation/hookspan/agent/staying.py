"""Lines that stayed: counts, when commits are some days old, how many of their lines are there, where that is wanted.

Git is started by this loop alone, one at a time, and what it says becomes a fact in the journal, as whatever observers
find.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from hookspan.agent.loop import Loop
from hookspan.agent.settings import AgentSettings
from hookspan.journal import Writer
from hookspan.observe import blame
from hookspan.observe.repositories import git_folders
from hookspan.paths import Paths
from hookspan.store import Reader, Receipt, Receipts
from hookspan.store.schema import tree_number
from hookspan.wire import encode
from hookspan.wire.facts import LinesStayed

DAY: Final = 86_400 * 1_000_000_000
AGES: Final = (1, 7, 30)
"""Days. A commit is counted at the last one that it has reached: what it was at an earlier one nobody can tell."""
UNTIL: Final = 60 * DAY
"""Age after which it is too late for the last one."""
SINCE: Final = UNTIL + 7 * DAY
"""How far back sessions may have worked for such a commit."""
A_DAY: Final = 100
"""Commits whose lines are counted within a day."""
FIRST: Final = 60.0  # seconds after the start, when whoever started us has got what they wanted
INTERVAL: Final = 6 * 3600.0  # between two rounds
PAUSE: Final = 2.0  # between two commits

_logger = logging.getLogger(__name__)


class Staying:
    """A loop of its own, so that events never wait for it.

    Args:
        paths: Whose journal.
        settings: Of the agent.
        reader: The store.
        trees: Gives the work trees that sessions work in.
        is_vanishing: Whether the whole state folder is being deleted, asked before anything is written.
        pause: Seconds between two commits.
    """

    def __init__(
        self,
        paths: Paths,
        settings: AgentSettings,
        reader: Reader,
        trees: Callable[[], list[str]],
        is_vanishing: Callable[[], bool] = lambda: False,
        *,
        pause: float = PAUSE,
    ) -> None:
        self._writer = Writer(paths)
        self._settings = settings
        self._reader = reader
        self._trees = trees
        self._is_vanishing = is_vanishing
        self._pause = pause
        self._wake = threading.Event()
        self._due = time.monotonic() + FIRST
        self._unanswered: dict[tuple[str, int], int] = {}  # commits at an age, and when git had no answer
        self.loop = Loop("lines", self.step, wake=self._wake.set)

    def settings_changed(self) -> None:
        """The next step uses the new settings."""
        self._wake.set()

    def step(self) -> None:
        """A round if one is due, and the wait for the next; for other settings, where it is not wanted."""
        wanted = self._settings.now.receipts.lines
        if wanted and time.monotonic() >= self._due:
            self._due = time.monotonic() + INTERVAL
            self.round(time.time_ns())
        self._wake.wait(max(0.0, self._due - time.monotonic()) if wanted else None)
        self._wake.clear()

    def round(self, now: int) -> None:
        """Count what is due at `now` (Unix nanoseconds)."""
        found = self._reader.receipts(now - SINCE)
        repositories = {tree_number(git): git for tree in self._trees() if (git := git_folders(tree)[1])}
        left = A_DAY - sum(each.at > now - DAY for receipt in found.receipts for each in receipt.counted)
        self._unanswered = {which: at for which, at in self._unanswered.items() if at > now - DAY}
        for receipt, days in due(found, now):
            if self._is_over() or left <= 0:
                return
            git = repositories.get(receipt.repository, "")
            if not git or receipt.project in self._opted_out() or (receipt.sha, days) in self._unanswered:
                continue
            fact = self._counted(receipt, days, git, now)
            if self._is_over():  # it was given up
                return
            if fact is None:
                self._unanswered[receipt.sha, days] = now
            else:
                self._write(fact)
            left -= 1
            self.loop.pause(self._pause)

    def _counted(self, receipt: Receipt, days: int, git: str, now: int) -> LinesStayed | None:
        fact = LinesStayed(
            at=now,
            key=f"stayed:{receipt.sha}:{days}",
            repository=git,
            project=receipt.project,
            sha=receipt.sha,
            made=receipt.at,
            days=days,
        )
        try:
            counted = blame.count(git, receipt.sha, receipt.branch, is_stopped=self._is_over)
        except blame.TooMuchError:
            fact.stayed = -1
            return fact
        if counted is None:
            return None
        fact.branch, fact.written, fact.stayed = counted
        return fact

    def _write(self, fact: LinesStayed) -> None:
        try:
            self._writer.append([encode(fact)])
        except OSError as error:  # the next round counts it again
            _logger.warning("lines that stayed can't be noted", exc_info=error)

    def _is_over(self) -> bool:
        return self.loop.stopping or not self._settings.now.receipts.lines or self._is_vanishing()

    def _opted_out(self) -> set[str]:
        return {name for name, project in self._settings.now.projects.items() if not project.record}


def due(found: Receipts, now: int) -> Iterator[tuple[Receipt, int]]:
    """The commits whose lines are to be counted at `now` (Unix nanoseconds), the newest first, and at which age."""
    for receipt in found.receipts:
        age = now - receipt.at
        days = max((days for days in AGES if days * DAY <= age), default=0)
        is_counted = any(each.days == days for each in receipt.counted)
        if days and age < UNTIL and receipt.repository and receipt.work.cost.calls and not is_counted:
            yield receipt, days
