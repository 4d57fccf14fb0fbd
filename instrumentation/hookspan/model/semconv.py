"""Every name that leaves this program: attribute keys, closed value lists, scopes, span names.

The names of OpenTelemetry's conventions come first (GenAI, VCS, error, session); what they lack is `hookspan.*`.
Closed lists are enums, so that a value outside of them can't be written by accident.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
"""Schema of the names below; the GenAI part is still in development there."""

SCOPE: Final = "hookspan"
HOOK_SCOPE: Final = "hookspan.hooks"
"""Hook spans have a scope of their own, so that a Collector can drop or sample them with one condition."""

SERVICE_NAME: Final = "claude-code-hooks"
"""Claude Code's native telemetry calls itself `claude-code`; ours must not mix with it."""
AGENT_SERVICE_NAME: Final = "hookspan"

# OpenTelemetry's own
SESSION_ID: Final = "session.id"
ERROR_TYPE: Final = "error.type"
FILE_EXTENSION: Final = "file.extension"
VCS_REPOSITORY_NAME: Final = "vcs.repository.name"
VCS_REF_HEAD_NAME: Final = "vcs.ref.head.name"
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_AGENT_ID: Final = "gen_ai.agent.id"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
GEN_AI_TOOL_TYPE: Final = "gen_ai.tool.type"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_CACHE_CREATION: Final = "gen_ai.usage.cache_creation.input_tokens"
GEN_AI_USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"

# Claude Code's own telemetry
PROMPT_ID: Final = "prompt.id"
"""As Claude Code's native log events name it: the two join on it."""

# hookspan's
HOOK_EVENT: Final = "hook.event"
PROJECT: Final = "hookspan.project"
OUTCOME: Final = "hookspan.outcome"
DECISION: Final = "hookspan.decision"
END_REASON: Final = "hookspan.end_reason"
STATE: Final = "hookspan.state"
START_INFERRED: Final = "hookspan.start_inferred"
END_INFERRED: Final = "hookspan.end_inferred"
LATE: Final = "hookspan.late"
NEVER_RAN: Final = "hookspan.tool.never_ran"
BLOCKED_BY_HOOK: Final = "hookspan.tool.blocked_by_hook"
MCP_SERVER: Final = "hookspan.mcp.server"
PERMISSION_MODE: Final = "hookspan.permission_mode"
COMMAND_PROGRAM: Final = "hookspan.command.program"
EXIT_CODE: Final = "hookspan.exit_code"
WAITED: Final = "hookspan.waited"
INPUT_SIZE: Final = "hookspan.input.size"
OUTPUT_SIZE: Final = "hookspan.output.size"
EFFORT: Final = "hookspan.effort"
SOURCE: Final = "hookspan.source"
TRIGGER: Final = "hookspan.trigger"
PROMPT_KIND: Final = "hookspan.prompt.kind"
BACKGROUND: Final = "hookspan.background"
NOTIFICATION_TYPE: Final = "hookspan.notification.type"
COMMAND_NAME: Final = "hookspan.command.name"
ENTRYPOINT: Final = "hookspan.entrypoint"
CLIENT_VERSION: Final = "hookspan.client.version"
COST_USD: Final = "hookspan.cost.usd"
PRICES_VERSION: Final = "hookspan.prices.version"
TOKEN_TYPE: Final = "hookspan.token.type"
USAGE_SOURCE: Final = "hookspan.usage.source"
CONTEXT_BEFORE: Final = "hookspan.context.before"
CONTEXT_AFTER: Final = "hookspan.context.after"
ATTEMPTS: Final = "hookspan.attempts"
QUERY_SOURCE: Final = "hookspan.query_source"
IDLE_BEFORE: Final = "hookspan.idle_before"
TOOLS: Final = "hookspan.tools"
TOOLS_FAILED: Final = "hookspan.tools.failed"
MODEL_CALLS: Final = "hookspan.model_calls"
SUBAGENTS: Final = "hookspan.subagents"
TURNS: Final = "hookspan.turns"
PROMPTS: Final = "hookspan.prompts"
TIME_KIND: Final = "hookspan.time.kind"
LINES_TYPE: Final = "hookspan.lines.type"
LINK: Final = "hookspan.link"
PAYLOAD_SIZE: Final = "hookspan.payload.size"
PAYLOAD_CUT: Final = "hookspan.payload.cut"
EXIT_REASON: Final = "hookspan.exit_reason"
COST_RESIDUAL_USD: Final = "hookspan.cost.residual_usd"
SYNTHETIC: Final = "hookspan.synthetic"
LABEL: Final = "hookspan.label"
"""The only content that can leave the machine, and only with `content.export`."""
DROP_WHERE: Final = "hookspan.dropped.where"
DROP_REASON: Final = "hookspan.dropped.reason"
HEALTH_CHECK: Final = "hookspan.health.check"
LOOP: Final = "hookspan.loop"
AGENT_VERSION: Final = "hookspan.agent.version"
RELAY: Final = "hookspan.relay"
OS_TYPE: Final = "os.type"


