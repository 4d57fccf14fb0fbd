"""reduce: a raw hook event becomes a `Reduced`. Pure and idempotent; unknown fields and odd types never fail.

Field names and their meaning: the published types of `@anthropic-ai/claude-agent-sdk` 0.3.331 and the events of
Claude Code 2.1.331 as recorded in `tests/sessions/`.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, Final

import msgspec

from . import command
from .reduced import VERDICT_DENIED, VERDICT_HOOK, VERDICT_INVALID, VERDICT_REJECTED, Call, Reduced
from .scrub import label

_ID_LENGTH: Final = 256
"""Ids and names longer than this are cut: nothing of Claude Code's is, and they become attribute values."""
_PATH_LENGTH: Final = 4096
_MAX_CALLS: Final = 256

_canonical = msgspec.json.Encoder(order="sorted").encode
_encode = msgspec.json.encode

_EXIT_CODE: Final = re.compile(r"\AExit code (-?\d{1,6})\b")
_TASK: Final = re.compile(r"<task-id>([^<\s]{1,128})</task-id>")
_TASK_CALL: Final = re.compile(r"<tool-use-id>([^<\s]{1,128})</tool-use-id>")
_COMMAND: Final = re.compile(r"\A/([\w:.-]{1,64})(?:\s|\Z)")
_WORD: Final = re.compile(r"\A[\w.:-]{1,64}\Z")
_EXTENSION: Final = re.compile(r"\.([A-Za-z0-9_+-]{1,12})\Z")
TASK_NOTIFICATION: Final = "<task-notification>"
SYNTHETIC_KEY: Final = "hookspan_synthetic"
"""Marks the events that `hookspan doctor --end-to-end` makes up: they go the whole way."""
LOCAL_KEY: Final = "hookspan_local"
"""Marks the events of the page's demo data: they stay on this machine and out of every sum."""


def _text(value: object, limit: int = _ID_LENGTH) -> str:
    return value[:limit] if type(value) is str else ""


def _word(value: object) -> str:
    """A word of one of the client's own lists; what is none is text that somebody wrote, and is not kept."""
    return "" if type(value) is not str or not value else value if _WORD.match(value) else "other"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else -1.0


def _dict(value: object) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _list(value: object) -> list[Any]:
    return value if type(value) is list else []


def digest(data: bytes, key: bytes) -> str:
    """Keyed digest (BLAKE2b as a MAC), 16 hex digits: equal data are recognised, the data can't be guessed from it."""
    return blake2b(data, key=key, digest_size=8).hexdigest()


def reduce_event(event: Reduced, payload: bytes, fields: dict[str, Any], key: bytes, *, labels: bool) -> Reduced:
    """Fills `event` (which has the relay's own fields) from the payload, given both as bytes and decoded."""
    event.size = len(payload)
    event.digest = digest(payload, key)
    get = fields.get
    event.event = _text(get("hook_event_name"))
    event.session = _text(get("session_id")) or event.session
    event.prompt = _text(get("prompt_id"))
    event.cwd = _text(get("cwd"), _PATH_LENGTH)
    event.transcript = _text(get("transcript_path"), _PATH_LENGTH)
    event.permission_mode = _word(get("permission_mode"))
    event.agent_id = _text(get("agent_id"))
    event.agent_type = _text(get("agent_type"))
    effort = get("effort")
    if effort is not None:
        event.effort = _word(_dict(effort).get("level"))
    event.synthetic = get(SYNTHETIC_KEY) is True
    event.local = get(LOCAL_KEY) is True
    if "tool_name" in fields:
        _reduce_tool(event, fields, key, labels=labels)
    else:
        reducer = _REDUCERS.get(event.event)
        if reducer:
            reducer(event, fields, labels)
    return event


def _reduce_tool(event: Reduced, fields: dict[str, Any], key: bytes, *, labels: bool) -> None:
    get = fields.get
    event.tool = _text(get("tool_name"))
    event.tool_use_id = _text(get("tool_use_id"))
    event.duration_ms = _number(get("duration_ms"))
    server = get("mcp_server")
    event.mcp_server = _text(_dict(server).get("name")) or _server_of(event.tool)
    tool_input = get("tool_input")
    given = _dict(tool_input)
    if tool_input is not None:
        canonical = _canonical(tool_input)
        event.input_size = len(canonical)
        event.input_digest = digest(canonical, key)
    shell = given.get("command")
    if type(shell) is str:
        event.program = command.program(shell)
    path = given.get("file_path") or given.get("notebook_path")
    if type(path) is str:
        found = _EXTENSION.search(path)
        event.extension = found.group(1).lower() if found else ""
    event.background = given.get("run_in_background") is True
    response = get("tool_response")
    if response is not None:
        event.output_size = len(_encode(response))
        _reduce_response(event, _dict(response))
    error = get("error")
    if type(error) is str:
        event.output_size = len(error.encode("utf-8", "surrogatepass"))
        exit_code = _EXIT_CODE.match(error)
        event.error = "exit_nonzero" if exit_code else "tool_error"
        event.exit_code = int(exit_code.group(1)) if exit_code else -1
    event.interrupted = get("is_interrupt") is True
    if labels:
        text = (
            shell or path or given.get("pattern") or given.get("url") or given.get("query") or given.get("description")
        )
        event.label = label(text) if type(text) is str else ""


