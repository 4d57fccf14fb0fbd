"""The live stream's hub within a process, where what goes wrong between two of its steps can be made to happen."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from hookspan.paths import Paths
from hookspan.store import Commit, Store
from hookspan.web.queries import Moment, PageReader
from hookspan.web.stream import Hub
from tests.store import made
from tests.waiting import PATIENCE


class Held(PageReader):
    """A reader of a store that somebody holds for some questions."""

    held = 0

    @contextlib.contextmanager
    def moment(self) -> Iterator[Moment]:
        if self.held:
            self.held -= 1
            raise sqlite3.OperationalError("database is locked")
        with super().moment() as moment:
            yield moment


class Interrupted(asyncio.Lock):
    """A lock at whose next release something else happens."""

    then: Callable[[], None] | None = None

    def release(self) -> None:
        super().release()
        then, self.then = self.then, None
        if then:
            then()


class Agent:
    """The store and the hub of one."""

    def __init__(self, paths: Paths) -> None:
        paths.create()
        self.store, self.reader = Store.open(paths), Held(paths)
        self.hub = Hub(SimpleNamespace(reader=self.reader, content=False))  # type: ignore[arg-type]

    def commit(self, commit: Commit) -> None:
        self.store.commit(commit)
        self.hub.committed(commit.position.record, frozenset(commit.sessions))


@pytest.fixture
def agent(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setattr("hookspan.web.handlers.overview.live", lambda _: {})
    agent = Agent(paths)
    yield agent
    agent.reader.close()
    agent.store.close()


async def update(messages: AsyncIterator[bytes]) -> Any:
    """The next one."""
    async with asyncio.timeout(PATIENCE):
        async for data in messages:
            for block in data.split(b"\n\n"):
                if block.startswith(b"event: update"):
                    return json.loads(block.partition(b"data: ")[2])
    raise AssertionError("the stream ended")


def test_what_could_not_be_read_is_sent_once_it_can_though_nothing_else_happens(agent: Agent) -> None:
    async def run() -> Any:
        async with agent.hub.running(), agent.hub.connection(None) as messages:
            agent.reader.held = 2
            agent.commit(made.commit(1, 3))
            return await update(messages)

    told = asyncio.run(run())
    assert [event["record"] for event in told["events"]] == [1, 2, 3]
    assert len(told["sessions"]) == 3
    assert agent.hub.failures == 2


def test_what_is_committed_in_the_moment_in_which_the_first_page_comes_is_told(agent: Agent) -> None:
    """Also a change of a session's row, for which there is no event."""
    agent.commit(made.commit(1, 3))
    changed = made.commit(2, 3)
    lock = agent.hub._flushing = Interrupted()
    lock.then = lambda: agent.commit(Commit(position=changed.position, sessions=changed.sessions))

    async def run() -> Any:
        async with agent.hub.running(), agent.hub.connection(None) as messages:
            return await update(messages)

    assert {one["id"] for one in asyncio.run(run())["sessions"]} == set(changed.sessions)
