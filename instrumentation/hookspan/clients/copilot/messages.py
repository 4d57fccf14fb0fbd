"""What is said in the events that Copilot CLI keeps of a session, line by line, as messages.

Seen in Copilot CLI 1.0.102 (`tests/sessions/`). One file has the session's conversation and those of its subagents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from hookspan.clients.message import Message, changed, made
from hookspan.screen import shown
from hookspan.wire.fields import as_array, as_name, as_object, as_text, timestamp_ns

from .events import read

_ASKED: Final = b"user.message"
"""In each line that begins a turn."""
_ABOUT: Final = ("command", "path", "pattern", "query", "url", "prompt", "description")
"""The fields of an input that say what a call is about; the first that there is."""


class Conversation:
    """One conversation of a file. `subagent`: whose, empty for the main one."""

    answered: Final = None
    """Each message names its own."""

    def __init__(self, subagent: str = "") -> None:
        self._subagent = subagent
        self._mark = msgspec.json.encode(subagent) if subagent else b""
        self._turn = ""

    def feed(self, line: bytes, offset: int) -> list[Message]:
        """See `conversations.Conversation`."""
        if self._mark not in line and _ASKED not in line:  # else a file would be decoded once for each subagent
            return []
        told = read(line)
        if told is None:
            return []
        if told.type == "user.message" and not told.agentId:
            self._turn = as_name(told.data.get("interactionId")) or self._turn
        reader = _READERS.get(told.type)
        if reader is None or as_name(told.agentId) != self._subagent:
            return []
        found = list(reader(told.data))
        for number, message in enumerate(found):
            message.id, message.at = f"{told.id or offset}.{number}", timestamp_ns(told.timestamp)
            message.turn, message.subagent = self._turn, self._subagent
            message.text = shown(message.text)
        return found


def _prompt(data: dict[str, Any]) -> Iterator[Message]:
    named = (as_object(each) for each in as_array(data.get("attachments")))
    attached = [as_name(each.get("displayName") or each.get("path") or each.get("type")) for each in named]
    yield made("prompt", "user", as_text(data.get("content")), attached=attached)


def _answer(data: dict[str, Any]) -> Iterator[Message]:
    call = as_name(data.get("apiCallId"))
    if text := as_text(data.get("reasoningText")):
        yield made("thinking", "assistant", text, call=call)
    if text := as_text(data.get("content")):
        yield made("answer", "assistant", text, call=call)


def _call(data: dict[str, Any]) -> Iterator[Message]:
    given = as_object(data.get("arguments"))
    about = next((text for name in _ABOUT if (text := as_text(given.get(name)))), "")
    diff = changed(as_text(given.get("old_str")), as_text(given.get("new_str"))) or changed(
        "", as_text(given.get("file_text"))
    )
    yield made(
        "call",
        "assistant",
        about,
        tool_call=as_name(data.get("toolCallId")),
        tool=as_name(data.get("toolName")),
        given=given,
        diff=shown(diff),
    )


def _result(data: dict[str, Any]) -> Iterator[Message]:
    failed = data.get("success") is False
    told = as_object(data.get("error" if failed else "result"))
    code = as_object(data.get("shellExecution")).get("exitCode")
    yield made(
        "result",
        "tool",
        as_text(told.get("message" if failed else "content")),
        tool_call=as_name(data.get("toolCallId")),
        failed=failed or (type(code) is int and code != 0),
    )


def _aborted(_data: dict[str, Any]) -> Iterator[Message]:
    yield made("note", "system", "Interrupted by the user.")


def _error(data: dict[str, Any]) -> Iterator[Message]:
    yield made("error", "system", as_text(data.get("message")))


def _compacted(data: dict[str, Any]) -> Iterator[Message]:
    if data.get("success") is True:
        yield made("compaction", "system", as_text(data.get("summaryContent")) or "The conversation was compacted.")


_READERS: Final[dict[str, Callable[[dict[str, Any]], Iterator[Message]]]] = {
    "user.message": _prompt,
    "assistant.message": _answer,
    "tool.execution_start": _call,
    "tool.execution_complete": _result,
    "abort": _aborted,
    "session.error": _error,
    "session.compaction_complete": _compacted,
}
