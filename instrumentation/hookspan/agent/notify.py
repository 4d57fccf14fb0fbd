"""Sends the notifications of `[[notify]]`, with at most project and tool; apprise is imported for its first message."""

from __future__ import annotations

import collections
import importlib.util
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from hookspan.agent import desktop
from hookspan.agent.health import Checked, Status
from hookspan.agent.ingest import Committed
from hookspan.agent.loop import Loop
from hookspan.agent.settings import AgentSettings
from hookspan.catalogue.appearance import ALARMS
from hookspan.catalogue.enums import SessionPhase
from hookspan.config import DESKTOP, Notify
from hookspan.errors import UserError
from hookspan.store import Reader
from hookspan.units import counted

LOOK: Final = 5.0  # seconds between two looks at the sessions
FRESH: Final = 300.0  # seconds; what is older comes from a backlog and is no news
LINES: Final = 5  # of one message; more are counted
RETRY_MAX: Final = 600.0  # seconds at most until a target that could not be told is tried again
REMEMBERED: Final = 1000  # waits and alarms that were notified
TITLE: Final = "Coding agents"
NO_APPRISE: Final = "apprise is missing: `pipx inject hookspan apprise`"

_logger = logging.getLogger(__name__)


def obstacle(targets: Sequence[Notify], env: Mapping[str, str]) -> str:
    """Why one of them can be told nothing from this machine, as far as that shows beforehand; else an empty text."""
    if any(one.url == DESKTOP for one in targets) and (why := desktop.obstacle(env)):
        return why
    if any(one.url != DESKTOP for one in targets) and importlib.util.find_spec("apprise") is None:
        return NO_APPRISE
    return ""


_Lasting = tuple[str, str, int, str, float]
"""What lasts, such as a wait: its kind, the session, since when (Unix nanoseconds), and whom to tell after how long."""


class _News(msgspec.Struct):
    """A line of a message, when it became known (monotonic seconds), and what lasts of which it tells."""

    text: str
    at: float
    lasting: _Lasting | None


class _Target(msgspec.Struct):
    """One `[[notify]]`: what is to be told, from when on (monotonic seconds), and what could not be told.

    `failed`: how many messages in a row.
    """

    settings: Notify
    pending: list[_News] = msgspec.field(default_factory=list)
    due_at: float = 0.0
    failed: int = 0
    missed: list[_Lasting] = msgspec.field(default_factory=list)

    def was_told(self) -> None:
        self.failed, self.due_at = 0, time.monotonic() + self.settings.interval

    def was_not_told(self, news: Sequence[_News]) -> None:
        """What is still news is told later; what lasts, if it is still so then."""
        now = time.monotonic()
        self.pending[:0] = [one for one in news if not one.lasting and now - one.at < FRESH]
        self.missed += [one.lasting for one in news if one.lasting]
        self.due_at = now + min(max(self.settings.interval, LOOK) * 2**self.failed, RETRY_MAX)
        self.failed = min(self.failed + 1, 10)


