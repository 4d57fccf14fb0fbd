"""The lines of a rollout, and the calls in them, as hooks name and tell them.

Forms: Codex 0.171.0, as in `tests/sessions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from hookspan.catalogue.codex import CODEX
from hookspan.wire.fields import as_array, as_name, as_object, timestamp_ns
from hookspan.wire.foreign import UNREADABLE, decoder

from .reduce import PATCH, SHELL

MS: Final = 1_000_000
CALLS: Final = frozenset({"function_call", "custom_tool_call"})
OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
INNER: Final = "exec-"
"""How the id of a call begins that code of the model's has made, and not the model itself."""
_COMMANDS: Final = frozenset({"exec_command", "shell", "shell_command", "local_shell"})
_CODE: Final = frozenset({("", "exec"), ("functions", "exec"), ("functions", "wait")})
"""Tools that run the model's code: hooks tell of the calls in it."""
_BARE: Final = frozenset({"", "functions"})
_V1: Final = "multi_agent_v1"
_ABORTED: Final = re.compile(r"(?:\A|\n)aborted by user")
_NEVER_BEGAN: Final = re.compile(r"unsupported (?:custom tool )?call: |failed to parse function arguments: ")
_decode = decoder(dict[str, Any])


class Line(msgspec.Struct):
    """A line. `payload` is what it holds."""

    timestamp: str = ""
    ordinal: int = 0
    type: str = ""
    payload: dict[str, Any] = {}

    @property
    def at(self) -> int:
        """When it was written, Unix ns; 0 if it has no time."""
        return timestamp_ns(self.timestamp)

    @property
    def kind(self) -> str:
        """What its payload is."""
        return as_name(self.payload.get("type"))

    @property
    def item(self) -> dict[str, Any]:
        """Of a line that tells that something is complete, what that is; else empty."""
        return as_object(self.payload.get("item")) if self.kind == "item_completed" else {}

    @property
    def turn(self) -> str:
        """The turn that it is of, a subagent's own; empty if it doesn't say."""
        inner = as_object(self.payload.get("internal_chat_message_metadata_passthrough"))
        return as_name(self.payload.get("turn_id")) or as_name(inner.get("turn_id"))


_line = decoder(Line)


def read(data: bytes) -> Line | None:
    """The line, or None for one that can't be read."""
    try:
        return _line(data)
    except UNREADABLE:
        return None


class Call(NamedTuple):
    """A tool call, with the tool's name and what it was given as a hook tells them.

    `is_code`: it is code of the model's. `has_hook`: hooks tell of it, if it begins.
    """

    id: str
    tool: str
    given: dict[str, Any]
    is_code: bool = False
    has_hook: bool = True


def call_of(payload: dict[str, Any]) -> Call:
    """What the model calls in a response item."""
    namespace, name = as_name(payload.get("namespace")), as_name(payload.get("name"))
    given = _given(payload)
    is_code = (namespace, name) in _CODE
    if name in _COMMANDS and namespace in _BARE:
        tool, given = SHELL, _command(given) or given
    elif namespace in _BARE or (namespace, name) == (_V1, "spawn_agent"):
        tool = name
    else:
        tool = f"{namespace}__{name}" if namespace.startswith("mcp__") else f"{namespace}{name}"
    has_hook = not (is_code or (namespace in _BARE and name in CODEX.without_span))
    return Call(as_name(payload.get("call_id")), tool, given, is_code, has_hook)


def _given(payload: dict[str, Any]) -> dict[str, Any]:
    text = payload.get("input")
    if type(text) is str:
        return {"command": text}
    try:
        return as_object(_decode(payload.get("arguments") or "{}"))
    except (*UNREADABLE, TypeError):
        return {}


def _command(given: dict[str, Any]) -> dict[str, Any]:
    """A command as hooks tell it: without where and how long it may run."""
    line = given.get("cmd", given.get("command"))
    words = [word for word in as_array(line) if type(word) is str]
    if words:  # a shell, its option, and what it runs
        line = words[-1] if len(words) == 3 else " ".join(words)  # noqa: PLR2004
    return {"command": line} if type(line) is str else {}


def inner_call(item: dict[str, Any]) -> Call | None:
    """The call of a tool by the model's code, by the item that tells of its end; None for anything else."""
    name, kind = as_name(item.get("id")), item.get("type")
    if not name.startswith(INNER):
        return None
    if kind == "CommandExecution":
        return Call(name, SHELL, _command(item))
    if kind == "FileChange":
        return Call(name, PATCH, {"command": "\n".join(_patch(as_object(item.get("changes"))))})
    if kind == "McpToolCall":
        tool = f"mcp__{as_name(item.get('server'))}__{as_name(item.get('tool'))}"
        return Call(name, tool, as_object(item.get("arguments")))
    return None


def _patch(changes: dict[str, Any]) -> Iterator[str]:
    """The patch that makes these changes, as the model would have written it."""
    yield "*** Begin Patch"
    for path, told in changes.items():
        change = as_object(told)
        text, diff = change.get("content"), change.get("unified_diff")
        kind = {"add": "Add", "delete": "Delete"}.get(as_name(change.get("type")), "Update")
        yield f"*** {kind} File: {path}"
        if moved := as_name(change.get("move_path")):
            yield f"*** Move to: {moved}"
        if kind == "Add" and type(text) is str:
            yield from (f"+{line}" for line in text.removesuffix("\n").split("\n"))
        elif type(diff) is str:
            yield from (line for line in diff.split("\n") if not line.startswith(("---", "+++")))
    yield "*** End Patch"


def output_of(payload: dict[str, Any]) -> str:
    """What the model saw of a call, as text."""
    output = payload.get("output")
    if type(output) is str:
        return output
    parts = as_array(output) or as_array(as_object(output).get("content"))
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if type(text) is str)


def was_interrupted(output: str) -> bool:
    """Whether the user ended the turn while a call with this output ran."""
    return _ABORTED.search(output[:400]) is not None


def never_began(output: str) -> bool:
    """Whether a call with this output is none that a hook could tell of: no such tool, or no input for it."""
    return _NEVER_BEGAN.match(output) is not None
