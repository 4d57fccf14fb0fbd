"""What is said in a transcript, line by line, as messages.

Seen in Claude Code 2.1.331 (`tests/sessions/`): only lines of the user name the prompt; an answer of the model is a
line for each of its blocks; what the client itself says to the model comes as a line of the user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hookspan.clients.message import Kind, Message, changed, made
from hookspan.screen import shown
from hookspan.units import size
from hookspan.wire.fields import as_array, as_object, as_text, timestamp_ns
from hookspan.wire.foreign import value_of

from .conversation import SaidLine, content_of, result_text
from .conversation import read as read_line

_INTERRUPTED: Final = "[Request interrupted by user"
_NOTE: Final = re.compile(r"\s{0,20}<(?:local-command-|bash-std|task-notification|system-reminder|teammate-message)")
"""How the client's own words begin among the user's lines."""
_TAG: Final = re.compile(r"</?(?:local-command|bash-std|system-reminder|teammate-message)[^<>]{0,500}>")
_SYNTHETIC: Final = "<synthetic>"
_ABOUT: Final = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "url",
    "query",
    "path",
    "plan",
    "description",
    "skill",
)
"""The fields of an input that say what a call is about; the first that there is."""
_SYSTEM: Final[dict[str, Kind]] = {
    "compact_boundary": "compaction",
    "api_error": "error",
    "local_command": "note",
    "informational": "note",
}
"""What the client tells of, by the subtype of its lines."""


class Conversation:
    """One file. `subagent`: whose, empty for the main conversation."""

    answered: Final = None
    """Each message names its own."""

    def __init__(self, subagent: str = "") -> None:
        self._subagent = subagent
        self._turn = ""

    def feed(self, line: bytes, offset: int) -> list[Message]:
        """See `conversations.Conversation`."""
        said = read_line(line)
        if said is None:
            return []
        found = list(self._messages(said))
        at = timestamp_ns(said.timestamp) if said.timestamp else 0
        name = said.uuid or str(offset)
        for number, message in enumerate(found):
            message.id, message.at = f"{name}.{number}", at
            message.turn, message.subagent = self._turn, self._subagent
            message.text = shown(message.text)
        return found

    def _messages(self, line: SaidLine) -> Iterator[Message]:
        if line.role == "user":
            self._turn = line.prompt_id or self._turn
            yield from _of_user(line)
        elif line.role == "assistant":
            yield from _of_model(line)
        elif line.type == "system" and (kind := _SYSTEM.get(line.subtype)):
            yield from _of_client(line, kind)
        elif line.type == "queue-operation" and line.reason == "absorbed_mid_turn" and _text(line.content):
            yield made("prompt", "user", _text(line.content))


def _of_user(line: SaidLine) -> Iterator[Message]:
    """Results of tools first, then what is said beside them."""
    texts, attached = [], []
    for block in content_of(line):
        kind = block.get("type")
        if kind == "tool_result":
            text, inside = result_text(block), as_array(block.get("content"))
            yield made(
                "result",
                "tool",
                text,
                tool_call=_name(block.get("tool_use_id")),
                failed=block.get("is_error") is True,
                attached=[what for part in inside if (what := _attachment(as_object(part)))],
            )
        elif kind == "text":
            texts.append(as_text(block.get("text")))
        elif what := _attachment(block):
            attached.append(what)
    text = "\n".join(texts)
    if text.strip() or attached:
        spoken = said_by_user(line, text, attached)
        if spoken.text or attached:
            yield spoken


def said_by_user(line: SaidLine, text: str, attached: list[str]) -> Message:
    """A prompt, or what the client put into the user's mouth."""
    if line.is_compact_summary:
        return made("compaction", "system", text)
    if text.startswith("<task-notification>"):
        told = (_inside(text, "summary"), _inside(text, "result"))
        return made("note", "system", "\n".join(filter(None, told)) or "A task in the background has ended.")
    if line.is_meta or text.startswith(_INTERRUPTED) or _NOTE.match(text):
        return made("note", "system", _TAG.sub("", text).strip(), attached=attached)
    if text.startswith("<bash-input>"):
        text = f"! {_inside(text, 'bash-input')}"
    elif text.startswith(("<command-name>", "<command-message>")):
        text = f"{_inside(text, 'command-name')} {_inside(text, 'command-args')}".strip()
    return made("prompt", "user", text, attached=attached)


def _inside(text: str, tag: str) -> str:
    """What the first element of that name holds."""
    _, found, rest = text.partition(f"<{tag}>")
    inside, ended, _ = rest.partition(f"</{tag}>")
    return inside.strip() if found and ended else ""


def _of_model(line: SaidLine) -> Iterator[Message]:
    message = line.message
    call = message.id if message else ""
    is_made = message is not None and message.model == _SYNTHETIC
    for block in content_of(line):
        kind = block.get("type")
        if kind == "text":
            said: Kind = "error" if line.is_api_error_message else "note" if is_made else "answer"
            yield made(said, "system" if is_made else "assistant", as_text(block.get("text")), call=call)
        elif kind == "thinking" and as_text(block.get("thinking")):
            yield made("thinking", "assistant", as_text(block.get("thinking")), call=call)
        elif kind in {"tool_use", "server_tool_use"}:
            yield call_of(block, call)
        elif what := _attachment(block):
            yield made("answer", "assistant", call=call, attached=[what])


def call_of(block: dict[str, Any], call: str) -> Message:
    """A block in which the model calls a tool; `call`: the model's message id."""
    given = block.get("input")
    return made(
        "call",
        "assistant",
        _about(as_object(given)),
        call=call,
        tool_call=_name(block.get("id")),
        tool=_name(block.get("name")),
        given=given,
        diff=shown(_diff(as_object(given))),
    )


def _about(given: dict[str, Any]) -> str:
    """What a call is about, in the words of its input."""
    questions = [as_text(as_object(one).get("question")) for one in as_array(given.get("questions"))]
    texts = ["\n".join(filter(None, questions)), *(as_text(given.get(name)) for name in _ABOUT)]
    return next(filter(None, texts), "")


def _diff(given: dict[str, Any]) -> str:
    """What an edit or a new file changes, as far as its input says."""
    edits = [as_object(one) for one in as_array(given.get("edits"))] or [given]
    found = [changed(as_text(one.get("old_string")), as_text(one.get("new_string"))) for one in edits]
    if not any(found) and as_text(given.get("file_path") or given.get("notebook_path")):
        found = [changed("", as_text(given.get("content") or given.get("new_source")))]
    return "\n@@\n".join(filter(None, found))


def _of_client(line: SaidLine, kind: Kind) -> Iterator[Message]:
    text = _text(line.content)
    if kind == "error":
        error = as_object(line.error)
        text = text or as_text(error.get("message")) or as_text(as_object(error.get("error")).get("message"))
        text = text or f"API error {error.get('status') or ''}".strip()
    if text := _TAG.sub("", text).strip():
        yield made(kind, "system", text)


def _attachment(block: dict[str, Any]) -> str:
    """An image or a document in words; empty for text."""
    kind = block.get("type")
    if kind not in {"image", "document"}:
        return ""
    source = as_object(block.get("source"))
    data = as_text(source.get("data"))
    words = _name(source.get("media_type")) or str(kind)
    return f"{words}, {size(len(data) * 3 // 4)}" if data else words


def _text(content: msgspec.Raw) -> str:
    return as_text(value_of(content))


def _name(value: object) -> str:
    return as_text(value)[:256]
