"""Every attribute key that leaves this program, declared once with its type and meaning.

A constant is the plain key; `ATTRIBUTES` has what is said about it. The module is imported as `sc`, for semantic
conventions: names of OpenTelemetry's come first, and what they lack is `hookspan.*`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, NamedTuple

from .enums import (
    STOP_FAILURES,
    AlarmKind,
    AuditGap,
    AuditStart,
    Basis,
    CacheCause,
    Collision,
    DecidedBy,
    Decision,
    EndReason,
    ErrorType,
    ExportOutcome,
    GapKind,
    Link,
    McpTrouble,
    Outcome,
    PromptKind,
    Provider,
    QuotaWindow,
    SessionPhase,
    TimeKind,
    UsageSource,
    Verdict,
)

Type = Literal["string", "boolean", "int", "double", "string[]"]
Values = type[StrEnum] | tuple[str, ...] | None
Stability = Literal["stable", "development", "hookspan", "claude-code"]
"""`stable` and `development` are OpenTelemetry's own levels; the others say whose name it is."""


class Attribute(NamedTuple):
    """The declaration of a key. `values`: the closed list of its values; None if any value is possible.

    `content`: it holds text of people or programs, which leaves the machine only with `content.export`. `examples`: values of a
    text of ours that has no closed list. `condition`: when it must be there, a sentence; empty where none can be told.
    """

    key: str
    type: Type
    brief: str
    values: Values
    stability: Stability
    content: bool = False
    examples: tuple[str, ...] = ()
    condition: str = ""


ATTRIBUTES: Final[dict[str, Attribute]] = {}
"""Every key, in the order of this module."""


def _otel(
    key: str,
    kind: Type,
    brief: str,
    values: Values = None,
    *,
    stable: bool = False,
    content: bool = False,
    condition: str = "",
) -> str:
    """Declares a key of OpenTelemetry's conventions."""
    stability: Stability = "stable" if stable else "development"
    ATTRIBUTES[key] = Attribute(key, kind, brief, values, stability, content, condition=condition)
    return key


def _ours(
    key: str,
    kind: Type,
    brief: str,
    values: Values = None,
    *,
    content: bool = False,
    examples: tuple[str, ...] = (),
) -> str:
    """Declares a key of hookspan's own."""
    ATTRIBUTES[key] = Attribute(key, kind, brief, values, "hookspan", content, examples)
    return key


def _of_client(key: str, kind: Type, brief: str, *, examples: tuple[str, ...] = ()) -> str:
    """Declares a key of the client's own telemetry."""
    ATTRIBUTES[key] = Attribute(key, kind, brief, None, "claude-code", examples=examples)
    return key