class Outcome(StrEnum):
    """How a tool call, a turn, a subagent or a compaction ended (`hookspan.outcome`)."""

    SUCCESS = "success"
    ERROR = "error"
    DENIED = "denied"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


class UsageSource(StrEnum):
    """Where cost and tokens are known from that no call in a transcript shows (`hookspan.usage.source`)."""

    CLIENT_TOTAL = "client_total"


class Provider(StrEnum):
    """Who served a model (`gen_ai.provider.name`)."""

    ANTHROPIC = "anthropic"
    BEDROCK = "aws.bedrock"
    VERTEX = "gcp.vertex_ai"


class Decision(StrEnum):
    """What became of a permission dialog (`hookspan.decision`)."""

    APPROVED = "approved"
    REFUSED = "refused"
    ABORTED = "aborted"
    AUTO_DENIED = "auto_denied"


class EndReason(StrEnum):
    """Why a turn, a subagent, a tool or a session counts as ended (`hookspan.end_reason`)."""

    STOP = "stop"
    STOP_FAILURE = "stop_failure"
    INTERRUPTED = "interrupted"
    NEXT_PROMPT = "next_prompt"
    SESSION_END = "session_end"
    CLIENT_GONE = "client_gone"
    SILENT = "silent"


class SessionPhase(StrEnum):
    """What a session is doing now (`hookspan.state`)."""

    WORKING = "working"
    WAITING = "waiting"
    WAITING_OR_RUNNING = "waiting_or_running"
    IDLE = "idle"
    ENDED = "ended"


class Link(StrEnum):
    """Why one span links to another (`hookspan.link`, on the link)."""

    PREVIOUS_TURN = "previous_turn"
    STARTED_BY = "started_by"
    TRACEPARENT = "traceparent"


class PromptKind(StrEnum):
    """Who wrote a turn's prompt (`hookspan.prompt.kind`)."""

    HUMAN = "human"
    TASK_NOTIFICATION = "task_notification"
    COMMAND = "command"


class TimeKind(StrEnum):
    """Where the time went (`hookspan.time.kind`)."""

    USER = "user"
    MODEL = "model"
    TOOL = "tool"
    WAIT = "wait"
    OTHER = "other"


class ErrorType(StrEnum):
    """Our part of `error.type`; the rest is STOP_FAILURES."""

    TOOL_ERROR = "tool_error"
    EXIT_NONZERO = "exit_nonzero"
    OTHER = "other"


STOP_FAILURES: Final = frozenset(
    {
        "authentication_failed",
        "oauth_org_not_allowed",
        "account_on_hold",
        "verification_required",
        "billing_error",
        "rate_limit",
        "overloaded",
        "invalid_request",
        "model_not_found",
        "server_error",
        "unknown",
        "max_output_tokens",
        "cloud_credential_error",
    }
)
"""`error` of a StopFailure event, from the published types of the agent SDK 0.3.331; all else becomes `other`."""

HOOK_EVENTS: Final = (
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "Notification",
    "UserPromptSubmit",
    "UserPromptExpansion",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "PreModelSwitch",
    "PostModelSwitch",
    "PermissionRequest",
    "PermissionDenied",
    "Setup",
    "TeammateIdle",
    "TaskCreated",
    "TaskCompleted",
    "Elicitation",
    "ElicitationResult",
    "ConfigChange",
    "WorktreeCreate",
    "WorktreeRemove",
    "InstructionsLoaded",
    "CwdChanged",
    "FileChanged",
    "DirectoryAdded",
    "MessageDisplay",
)
"""The 33 events of Claude Code 2.1.331. Another name is kept on the span and is `other` in metrics."""
