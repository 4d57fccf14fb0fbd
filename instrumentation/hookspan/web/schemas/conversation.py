"""What was said in a session."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

MessageKind = Literal["prompt", "answer", "thinking", "call", "result", "error", "compaction", "note"]


class Message(msgspec.Struct, kw_only=True):
    """What somebody said, called or got, as the client's transcript has it.

    `number` is its place in its conversation, `id` names it in copies of the transcript as well. `text`: what was said,
    of a call what it is about, of a result its output; `tool` and `about` are the call's, of its result, too. `given`:
    the input of a call, null where `text` and `diff` are all of it. `diff`: lines that begin with `+`, `-` or a blank.
    `cut`: texts are longer than what is shown here (`size` characters); the whole is under its number.
    """

    number: int
    id: str
    kind: MessageKind
    at: float | None
    trace_id: str
    span_id: str
    text: str
    size: int
    cut: bool
    tool: str
    tool_call: str
    about: str
    given: Any
    diff: str
    failed: bool
    attached: list[str]


class Conversation(msgspec.Struct, kw_only=True):
    """A subagent whose conversation can be shown; `tool_call`: the call that started it, empty if unknown."""

    subagent: str
    type: str
    tool_call: str


class Messages(msgspec.Struct, kw_only=True):
    """A part of a conversation.

    `total`: how many messages there are of the kinds that were asked for; `start`: where the first of `items` is among
    them; `next`: where the next page starts, null at the end. `place`: the file that they are from; empty where nothing
    is kept, and `missing` says why.
    """

    now: float
    items: list[Message]
    start: int
    total: int
    next: int | None
    place: str
    missing: str
    subagents: list[Conversation]


class Hits(msgspec.Struct, kw_only=True):
    """Places of messages in which a text is found, rising."""

    now: float
    starts: list[int]


class Said(msgspec.Struct, kw_only=True):
    """By the id of its span, what each model call of a session said, or else called, in one line."""

    now: float
    said: dict[str, str]


class SharedRule(msgspec.Struct, kw_only=True):
    """A rule of what is left out, and how often it was applied; null where it was not."""

    name: str
    text: str
    removed: int | None


class Shared(msgspec.Struct, kw_only=True):
    """A session or a turn as one file, to be given away. `name`: of the file; `count`: how many messages are in it."""

    now: float
    name: str
    text: str
    count: int
    rules: list[SharedRule]
