"""What the page's server needs from the agent, which passes it in, since nothing here may import the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hookspan.config import Settings
from hookspan.hooktime import HookTime
from hookspan.paths import Paths
from hookspan.record import Record
from hookspan.store import Identity


class AgentInterface(Record):
    """Questions and settings of the agent; all may be called from any thread.

    Attributes:
        settings: Those in force now.
        hooks: What the newest hooks took.
        status: What `hookspan status --json` shows of the agent: `agent`, `ingest`, `export`, `loops`, `drops`.
        health: So many of the newest rounds of checks, oldest first, as reports (seconds).
        installed: Names of the coding agents that hooks of ours are installed for.
        caught_up: Waits until all that is in the journal is in the store, at most to that monotonic time.
        damaged: Hears in which file a reader of the store met damage.
        content_damaged: The same of kept content.
        unread: How many sessions are still to be caught up on, until all that they said is found.
    """

    paths: Paths
    settings: Callable[[], Settings]
    hooks: Callable[[], Sequence[HookTime]]
    status: Callable[[], Mapping[str, Any]]
    health: Callable[[int], Sequence[Mapping[str, Any]]]
    installed: Callable[[], Sequence[str]]
    caught_up: Callable[[float], bool]
    damaged: Callable[[Identity], None] = lambda _: None
    content_damaged: Callable[[Identity], None] = lambda _: None
    unread: Callable[[], int] = lambda: 0
