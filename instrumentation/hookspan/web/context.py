"""The context from which the API's handlers answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hookspan.content import Copies, Search
from hookspan.observe.messages import SessionMessages
from hookspan.opted_out import OptedOut, projects_in
from hookspan.web import schemas
from hookspan.web.activity import Activity
from hookspan.web.agent_interface import AgentInterface
from hookspan.web.cache import Cache
from hookspan.web.demo import Demo
from hookspan.web.dialogs import Dialogs
from hookspan.web.queries import PageReader
from hookspan.web.rawlog import RawLog
from hookspan.web.turns import Times
from hookspan.web.waits import Waits


@dataclass(frozen=True, slots=True)
class Context:
    """One of a server. All of it may be used from any thread.

    Attributes:
        reader: The store.
        log: The journal's lines.
        messages: What is said in transcripts.
        search: What is found in all of them.
        copies: Transcripts, also those that the client has deleted.
        stream: What the page shows of live connections.
    """

    agent: AgentInterface
    reader: PageReader
    cache: Cache
    activity: Activity
    dialogs: Dialogs
    log: RawLog
    messages: SessionMessages
    search: Search
    copies: Copies
    times: Times
    waits: Waits
    demo: Demo
    stream: Callable[[], schemas.Stream]

    @property
    def content(self) -> bool:
        """Whether the user's texts may be shown."""
        return self.agent.settings().content.local

    @property
    def opted_out(self) -> OptedOut:
        """The projects that are not recorded."""
        return OptedOut(self.agent.settings().projects, project_of=projects_in(self.reader))

    @property
    def health(self) -> schemas.HealthStatus:
        """The newest round of checks in a word."""
        rounds = self.agent.health(1)
        status: schemas.HealthStatus = rounds[-1]["status"] if rounds else "unknown"
        return status
