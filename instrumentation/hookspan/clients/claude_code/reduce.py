"""Reduces a hook event of Claude Code to a `Reduced`. Pure; unknown fields and unexpected types never raise.

Field names and their meaning: the published types of `@anthropic-ai/claude-agent-sdk` 0.3.331 and the events of
Claude Code 2.1.331 as recorded in `tests/sessions/`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from hookspan.catalogue.claude_code import CLAUDE_CODE, READING_TOOLS
from hookspan.wire import command
from hookspan.wire.fields import (
    LOCAL_KEY,
    SYNTHETIC_KEY,
    as_array,
    as_count,
    as_given_name,
    as_name,
    as_number,
    as_object,
    as_word,
    copied,
    copy,
    digest,
)
from hookspan.wire.reduced import (
    SERVED_BY_BEDROCK,
    SERVED_BY_FOUNDRY,
    SERVED_BY_MANTLE,
    SERVED_BY_VERTEX,
    VERDICT_DENIED,
    VERDICT_HOOK,
    VERDICT_INVALID,
    VERDICT_REJECTED,
    CacheEstimate,
    Call,
    Edit,
    Reduced,
)
from hookspan.wire.results import timeless
from hookspan.wire.scrub import label

from .status_line import status_line
from .targets import reduce_targets
from .transcript_files import WORKFLOW_RUN, workflow_of

__all__ = ["reduce_environment", "reduce_payload", "shell_command", "status_line"]

_PID_DIGITS: Final = 12
_MAX_CALLS: Final = 256
_MCP: Final = "mcp__"
"""Tools of MCP servers are named `mcp__<server>__<tool>`."""

_SERVED_BY: Final = (
    ("CLAUDE_CODE_USE_BEDROCK", SERVED_BY_BEDROCK),
    ("CLAUDE_CODE_USE_FOUNDRY", SERVED_BY_FOUNDRY),
    ("CLAUDE_CODE_USE_MANTLE", SERVED_BY_MANTLE),
    ("CLAUDE_CODE_USE_VERTEX", SERVED_BY_VERTEX),
)
"""Variables that the relay passes on if the client takes them for set. Of several, 2.1.331 takes the first."""

_canonical = msgspec.json.Encoder(order="sorted").encode
_encode = msgspec.json.encode

_EXIT_CODE: Final = re.compile(r"\AExit code (-?\d{1,6})\b")
_TASK: Final = re.compile(r"<task-id>([^<\s]{1,128})</task-id>")
_TASK_CALL: Final = re.compile(r"<tool-use-id>([^<\s]{1,128})</tool-use-id>")
_COMMAND: Final = re.compile(r"\A/([\w:.-]{1,64})(?:\s|\Z)")
_SHA: Final = re.compile(r"[0-9a-f]{4,64}")
_EXTENSION: Final = re.compile(r"\.([A-Za-z0-9_+-]{1,12})\Z")
TASK_NOTIFICATION: Final = "<task-notification>"
WORKFLOW_TOOL: Final = "Workflow"


class _Input(msgspec.Struct):
    command: str = ""


class _Event(msgspec.Struct):
    tool_input: _Input = msgspec.field(default_factory=_Input)


_event = msgspec.json.Decoder(_Event).decode


def shell_command(payload: bytes) -> str:
    """The command of the tool call in a payload; empty where there is none. Raises what msgspec raises."""
    return _event(payload).tool_input.command


def reduce_environment(event: Reduced, env: dict[str, str]) -> None:
    """Fills in what the variables of Claude Code tell that the relay passes on."""
    get = env.get
    pid = get(CLAUDE_CODE.pid_variable, "")
    event.client_pid = int(pid) if pid.isascii() and pid.isdigit() and len(pid) < _PID_DIGITS else 0
    event.entrypoint = get("CLAUDE_CODE_ENTRYPOINT", "")[:64]
    event.project_dir = get("CLAUDE_PROJECT_DIR", "")
    if remote := get("CLAUDE_CODE_REMOTE"):
        event.remote = remote.lower() in {"1", "true"}
    for name, served_by in _SERVED_BY:
        if name in env:
            event.served_by = served_by
            break
    if session := get("CLAUDE_CODE_SESSION_ID"):
        event.session = session[:64]
    if effort := get("CLAUDE_EFFORT"):
        event.effort = effort[:16]


def reduce_payload(event: Reduced, fields: dict[str, Any], key: bytes, *, labels: bool) -> None:
    """Fills in what the payload tells, an object with these fields; `key` is the secret for digests."""
    get = fields.get
    copy(event, fields, _OF_EVERY_EVENT)
    effort = get("effort")
    if effort is not None:
        event.effort = as_word(as_object(effort).get("level"))
    if get(SYNTHETIC_KEY) is True:
        event.synthetic = True
    if get(LOCAL_KEY) is True:
        event.local = True
    if kept := _OF_EVENT.get(event.event):
        copy(event, fields, kept)
    if "tool_name" in fields:
        _reduce_tool(event, fields, key, labels=labels)
        return
    if event.event == "PostToolBatch":
        _reduce_batch(event, fields, key)
    elif reduce := REDUCERS.get(event.event):
        reduce(event, fields, labels)


def _reduce_tool(event: Reduced, fields: dict[str, Any], key: bytes, *, labels: bool) -> None:
    get = fields.get
    event.tool = as_name(get("tool_name"))
    event.tool_use_id = as_name(get("tool_use_id"))
    event.duration_ms = as_number(get("duration_ms"))
    server = get("mcp_server")
    event.mcp_server = as_name(as_object(server).get("name")) or _server_of(event.tool)
    tool_input = get("tool_input")
    given = as_object(tool_input)
    if tool_input is not None:
        canonical = _canonical(tool_input)
        event.input_size = len(canonical)
        event.input_digest = digest(canonical, key)
    shell = given.get("command")
    if type(shell) is str:
        event.program = command.program(shell)
    path = given.get("file_path") or given.get("notebook_path")
    if type(path) is str:
        extension = _EXTENSION.search(path)
        event.extension = extension.group(1).lower() if extension else ""
    event.background = given.get("run_in_background") is True
    response = get("tool_response")
    if response is not None:
        encoded = _encode(response)
        event.output_size = len(encoded)
        fields_of = as_object(response)
        if event.tool in READING_TOOLS:
            event.output_digest = digest(encoded, key)
        elif _DURATIONS.isdisjoint(fields_of):
            event.output_digest = digest(timeless(encoded), key)
        else:
            lasting = {name: value for name, value in fields_of.items() if name not in _DURATIONS}
            event.output_digest = digest(timeless(_encode(lasting)), key)
        _reduce_response(event, fields_of, key)
    reduce_targets(event, given, as_object(response), key, labels=labels)
    error = get("error")
    if type(error) is str:
        encoded = error.encode("utf-8", "surrogatepass")
        event.output_size = len(encoded)
        event.output_digest = digest(timeless(encoded), key)
        exit_code = _EXIT_CODE.match(error)
        event.error = "exit_nonzero" if exit_code else "tool_error"
        event.exit_code = int(exit_code.group(1)) if exit_code else -1
        event.sandbox_refused = bool(_SANDBOX_REFUSED.search(error))
    if get("is_interrupt") is True:
        event.interrupted = True
    if labels:
        text = (
            shell or path or given.get("pattern") or given.get("url") or given.get("query") or given.get("description")
        )
        event.label = label(text) if type(text) is str else ""


def _server_of(tool: str) -> str:
    if not tool.startswith(_MCP):
        return ""
    server, separator, _ = tool.removeprefix(_MCP).partition("__")
    return server if separator else ""


_SANDBOX_REFUSED: Final = re.compile(r"<sandbox_violations>[^<]{0,2000}\(user denied\)")
"""What the client adds to the output of a command whose sandbox asked the user, and the user said no."""


_DURATIONS: Final = frozenset({"durationMs", "durationSeconds", "totalDurationMs"})
"""Fields of results that differ though nothing else does."""


def _reduce_response(event: Reduced, response: dict[str, Any], key: bytes) -> None:
    get = response.get
    event.child_agent = as_name(get("agentId"))
    if event.tool in CLAUDE_CODE.resumes_agents:  # with its answer in hand it has waited for the subagent
        answered = "inlineHandback" in response
        event.child_agent = as_name(as_object(get("pin")).get("id") if answered else get("resumedAgentId"))
        event.background = bool(event.child_agent) and not answered
    event.task = as_name(get("backgroundTaskId"))
    if event.tool == WORKFLOW_TOOL and WORKFLOW_RUN.fullmatch(run := as_name(get("runId"))):
        event.workflow, event.workflow_name = run, as_given_name(get("workflowName"))
    if get("status") == "teammate_spawned":
        event.teammate, event.team = as_name(get("name")), as_name(get("team_name"))
        event.child_type, event.background = as_name(get("agent_type")), True
    if get("status") == "async_launched" or event.task:
        event.background = True
    event.interrupted = get("interrupted") is True
    stderr = get("stderr")
    event.sandbox_refused = type(stderr) is str and bool(_SANDBOX_REFUSED.search(stderr))
    if operation := as_object(get("gitOperation")):
        sha = as_name(as_object(operation.get("commit")).get("sha"))
        event.commit = sha if _SHA.fullmatch(sha) else ""
        event.pull_request = as_count(as_object(operation.get("pr")).get("number"))
    if hunks := as_array(get("structuredPatch")):
        _reduce_patch(event, hunks, get("filePath"), key)
    content = get("content")
    if get("type") == "create" and type(content) is str and not event.lines_added:
        event.lines_added = content.count("\n") + bool(content and not content.endswith("\n"))


def _reduce_patch(event: Reduced, hunks: list[Any], path: object, key: bytes) -> None:
    come, gone = [], []
    for hunk in hunks:
        for line in as_array(as_object(hunk).get("lines")):
            if type(line) is str and line:
                if line[0] == "+":
                    come.append(line[1:])
                elif line[0] == "-":
                    gone.append(line[1:])
    event.lines_added, event.lines_removed = len(come), len(gone)
    if type(path) is str and (come or gone):
        event.edit = Edit(
            *(
                digest("\n".join(each).encode("utf-8", "surrogatepass"), key) if each else ""
                for each in ([path], gone, come)
            )
        )


def _reduce_batch(event: Reduced, fields: dict[str, Any], key: bytes) -> None:
    calls = []
    for entry in as_array(fields.get("tool_calls"))[:_MAX_CALLS]:
        call = as_object(entry)
        tool, response = as_name(call.get("tool_name")), call.get("tool_response")
        why = verdict(response)
        digests = (digest(_canonical(call.get("tool_input")), key), digest(_canonical(response), key)) if why else ()
        calls.append(Call(as_name(call.get("tool_use_id")), tool, why, _server_of(tool), *digests))
    event.calls = tuple(calls)


_DENIED: Final = re.compile(r".{0,200}(?:denied by your permission|[Pp]ermission to use .*denied)", re.DOTALL)
_VERDICTS: Final = (
    (VERDICT_HOOK, "PreToolUse:", re.compile(r"PreToolUse:.{0,100} hook ", re.DOTALL)),
    (VERDICT_DENIED, "denied", _DENIED),
    (VERDICT_INVALID, "<tool_use_error>", re.compile(r"<tool_use_error>")),
    (VERDICT_REJECTED, "The user", re.compile(r"The user doesn't want to")),
    (VERDICT_REJECTED, "requested permission", re.compile(r".{0,200}requested permission", re.DOTALL)),
)
"""Why a call never ran, words that the text then has, and how it begins. A result has none of these words, which is
found out in a fifth of the time."""


def verdict(response: object) -> str:
    """Why a call never ran, from the start of the text that the model saw; empty for a result."""
    if type(response) is list and response:
        response = as_object(response[0]).get("text")
    if type(response) is not str:
        return ""
    start = response[:400]
    return next((name for name, word, pattern in _VERDICTS if word in start and pattern.match(start)), "")


def _reduce_prompt(event: Reduced, fields: dict[str, Any], labels: bool) -> None:
    prompt = fields.get("prompt")
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
        slash_command = _COMMAND.match(prompt)
        event.command_name = slash_command.group(1) if slash_command else ""
        event.label = label(prompt) if labels else ""


def _reduce_session(event: Reduced, fields: dict[str, Any], labels: bool) -> None:
    title = fields.get("session_title")
    event.label = label(title) if labels and type(title) is str else ""


def _reduce_task(event: Reduced, fields: dict[str, Any], labels: bool) -> None:
    subject = fields.get("task_subject")
    event.label = label(subject) if labels and type(subject) is str else ""


def _reduce_start(event: Reduced, fields: dict[str, Any], labels: bool) -> None:
    _reduce_session(event, fields, labels)
    if "prompt_cache_likely_expired" in fields:
        _reduce_cache(event, fields, expired=fields["prompt_cache_likely_expired"] is True)


def _reduce_switch(event: Reduced, fields: dict[str, Any], _labels: bool) -> None:
    if "prompt_cache_warm" in fields:
        _reduce_cache(event, fields, expired=fields["prompt_cache_warm"] is not True)


def _reduce_cache(event: Reduced, fields: dict[str, Any], *, expired: bool) -> None:
    tokens = as_number(fields.get("context_tokens"))
    event.estimate = CacheEstimate(
        expired=expired,
        idle=as_number(fields.get("seconds_since_last_response")),
        tokens=int(tokens) if tokens >= 0 else -1,
        write_usd=as_number(fields.get("estimated_cache_write_usd")),
    )


def _reduce_stop(event: Reduced, fields: dict[str, Any], _labels: bool) -> None:
    tasks = (as_name(as_object(task).get("id")) for task in as_array(fields.get("background_tasks"))[:_MAX_CALLS])
    event.running_tasks = tuple(task for task in tasks if task)


def _reduce_subagent_stop(event: Reduced, fields: dict[str, Any], labels: bool) -> None:
    _reduce_stop(event, fields, labels)
    event.workflow = workflow_of(event.agent_transcript)


_OF_EVERY_EVENT: Final = copied(CLAUDE_CODE.kept)
_OF_EVENT: Final = {event.name: copied(event.kept) for event in CLAUDE_CODE.events if event.kept}
REDUCERS: Final = {
    "UserPromptSubmit": _reduce_prompt,
    "SessionStart": _reduce_start,
    "PostModelSwitch": _reduce_switch,
    "SessionEnd": _reduce_session,
    "TaskCreated": _reduce_task,
    "TaskCompleted": _reduce_task,
    "Stop": _reduce_stop,
    "StopFailure": _reduce_stop,
    "SubagentStop": _reduce_subagent_stop,
}
"""What takes more than copying, by event; a tool's is known by its field `tool_name`, and a batch wants the key."""
