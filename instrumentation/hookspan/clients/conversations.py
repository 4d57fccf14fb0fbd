"""Conversations, whichever client wrote them down: the messages of a transcript, or of a copy of one.

A session has a file for its main conversation and, of most clients, one for each of its subagents. A file is read from
its start, since its lines say only now and then which turn they are of; a `Conversation` may stop and go on at any
later time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Final, Protocol

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.copilot import COPILOT
from hookspan.reading import MAX_LINE

from .claude_code import messages as claude_code
from .claude_code.event_messages import EventConversation
from .claude_code.transcript_files import AGENT_FILE
from .codex import messages as codex
from .copilot import messages as copilot
from .copilot.settings_files import EVENTS
from .message import Answered, Message


class Conversation(Protocol):
    """One conversation of a file, line by line."""

    @property
    def answered(self) -> Answered | None:
        """The model's answer that the newest line ends, of a client whose messages do not name theirs."""

    def feed(self, line: bytes, offset: int) -> list[Message]:
        """The messages of the next line (with or without its LF), which begins at `offset`; none if it has none.

        A line that can't be read is passed over.
        """


CONVERSATIONS: Final[dict[str, Callable[[str], Conversation]]] = {
    CLAUDE_CODE.name: claude_code.Conversation,
    CODEX.name: codex.Conversation,
    COPILOT.name: copilot.Conversation,
}
"""By the client's name, as the relay records it; called with the subagent's id, empty for the main conversation."""
_ROLLOUT: Final = re.compile(r"\Arollout-[\w-]{1,100}-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl\Z")
_RESULTS: Final = {
    CLAUDE_CODE.name: (b"tool_result",),
    CODEX.name: (b"call_output", b'"exec-'),
    COPILOT.name: (b"tool.execution_complete",),
}
_OF_EVENTS: Final = (b"PostToolUse",)


def client_of(path: str) -> str:
    """Whose transcript a file is, by its name."""
    name = PurePath(path).name
    return CODEX.name if _ROLLOUT.match(name) else COPILOT.name if name == EVENTS else CLAUDE_CODE.name


def subagent_of(path: str, session: str) -> str:
    """The id of the subagent whose transcript it is; empty for a session's own."""
    name = PurePath(path).name
    if rollout := _ROLLOUT.match(name):
        return "" if rollout.group(1) == session else rollout.group(1)
    match = AGENT_FILE.match(name)
    return match.group(1) if match else ""


def names_answers_later(client: str) -> bool:
    """Whether its messages do not name the model's answer that they are of: a later line does."""
    return client == CODEX.name


def has_subagents_within(client: str) -> bool:
    """Whether a session's file has the conversations of its subagents, too."""
    return client == COPILOT.name


def marks_of_results(path: str, *, of_events: bool = False) -> tuple[bytes, ...]:
    """What of them stands in each line of such a file that has the result of a tool."""
    return _OF_EVENTS if of_events else _RESULTS[client_of(path)]


def conversation(client: str = CLAUDE_CODE.name, subagent: str = "", *, of_events: bool = False) -> Conversation:
    """A conversation that nothing is read of yet. Of an unknown client it is read like Claude Code's.

    `of_events`: its lines are the journal's, with hook events.
    """
    if of_events:
        return EventConversation()
    return CONVERSATIONS.get(client, claude_code.Conversation)(subagent)


def messages(lines: Iterable[bytes | int], client: str = CLAUDE_CODE.name, subagent: str = "") -> Iterator[Message]:
    """All messages of a file: of an open one (binary), of a list of lines, or of `reading.read_lines(path)`.

    A line longer than `MAX_LINE`, and a number in a line's place (its size), are passed over.
    """
    reader, offset = conversation(client, subagent), 0
    for line in lines:
        if isinstance(line, int):
            offset += line
            continue
        if len(line) <= MAX_LINE:
            yield from reader.feed(line, offset)
        offset += len(line)
