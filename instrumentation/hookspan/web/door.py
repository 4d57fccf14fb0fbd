"""The page's address, on a thread of the agent. Its server is made for the first who comes.

Most agents are never looked at: the server and the libraries that it is made of take a third of an agent's start, and
15 MB. Whoever asks for an address to sign in has the server made by the time that the browser is there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from hookspan.model.rows import EventRow
from hookspan.web.address import PORT_FILE, listen, url_of
from hookspan.web.agent_interface import AgentInterface
from hookspan.web.auth import Auth

if TYPE_CHECKING:
    from hookspan.web.server import Server

STOP_TIMEOUT: Final = 2.0  # seconds

_logger = logging.getLogger(__name__)


class Door:
    """From the start to the end. Thread-safe. Raises UserError where no port can be had."""

    def __init__(self, agent: AgentInterface, port: int = 0, *, ended: Callable[[], None] = lambda: None) -> None:
        """`port` is tried before the one of the settings; 0: none. `ended` is called if it ends by itself."""
        self._tell_ended = ended
        self._agent = agent
        self._auth = Auth(agent.paths)
        dashboard = agent.settings().dashboard
        self._socket = listen(dashboard.host, dashboard.port, agent.paths.state / PORT_FILE, port)
        self.url = url_of(dashboard.host, self._socket.getsockname()[1])
        self._bell, self._knocker = socket.socketpair()
        self._knocker.setblocking(False)
        self._server: Server | None = None
        self._ended = self._is_over = False
        self._thread = threading.Thread(target=self._wait, name="page", daemon=True)

    def start(self) -> None:
        """Begin. Whoever connects from now on is answered."""
        try:
            self._thread.start()
        except BaseException:  # no thread can be had
            self._close()
            raise

    def stop(self) -> None:
        """End all connections and give the port back."""
        self._ended = True
        self._knock()
        if (server := self._server) is not None:
            server.end()
        self._thread.join(STOP_TIMEOUT)
        self._close()

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive() and not self._is_over

    @property
    def connections(self) -> int:
        """Live connections."""
        server = self._server
        return server.connections if server is not None else 0

    @property
    def refused(self) -> int:
        """Live connections that were one too many, since the start."""
        server = self._server
        return server.refused if server is not None else 0

    def one_time_url(self) -> str:
        """An address that signs one browser in."""
        self._knock()
        return f"{self.url}/login?ticket={self._auth.mint()}"

    def committed(
        self, position: int, events: Sequence[EventRow], sessions: frozenset[str], removed: frozenset[str]
    ) -> None:
        """From the ingest thread: the store has all records before `position`, and not the `removed` sessions."""
        if (server := self._server) is not None:
            server.committed(position, events, sessions, removed)

    def store_opened(self) -> None:
        """The store may be another file now."""
        if (server := self._server) is not None:
            server.store_opened()

    def _close(self) -> None:
        for one in (self._socket, self._bell, self._knocker):
            one.close()

    def _knock(self) -> None:
        with contextlib.suppress(OSError):  # it was heard before, or nobody is there any more
            self._knocker.send(b"!")

    def _wait(self) -> None:
        come_forward()
        try:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.register(self._bell, select.POLLIN)
            poll.poll()
            if self._ended:
                return
            from hookspan.web.server import Server  # noqa: PLC0415 - what this module is for

            self._server = server = Server(self._agent, self._auth, self._socket)
            if not self._ended:
                server.run()
        except Exception:
            _logger.exception("the page's server ended")
        finally:
            if not self._ended:
                self._is_over = True
                self._socket.close()  # whoever comes is refused, and need not wait
                self._tell_ended()


def come_forward() -> None:
    """Let this thread, and those that it starts, run as soon as others do: somebody waits for the answer (Linux).

    The agent's other threads stand back, so that a hook doesn't lose its processor to them.
    """
    if hasattr(os, "SCHED_OTHER"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