# OpenTelemetry's
SERVICE_NAME: Final = "service.name"
"""Of what another coding agent than Claude Code did: kept with its spans and series, exported with their resource."""
SESSION_ID: Final = _otel("session.id", "string", "The session's id.")
ERROR_TYPE: Final = _otel(
    "error.type",
    "string",
    "Why it failed. For a turn: StopFailure's own value; for a model call: the value for its HTTP status; for a tool: one of hookspan's own two values.",
    (*sorted(STOP_FAILURES), *(value.value for value in ErrorType)),
    stable=True,
    condition="If it failed.",
)
HTTP_RESPONSE_STATUS_CODE: Final = _otel(
    "http.response.status_code", "int", "HTTP status of the attempt; absent where no answer came.", stable=True
)
HTTP_REQUEST_RESEND_COUNT: Final = _otel(
    "http.request.resend_count", "int", "Which repetition of the request followed: 1 for the first.", stable=True
)
LOG_RECORD_UID: Final = _otel(
    "log.record.uid",
    "string",
    "Names the log record: the same one has the same whenever it is sent, also after the store was rebuilt.",
)
FILE_EXTENSION: Final = _otel(
    "file.extension", "string", "Extension of the file that the tool was given, in lower case."
)
VCS_REPOSITORY_NAME: Final = _otel("vcs.repository.name", "string", "Name of the main repository, as `origin` has it.")
VCS_REF_HEAD_NAME: Final = _otel("vcs.ref.head.name", "string", "The branch that was checked out when the span ended.")
VCS_REF_HEAD_REVISION: Final = _otel(
    "vcs.ref.head.revision", "string", "The commit that a shell command made, as git shortened it."
)
VCS_CHANGE_ID: Final = _otel(
    "vcs.change.id", "string", "Number of the pull request that a shell command made or changed."
)
GEN_AI_OPERATION_NAME: Final = _otel(
    "gen_ai.operation.name", "string", "What was done.", ("invoke_agent", "execute_tool", "chat")
)
GEN_AI_PROVIDER_NAME: Final = _otel("gen_ai.provider.name", "string", "Who served the model.", Provider)
GEN_AI_CONVERSATION_ID: Final = _otel(
    "gen_ai.conversation.id", "string", "The session's id again, under the name of the GenAI conventions."
)
GEN_AI_AGENT_NAME: Final = _otel(
    "gen_ai.agent.name",
    "string",
    "Who acted: the coding agent (`claude-code`, `codex`, `copilot`), or the subagent's type.",
)
GEN_AI_TOOL_NAME: Final = _otel(
    "gen_ai.tool.name",
    "string",
    "The tool that was executed, as hooks name it (`mcp__server__tool` for MCP); in metrics also the one that was asked about.",
)
GEN_AI_TOOL_CALL_ID: Final = _otel("gen_ai.tool.call.id", "string", "The call's id.")
GEN_AI_TOOL_TYPE: Final = _otel("gen_ai.tool.type", "string", "`extension` for MCP tools.", ("function", "extension"))
GEN_AI_REQUEST_MODEL: Final = _otel("gen_ai.request.model", "string", "The model that was requested.")
GEN_AI_REQUEST_REASONING_LEVEL: Final = _otel(
    "gen_ai.request.reasoning.level", "string", "The effort level that was requested."
)
GEN_AI_RESPONSE_MODEL: Final = _otel("gen_ai.response.model", "string", "The model that answered.")
GEN_AI_RESPONSE_ID: Final = _otel("gen_ai.response.id", "string", "The message's id.")
GEN_AI_RESPONSE_FINISH_REASONS: Final = _otel(
    "gen_ai.response.finish_reasons",
    "string[]",
    "The API's `stop_reason`; `error` for an answer that failed or was cut off before it had one.",
)
_SAID: Final = 'Only with `content.export = "conversation"`; at most `content.max_bytes`, secrets scrubbed.'
GEN_AI_INPUT_MESSAGES: Final = _otel(
    "gen_ai.input.messages",
    "string",
    f"What was new to the model: the prompt, or results of tools; of a turn or subagent its prompt. JSON of the conventions' form. {_SAID}",
    content=True,
)
GEN_AI_OUTPUT_MESSAGES: Final = _otel(
    "gen_ai.output.messages",
    "string",
    f"The model's answer; of a turn or subagent the last one. JSON of the conventions' form. {_SAID}",
    content=True,
)
GEN_AI_TOOL_CALL_ARGUMENTS: Final = _otel(
    "gen_ai.tool.call.arguments", "string", f"What the tool was given, as JSON. {_SAID}", content=True
)
GEN_AI_TOOL_CALL_RESULT: Final = _otel(
    "gen_ai.tool.call.result",
    "string",
    f"What it gave, as JSON if it is no text, or its error's text. {_SAID}",
    content=True,
)
GEN_AI_USAGE_INPUT_TOKENS: Final = _otel(
    "gen_ai.usage.input_tokens",
    "int",
    "Input tokens, including cached ones as the convention says (Anthropic's own figure excludes them).",
)
GEN_AI_USAGE_OUTPUT_TOKENS: Final = _otel("gen_ai.usage.output_tokens", "int", "Output tokens.")
GEN_AI_USAGE_CACHE_READ: Final = _otel(
    "gen_ai.usage.cache_read.input_tokens", "int", "Input tokens that were read from the cache."
)
GEN_AI_USAGE_CACHE_WRITE: Final = _otel(
    "gen_ai.usage.cache_write.input_tokens", "int", "Input tokens that were written to the cache."
)
GEN_AI_USAGE_CACHE_CREATION: Final = _otel(
    "gen_ai.usage.cache_creation.input_tokens",
    "int",
    "`gen_ai.usage.cache_write.input_tokens` under its former name, for backends that know only that. Exported, and not in the store.",
)
GEN_AI_USAGE_REASONING: Final = _otel("gen_ai.usage.reasoning.output_tokens", "int", "Output tokens spent on thinking.")
GEN_AI_TOKEN_MODALITY: Final = _otel(
    "gen_ai.token.modality", "string", "What the tokens stand for, which Anthropic's API does not tell.", ("unknown",)
)

