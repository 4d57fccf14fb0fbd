"""Work on the state that no agent may see half done: the agent is stopped, and none can start."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from hookspan.agent import launch
from hookspan.agent.ingest import Committed, Feed, Ingest
from hookspan.agent.key import read_key
from hookspan.agent.lock import FileLock
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.errors import UserError
from hookspan.paths import Paths

TRIES: Final = 3
"""A hook may start an agent in the moment between stopping one and taking its lock."""
LOCK_TIMEOUT: Final = 10.0  # seconds


@contextmanager
def exclusive(paths: Paths) -> Iterator[None]:
    """Within the block nobody else works on the state; hooks keep recording."""
    paths.create()
    start_lock, agent_lock = FileLock(paths.start_lock), FileLock(paths.agent_lock)
    for _ in range(TRIES):
        launch.stop(paths)
        if not start_lock.acquire(LOCK_TIMEOUT):
            break
        if agent_lock.acquire(LOCK_TIMEOUT):
            try:
                yield
            finally:
                agent_lock.release()
                start_lock.release()
            return
        start_lock.release()
    raise UserError("an agent keeps starting", hint="stop it first: `hookspan down`")


@contextmanager
def ingest(paths: Paths, on_commit: Callable[[Committed], None] = lambda _: None) -> Iterator[Ingest]:
    """The agent's ingest, for a process that has the state `exclusive`. It logs to the agent's log."""
    logging.getLogger("hookspan").addHandler(logging.NullHandler())
    logging.getLogger("hookspan").propagate = False
    poke = Poke(paths.poke_socket)
    reader = Ingest(paths, AgentSettings(paths, os.environ), poke, read_key(paths), feed=Feed(committed=[on_commit]))
    try:
        yield reader
    finally:
        reader.close()
        poke.close()
