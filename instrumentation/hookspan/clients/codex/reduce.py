"""Reduces a hook event of Codex to a `Reduced`. Unknown fields and unexpected types never raise.

Field names and their meaning: the events of Codex 0.171.0, as recorded in `tests/sessions/`. What they don't tell: the
exit code of a command, which stands in the rollout alone, and who serves the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from hookspan.catalogue.codex import CODEX
from hookspan.prices import Used, price
from hookspan.wire import command, shell_targets, targets
from hookspan.wire.facts import StatusLine
from hookspan.wire.fields import LOCAL_KEY, SYNTHETIC_KEY, as_count, as_name, as_object, copied, copy, digest
from hookspan.wire.foreign import UNREADABLE, decoder
from hookspan.wire.reduced import SERVED_BY_OPENAI, ModelRequest, Reduced, Target
from hookspan.wire.results import timeless
from hookspan.wire.scrub import label

SHELL: Final = "Bash"
PATCH: Final = "apply_patch"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
"""How a model request ended."""
_PRICES: Final = "openai"
"""The table of list prices."""
_TOKENS_MAX: Final = 1_000_000_000
_MCP: Final = "mcp__"
"""Tools of MCP servers are named `mcp__<server>__<tool>`."""
_STATUS: Final = re.compile(r"\bstatus:? (\d{3})\b")
_FILE: Final = re.compile(r"^\*\*\* (?:(Add|Update|Delete) File|Move to): (.{1,4096})$", re.MULTILINE)
_EXTENSION: Final = re.compile(r"\.([A-Za-z0-9_+-]{1,12})\Z")
_COMMAND: Final = re.compile(r"\A/([\w:.-]{1,64})(?:\s|\Z)")
_canonical = msgspec.json.Encoder(order="sorted").encode
_encode = msgspec.json.encode
_decode = decoder(dict[str, Any])


class _Input(msgspec.Struct):
    command: str = ""


class _Event(msgspec.Struct):
    tool_input: _Input = msgspec.field(default_factory=_Input)


_event = msgspec.json.Decoder(_Event).decode


def shell_command(payload: bytes) -> str:
    """The command of the tool call in a payload; empty where there is none. Raises what msgspec raises."""
    return _event(payload).tool_input.command


def status_line(_fields: dict[str, Any], at: int, *, labels: bool) -> StatusLine:  # noqa: ARG001 - as every client's
    """Nothing: Codex runs no command for its status line."""
    return StatusLine(at=at, key="")


def reduce_environment(event: Reduced, env: dict[str, str]) -> None:  # noqa: ARG001 - as every client's
    """Fills in who the client is. A hook has no variable of Codex's, and may have those of a client around it."""
    event.client_pid = event.ppid
    event.served_by = SERVED_BY_OPENAI


def reduce_payload(event: Reduced, fields: dict[str, Any], key: bytes, *, labels: bool) -> None:
    """Fills in what the payload tells, an object with these fields; `key` is the secret for digests."""
    get = fields.get
    copy(event, fields, _OF_EVERY_EVENT)
    event.synthetic, event.local = get(SYNTHETIC_KEY) is True, get(LOCAL_KEY) is True
    if kept := _OF_EVENT.get(event.event):
        copy(event, fields, kept)
    if event.agent_id:
        # Its turn is one of its own, within the turn of the session; so is its rollout.
        event.prompt = ""
        if event.event != "SubagentStop":
            event.agent_transcript, event.transcript = event.transcript, ""
    if "request_id" in fields:
        event.request = _request(event, fields)
    elif "tool_name" in fields:
        _reduce_tool(event, fields, key, labels=labels)
    elif type(prompt := get("prompt")) is str:
        event.prompt_size = len(prompt.encode("utf-8", "surrogatepass"))
        slash_command = _COMMAND.match(prompt)
        event.command_name = slash_command.group(1) if slash_command else ""
        event.label = label(prompt) if labels else ""


