"""What Claude Code's own telemetry tells of a session, in the parts that no hook and no transcript has as well."""

from __future__ import annotations

import msgspec


class HooksRan(msgspec.Struct, frozen=True, array_like=True):
    """All hooks of one event ran, side by side, `hookspan`'s own among them.

    `name` is the client's: the event, and after a colon what it was about (`PreToolUse:Bash`). `took` is in nanoseconds
    from the start of the first to the end of the last. `failed` are those that ended otherwise than well.
    """

    name: str
    at: int
    took: int
    hooks: int = 0
    failed: int = 0


class HookRegistered(msgspec.Struct, frozen=True, array_like=True):
    """How many hooks of an event come from the same place: a kind of settings (`userSettings`), or a plugin."""

    event: str
    source: str
    plugin: str = ""
    count: int = 1


class CallDecided(msgspec.Struct, frozen=True, array_like=True):
    """Whether a tool call was let run, and who said so; all words are the client's own, shortened."""

    tool_use_id: str
    at: int
    decision: str = ""
    source: str = ""
    tool_source: str = ""
    mode: str = ""


class CallTimed(msgspec.Struct, frozen=True, array_like=True):
    """A part of a tool call by the client's own clock, Unix nanoseconds.

    `part`: `execution`, or `blocked_on_user` with the `decision` that ended it and its `source`.
    """

    tool_use_id: str
    part: str
    start: int
    end: int
    decision: str = ""
    source: str = ""


class RequestTimed(msgspec.Struct, frozen=True, array_like=True):
    """A model call by the client's own clock, over all its attempts. `first_token`: nanoseconds after its start."""

    request_id: str
    start: int
    end: int
    attempts: int = 1
    first_token: int = 0
    query_source: str = ""
    success: bool = True
