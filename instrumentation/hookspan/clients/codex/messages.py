"""What is said in a rollout, line by line, as messages.

Seen in Codex 0.171.0 (`tests/sessions/`): prompts and answers are items that are complete; a call and what the model
saw of it are response items. Of a call that the model's code makes there is one item, at its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from hookspan.clients.message import Answered, Message, made
from hookspan.screen import shown
from hookspan.wire.fields import as_array, as_name, as_object, as_text

from .reduce import PATCH
from .rollout_lines import CALLS, INNER, OUTPUTS, Call, Line, call_of, inner_call, output_of, read

_COMMAND_HEAD: Final = re.compile(
    r"(?:Chunk ID: \S{1,40}\n)?(?:Exit code: (-?\d{1,10})\n)?Wall time: [^\n]{1,40}\n"
    r"(?:Process exited with code (-?\d{1,10})\n)?(?:Process running[^\n]{0,80}\n)?"
    r"(?:Original token count: \d{1,20}\n)?(?:Output:\n)?"
)
"""What Codex writes before the output of a command or a patch."""
_FAILED: Final = re.compile(
    r"(?:apply_patch verification failed|unsupported (?:custom tool )?call: |failed to parse function arguments"
    r"|unable to |aborted by user|Script failed|execution error)"
)
_HEAD: Final = re.compile(r"\*\*\* (?:(?:Add|Update|Delete) File|Move to): ([^\n]{1,4096})")
_ABOUT: Final = ("command", "path", "query", "url", "pattern", "message", "task_name", "explanation")
"""The fields of an input that say what a call is about; the first that there is."""


class Conversation:
    """One rollout. `subagent`: whose, empty for the main conversation."""

    def __init__(self, subagent: str = "") -> None:
        self._subagent = subagent
        self._turn = ""
        self._said: list[str] = []  # ids of the model's messages since its last answer was whole
        self.answered: Answered | None = None

    def feed(self, line: bytes, offset: int) -> list[Message]:
        """See `conversations.Conversation`."""
        self.answered = None
        told = read(line)
        if told is None:
            return []
        if told.type == "token_usage_record":
            self.answered = Answered(as_name(told.payload.get("response_id")), tuple(self._said))
            self._said.clear()
        elif told.kind == "task_started":
            self._turn = as_name(told.payload.get("root_turn_id")) or told.turn
        found = list(_messages(told))
        name = as_name(told.item.get("id")) or as_name(told.payload.get("id")) or str(offset)
        for number, message in enumerate(found):
            message.id, message.at = f"{name}.{number}", told.at
            message.turn, message.subagent = self._turn, self._subagent
            message.text = shown(message.text)
            if message.role == "assistant" and not message.tool_call.startswith(INNER):
                self._said.append(message.id)
        return found


def _messages(line: Line) -> Iterator[Message]:
    if line.type == "response_item":
        if line.kind in CALLS:
            yield _call(call_of(line.payload))
        elif line.kind in OUTPUTS:
            yield _result(as_name(line.payload.get("call_id")), output_of(line.payload))
        elif line.kind == "reasoning" and (text := _texts(line.payload.get("summary"))):
            yield made("thinking", "assistant", text)
    elif line.type == "compacted":
        _for_the_model, _, summary = as_text(line.payload.get("message")).partition("\n")
        yield made("compaction", "system", summary or "The conversation was compacted.")
    elif line.type == "event_msg" and (reader := _EVENTS.get(line.kind)):
        yield from reader(line)


def _item(line: Line) -> Iterator[Message]:
    item = line.item
    kind, text = item.get("type"), _texts(item.get("content"))
    if kind == "UserMessage":
        parts = map(as_object, as_array(item.get("content")))
        attached = [as_name(part.get("type")) for part in parts if part and "text" not in part]
        yield made("prompt", "user", text, attached=attached)
    elif kind == "AgentMessage" and text:
        yield made("answer", "assistant", text)
    elif call := inner_call(item):
        yield _call(call)
        yield _inner_result(call, item)


def _call(call: Call) -> Message:
    given, patch = call.given, as_text(call.given.get("command")) if call.tool == PATCH else ""
    about = "\n".join(_HEAD.findall(patch)) or next((text for name in _ABOUT if (text := as_text(given.get(name)))), "")
    return made("call", "assistant", about, tool_call=call.id, tool=call.tool, given=given, diff=shown(diff_of(patch)))


def diff_of(patch: str) -> str:
    """The lines that a patch changes; between two files, or two places of one, `@@`."""
    lines: list[str] = []
    for line in patch.split("\n"):
        if line.startswith(("@@", "*** ")):
            if lines and lines[-1] != "@@":
                lines.append("@@")
        else:
            lines.append(line)
    while lines and lines[-1] in {"@@", ""}:
        lines.pop()
    return "\n".join(lines)


def _result(call: str, output: str) -> Message:
    head = _COMMAND_HEAD.match(output)
    text = output[head.end() :] if head else output
    failed = bool(head and (head[1] or head[2] or "0") != "0") or _FAILED.match(text) is not None
    return made("result", "tool", text, tool_call=call, failed=failed)


def _inner_result(call: Call, item: dict[str, Any]) -> Message:
    code, error = item.get("exit_code"), item.get("error")
    failed = bool(error or (code and type(code) is int)) or as_name(item.get("status")) in {"failed", "declined"}
    texts = (item.get("aggregated_output"), item.get("stdout"), item.get("stderr"), error)
    text = "\n".join(filter(None, map(as_text, texts))) or _texts(as_object(item.get("result")).get("content"))
    return made("result", "tool", text, tool_call=call.id, failed=failed)


def _aborted(_line: Line) -> Iterator[Message]:
    yield made("note", "system", "Interrupted by the user.")


def _completed(line: Line) -> Iterator[Message]:
    if text := as_text(as_object(line.payload.get("error")).get("message")):
        yield made("error", "system", text)


_EVENTS: Final[dict[str, Callable[[Line], Iterator[Message]]]] = {
    "item_completed": _item,
    "turn_aborted": _aborted,
    "task_complete": _completed,
}


def _texts(content: object) -> str:
    parts = (as_object(part).get("text") for part in as_array(content))
    return "\n".join(text for text in parts if isinstance(text, str))
