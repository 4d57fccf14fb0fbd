"""What a transcript's lines say, as messages of the GenAI conventions: roles, and parts with a type each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hookspan.wire.foreign import UNREADABLE, decoder, value_of

from .transcript_lines import blocks

Message = dict[str, Any]


_FINISHED: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}
"""The API's reasons in the conventions' words."""


class _Said(msgspec.Struct):
    id: str = ""
    role: str = ""
    model: str = ""
    stop_reason: str | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class SaidLine(msgspec.Struct, rename="camel"):
    """A line, as far as something is said in it. `is_meta`: the client wrote it for the model."""

    type: str = ""
    subtype: str = ""
    uuid: str = ""
    timestamp: str = ""
    prompt_id: str = ""
    is_meta: bool | None = False
    is_compact_summary: bool | None = False
    is_api_error_message: bool | None = False
    reason: Any = None
    error: Any = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    message: _Said | None = None

    @property
    def role(self) -> str:
        """`user`, `assistant`, or nothing for a line that is no part of the conversation."""
        kind = self.type or (self.message.role if self.message else "")
        return kind if kind in {"user", "assistant"} and self.message else ""

    @property
    def is_prompt(self) -> bool:
        """Whether it is what a turn begins with, and no result of a tool."""
        if self.role != "user" or self.is_meta or self.message is None:
            return False
        return not any(block.get("type") == "tool_result" for block in blocks(self.message.content))


_decode = decoder(SaidLine)


def read(line: bytes) -> SaidLine | None:
    """The line, or None for one that can't be read."""
    try:
        return _decode(line)
    except UNREADABLE:
        return None


def content_of(line: SaidLine) -> list[dict[str, Any]]:
    """The blocks of a line of the conversation; a text is one of them."""
    if line.message is None or not line.role:
        return []
    content = value_of(line.message.content)
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def messages(line: SaidLine) -> list[Message]:
    """What a line says: results of tools are messages of their own, before what else it has."""
    found: list[Message] = []
    parts: list[dict[str, Any]] = []
    for block in content_of(line):
        if block.get("type") == "tool_result":
            answer = {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": result_text(block)}
            found.append({"role": "tool", "parts": [answer]})
        elif part := _part(block):
            parts.append(part)
    return [*found, {"role": line.role, "parts": parts}] if parts else found


def answer(lines: Sequence[SaidLine]) -> list[Message]:
    """The lines of one answer of the model as one message; none without text.

    It says why it ended, which the conventions deprecate and Phoenix 20 demands: without, it shows no answer at all.
    """
    parts = [part for line in lines for message in messages(line) for part in message["parts"]]
    reasons = [line.message.stop_reason for line in lines if line.message and line.message.stop_reason]
    why = _FINISHED.get(reasons[-1], reasons[-1]) if reasons else "error"
    return [{"role": "assistant", "finish_reason": why, "parts": parts}] if parts else []


def _part(block: dict[str, Any]) -> dict[str, Any] | None:
    """A block as a part; None for what is no text: an image, or thinking that is only signed."""
    kind = block.get("type")
    if kind == "text" and isinstance(text := block.get("text"), str) and text:
        return {"type": "text", "content": text}
    if kind == "thinking" and isinstance(text := block.get("thinking"), str) and text:
        return {"type": "reasoning", "content": text}
    if kind == "tool_use":
        return {
            "type": "tool_call",
            "id": block.get("id"),
            "name": block.get("name"),
            "arguments": block.get("input"),
        }
    return None


def result_text(block: dict[str, Any]) -> str:
    """The text of a tool's result."""
    content = block.get("content")
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "\n".join(text for part in parts if isinstance(text := part.get("text"), str))
