"""The web server: made of its parts, run on the thread that made it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvicorn

from hookspan import assets
from hookspan.content import Copies, HookEvents, Search
from hookspan.model.rows import EventRow
from hookspan.observe.messages import SessionMessages
from hookspan.quiet_server import QuietServer
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
from hookspan.web.waits import Waits

KEEP_ALIVE: Final = 75  # seconds that a browser may keep an idle connection
BEYOND: Final = 64  # connections beside the live ones: questions, files


class _Uvicorn(QuietServer):
    """Tells live connections that it ends."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def goodbye(self) -> None:
        """The last messages get out."""
        self._hub.say_goodbye("the agent is stopping; this page continues when it is back")
        await asyncio.sleep(0.05)


class Server:
    """One server, from start to end."""

    def __init__(self, agent: AgentInterface, auth: Auth, listener: socket.socket) -> None:
        """`listener` stays the caller's."""
        self._agent = agent
        self._reader = PageReader(agent.paths, damaged=agent.damaged)
        self._search = Search(agent.paths, self._reader, damaged=agent.content_damaged)
        self._copies = Copies(self._search, HookEvents(agent.paths, self._reader))
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
                self._reader,
                receipts.transcript_folders(agent.paths),
                self._copies.open,
                self._copies.sources,
            ),
            search=self._search,
            copies=self._copies,
            times=Times(),
            waits=Waits(),
            demo=Demo(agent.paths, self._reader, agent.caught_up),
            stream=self.stream,
        )
        self._hub = Hub(context)
        app = make(context, self._hub, auth, Files(page_folder()))
        dashboard = agent.settings().dashboard
        self._socket = listener
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

    def run(self) -> None:
        """Serve until `end`."""
        try:
            self._server.run([self._socket])
        finally:
            self._reader.close()
            self._search.close()
            self._copies.close()

    def end(self) -> None:
        """End all connections; from any thread, also before `run`."""
        self._server.end()

    @property
    def connections(self) -> int:
        """Live connections."""
        return self._hub.connections

    @property
    def refused(self) -> int:
        """Live connections that were one too many, since the start."""
        return self._hub.refused

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


def page_folder() -> Path:
    """Where the page's files are."""
    return assets.root() / "dashboards" / "web"