class Notifier:
    """Collects notifications, and sends them at most once in each target's interval."""

    def __init__(self, settings: AgentSettings, reader: Reader) -> None:
        self._settings = settings
        self._reader = reader
        self._lock = threading.Lock()
        self._targets: list[_Target] = []
        self._told: collections.OrderedDict[_Lasting, None] = collections.OrderedDict()
        self._awake = threading.Event()
        self.sent = 0
        self.problem: str | None = None
        self.loop = Loop("notify", self.step, wake=self._awake.set)
        self.settings_changed()

    def settings_changed(self) -> None:
        """Targets that stay keep their pending notifications."""
        with self._lock:
            before = {target.settings: target for target in self._targets}
            self._targets = [before.get(settings) or _Target(settings) for settings in self._settings.now.notify]
        self._awake.set()

    def committed(self, news: Committed) -> None:
        """From the ingest thread: a turn that ended with an API error, and sessions that write the same."""
        if not self._targets:
            return
        for one in news.collided:
            if time.time() - one.at / 1e9 < FRESH:
                who = "two sessions write" if one.other != one.session else "two agents of a session write"
                self._add("collision", f"{one.project or 'a project'}: {who} the same at the same time")
        for event in news.events:
            if (
                event.event == "StopFailure"
                and time.time() - event.at / 1e9 < FRESH
                and not self._is_local(event.session)
            ):
                self._add("turn_failed", f"{event.project or 'a session'}: a turn failed")

    def health_changed(self, name: str, checked: Checked) -> None:
        """From the monitor."""
        if checked.finding.status is Status.CRITICAL:
            self._add("health_critical", f"hookspan: {name} is critical")

    def step(self) -> None:
        """Look for sessions that wait or get nowhere, and send the notifications that are due."""
        if not self._targets:
            self._awake.wait()
            self._awake.clear()
            return
        self._look()
        while (due := self._due()) is not None:
            target, news = due
            problem = self._try(target, news)
            with self._lock:
                if problem:
                    target.was_not_told(news)
                else:
                    target.was_told()
            self.problem, self.sent = problem, self.sent + (not problem)
        self._awake.wait(LOOK)
        self._awake.clear()

    def report(self) -> dict[str, Any]:
        """What `status` shows."""
        problem = self.problem or obstacle(self._settings.now.notify, os.environ) or None
        return {**self.loop.report(), "targets": len(self._targets), "sent": self.sent, "problem": problem}

    def _try(self, target: _Target, news: Sequence[_News]) -> str | None:
        """Tell a target; what kept it from being told."""
        more = len(news) - LINES
        lines = [one.text for one in news[:LINES]] + [f"and {more} more"] * (more > 0)
        try:
            self._send(target, "\n".join(lines))
        except ImportError:
            return NO_APPRISE
        except UserError as error:
            return error.message
        except Exception as error:  # noqa: BLE001 - one target must not keep the others from theirs
            self.loop.failed(error)
            return "a notification was not accepted; see `agent.log`"
        return None

    def _look(self) -> None:
        now = time.time()
        for target in self._targets:
            if target.missed and time.monotonic() >= target.due_at:
                for lasting in target.missed:
                    self._told.pop(lasting, None)
                target.missed = []
        for row in self._reader.sessions(open_only=True, since=int((now - 86_400) * 1e9)):
            if row.local:
                continue
            name = row.project or "a session"
            if row.phase == SessionPhase.WAITING and row.waiting_since:
                tool = f" ({row.waiting_tool})" if row.waiting_tool else ""
                waited = now - row.waiting_since / 1e9
                targets = [target for target in self._targets if waited >= target.settings.waiting_seconds]
                self._tell("waiting", row.id, row.waiting_since, f"{name} waits for you{tool}", targets)
            if row.alarm and not row.alarm_ended and now - row.last / 1e9 < FRESH:
                what = f"{ALARMS.get(row.alarm, row.alarm)} ({counted(row.alarm_calls, 'calls')})"
                self._tell("alarm", row.id, row.alarm_since, f"{name} {what}", self._targets)

    def _tell(self, kind: str, session: str, since: int, text: str, targets: Sequence[_Target]) -> None:
        """Once to each target, what is so of a session since then."""
        for target in targets:
            if kind not in target.settings.events:
                continue
            key = (kind, session, since, target.settings.url, target.settings.waiting_seconds)
            if key in self._told:
                continue
            self._told[key] = None
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
            self._add(kind, text, [target], key)

    def _is_local(self, session: str) -> bool:
        row = self._reader.session(session)
        return row is not None and row.local

    def _add(
        self, kind: str, text: str, targets: Sequence[_Target] | None = None, lasting: _Lasting | None = None
    ) -> None:
        with self._lock:
            for target in self._targets if targets is None else targets:
                if kind in target.settings.events:
                    target.pending.append(_News(text, time.monotonic(), lasting))
        self._awake.set()

    def _due(self) -> tuple[_Target, list[_News]] | None:
        """The target that is due, and what it is told; None if none is. A target that a policy forbids gets none."""
        now = time.monotonic()
        with self._lock:
            for target in self._targets:
                if not target.pending or now < target.due_at:
                    continue
                if not self._settings.look() or target.settings not in self._settings.now.notify:
                    continue
                news, target.pending = target.pending, []
                return target, news
        return None

    def _send(self, target: _Target, text: str) -> None:
        if target.settings.url == DESKTOP:
            desktop.show(TITLE, text, os.environ)
            return
        import apprise  # noqa: PLC0415 - 20 MB that an agent with nothing to tell doesn't need

        sender = apprise.Apprise()
        if not sender.add(target.settings.url):
            raise ValueError("apprise does not know this kind of URL")
        if not sender.notify(body=text, title=TITLE):
            raise OSError("the notification was not accepted")