def _server_of(tool: str) -> str:
    prefix, _, rest = tool.partition("__")
    server, separator, _ = rest.partition("__")
    return server if prefix == "mcp" and separator else ""


def _reduce_response(event: Reduced, response: dict[str, Any]) -> None:
    get = response.get
    event.child_agent = _text(get("agentId"))
    event.task = _text(get("backgroundTaskId"))
    if get("status") == "async_launched" or event.task:
        event.background = True
    event.interrupted = get("interrupted") is True
    for hunk in _list(get("structuredPatch")):
        for line in _list(_dict(hunk).get("lines")):
            if type(line) is str:
                event.lines_added += line.startswith("+")
                event.lines_removed += line.startswith("-")
    content = get("content")
    if get("type") == "create" and type(content) is str and not event.lines_added:
        event.lines_added = content.count("\n") + bool(content and not content.endswith("\n"))


def _reduce_batch(event: Reduced, fields: dict[str, Any], _labels: bool) -> None:
    calls = []
    for entry in _list(fields.get("tool_calls"))[:_MAX_CALLS]:
        call = _dict(entry)
        tool = _text(call.get("tool_name"))
        calls.append(Call(_text(call.get("tool_use_id")), tool, verdict(call.get("tool_response")), _server_of(tool)))
    event.calls = tuple(calls)


_VERDICTS: Final = (
    (VERDICT_HOOK, re.compile(r"PreToolUse:.{0,100} hook ", re.DOTALL)),
    (VERDICT_DENIED, re.compile(r".{0,200}(?:denied by your permission|[Pp]ermission to use .*denied)", re.DOTALL)),
    (VERDICT_INVALID, re.compile(r"<tool_use_error>")),
    (VERDICT_REJECTED, re.compile(r"The user doesn't want to|.{0,200}requested permission", re.DOTALL)),
)


def verdict(response: object) -> str:
    """Why a call never ran, from the start of the text that the model saw; empty for a result."""
    if type(response) is list and response:
        response = _dict(response[0]).get("text")
    if type(response) is not str:
        return ""
    return next((name for name, pattern in _VERDICTS if pattern.match(response[:400])), "")


def _reduce_prompt(event: Reduced, fields: dict[str, Any], labels: bool) -> None:
    prompt = fields.get("prompt")
    event.source = _word(fields.get("source"))
    if type(prompt) is not str:
        return
    event.prompt_size = len(prompt.encode("utf-8", "surrogatepass"))
    if prompt.startswith(TASK_NOTIFICATION):
        event.machine_prompt = True
        head = prompt[:2000]
        task, call = _TASK.search(head), _TASK_CALL.search(head)
        event.task = task.group(1) if task else ""
        event.task_call = call.group(1) if call else ""
    else:
        found = _COMMAND.match(prompt)
        event.command_name = found.group(1) if found else ""
        event.label = label(prompt) if labels else ""


def _reduce_expansion(event: Reduced, fields: dict[str, Any], _labels: bool) -> None:
    event.command_name = _text(fields.get("command_name"))
    event.source = _word(fields.get("command_source"))


def _reduce_session(event: Reduced, fields: dict[str, Any], labels: bool) -> None:
    event.source = _word(fields.get("source"))
    event.reason = _word(fields.get("reason"))
    event.model = _text(fields.get("model"))
    title = fields.get("session_title")
    event.label = label(title) if labels and type(title) is str else ""


def _reduce_stop(event: Reduced, fields: dict[str, Any], _labels: bool) -> None:
    event.failure = _word(fields.get("error"))
    event.agent_transcript = _text(fields.get("agent_transcript_path"), _PATH_LENGTH)
    tasks = (_text(_dict(task).get("id")) for task in _list(fields.get("background_tasks"))[:_MAX_CALLS])
    event.running_tasks = tuple(task for task in tasks if task)


def _reduce_other(event: Reduced, fields: dict[str, Any], _labels: bool) -> None:
    event.trigger = _word(fields.get("trigger"))
    event.notification = _word(fields.get("notification_type"))
    event.mcp_server = _text(fields.get("mcp_server_name"))
    event.action = _word(fields.get("action"))
    event.source = _word(fields.get("source"))
    event.model = _text(fields.get("to_model"))


_REDUCERS: Final = {
    "PostToolBatch": _reduce_batch,
    "UserPromptSubmit": _reduce_prompt,
    "UserPromptExpansion": _reduce_expansion,
    "SessionStart": _reduce_session,
    "SessionEnd": _reduce_session,
    "Stop": _reduce_stop,
    "StopFailure": _reduce_stop,
    "SubagentStart": _reduce_stop,
    "SubagentStop": _reduce_stop,
    "PreCompact": _reduce_other,
    "PostCompact": _reduce_other,
    "Setup": _reduce_other,
    "Notification": _reduce_other,
    "Elicitation": _reduce_other,
    "ElicitationResult": _reduce_other,
    "ConfigChange": _reduce_other,
    "PostModelSwitch": _reduce_other,
}
