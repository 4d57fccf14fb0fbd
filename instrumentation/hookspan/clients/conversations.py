"""Conversations, whichever client wrote them down: the messages of a transcript, or of a copy of one.

A session has a file for its main conversation and one for each of its subagents. A file is read from its start, since
its lines say only now and then which turn they are of; a `Conversation` may stop and go on at any later time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.reading import MAX_LINE

from .claude_code import messages as claude_code
from .claude_code.event_messages import EventConversation
from .message import Message


class Conversation(Protocol):
    """One file's messages, line by line."""

    def feed(self, line: bytes, offset: int) -> list[Message]:
        """The messages of the next line (with or without its LF), which begins at `offset`; none if it has none.

        A line that can't be read is passed over.
        """


CONVERSATIONS: Final[dict[str, Callable[[str], Conversation]]] = {CLAUDE_CODE.name: claude_code.Conversation}
"""By the client's name, as the relay records it; called with the subagent's id, empty for the main conversation."""


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
