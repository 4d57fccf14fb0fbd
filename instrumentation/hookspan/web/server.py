"""Runs the web server on a thread of the agent: its address, start and end."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvicorn

from hookspan import assets, atomic
from hookspan.clients.claude_code.transcript_files import transcript_roots
from hookspan.content import Copies, Search
from hookspan.errors import UserError
from hookspan.model.rows import EventRow
from hookspan.observe.messages import SessionMessages
from hookspan.setup import receipts
from hookspan.web import schemas
from hookspan.web.activity import Activity
from hookspan.web.agent_interface import AgentInterface
from hookspan.web.app import make
from hookspan.web.auth import Auth
from hookspan.web.cache import Cache
from hookspan.web.context import Context
from hookspan.web.demo import Demo
from hookspan.web.dialogs import Dialogs
from hookspan.web.files import Files
from hookspan.web.queries import PageReader
from hookspan.web.rawlog import RawLog
from hookspan.web.stream import Hub
from hookspan.web.turns import Times

PORT_FILE: Final = "port"  # in the state folder: the port that was free when the wished one was not
START_TIMEOUT: Final = 10.0  # seconds
STOP_TIMEOUT: Final = 2.0
KEEP_ALIVE: Final = 75  # seconds that a browser may keep an idle connection
BEYOND: Final = 64  # connections beside the live ones: questions, files
USER_TIMEOUT: Final = 60_000  # milliseconds until the system drops a peer that takes nothing

_logger = logging.getLogger(__name__)


class _Uvicorn(uvicorn.Server):
    """Waits to be told to end; the original looks ten times a second, which is half of an idle agent's CPU time."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        """From the start to `end`."""
        self._end, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self.ready.set()
        if not self.should_exit:
            await self._end.wait()
        self._hub.say_goodbye()
        await asyncio.sleep(0.05)  # the last messages get out

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        loop, event = self._loop, self._end
        if loop is not None and event is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)


class Server:
    """One server, from start to end. Raises OSError where no port can be had."""

    def __init__(self, agent: AgentInterface, port: int = 0) -> None:
        """`port` is tried before the one of the settings; 0: none."""
        self._agent = agent
        self._reader = PageReader(agent.paths, damaged=agent.damaged)
        self._search = Search(agent.paths, self._reader)
        self._copies = Copies(self._search)
        self._auth = Auth(agent.paths)
        self._activity = Activity(self._reader)
        self._cache = Cache(lambda: agent.settings().dashboard.cache_ttl)
        context = Context(
            agent=agent,
            reader=self._reader,
            cache=self._cache,
            activity=self._activity,
            dialogs=Dialogs(agent),
            log=RawLog(agent.paths),
            messages=SessionMessages(
                self._reader, transcript_roots(settings=receipts.files(agent.paths)), self._copies.open
            ),
            search=self._search,
            copies=self._copies,
            times=Times(),
            demo=Demo(agent.paths, self._reader, agent.caught_up),
            stream=self.stream,
        )
        self._hub = Hub(context)
        app = make(context, self._hub, self._auth, Files(page_folder()))
        dashboard = agent.settings().dashboard
        self._socket = _listen(dashboard.host, dashboard.port, agent.paths.state / PORT_FILE, port)
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=1,
                limit_concurrency=dashboard.max_connections + BEYOND,
                proxy_headers=False,
            ),
            self._hub,
        )
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self.url = _url(dashboard.host, self._socket.getsockname()[1])

    def start(self) -> None:
        """Begin; returns when it answers."""
        self._thread.start()
        if not self._server.ready.wait(START_TIMEOUT):
            raise OSError("the page's server did not start")

    def stop(self) -> None:
        """End all connections and give the port back."""
        self._server.end()
        self._thread.join(STOP_TIMEOUT)
        self._socket.close()
        self._reader.close()
        self._search.close()
        self._copies.close()

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    @property
    def connections(self) -> int:
        """Live connections."""
        return self._hub.connections

    @property
    def refused(self) -> int:
        """Live connections that were one too many, since the start."""
        return self._hub.refused

    def one_time_url(self) -> str:
        """An address that signs one browser in."""
        return f"{self.url}/login?ticket={self._auth.mint()}"

    def committed(
        self, position: int, events: Sequence[EventRow], sessions: frozenset[str], removed: frozenset[str]
    ) -> None:
        """From the ingest thread: the store has all records before `position`, and not the `removed` sessions."""
        if removed:
            self._cache.clear()  # before pages are told, which ask anew then
        self._activity.committed(events)
        self._hub.committed(position, sessions)

    def store_opened(self) -> None:
        """The store may be another file now."""
        self._reader.close()
        self._search.close()
        self._copies.close()
        self._activity.forget()
        self._cache.clear()

    def stream(self) -> schemas.Stream:
        """What the page shows of live connections."""
        return schemas.Stream(
            connections=self._hub.connections,
            maximum=self._agent.settings().dashboard.max_connections,
            refused=self._hub.refused,
            slow=self._hub.slow,
        )

    def _run(self) -> None:
        try:
            self._server.run([self._socket])
        except Exception:
            _logger.exception("the page's server ended")


def page_folder() -> Path:
    """Where the page's files are."""
    return assets.root() / "dashboards" / "web"


def _listen(host: str, port: int, kept: Path, before: int) -> socket.socket:
    """A socket on the port of before a pause, the wished one, the one that was free last time, or any."""
    problem: OSError | None = None
    for number in [wanted for wanted in (before, port, _kept_port(kept)) if wanted] + [0]:
        try:
            listener = _bind(host, number)
        except OSError as error:
            problem = error
            continue
        got = listener.getsockname()[1]
        if got != port:
            atomic.write(kept, f"{got}\n".encode(), mode=0o600)
        return listener
    raise UserError(
        f"the page can't be served on `{host}`: {problem}", hint="`hookspan config set dashboard.host 127.0.0.1`"
    )


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; what is accepted inherits it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
        listener.bind(address)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def _kept_port(path: Path) -> int | None:
    try:
        number = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return number if 0 < number < 1 << 16 else None


def _url(host: str, port: int) -> str:
    """As a browser on this machine reaches it."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
