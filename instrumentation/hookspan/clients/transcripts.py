"""Transcripts, whichever client wrote them: where those of a session are, and how one becomes facts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.copilot import COPILOT
from hookspan.errors import UserError
from hookspan.wire.facts import AgentMeta, Fact

from .claude_code import transcript_files
from .claude_code.transcript import TranscriptParser
from .codex.rollout import RolloutParser, rollout_of, rollout_roots
from .copilot.events import EventsParser
from .copilot.settings_files import events_of, events_roots


class Parser(Protocol):
    """One file, line by line."""

    @property
    def is_within(self) -> bool:
        """Whether the lines that come may go on with what the newest has begun."""

    def feed(self, data: bytes) -> Iterable[Fact]:
        """The facts that one line (with its LF) completes."""

    def skip(self, size: int) -> None:
        """Passes over bytes that are not read."""

    def jump(self, offset: int) -> None:
        """Goes on from another place: the file is another one, or shorter."""

    def end(self) -> Iterable[Fact]:
        """What the file has ended with so far."""


class Reader(NamedTuple):
    """How a client's transcripts are read.

    Attributes:
        of: The real path of a transcript that an event names, by that, the session and the folders that it may be in.
            Raises RefusedError.
        parser: Called with session and path, and by name `agent_id`, `offset`, `prompt`, `labels`,
            `decisions` (whether who let a call run is wanted), `key` (the secret for digests) and `cwd` (the folder
            that the client works in).
        folders: Where transcripts of subagents lie that no event names, by the path of the main one, runs of workflows
            and how many of these at most.
        meta: What such a subagent's description says, by its path, session and id.
    """

    of: Callable[[str, str, tuple[str, ...]], str]
    parser: Callable[..., Parser]
    folders: Callable[[str, Iterable[str], int | None], Iterable[str]]
    meta: Callable[[str, str, str], AgentMeta | None]


_CLAUDE_CODE: Final = Reader(
    transcript_files.transcript_of, TranscriptParser, transcript_files.agents_folders, transcript_files.read_meta
)
_READERS: Final[dict[str, Reader]] = {
    CLAUDE_CODE.name: _CLAUDE_CODE,
    CODEX.name: Reader(rollout_of, RolloutParser, lambda *_: (), lambda *_: None),
    COPILOT.name: Reader(events_of, EventsParser, lambda *_: (), lambda *_: None),
}


def reader(agent: str) -> Reader:
    """That of an agent; one that this version doesn't know is read like Claude Code."""
    return _READERS.get(agent, _CLAUDE_CODE)


def all_roots(hooks: Mapping[str, Iterable[Path]], env: Mapping[str, str] = os.environ) -> dict[str, tuple[str, ...]]:
    """By agent, the folders with its transcripts. `hooks`: files that `install` has written."""
    claude_code = transcript_files.transcript_roots(dict(env), hooks.get(CLAUDE_CODE.name, ()))
    return {CLAUDE_CODE.name: claude_code, **other_roots(hooks, env)}


def other_roots(hooks: Mapping[str, Iterable[Path]], env: Mapping[str, str] = os.environ) -> dict[str, tuple[str, ...]]:
    """By agent, the folders with transcripts of others than Claude Code. `hooks`: files that `install` has written."""
    found = {}
    for agent, roots_of in ((CODEX.name, rollout_roots), (COPILOT.name, events_roots)):
        with contextlib.suppress(UserError):  # a user without a home
            found[agent] = roots_of(env, tuple(hooks.get(agent, ())))
    return found
