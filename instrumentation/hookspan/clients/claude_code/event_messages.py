"""What is said in hook events, as messages: for sessions whose transcript is gone, or was never written.

They are lines of the journal. A model's words between two tool calls are in no event; its last ones are in `Stop`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from hookspan.clients.message import Message, made
from hookspan.screen import shown
from hookspan.wire.fields import as_array, as_name, as_object
from hookspan.wire.foreign import UNREADABLE, decoder

from .conversation import SaidLine, result_text
from .messages import call_of, said_by_user


class _Line(msgspec.Struct):
    at: int
    event: dict[str, Any]


_decode = decoder(_Line)


class EventConversation:
    """Those of one conversation, whichever it is. A message's id is its session's, with the time of its event."""

    answered: Final = None
    """Events don't tell."""

    def feed(self, line: bytes, offset: int) -> list[Message]:  # noqa: ARG002 - the protocol's
        """See `conversations.Conversation`."""
        try:
            record = _decode(line)
        except UNREADABLE:
            return []
        event = record.event
        read = _READERS.get(as_name(event.get("hook_event_name")))
        found = [] if read is None else list(read(event))
        for number, message in enumerate(found):
            message.id = f"{as_name(event.get('session_id'))}-{record.at}.{number}"
            message.subagent = as_name(event.get("agent_id"))
            # Codex's name of it; of a subagent's event that is a turn of the subagent's own.
            turn = event.get("prompt_id") or ("" if message.subagent else event.get("turn_id"))
            message.at, message.turn = record.at, as_name(turn)
            message.text = shown(message.text)
        return found


def _prompt(event: dict[str, Any]) -> Iterator[Message]:
    if text := _text(event.get("prompt")):
        yield said_by_user(SaidLine(), text, [])


def _call(event: dict[str, Any]) -> Iterator[Message]:
    block = {"id": event.get("tool_use_id"), "name": event.get("tool_name"), "input": event.get("tool_input")}
    yield call_of(block, "")


def _result(event: dict[str, Any]) -> Iterator[Message]:
    failed = "tool_response" not in event
    text = _text(event.get("error") or event.get("reason")) if failed else _gave(event["tool_response"])
    yield made("result", "tool", text, tool_call=as_name(event.get("tool_use_id")), failed=failed)


def _answer(event: dict[str, Any]) -> Iterator[Message]:
    if text := _text(event.get("last_assistant_message")):
        yield made("answer", "assistant", text)


def _failure(event: dict[str, Any]) -> Iterator[Message]:
    yield made("error", "system", _text(event.get("last_assistant_message")) or _text(event.get("error")))


def _summary(event: dict[str, Any]) -> Iterator[Message]:
    if text := _text(event.get("compact_summary")):
        yield made("compaction", "system", text)


_READERS: Final[dict[str, Callable[[dict[str, Any]], Iterator[Message]]]] = {
    "UserPromptSubmit": _prompt,
    "PreToolUse": _call,
    "PostToolUse": _result,
    "PostToolUseFailure": _result,
    "PermissionDenied": _result,
    "Stop": _answer,
    "SubagentStop": _answer,
    "StopFailure": _failure,
    "PostCompact": _summary,
}
_GIVEN: Final = ("stdout", "stderr", "content", "result", "message", "text")
"""Where a tool's response has what the model was told."""


def _gave(response: Any) -> str:
    """The text of a response; the whole as JSON where it has none."""
    if isinstance(response, str):
        return response
    if isinstance(response, list):
        return result_text({"content": response})
    fields = as_object(response)
    fields = as_object(fields.get("file")) or fields
    texts = [
        result_text({"content": value}) if as_array(value) else _text(value)
        for name in _GIVEN
        if (value := fields.get(name))
    ]
    whole = "" if fields.keys() & set(_GIVEN) else msgspec.json.encode(response).decode()
    return "\n".join(filter(None, texts)) or whole


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