# Claude Code's own telemetry: the two join on it
PROMPT_ID: Final = _of_client(
    "prompt.id",
    "string",
    "The prompt that started the trace: `prompt.id` in Claude Code's own telemetry, `promptId` in its transcript.",
    examples=("6f1d9c52-0b7e-4c0a-9a53-2f4f0a4b7c11",),
)

# hookspan's
HOOK_EVENT: Final = _ours(
    "hook.event",
    "string",
    "The hook event; in metrics `other` for one that this version doesn't know.",
    examples=("PreToolUse", "Stop"),
)
PROJECT: Final = _ours(
    "hookspan.project",
    "string",
    "Folder name of the main repository, the same in its subfolders and work trees.",
    examples=("shop",),
)
OUTCOME: Final = _ours("hookspan.outcome", "string", "How it ended.", Outcome)
DECISION: Final = _ours("hookspan.decision", "string", "The outcome of the permission request.", Decision)
VERDICT: Final = _ours("hookspan.verdict", "string", "Whether the call was let run.", Verdict)
DECIDED_BY: Final = _ours("hookspan.decided_by", "string", "Who decided that.", DecidedBy)
DECISION_SOURCE: Final = _ours(
    "hookspan.decision.source",
    "string",
    "Where the decision came from, in the client's own word. Absent where its transcript doesn't say.",
    examples=("config", "user_temporary", "user_reject", "hook"),
)
DECISION_REASON: Final = _ours(
    "hookspan.decision.reason",
    "string",
    "What kind of reason it had, in the client's own word.",
    examples=("rule", "subcommandResults", "mode"),
)
DECISION_RULES: Final = _ours(
    "hookspan.decision.rule_source",
    "string",
    "Whose rule it was, in the client's own word.",
    examples=("userSettings", "projectSettings", "policySettings", "cliArg"),
)
DECISION_GRANT: Final = _ours(
    "hookspan.decision.grant",
    "string",
    "How long the answer counts, in the client's own word.",
    examples=("once", "session"),
)
BASIS: Final = _ours("hookspan.basis", "string", "What its end rests on.", Basis)
END_REASON: Final = _ours("hookspan.end_reason", "string", "Why it counts as ended.", EndReason)
STATE: Final = _ours("hookspan.state", "string", "What a session is doing now.", SessionPhase)
QUOTA_WINDOW: Final = _ours("hookspan.quota.window", "string", "The window of the account's quota.", QuotaWindow)
START_INFERRED: Final = _ours(
    "hookspan.start_inferred", "boolean", "Whether the start is an estimate, since no event reported it."
)
END_INFERRED: Final = _ours(
    "hookspan.end_inferred", "boolean", "Whether the end is an estimate, since no event reported it."
)
LATE: Final = _ours(
    "hookspan.late",
    "boolean",
    "Whether it arrived after its turn's span had been written, so that the turn's counts don't include it.",
)
TOOL_NAME: Final = _ours(
    "hookspan.tool.name",
    "string",
    "The tool that a hook or a dialog is about. `gen_ai.tool.name` is on its execution alone, so that nobody counts a call twice.",
    examples=("Bash",),
)
TOOL_CALL_ID: Final = _ours(
    "hookspan.tool.call.id",
    "string",
    "The call that a hook or a dialog is about: `gen_ai.tool.call.id` of its execution.",
    examples=("toolu_01A2b3C4d5E6f7G8h9J0k1L2",),
)
NEVER_RAN: Final = _ours(
    "hookspan.tool.never_ran",
    "boolean",
    "Whether the call never ran: refused, denied or invalid. It is not in `hookspan.tool.duration`.",
)
REPEATED: Final = _ours(
    "hookspan.tool.repeated",
    "boolean",
    "Whether the call read once more what its agent had read before, and nothing had changed. Never of an imported session.",
)
BLOCKED_BY_HOOK: Final = _ours("hookspan.tool.blocked_by_hook", "boolean", "Whether another hook blocked the call.")
MCP_SERVER: Final = _ours(
    "hookspan.mcp.server",
    "string",
    "The MCP server. Of a model call: the one whose result it was the first to read. In `hookspan.definitions` as tools' names have it (`mcp__SERVER__TOOL`).",
    examples=("github",),
)
MCP_TOOL: Final = _ours(
    "hookspan.mcp.tool", "string", "The MCP server's tool whose result a model call read.", examples=("create_issue",)
)
MCP_TROUBLE: Final = _ours("hookspan.mcp.trouble", "string", "Why an MCP server was not available.", McpTrouble)
SKILL_NAME: Final = _ours(
    "hookspan.skill.name",
    "string",
    "The skill or /command that was loaded last in the turn of a model call: from then on all of the turn, and of the subagents that it starts, counts as the skill's. A plugin's has the plugin's name before it.",
    examples=("review", "shopkit:mend"),
)
PLUGIN_NAME: Final = _ours(
    "hookspan.plugin.name", "string", "The plugin that brought the skill or the definitions.", examples=("shopkit",)
)
WORKFLOW_RUN: Final = _ours(
    "hookspan.workflow.run", "string", "The run of a workflow that a call was made for.", examples=("wf_0c02fc26-76d",)
)
WORKFLOW_NAME: Final = _ours(
    "hookspan.workflow.name", "string", "What that workflow is called.", examples=("review-cart",)
)
CACHE_CAUSE: Final = _ours("hookspan.cache.cause", "string", "Why the prompt cache was missed.", CacheCause)
CACHE_RECACHED: Final = _ours(
    "hookspan.cache.recached_tokens", "int", "Tokens that had been in the cache and were written to it again."
)
CACHE_COST_USD: Final = _ours(
    "hookspan.cache.cost.usd",
    "double",
    "What writing them again cost more than reading them would have, at list price. Absent without a known price.",
)
CACHE_TOOLS: Final = _ours(
    "hookspan.cache.tools",
    "string[]",
    "Names of the tools that differed, at most 16, after `+` (added), `-` (removed) or `~` (defined anew).",
)
PERMISSION_MODE: Final = _ours(
    "hookspan.permission_mode", "string", "The client's permission mode.", examples=("default", "acceptEdits", "plan")
)
PERMISSION_MODE_BEFORE: Final = _ours(
    "hookspan.permission_mode.before", "string", "The permission mode before that.", examples=("default", "plan")
)
CONFIG_SOURCE: Final = _ours(
    "hookspan.config.source",
    "string",
    "Which of the client's settings changed, in its own word.",
    examples=("user_settings", "project_settings", "policy_settings", "skills"),
)
POLICY_HASH: Final = _ours(
    "hookspan.policy.hash",
    "string",
    "SHA-256 of the administrator's settings file (`sha256sum /etc/hookspan/config.toml`); absent without one.",
    examples=("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",),
)
HOOKS_TROUBLES: Final = _ours(
    "hookspan.hooks.troubles", "string[]", "What is wrong with them: `hooks`, `policies`, `stale` ... as `doctor` says."
)
GAP_KIND: Final = _ours("hookspan.gap.kind", "string", "Why nothing could be heard.", GapKind)
GAP_START: Final = _ours("hookspan.gap.start", "int", "Since when, Unix nanoseconds; the record's own time is the end.")
GAP_DURATION: Final = _ours("hookspan.gap.duration", "double", "Seconds from there to the end.")
AUDIT_PREFIX: Final = "hookspan.audit."
AUDIT_CHAIN: Final = _ours(
    "hookspan.audit.chain", "string", "Which chain of sealed log records it is in.", examples=("3f0c9a1be24d5768",)
)
AUDIT_SEQUENCE: Final = _ours("hookspan.audit.sequence", "int", "Its place in the chain, from 1.")
AUDIT_PREVIOUS: Final = _ours(
    "hookspan.audit.previous",
    "string",
    "SHA-256 of the record before it; of a chain's first, of the last of the chain before. Empty where there is none.",
    examples=("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",),
)
AUDIT_SIGNATURE: Final = _ours(
    "hookspan.audit.signature",
    "string",
    "Ed25519 signature of all else in the record, by the machine's key; hex digits.",
    examples=("e5564300c360ac72...",),
)
AUDIT_KEY: Final = _ours(
    "hookspan.audit.key",
    "string",
    "The machine's public key (`hookspan audit key`).",
    examples=("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",),
)
AUDIT_REASON: Final = _ours(
    "hookspan.audit.reason",
    "string",
    "Why a chain began, or records are missing.",
    tuple(one.value for one in (*AuditStart, *AuditGap)),
)
AUDIT_BEFORE: Final = _ours(
    "hookspan.audit.before.chain",
    "string",
    "The chain that it follows, or whose records are missing.",
    examples=("3f0c9a1be24d5768",),
)
AUDIT_BEFORE_SEQUENCE: Final = _ours(
    "hookspan.audit.before.sequence", "int", "The last place that the chain before it had."
)
AUDIT_FIRST: Final = _ours("hookspan.audit.first", "int", "The first place that may be missing.")
AUDIT_LAST: Final = _ours("hookspan.audit.last", "int", "The last place that may be missing.")
AUDIT_MISSING: Final = _ours("hookspan.audit.missing", "int", "How many of them are.")
COMMAND_PROGRAM: Final = _ours(
    "hookspan.command.program",
    "string",
    "First program of a shell command, from a closed list; else `other`. Never an argument.",
    examples=("git", "pytest", "other"),
)
EXIT_CODE: Final = _ours("hookspan.exit_code", "int", "Exit status of a failed shell command.")
WAITED: Final = _ours("hookspan.waited", "double", "Seconds the call waited for permission before it ran.")
WAITED_INSIDE: Final = _ours(
    "hookspan.waited.inside",
    "double",
    "Seconds of the call's own duration in which somebody was asked: by its sandbox, or by its MCP server.",
)
INPUT_SIZE: Final = _ours("hookspan.input.size", "int", "Bytes of the tool's input, or of the prompt.")
OUTPUT_SIZE: Final = _ours("hookspan.output.size", "int", "Bytes of the tool's result.")
EFFORT: Final = _ours(
    "hookspan.effort",
    "string",
    "The effort level of a turn; a model call has it as `gen_ai.request.reasoning.level`.",
    examples=("medium",),
)
SOURCE: Final = _ours(
    "hookspan.source",
    "string",
    "How the session began: startup, resume, clear, fork ...",
    examples=("startup", "resume", "clear"),
)
TRIGGER: Final = _ours("hookspan.trigger", "string", "What triggered the compaction.", ("manual", "auto"))
PROMPT_KIND: Final = _ours("hookspan.prompt.kind", "string", "Who wrote the prompt.", PromptKind)
BACKGROUND: Final = _ours(
    "hookspan.background", "boolean", "Whether what the call started keeps running after the call has ended."
)
AGENT_ID: Final = _ours(
    "hookspan.agent.id",
    "string",
    "The subagent's id. `gen_ai.agent.id` is for agents that a service hosts, under an id that lasts.",
    examples=("a1943da45e26ba660",),
)
TEAMMATE: Final = _ours(
    "hookspan.teammate.name",
    "string",
    "A teammate's name in its agent team; on a turn, that of who sent the message that it answers.",
    examples=("anna",),
)
TEAM: Final = _ours("hookspan.team.name", "string", "The agent team's name.", examples=("session-46e4b395",))
TASK_ID: Final = _ours("hookspan.task.id", "string", "The task's number in the session's list.", examples=("1",))
NOTIFICATION_TYPE: Final = _ours(
    "hookspan.notification.type", "string", "The notification's type.", examples=("permission_prompt", "idle_prompt")
)
COMMAND_NAME: Final = _ours(
    "hookspan.command.name",
    "string",
    "Name of the /command, if the prompt was one; on an event, of the skill or /command.",
    examples=("review",),
)
COMMAND_SOURCE: Final = _ours(
    "hookspan.command.source",
    "string",
    "Where the skill or /command comes from.",
    examples=("projectSettings", "plugin"),
)
COMMAND_INVOKED_BY: Final = _ours(
    "hookspan.command.invoked_by", "string", "Who asked for the skill or /command.", ("user", "claude")
)
ENTRYPOINT: Final = _ours(
    "hookspan.entrypoint",
    "string",
    "How the client was started: cli, sdk-cli, claude-vscode ...",
    examples=("cli", "sdk-cli"),
)
JOB_ID: Final = _ours(
    "hookspan.job.id", "string", "The background job that the session is (`claude --bg`).", examples=("74604926",)
)
REMOTE: Final = _ours(
    "hookspan.remote", "boolean", "Whether the client's environment says that it runs remotely (CLAUDE_CODE_REMOTE)."
)
RESUMED_AFTER: Final = _ours(
    "hookspan.resumed.after",
    "double",
    "Seconds from the last answer until the session was resumed, as the client says.",
)
RESUMED_TOKENS: Final = _ours(
    "hookspan.resumed.tokens", "int", "Tokens in the context when the session was resumed, or its model switched."
)
CACHE_EXPIRED: Final = _ours(
    "hookspan.cache.expired", "boolean", "Whether the prompt cache was likely cold then, as the client says."
)
CACHE_WRITE_ESTIMATE: Final = _ours(
    "hookspan.cache.write_estimate.usd",
    "double",
    "The client's own estimate of what writing the context to the cache costs then, in US dollars.",
)
CLIENT_VERSION: Final = _ours("hookspan.client.version", "string", "Version of the client.", examples=("2.1.331",))
COST_USD: Final = _ours(
    "hookspan.cost.usd",
    "double",
    "List price of a model call in US dollars; not a bill. Absent if the model has no known price.",
)
PRICES_VERSION: Final = _ours(
    "hookspan.prices.version", "string", "Version of the price table.", examples=("genai-prices 0.2.3",)
)
TOKEN_TYPE: Final = _ours(
    "hookspan.token.type",
    "string",
    "Kind of tokens, each counted once.",
    ("input", "output", "cache_read", "cache_write"),
)
USAGE_SOURCE: Final = _ours(
    "hookspan.usage.source",
    "string",
    "`client_total`: what Claude Code's own total of a session has beyond the calls in its transcripts. Absent for those calls.",
    UsageSource,
)
CONTEXT_BEFORE: Final = _ours("hookspan.context.before", "int", "Tokens in the context before the compaction.")
CONTEXT_AFTER: Final = _ours("hookspan.context.after", "int", "Tokens in the context after the compaction.")
ATTEMPTS: Final = _ours("hookspan.attempts", "int", "HTTP attempts of the call, if there was more than one.")
RETRY_DELAY: Final = _ours("hookspan.retry.delay", "double", "Seconds the client waited before it tried again.")
RETRIES_MAX: Final = _ours("hookspan.retry.max", "int", "Repetitions after which the client gives up.")
RETRY_WAITED: Final = _ours(
    "hookspan.retry.waited",
    "double",
    "Seconds the client waited between the attempts of the call. Known in print mode only.",
)
NETWORK_DOWN: Final = _ours("hookspan.network.down", "boolean", "Whether the client found no network.")
QUERY_SOURCE: Final = _ours(
    "hookspan.query_source",
    "string",
    "The purpose of the call, in the client's own terms.",
    examples=("repl_main_thread", "sdk"),
)
IDLE_BEFORE: Final = _ours(
    "hookspan.idle_before", "double", "Seconds from the end of the previous turn to this prompt."
)
TOOLS: Final = _ours("hookspan.tools", "int", "Tool calls, without those of its subagents.")
TOOLS_FAILED: Final = _ours("hookspan.tools.failed", "int", "Failed tool calls, without those of its subagents.")
MODEL_CALLS: Final = _ours(
    "hookspan.model_calls", "int", "Model calls, without those of its subagents; for a session, all of them."
)
SUBAGENTS: Final = _ours("hookspan.subagents", "int", "Subagents that were started.")
TOTAL_INPUT_TOKENS: Final = _ours(
    "hookspan.total.input_tokens",
    "int",
    "Input tokens of its model calls, cached ones included; those that `hookspan.model_calls` counts. The calls have them as `gen_ai.usage.*`, and nothing else has, so that a sum over spans counts each once.",
)
TOTAL_OUTPUT_TOKENS: Final = _ours("hookspan.total.output_tokens", "int", "Output tokens of these calls.")
TOTAL_CACHE_READ: Final = _ours(
    "hookspan.total.cache_read.input_tokens", "int", "Input tokens that these calls read from the cache."
)
TOTAL_CACHE_WRITE: Final = _ours(
    "hookspan.total.cache_write.input_tokens", "int", "Input tokens that these calls wrote to the cache."
)
TOTAL_COST_USD: Final = _ours(
    "hookspan.total.cost.usd",
    "double",
    "List price in US dollars of those of these calls whose model has a known price.",
)
TURNS: Final = _ours("hookspan.turns", "int", "Turns of this run of the session.")
PROMPTS: Final = _ours(
    "hookspan.prompts", "int", "Prompts; more than one for a turn that took in prompts typed while it ran."
)
TIME_KIND: Final = _ours("hookspan.time.kind", "string", "What the time went to.", TimeKind)
LINES_TYPE: Final = _ours(
    "hookspan.lines.type", "string", "Whether the lines were added or removed.", ("added", "removed")
)
ALARM_KIND: Final = _ours("hookspan.alarm.kind", "string", "What the watchdog noticed.", AlarmKind)
ALARM_CALLS: Final = _ours(
    "hookspan.alarm.calls",
    "int",
    "Calls that the alarm is about: equal ones, edits that undid each other, failures, calls without news; of a turn's cost or context, its model calls or compactions.",
)
ALARM_COST_USD: Final = _ours(
    "hookspan.alarm.cost.usd", "double", "List price of the agent's model calls from the first of these calls on."
)
ALARM_FIRST_CALL: Final = _ours(
    "hookspan.alarm.first_call", "string", "Id of the first of these calls.", examples=("toolu_01",)
)
ALARM_LAST_CALL: Final = _ours(
    "hookspan.alarm.last_call", "string", "Id of the last of these calls.", examples=("toolu_01",)
)
LINK: Final = _ours("hookspan.link", "string", "On a link: the reason for it.", Link)
COLLISION: Final = _ours(
    "hookspan.collision",
    "string",
    "What a call writes that another session or agent writes at the same time; its link leads to the other's call.",
    Collision,
)
PAYLOAD_SIZE: Final = _ours("hookspan.payload.size", "int", "Bytes of the event.")
PAYLOAD_CUT: Final = _ours("hookspan.payload.cut", "boolean", "The event was over 16 MiB; only its size is known.")
EXIT_REASON: Final = _ours(
    "hookspan.exit_reason", "string", "The reason that SessionEnd gives.", examples=("prompt_input_exit", "clear")
)
COST_RESIDUAL_USD: Final = _ours(
    "hookspan.cost.residual_usd",
    "double",
    "What Claude Code's own total of the session has beyond hookspan's: calls that no transcript shows (summaries, titles, cut-off answers). Absent where a call has no price.",
)
CHILD_SERVICE: Final = _ours(
    "hookspan.child.service",
    "string",
    "The `service.name` of the program that sent the span; exported as the resource's, too.",
    examples=("shop-tests",),
)
CHILD_CONTENT: Final = _ours(
    "hookspan.child.content",
    "string[]",
    "Which attributes of a program's span hold texts that may be content. In the store only: never exported.",
)
CHILD_SCOPE: Final = _ours(
    "hookspan.child.scope",
    "string",
    "The instrumentation scope under which a program's span was sent.",
    examples=("shop.tests",),
)
CHILD_LEFT_OUT: Final = _ours(
    "hookspan.child.left_out", "int", "Spans of the program below this one that were not kept: a call has too many."
)
CHILD_ORPHAN: Final = _ours(
    "hookspan.child.orphan",
    "boolean",
    "Whether the span's parent was never sent, as when its program is killed: it hangs below the call itself.",
)
SYNTHETIC: Final = _ours(
    "hookspan.synthetic",
    "boolean",
    "Whether `hookspan doctor` made it, to test the endpoint or, with `--end-to-end`, every stage.",
)
LABEL: Final = _ours(
    "hookspan.label",
    "string",
    "Start of the prompt, command, file name or title, at most 120 characters, secrets scrubbed. Only with `content.export`.",
    content=True,
    examples=("Fix the failing test of the cart",),
)
DROP_WHERE: Final = _ours(
    "hookspan.dropped.where", "string", "Where an event was lost or set aside.", ("relay", "journal", "fold", "commit")
)
DROP_REASON: Final = _ours(
    "hookspan.dropped.reason", "string", "Why an event was lost or set aside.", examples=("lock", "not_json")
)
DROP_COUNT: Final = _ours("hookspan.dropped.count", "int", "How many events were lost or set aside.")
HEALTH_CHECK: Final = _ours("hookspan.health.check", "string", "The health check.", examples=("export", "store"))
EXPORT_OUTCOME: Final = _ours(
    "hookspan.export.outcome", "string", "What became of a span or a log record.", ExportOutcome
)
AGENT_VERSION: Final = _ours("hookspan.agent.version", "string", "Version of hookspan.", examples=("0.1.0",))
RELAY: Final = _ours("hookspan.relay", "string", "The kind of relay that the hooks run.", ("compiled", "python"))
OS_TYPE: Final = _otel("os.type", "string", "The operating system.")
