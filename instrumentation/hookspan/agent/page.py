"""Starts and stops the page in the agent, as `dashboard.enabled` says."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hookspan.agent.ingest import Committed, Ingest
from hookspan.agent.installed import installed
from hookspan.agent.keeping import Keeping
from hookspan.agent.log import describe
from hookspan.agent.settings import AgentSettings
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.web.agent_interface import AgentInterface
from hookspan.web.door import Door

_OFF: Final = "`dashboard.enabled` is off: `hookspan config set dashboard.enabled true`"

_logger = logging.getLogger(__name__)


class Page:
    """One server at most; none is a normal state. Thread-safe."""

    def __init__(
        self,
        paths: Paths,
        settings: AgentSettings,
        ingest: Ingest,
        keeping: Keeping,
        *,
        status: Callable[[], Mapping[str, Any]],
        rounds: Callable[[int], Sequence[Mapping[str, Any]]],
        port: int = 0,
    ) -> None:
        """`port`: where it was before this agent, so that open pages find it again; 0 for nowhere."""
        self._paths = paths
        self._settings = settings
        self._ingest = ingest
        self._keeping = keeping
        self._status = status
        self._rounds = rounds
        self._port = port
        self._lock = threading.Lock()
        self._door: Door | None = None
        self._problem = ""
        self._served: tuple[bool, str, int] | None = None  # the settings that it was started with

    def start(self) -> None:
        """Start, if the page is enabled. What prevents it is logged, shown by the health check, and tried again."""
        with self._lock:
            self._start()
            is_down = self._is_down
        if is_down:
            self._settings.again(self.settings_changed)

    def stop(self) -> None:
        """End."""
        with self._lock:
            self._stop()

    def settings_changed(self) -> None:
        """Start, stop or move the server; it looks up all other settings itself.

        UserError where it can't be started: it is called again then.
        """
        with self._lock:
            if self._wanted() != self._served or self._is_down:
                self._stop()
                self._start()
                if self._is_down:
                    raise UserError(f"the page can't be served: {self._problem}")

    @property
    def url(self) -> str | None:
        """Where it is; None if it isn't served."""
        door = self._door
        return door.url if door is not None and door.alive else None

    @property
    def connections(self) -> int:
        """Live connections."""
        door = self._door
        return door.connections if door is not None else 0

    @property
    def refused(self) -> int:
        """Pages that it has turned away."""
        door = self._door
        return door.refused if door is not None else 0

    def committed(self, news: Committed) -> None:
        """Called by the ingest thread."""
        if (door := self._door) is not None:
            door.committed(news.position.record, news.events, news.sessions, news.removed)

    def store_opened(self) -> None:
        """The store may be another file now."""
        if (door := self._door) is not None:
            door.store_opened()

    def open(self, _asked: Mapping[str, Any]) -> dict[str, Any]:
        """An address that signs one browser in; for the control socket."""
        door = self._door
        if door is None or not door.alive:
            reason = "the page's server did not start" if self._settings.now.dashboard.enabled else _OFF
            return {"login": None, "reason": reason}
        return {"login": door.one_time_url()}

    @property
    def _is_down(self) -> bool:
        """Whether nobody answers where somebody should."""
        return self._settings.now.dashboard.enabled and (self._door is None or not self._door.alive)

    def _wanted(self) -> tuple[bool, str, int]:
        dashboard = self._settings.now.dashboard
        return dashboard.enabled, dashboard.host, dashboard.port

    def _start(self) -> None:
        self._served = self._wanted()
        if not self._served[0]:
            return
        try:
            door = Door(
                AgentInterface(
                    paths=self._paths,
                    settings=lambda: self._settings.now,
                    hooks=self._ingest.progress.hooks_now,
                    status=self._status,
                    health=self._rounds,
                    installed=lambda: installed(self._paths).names,
                    caught_up=self._ingest.wait_caught_up,
                    damaged=self._ingest.damage_met,
                    content_damaged=self._keeping.damage_met,
                    unread=lambda: self._keeping.unread,
                ),
                self._port,
                ended=lambda: self._settings.again(self.settings_changed),
            )
            self._port = 0  # later starts are those of another setting
            door.start()
        except Exception as error:
            if (problem := describe(error)) != self._problem:  # it is tried again and again
                self._problem = problem
                _logger.exception("the page can't be served")
            return
        self._door, self._problem = door, ""
        _logger.info("page", extra={"url": door.url})

    def _stop(self) -> None:
        door, self._door = self._door, None
        if door is not None:
            door.stop()
