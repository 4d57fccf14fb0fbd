"""What the code doesn't say about its names: when a span is written, what an attribute means, when a metric counts.

Each name must be one of the code's and each of the code's must be here; `tests/test_reference.py` sees to it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from hookspan.model import semconv as sc


class SpanKind(NamedTuple):
    """One kind of span. `also` are its attributes beside those of every span."""

    name: str
    kind: str
    scope: str
    parent: str
    begins: str
    ends: str
    emitted: str
    also: tuple[str, ...]


COMMON: Final = (
    sc.SESSION_ID,
    sc.GEN_AI_CONVERSATION_ID,
    sc.GEN_AI_AGENT_NAME,
    sc.PROMPT_ID,
    sc.PROJECT,
    sc.VCS_REPOSITORY_NAME,
    sc.VCS_REF_HEAD_NAME,
    sc.SYNTHETIC,
    sc.START_INFERRED,
    sc.END_INFERRED,
    sc.LATE,
    sc.LABEL,
)
_COUNTS: Final = (sc.TOOLS, sc.TOOLS_FAILED, sc.MODEL_CALLS, sc.SUBAGENTS)
_USAGE: Final = (
    sc.GEN_AI_USAGE_INPUT_TOKENS,
    sc.GEN_AI_USAGE_OUTPUT_TOKENS,
    sc.GEN_AI_USAGE_CACHE_READ,
    sc.GEN_AI_USAGE_CACHE_CREATION,
    sc.COST_USD,
)

SPANS: Final = (
    SpanKind(
        "invoke_agent claude-code",
        "INTERNAL",
        sc.SCOPE,
        'none: the root of its trace, whose id is the prompt id (with `traces.parent = "adopt"` the span that TRACEPARENT names)',
        "UserPromptSubmit; for a queued prompt the transcript's `dequeue`",
        "the last Stop or StopFailure, or the interruption; without any of these, what ended the session",
        "once the next prompt, the end of the session, the client's exit or 5 s of silence make the end final and the transcript has been read past it",
        (
            sc.GEN_AI_OPERATION_NAME,
            sc.OUTCOME,
            sc.END_REASON,
            sc.ERROR_TYPE,
            sc.PERMISSION_MODE,
            sc.EFFORT,
            sc.PROMPT_KIND,
            sc.COMMAND_NAME,
            sc.PROMPTS,
            sc.INPUT_SIZE,
            sc.IDLE_BEFORE,
            *_COUNTS,
            *_USAGE,
        ),
    ),
    SpanKind(
        "execute_tool {tool}",
        "INTERNAL",
        sc.SCOPE,
        "turn or subagent",
        "the start of execution: the end minus the client's own `duration_ms`, so waiting for permission is not included",
        "PostToolUse, PostToolUseFailure, or what stopped it; a call that never ran has duration 0",
        "when it has ended; if its PreToolUse is late, within 2 s of that",
        (
            sc.GEN_AI_OPERATION_NAME,
            sc.GEN_AI_TOOL_NAME,
            sc.GEN_AI_TOOL_CALL_ID,
            sc.GEN_AI_TOOL_TYPE,
            sc.OUTCOME,
            sc.ERROR_TYPE,
            sc.EXIT_CODE,
            sc.DECISION,
            sc.NEVER_RAN,
            sc.BLOCKED_BY_HOOK,
            sc.BACKGROUND,
            sc.MCP_SERVER,
            sc.COMMAND_PROGRAM,
            sc.FILE_EXTENSION,
            sc.INPUT_SIZE,
            sc.OUTPUT_SIZE,
            sc.WAITED,
        ),
    ),
    SpanKind(
        "permission {tool}",
        "INTERNAL",
        sc.SCOPE,
        "turn or subagent",
        "PermissionRequest; `permission elicitation`: Elicitation, when an MCP server asks",
        "the approval (the moment the tool began to run), or the refusal",
        "together with its tool's span",
        (sc.GEN_AI_TOOL_NAME, sc.GEN_AI_TOOL_CALL_ID, sc.MCP_SERVER, sc.DECISION),
    ),
    SpanKind(
        "invoke_agent {agent_type}",
        "INTERNAL",
        sc.SCOPE,
        "the Agent call that started it",
        "SubagentStart",
        "SubagentStop, or the interruption",
        "once its transcript has been read past its end",
        (sc.GEN_AI_OPERATION_NAME, sc.GEN_AI_AGENT_ID, sc.OUTCOME, sc.END_REASON, *_COUNTS, *_USAGE),
    ),
    SpanKind(
        "chat {model}",
        "CLIENT",
        sc.SCOPE,
        "turn or subagent",
        "the transcript's `api-request` line of the first attempt",
        "the last line of the answer",
        "once the answer's lines are all in the transcript",
        (
            sc.GEN_AI_OPERATION_NAME,
            sc.GEN_AI_PROVIDER_NAME,
            sc.GEN_AI_REQUEST_MODEL,
            sc.GEN_AI_RESPONSE_MODEL,
            sc.GEN_AI_RESPONSE_ID,
            sc.GEN_AI_RESPONSE_FINISH_REASONS,
            sc.GEN_AI_USAGE_REASONING,
            sc.EFFORT,
            sc.QUERY_SOURCE,
            sc.OUTCOME,
            sc.ERROR_TYPE,
            sc.ATTEMPTS,
            sc.PRICES_VERSION,
            *_USAGE,
        ),
    ),
    SpanKind(
        "compact",
        "INTERNAL",
        sc.SCOPE,
        "turn; for /compact, the session",
        "PreCompact",
        "PostCompact; a failed compaction has duration 0",
        "once the transcript has been read past its end",
        (sc.TRIGGER, sc.OUTCOME, sc.ERROR_TYPE, sc.CONTEXT_BEFORE, sc.CONTEXT_AFTER),
    ),
    SpanKind(
        "session",
        "INTERNAL",
        sc.SCOPE,
        "none: the root of its trace, whose id is the session id; a resumed session has one span for each run",
        "SessionStart",
        "SessionEnd; for a client that is gone, or a session silent for `session.idle_hours`, its last sign of life",
        "once the transcript has been read past its end; none for a session that did nothing",
        (
            sc.SOURCE,
            sc.END_REASON,
            sc.EXIT_REASON,
            sc.ENTRYPOINT,
            sc.CLIENT_VERSION,
            sc.PERMISSION_MODE,
            sc.TURNS,
            sc.PROMPTS,
            sc.COST_RESIDUAL_USD,
            *_COUNTS,
            *_USAGE,
        ),
    ),
    SpanKind(
        "hook {event}",
        "INTERNAL",
        sc.HOOK_SCOPE,
        "turn, subagent or session",
        "the creation of the relay's process",
        "when the event's line is in the journal",
        "at once, for every event; switched off by `export.hook_spans`. `hook other` for an event that this version doesn't know",
        (
            sc.HOOK_EVENT,
            sc.GEN_AI_TOOL_NAME,
            sc.GEN_AI_TOOL_CALL_ID,
            sc.NOTIFICATION_TYPE,
            sc.PAYLOAD_SIZE,
            sc.PAYLOAD_CUT,
        ),
    ),
)


class Attribute(NamedTuple):
    """Type and meaning of an attribute; `values` where the list is closed."""

    type: str
    brief: str
    values: type[StrEnum] | tuple[str, ...] | None = None


ATTRIBUTES: Final = {
    sc.SESSION_ID: Attribute("string", "The session's id."),
    sc.ERROR_TYPE: Attribute(
        "string",
        "Why it failed. For a turn: StopFailure's own value; for a model call: the value for its HTTP status; for a tool: one of hookspan's own two values.",
        (*sorted(sc.STOP_FAILURES), *(one.value for one in sc.ErrorType)),
    ),
    sc.FILE_EXTENSION: Attribute("string", "Extension of the file that the tool was given, in lower case."),
    sc.VCS_REPOSITORY_NAME: Attribute("string", "Name of the main repository, as `origin` has it."),
    sc.VCS_REF_HEAD_NAME: Attribute("string", "The branch that was checked out when the span ended."),
    sc.GEN_AI_OPERATION_NAME: Attribute("string", "What was done.", ("invoke_agent", "execute_tool", "chat")),
    sc.GEN_AI_PROVIDER_NAME: Attribute("string", "Who served the model.", sc.Provider),
    sc.GEN_AI_CONVERSATION_ID: Attribute("string", "The session's id again, under the name of the GenAI conventions."),
    sc.GEN_AI_AGENT_NAME: Attribute("string", "Who acted: `claude-code`, or the subagent's type."),
    sc.GEN_AI_AGENT_ID: Attribute("string", "The subagent's id."),
    sc.GEN_AI_TOOL_NAME: Attribute("string", "The tool, as hooks name it (`mcp__server__tool` for MCP)."),
    sc.GEN_AI_TOOL_CALL_ID: Attribute("string", "The call's id."),
    sc.GEN_AI_TOOL_TYPE: Attribute("string", "`extension` for MCP tools.", ("function", "extension")),
    sc.GEN_AI_REQUEST_MODEL: Attribute("string", "The model that was asked for."),
    sc.GEN_AI_RESPONSE_MODEL: Attribute("string", "The model that answered."),
    sc.GEN_AI_RESPONSE_ID: Attribute("string", "The message's id."),
    sc.GEN_AI_RESPONSE_FINISH_REASONS: Attribute("string[]", "The API's `stop_reason`."),
    sc.GEN_AI_USAGE_INPUT_TOKENS: Attribute(
        "int", "Input tokens, including cached ones as the convention says (Anthropic's own figure excludes them)."
    ),
    sc.GEN_AI_USAGE_OUTPUT_TOKENS: Attribute("int", "Output tokens."),
    sc.GEN_AI_USAGE_CACHE_READ: Attribute("int", "Input tokens that were read from the cache."),
    sc.GEN_AI_USAGE_CACHE_CREATION: Attribute("int", "Input tokens that were written to the cache."),
    sc.GEN_AI_USAGE_REASONING: Attribute("int", "Output tokens spent on thinking."),
    sc.GEN_AI_TOKEN_TYPE: Attribute("string", "Kind of tokens.", ("input", "output")),
    sc.PROMPT_ID: Attribute(
        "string",
        "The prompt that started the trace: `prompt.id` in Claude Code's own telemetry, `promptId` in its transcript.",
    ),
    sc.HOOK_EVENT: Attribute("string", "The hook event; in metrics `other` for one that this version doesn't know."),
    sc.PROJECT: Attribute("string", "Folder name of the main repository, the same in its subfolders and work trees."),
    sc.OUTCOME: Attribute("string", "How it ended.", sc.Outcome),
    sc.DECISION: Attribute("string", "The outcome of the permission request.", sc.Decision),
    sc.END_REASON: Attribute("string", "Why it counts as ended.", sc.EndReason),
    sc.STATE: Attribute("string", "What a session is doing now.", sc.SessionPhase),
    sc.START_INFERRED: Attribute("boolean", "The start is not from an event but the best estimate."),
    sc.END_INFERRED: Attribute("boolean", "The end is not from an event but the best estimate."),
    sc.LATE: Attribute(
        "boolean", "It arrived after its turn's span had been written, so the turn's counts do not include it."
    ),
    sc.NEVER_RAN: Attribute("boolean", "The call was refused, denied or invalid; not in `hookspan.tool.duration`."),
    sc.BLOCKED_BY_HOOK: Attribute("boolean", "Another hook blocked the call."),
    sc.MCP_SERVER: Attribute("string", "The MCP server."),
    sc.PERMISSION_MODE: Attribute("string", "Claude Code's permission mode."),
    sc.COMMAND_PROGRAM: Attribute(
        "string", "First program of a shell command, from a closed list; else `other`. Never an argument."
    ),
    sc.EXIT_CODE: Attribute("int", "Exit status of a failed shell command."),
    sc.WAITED: Attribute("double", "Seconds the call waited for permission before it ran."),
    sc.INPUT_SIZE: Attribute("int", "Bytes of the tool's input, or of the prompt."),
    sc.OUTPUT_SIZE: Attribute("int", "Bytes of the tool's result."),
    sc.EFFORT: Attribute("string", "The model's effort level."),
    sc.SOURCE: Attribute("string", "How the session began: startup, resume, clear, fork ..."),
    sc.TRIGGER: Attribute("string", "What triggered the compaction.", ("manual", "auto")),
    sc.PROMPT_KIND: Attribute("string", "Who wrote the prompt.", sc.PromptKind),
    sc.BACKGROUND: Attribute("boolean", "What the call started keeps running after it."),
    sc.NOTIFICATION_TYPE: Attribute("string", "The notification's type."),
    sc.COMMAND_NAME: Attribute("string", "Name of the /command, if the prompt was one."),
    sc.ENTRYPOINT: Attribute("string", "How Claude Code was started: cli, sdk-cli, claude-vscode ..."),
    sc.CLIENT_VERSION: Attribute("string", "Version of Claude Code."),
    sc.COST_USD: Attribute("double", "List price in US dollars; not a bill. Absent if a model has no known price."),
    sc.PRICES_VERSION: Attribute("string", "Version of the price table."),
    sc.USAGE_SOURCE: Attribute(
        "string",
        "`client_total`: what Claude Code's own total of a session has beyond the calls in its transcripts. "
        "Absent for those calls.",
        sc.UsageSource,
    ),
    sc.TOKEN_TYPE: Attribute(
        "string", "Kind of tokens, each counted once.", ("input", "output", "cache_read", "cache_write")
    ),
    sc.CONTEXT_BEFORE: Attribute("int", "Tokens in the context before the compaction."),
    sc.CONTEXT_AFTER: Attribute("int", "Tokens in the context after the compaction."),
    sc.ATTEMPTS: Attribute("int", "HTTP attempts of the call, if there was more than one."),
    sc.QUERY_SOURCE: Attribute("string", "What the client made the call for, in its own term."),
    sc.IDLE_BEFORE: Attribute("double", "Seconds from the end of the previous turn to this prompt."),
    sc.TOOLS: Attribute("int", "Tool calls, without those of its subagents."),
    sc.TOOLS_FAILED: Attribute("int", "Failed tool calls, without those of its subagents."),
    sc.MODEL_CALLS: Attribute("int", "Model calls, without those of its subagents; for a session, all of them."),
    sc.SUBAGENTS: Attribute("int", "Subagents that were started."),
    sc.TURNS: Attribute("int", "Turns of this run of the session."),
    sc.PROMPTS: Attribute("int", "Prompts; more than one for a turn that took in prompts typed while it ran."),
    sc.TIME_KIND: Attribute("string", "What the time went to.", sc.TimeKind),
    sc.LINES_TYPE: Attribute("string", "Whether the lines were added or removed.", ("added", "removed")),
    sc.LINK: Attribute("string", "On a link: the reason for it.", sc.Link),
    sc.PAYLOAD_SIZE: Attribute("int", "Bytes of the event."),
    sc.PAYLOAD_CUT: Attribute("boolean", "The event was over 16 MiB; only its size is known."),
    sc.EXIT_REASON: Attribute("string", "The reason that SessionEnd gives."),
    sc.COST_RESIDUAL_USD: Attribute(
        "double",
        "What Claude Code's own total of the session has beyond hookspan's: calls that no transcript shows (summaries, titles, cut-off answers). Absent where a call has no price.",
    ),
    sc.LABEL: Attribute(
        "string",
        "Start of the prompt, command, file name or title, at most 120 characters, secrets scrubbed. Only with `content.export`.",
    ),
    sc.SYNTHETIC: Attribute("boolean", "Made by `hookspan doctor --end-to-end`."),
    sc.DROP_WHERE: Attribute("string", "Where an event was lost or set aside.", ("relay", "journal", "fold", "commit")),
    sc.DROP_REASON: Attribute("string", "Why an event was lost or set aside."),
    sc.HEALTH_CHECK: Attribute("string", "The health check."),
    sc.LOOP: Attribute("string", "The agent's loop."),
    sc.AGENT_VERSION: Attribute("string", "Version of hookspan."),
    sc.RELAY: Attribute("string", "The kind of relay that the hooks run.", ("compiled", "python")),
    sc.OS_TYPE: Attribute("string", "The operating system."),
}

MEANINGS: Final = {
    sc.UsageSource.CLIENT_TOTAL: "Calls that no transcript shows: summaries, titles, cut-off answers.",
    sc.Provider.ANTHROPIC: "Anthropic's own API, a gateway in front of it, or any provider that can't be identified.",
    sc.Provider.BEDROCK: "Amazon Bedrock.",
    sc.Provider.VERTEX: "Google Cloud's Vertex AI.",
    sc.Outcome.SUCCESS: "It succeeded.",
    sc.Outcome.ERROR: "It failed; `error.type` says how. The only outcome whose span has status ERROR.",
    sc.Outcome.DENIED: "The user, a rule or another hook said no.",
    sc.Outcome.INTERRUPTED: "The user pressed Esc, or the session ended meanwhile.",
    sc.Outcome.UNKNOWN: "Not known: the client died, or an event is missing.",
    sc.Decision.APPROVED: "The user said yes.",
    sc.Decision.REFUSED: "The user said no.",
    sc.Decision.ABORTED: "The dialog was closed with Esc, or its session ended.",
    sc.Decision.AUTO_DENIED: "No human was asked: a rule, or print mode.",
    sc.EndReason.STOP: "Stop: Claude finished.",
    sc.EndReason.STOP_FAILURE: "StopFailure: an API error.",
    sc.EndReason.INTERRUPTED: "The user pressed Esc.",
    sc.EndReason.NEXT_PROMPT: "The next prompt came, and nothing else had reported the end.",
    sc.EndReason.SESSION_END: "SessionEnd.",
    sc.EndReason.CLIENT_GONE: "The client's process is gone.",
    sc.EndReason.SILENT: "Nothing came for `session.idle_hours`.",
    sc.SessionPhase.WORKING: "A turn is running.",
    sc.SessionPhase.WAITING: "A dialog is open: permission, question, plan.",
    sc.SessionPhase.WAITING_OR_RUNNING: "A dialog was opened, but the client has started a process since, which suggests that it was answered.",
    sc.SessionPhase.IDLE: "The session waits for your next prompt.",
    sc.SessionPhase.ENDED: "The session has ended; not in any gauge.",
    sc.Link.PREVIOUS_TURN: "The previous turn of the same session.",
    sc.Link.STARTED_BY: "The call that started the background task whose end caused this prompt.",
    sc.Link.TRACEPARENT: "The span that TRACEPARENT named in the client's environment.",
    sc.PromptKind.HUMAN: "Somebody typed it.",
    sc.PromptKind.TASK_NOTIFICATION: "The client, because a background task has ended.",
    sc.PromptKind.COMMAND: "Somebody typed a /command.",
    sc.TimeKind.USER: "From the end of a turn to the next prompt.",
    sc.TimeKind.MODEL: "A model call was running; no tool was running and no dialog was open.",
    sc.TimeKind.TOOL: "A tool was running, and no dialog was open.",
    sc.TimeKind.WAIT: "A dialog was open.",
    sc.TimeKind.OTHER: "The rest of the turn: other hooks, the client itself.",
}

WITH_TURN: Final = "a turn's span is written"
WITH_CALL: Final = "a model call is read from a transcript"
METRICS: Final = {
    "hookspan.hook.events": "every event that is read",
    "hookspan.hook.duration": "every event that is read",
    "hookspan.client_hook.duration": "a transcript has what the client measured: for Stop only",
    "hookspan.session.started": "a run of a session does its first work",
    "hookspan.turn.finished": WITH_TURN,
    "hookspan.time": f"{WITH_TURN} and its subagents are done; waits: when the permission's span is written",
    "hookspan.turn.duration": WITH_TURN,
    "hookspan.user.idle": f"{WITH_TURN}, if the session's previous turn ended by Stop or Esc",
    "hookspan.tool.duration": "a tool's span is written, unless the call never ran",
    "hookspan.tool.calls": "a tool's span is written",
    "hookspan.permission.wait": "a permission's span is written",
    "hookspan.subagent.duration": "a subagent's span is written",
    "gen_ai.client.operation.duration": WITH_CALL,
    "gen_ai.client.token.usage": f"{WITH_CALL}, unless it failed",
    "hookspan.tokens": f"{WITH_CALL}, unless it failed; the client's own total: when the session's span is written",
    "hookspan.cost": f"{WITH_CALL} and its model has a price; the client's own total: when the session's span is written",
    "hookspan.cost.unpriced": f"{WITH_CALL} and its model has none",
    "hookspan.context.tokens": f"{WITH_CALL} of the main agent, unless it failed",
    "hookspan.lines": "an edit has ended",
    "hookspan.compactions": "a compaction's span is written",
    "hookspan.notifications": "Notification",
    "hookspan.dropped": "a line is set aside, or the agent reads what relays could not write",
}

BEGINS_OR_ENDS: Final = {
    "SessionStart": "begins a session, or a new run of a resumed session",
    "SessionEnd": "ends the session and everything open in it",
    "Setup": "",
    "InstructionsLoaded": "",
    "UserPromptSubmit": "begins a turn, or adds a prompt to the running turn",
    "UserPromptExpansion": "names the turn's /command",
    "PreToolUse": "announces a tool call",
    "PostToolUse": "ends a tool call, and the wait before it",
    "PostToolUseFailure": "ends a tool call that failed, and the wait before it",
    "PostToolBatch": "ends calls that no other event reports: refused, invalid, blocked",
    "PermissionRequest": "begins a wait",
    "PermissionDenied": "ends a call that a rule denied",
    "Elicitation": "begins a wait for an answer to an MCP server",
    "ElicitationResult": "ends that wait",
    "Notification": "counted by type; `permission_prompt` confirms that a dialog still waits",
    "Stop": "may be the end of the turn",
    "StopFailure": "may be the end of the turn, which failed",
    "SubagentStart": "begins a subagent",
    "SubagentStop": "ends a subagent",
    "PreCompact": "begins a compaction",
    "PostCompact": "ends a compaction",
    "PreModelSwitch": "",
    "PostModelSwitch": "",
    "TeammateIdle": "",
    "TaskCreated": "",
    "TaskCompleted": "",
    "ConfigChange": "",
    "WorktreeCreate": "",
    "WorktreeRemove": "",
    "CwdChanged": "",
    "FileChanged": "",
    "DirectoryAdded": "",
    "MessageDisplay": "",
}