def _request(event: Reduced, fields: dict[str, Any]) -> ModelRequest:
    """Of PreModelRequest what is asked, of PostModelRequest also how it ended, with tokens and list price."""
    get = fields.get
    usage = as_object(get("token_usage"))
    read, written = _tokens(usage.get("cached_input_tokens")), _tokens(usage.get("cache_write_input_tokens"))
    whole, output = _tokens(usage.get("input_tokens")), _tokens(usage.get("output_tokens"))
    event.model = as_name(get("model"))
    found = price([(_PRICES, event.model)], Used(whole, output, read, written)) if usage else None
    error = get("error")
    status = _STATUS.search(error[:1000]) if type(error) is str else None
    return ModelRequest(
        id=as_name(get("request_id")),
        attempt=as_count(get("attempt_number")),
        kind=as_name(get("kind")),
        status=as_name(get("status")),
        response_id=as_name(get("response_id")),
        error_status=int(status.group(1)) if status else 0,
        input_tokens=max(0, whole - read - written),
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
        thinking_tokens=_tokens(usage.get("reasoning_output_tokens")),
        cost_nano=found.nano if found else -1,
        prices=found.version if found else "",
    )


def _tokens(value: object) -> int:
    """A number of tokens; 0 for one that no request has, whose price no column of the store would hold."""
    count = as_count(value)
    return count if count < _TOKENS_MAX else 0


def _reduce_tool(event: Reduced, fields: dict[str, Any], key: bytes, *, labels: bool) -> None:
    get = fields.get
    event.tool, event.tool_use_id = as_name(get("tool_name")), as_name(get("tool_use_id"))
    if event.tool.startswith(_MCP):
        event.mcp_server = event.tool.removeprefix(_MCP).partition("__")[0]
    given = as_object(get("tool_input"))
    # A dialog has its reason beside the very input of the call that it is about.
    canonical = _canonical({name: value for name, value in given.items() if name != "description"})
    event.input_size, event.input_digest = len(canonical), digest(canonical, key)
    if event.event == "PreToolUse":
        event.begins = event.done  # Codex waits for its hooks, and then begins
    text = given.get("command")
    if type(text) is not str:
        text = ""
    if event.tool == SHELL:
        event.program = command.program(text)
        targets.reduce_shell(event, text, key, labels=labels)
    elif event.tool == PATCH:
        if event.event in targets.BEGINS:
            event.writes = tuple(_patched(event, text, key, labels=labels))
        text = _reduce_patch(event, text)
    if event.event == "PostToolUse" and event.tool == SHELL:
        event.awaits_result = bool(event.transcript or event.agent_transcript)  # none is kept of ephemeral sessions
    if "tool_response" in fields:
        _reduce_response(event, fields["tool_response"], key)
    if labels:
        event.label = label(text)


def _reduce_patch(event: Reduced, patch: str) -> str:
    """The first file of a patch."""
    head = _FILE.search(patch)
    if head is None:
        return ""
    path: str = head.group(2)
    extension = _EXTENSION.search(path)
    event.extension = extension.group(1).lower() if extension else ""
    if event.event == "PostToolUse":
        for line in patch.splitlines():
            event.lines_added += line.startswith("+")
            event.lines_removed += line.startswith("-")
    return path


def _patched(event: Reduced, patch: str, key: bytes, *, labels: bool) -> Iterator[Target]:
    """The files of a patch, each with the lines that it changes; those that come, go or move whole."""
    heads = list(islice(_FILE.finditer(patch), shell_targets.MOST))
    ends = [*(head.start() for head in heads[1:]), len(patch)]
    for head, end in zip(heads, ends, strict=False):
        verb, path = head.groups()
        lines = [line[1:] for line in patch[head.end() : end].split("\n") if line[:1] in {"+", "-"}]
        is_part = verb == "Update" and lines
        whole = targets.whole_path(event, path)
        yield from targets.of_file(event, whole, lines if is_part else None, key, labels=labels)


def _reduce_response(event: Reduced, response: object, key: bytes) -> None:
    """A command's is its bare output; that of a tool which starts a subagent is JSON in a string."""
    text = type(response) is str
    encoded: bytes = response.encode("utf-8", "surrogatepass") if text else _encode(response)  # type: ignore[attr-defined]
    event.output_size, event.output_digest = len(encoded), digest(timeless(encoded), key)
    if as_object(response).get("isError") is True:
        event.error = "tool_error"
    if text and event.tool in CODEX.starts_agents:
        try:
            told = _decode(response)  # type: ignore[arg-type]
        except UNREADABLE:
            return
        event.child_agent = as_name(as_object(told).get("agent_id"))


_OF_EVERY_EVENT: Final = copied(CODEX.kept)
_OF_EVENT: Final = {event.name: copied(event.kept) for event in CODEX.events if event.kept}
