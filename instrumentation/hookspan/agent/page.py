"""Starts and stops the page's server in the agent; web libraries are imported only if `dashboard.enabled` is on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hookspan.agent.ingest import Committed, Ingest
from hookspan.agent.installed import installed
from hookspan.agent.settings import AgentSettings
from hookspan.paths import Paths

if TYPE_CHECKING:
    from hookspan.web.server import Server

_OFF: Final = "`dashboard.enabled` is off: `hookspan config set dashboard.enabled true`"

_logger = logging.getLogger(__name__)


class Page:
    """One server at most; none is a normal state. Thread-safe."""

    def __init__(
        self,
        paths: Paths,
        settings: AgentSettings,
        ingest: Ingest,
        *,
        status: Callable[[], Mapping[str, Any]],
        rounds: Callable[[int], Sequence[Mapping[str, Any]]],
        port: int = 0,
    ) -> None:
        """`port`: where it was before this agent, so that open pages find it again; 0 for nowhere."""
        self._paths = paths
        self._settings = settings
        self._ingest = ingest
        self._status = status
        self._rounds = rounds
        self._port = port
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._served: tuple[bool, str, int] | None = None  # the settings that it was started with

    def start(self) -> None:
        """Start, if the page is enabled. What prevents it is logged and shown by the health check."""
        with self._lock:
            self._start()

    def stop(self) -> None:
        """End."""
        with self._lock:
            self._stop()

    def settings_changed(self) -> None:
        """Start, stop or move the server; it looks up all other settings itself."""
        with self._lock:
            if self._wanted() != self._served:
                self._stop()
                self._start()

    @property
    def url(self) -> str | None:
        """Where it is; None if it isn't served."""
        server = self._server
        return server.url if server is not None and server.alive else None

    @property
    def connections(self) -> int:
        """Live connections."""
        server = self._server
        return server.connections if server is not None else 0

    @property
    def refused(self) -> int:
        """Pages that it has turned away."""
        server = self._server
        return server.refused if server is not None else 0

    def committed(self, news: Committed) -> None:
        """Called by the ingest thread."""
        if (server := self._server) is not None:
            server.committed(news.position.record, news.events, news.sessions, news.removed)

    def store_opened(self) -> None:
        """The store may be another file now."""
        if (server := self._server) is not None:
            server.store_opened()

    def open(self, _asked: Mapping[str, Any]) -> dict[str, Any]:
        """An address that signs one browser in; for the control socket."""
        server = self._server
        if server is None or not server.alive:
            reason = "the page's server did not start" if self._settings.now.dashboard.enabled else _OFF
            return {"login": None, "reason": reason}
        return {"login": server.one_time_url()}

    def _wanted(self) -> tuple[bool, str, int]:
        dashboard = self._settings.now.dashboard
        return dashboard.enabled, dashboard.host, dashboard.port

    def _start(self) -> None:
        self._served = self._wanted()
        if not self._served[0]:
            return
        try:
            from hookspan.web.agent_interface import AgentInterface  # noqa: PLC0415
            from hookspan.web.server import Server  # noqa: PLC0415 - costs 15 MB

            server = Server(
                AgentInterface(
                    paths=self._paths,
                    settings=lambda: self._settings.now,
                    hooks=self._ingest.progress.hooks_now,
                    status=self._status,
                    health=self._rounds,
                    installed=lambda: bool(installed(self._paths).ours),
                    caught_up=self._ingest.wait_caught_up,
                    damaged=self._ingest.damage_met,
                ),
                self._port,
            )
            self._port = 0  # later starts are those of another setting
            server.start()
        except Exception:
            _logger.exception("the page can't be served")
            return
        self._server = server
        _logger.info("page", extra={"url": server.url})

    def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()
