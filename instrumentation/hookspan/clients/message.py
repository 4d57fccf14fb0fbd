"""A message of a conversation: what somebody said, called or got, whichever client wrote it down."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from hookspan.wire.edits import staying

Kind = Literal["prompt", "answer", "thinking", "call", "result", "error", "compaction", "note"]
"""`note`: what the client itself put in: that a task ended, an interruption, the output of a command of its own."""
Role = Literal["user", "assistant", "tool", "system"]


class Message(msgspec.Struct, omit_defaults=True):
    """One message. Texts are whole, as they were said: secrets are in them, escape sequences are not.

    Attributes:
        id: Where it is in its conversation, the same in a copy of the file: the line's id and the number of its part.
        at: When its line was written, Unix ns; 0 if the line has no time.
        text: What was said; of a call what it is about (its command, path, pattern, question), of a result its output.
        turn: The prompt's id, which is the id of its trace (`model.ids.trace_id`); empty before the first prompt.
        call: The model's message id (`gen_ai.response.id`) of what the model said; its span is
            `model.ids.of_model_call(session, subagent, call)`.
        tool_call: The id of the tool call that it is, or is the result of; its span is
            `model.ids.of_tool(session, tool_call)`.
        tool: The tool's name, of a call.
        given: The whole input of a call, as JSON.
        diff: What a call changes in a file: lines that begin with `+`, `-` or a blank, `@@` between two places.
        failed: Whether it is the result of a call that failed or was refused.
        subagent: In whose conversation it is; empty in the main one.
        attached: What came with it and is no text, each in words: `image/png, 93 kB`.
    """

    id: str
    kind: Kind
    role: Role
    at: int = 0
    text: str = ""
    turn: str = ""
    call: str = ""
    tool_call: str = ""
    tool: str = ""
    given: Any = None
    diff: str = ""
    failed: bool = False
    subagent: str = ""
    attached: list[str] = []


class Answered(NamedTuple):
    """An answer of the model that is whole: its id (`gen_ai.response.id`), and the messages in it, by their ids."""

    call: str
    messages: tuple[str, ...]


def made(kind: Kind, role: Role, text: str = "", **fields: Any) -> Message:
    """One that has no id yet."""
    return Message("", kind, role, text=text, **fields)


def changed(old: str, new: str) -> str:
    """A diff: the lines that go and those that come, between the ones that stay."""
    if old == new:
        return ""
    before, after = old.split("\n") if old else [], new.split("\n") if new else []
    head, tail = staying(before, after)
    return "\n".join(
        f"{mark}{line}"
        for mark, lines in (
            (" ", before[:head]),
            ("-", before[head : len(before) - tail]),
            ("+", after[head : len(after) - tail]),
            (" ", before[len(before) - tail :]),
        )
        for line in lines
    )
