"""What a session's state has of files that are written: by whom, and whom that has met."""

from __future__ import annotations

from typing import Final

import msgspec

from hookspan.catalogue.enums import Collision

FRESH: Final = 30 * 60 * 10**9
"""Nanoseconds: for half an hour a write may meet others, and a session is shown with whom it met."""
SERIOUS: Final = (Collision.LINES, Collision.TREE)
"""What a person is called for."""


class Write(msgspec.Struct, array_like=True):
    """A call that writes a file, or has written it.

    Attributes:
        at: When the call began, once it is done when that was.
        call: The tool call's id.
        agent_id: The subagent that makes it, empty for the main agent.
        prompt: The prompt whose turn made it.
        name: Of the file, as the page shows it.
        lines: Digests of the lines that are meant; None for any.
        seen: Who had seen it, in states of an earlier form; now each session says what it `saw`.
        record: The record that the call began with, once it is done the one with which it was.
    """

    at: int
    call: str
    agent_id: str
    prompt: str
    name: str
    lines: list[int] | None
    seen: list[str] = []
    record: int = 0


class Meeting(msgspec.Struct, kw_only=True):
    """A write that met another's, as one of both sessions remembers it: `agent_id` is its own subagent.

    Attributes:
        at: When the newest of them began.
        path: Digest of the file's path, empty for a whole work tree.
        call: The call that made the newest.
        other: The other session; the same for another agent of its own.
        other_agent: The other's subagent, empty for its main agent.
    """

    at: int
    kind: Collision
    path: str
    name: str
    call: str
    agent_id: str
    other: str
    other_agent: str
