"""What a search finds."""

from __future__ import annotations

import msgspec

from hookspan.web.schemas.common import Tokens


class SnippetPart(msgspec.Struct, kw_only=True):
    """A part of a text, and whether it is what was looked for."""

    text: str
    hit: bool


class FoundItem(msgspec.Struct, kw_only=True):
    """A message or a span (`kind` span) that was found. Of a message `message` is its id in its conversation.

    `trace` and `span` are what it opens at; empty where there is none. `error`: of a call that failed, what it said
    in one line, as long as that is kept. `agent`: the coding agent.
    """

    kind: str
    at: float
    session: str
    project: str
    branch: str
    title: str
    message: str
    subagent: str
    tool: str
    failed: bool
    trace: str
    span: str
    snippet: list[SnippetPart]
    name: str = ""
    duration: float | None = None
    outcome: str = ""
    error: str = ""
    agent: str = ""


class FoundSums(msgspec.Struct, kw_only=True):
    """What all spans come to that are found, on any page: list price in USD, how long tool calls waited in ms."""

    spans: int
    cost: float
    waited: float
    tokens: Tokens


class Found(msgspec.Struct, kw_only=True):
    """Messages or spans, the newest first. `since`: from when on messages are kept; `archive`: if in the archive.

    `sums`: of spans, on the first page. `unread`: sessions of which not all messages are found yet.
    """

    now: float
    items: list[FoundItem]
    next: str | None
    archive: bool
    since: float
    sums: FoundSums | None = None
    unread: int = 0
