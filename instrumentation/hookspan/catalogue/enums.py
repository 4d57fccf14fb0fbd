"""Closed lists of values; the text below a value is its meaning, which the reference pages show.

They are enums, so that a value outside of its list can't be written by accident.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """How a tool call, a turn, a subagent or a compaction ended (`hookspan.outcome`)."""

    SUCCESS = "success"
    """It succeeded."""
    ERROR = "error"
    """It failed; `error.type` says how. The only outcome whose span has status ERROR."""
    DENIED = "denied"
    """The user, a rule or another hook said no."""
    INTERRUPTED = "interrupted"
    """The user pressed Esc, or the session ended meanwhile."""
    UNKNOWN = "unknown"
    """Not known: the client died, or an event is missing."""


class ExportOutcome(StrEnum):
    """What became of a span or a log record (`hookspan.export.outcome`)."""

    EXPORTED = "exported"
    """The endpoint accepted it."""
    REJECTED = "rejected"
    """The endpoint accepted its request, all but so many spans that it did not name."""
    REFUSED = "refused"
    """The endpoint will never take it."""
    EXPIRED = "expired"
    """It waited longer than `export.max_days`, or than the store keeps it."""
    SAMPLED_OUT = "sampled_out"
    """Its turn was over and not among those that `traces.sample` exports."""
    RECALLED = "recalled"
    """It had been sampled out; then an error came of its turn. It has another outcome as well."""


class UsageSource(StrEnum):
    """The source of tokens and cost that no call in a transcript shows (`hookspan.usage.source`)."""

    CLIENT_TOTAL = "client_total"
    """Calls that no transcript shows: summaries, titles, cut-off answers."""


class CacheCause(StrEnum):
    """Why a request missed the prompt cache that the one before it had left (`hookspan.cache.cause`).

    Where several are true, the first of this list: what alone would have been enough.
    """

    COMPACTION = "compaction"
    """A summary had taken the place of the conversation."""
    IDLE = "idle"
    """More time had passed than the cache is kept."""
    MODEL = "model"
    """Another model was asked."""
    TOOLS = "tools"
    """Tools were added, removed or defined anew: an MCP server came or went, or a plugin changed."""
    SYSTEM_PROMPT = "system_prompt"
    """The system prompt was another one."""
    EFFORT = "effort"
    """The effort level was another one."""
    UNKNOWN = "unknown"
    """Nothing that the transcript shows had changed."""


class WasteKind(StrEnum):
    """Work that was for nothing, and what else holds agents and people up.

    Where several are true of the same tokens, the first of this list has them.
    """

    LOOP = "loop"
    """A model call of an agent that got nowhere, from the watchdog's alarm on."""
    CACHE_MISS = "cache_miss"
    """The prompt cache was missed: what had been in it was written again."""
    COMPACTION = "compaction"
    """A summary took the place of the conversation; what the request after it wrote again."""
    FAILED = "failed"
    """A tool call failed."""
    DENIED = "denied"
    """A tool call was refused: by a person, a rule or a hook."""
    REPEATED = "repeated"
    """The same was read once more, and nothing had changed."""
    DEFINITIONS = "definitions"
    """Definitions of tools and listings, in each request."""
    RETRY = "retry"
    """An attempt of a model call failed, and the client waited before the next."""
    ASKED = "asked"
    """Somebody was asked, and said yes."""
    HOOKS = "hooks"
    """Hooks ran, and the client waited for them."""
    USED = "used"
    """No waste: definitions that were of use."""


class AlarmKind(StrEnum):
    """What the watchdog noticed (`hookspan.alarm.kind`)."""

    REPEATED_CALL = "repeated_call"
    """The same call with the same input gave the same result again and again, and nothing else brought news."""
    UNCHANGED_POLL = "unchanged_poll"
    """The same with a call that asks something outside: a background task, a service, the web, an MCP server."""
    REREAD = "reread"
    """The same part of a file was read again and again, and it had not changed."""
    EDITS_UNDONE = "edits_undone"
    """Two edits of the same lines undid each other again and again."""
    SAME_ERROR = "same_error"
    """A tool failed with the same error again and again, and nothing was changed in between."""
    NO_PROGRESS = "no_progress"
    """A check failed with the same error after many changes, or many calls in a row brought nothing new."""
    TURN_COST = "turn_cost"
    """A turn, with its subagents, cost more than turns do."""
    TURN_CONTEXT = "turn_context"
    """A turn's context grew more than contexts do, or was compacted again and again after a few calls."""


class McpTrouble(StrEnum):
    """Why an MCP server was not available to a session (`hookspan.mcp.trouble`)."""

    FAILED = "failed"
    """It could not be started or reached."""
    NEEDS_AUTH = "needs_auth"
    """It wants you to log in."""


class Provider(StrEnum):
    """Who served a model (`gen_ai.provider.name`)."""

    ANTHROPIC = "anthropic"
    """Anthropic's own API, a gateway in front of it, Microsoft Foundry, or any provider that can't be identified."""
    BEDROCK = "aws.bedrock"
    """Amazon Bedrock, its endpoint Mantle included."""
    VERTEX = "gcp.vertex_ai"
    """Google Cloud's Vertex AI."""
    OPENAI = "openai"
    """OpenAI, or whatever Codex or Copilot CLI asks in its place: they don't name the provider."""


class Decision(StrEnum):
    """The outcome of a permission dialog (`hookspan.decision`)."""

    APPROVED = "approved"
    """The user said yes."""
    REFUSED = "refused"
    """The user said no."""
    ABORTED = "aborted"
    """The dialog was closed with Esc, or its session ended."""
    AUTO_DENIED = "auto_denied"
    """No human was asked: a rule, or print mode."""
    UNKNOWN = "unknown"
    """It is over, and nothing reports the answer: one of several for a sandbox, or Codex's for a call that failed."""


class Verdict(StrEnum):
    """Whether a tool call was let run (`hookspan.verdict`)."""

    ALLOWED = "allowed"
    """It ran."""
    DENIED = "denied"
    """Somebody or something said no."""
    ABORTED = "aborted"
    """The dialog was closed with Esc, or its turn or session ended, before anybody had answered."""


class DecidedBy(StrEnum):
    """Who decided whether a tool call may run (`hookspan.decided_by`)."""

    USER = "user"
    """A person in a dialog, or the program that answers dialogs in print mode."""
    RULE = "rule"
    """A permission rule; in print mode also that nobody was there to ask."""
    HOOK = "hook"
    """Another hook."""
    MODE = "mode"
    """The permission mode, which lets such calls run unasked."""
    BYPASS = "bypass"
    """Nobody: the permission mode was `bypassPermissions`, and no rule or hook said otherwise."""
    CLIENT = "client"
    """The client itself: the tool needs no permission."""
    UNKNOWN = "unknown"
    """Nothing tells: it ran without a dialog, and no transcript was read that says why."""


class GapKind(StrEnum):
    """Why nothing could be heard for a time (`hookspan.gap.kind`). Hooks are not concerned: their lines wait."""

    STOPPED = "stopped"
    """The agent had ended in good order: it had nothing to do, or was told to."""
    KILLED = "killed"
    """The agent was killed, or its machine went down."""
    SWITCHED_OFF = "switched_off"
    """`export.logs` was off, or there was no endpoint. Hooks are concerned, too: there are no records of that time."""


class AuditStart(StrEnum):
    """Why a chain of sealed log records began (`hookspan.audit.reason` of `hookspan.audit.start`)."""

    FIRST = "first"
    """The machine had no key before."""
    SWITCHED_ON = "switched_on"
    """`export.audit` was off for a time: what was sent then has no seal."""
    LOST = "lost"
    """Where the chain before it ended is not known any more: its file was lost."""
    KEY = "key"
    """The machine has another key."""


class AuditGap(StrEnum):
    """Why sealed log records are missing (`hookspan.audit.reason` of `hookspan.audit.gap`)."""

    REFUSED = "refused"
    """The endpoint would not take them."""
    REJECTED = "rejected"
    """The endpoint took a part of a batch, and did not say which."""
    EXPIRED = "expired"
    """They waited longer than `export.max_days`."""
    WITHDRAWN = "withdrawn"
    """Settings changed while they were on their way: they may have arrived, and are sent again as they are now."""


class Basis(StrEnum):
    """What a session's state, or the end of a dialog, rests on (`hookspan.basis`)."""

    HOOK = "hook"
    """A hook event; for the approval of a call, its end less the client's own duration of it."""
    TRANSCRIPT = "transcript"
    """A line of the transcript: the call was refused, or interrupted, or approved, or ran for so long."""
    REGISTRY = "registry"
    """The client's entry in its registry of running sessions, up to 0.1 s late."""
    PROCESS = "process"
    """A child process of the client, which suggests that a dialog was answered."""


class EndReason(StrEnum):
    """Why a turn, a subagent, a tool or a session counts as ended (`hookspan.end_reason`)."""

    STOP = "stop"
    """Stop: the agent finished."""
    STOP_FAILURE = "stop_failure"
    """StopFailure: an API error."""
    INTERRUPTED = "interrupted"
    """The user pressed Esc."""
    NEXT_PROMPT = "next_prompt"
    """The next prompt came, and nothing else had reported the end."""
    SESSION_END = "session_end"
    """SessionEnd."""
    CLIENT_GONE = "client_gone"
    """The client's process is gone."""
    SILENT = "silent"
    """Nothing came for `session.idle_hours`."""


class SessionPhase(StrEnum):
    """What a session is doing now (`hookspan.state`)."""

    WORKING = "working"
    """A turn is running, or a subagent in the background."""
    WAITING = "waiting"
    """A dialog is open: permission, question, plan."""
    WAITING_OR_RUNNING = "waiting_or_running"
    """A dialog was opened, but the client has started a process since, which suggests that it was answered."""
    IDLE = "idle"
    """The session waits for your next prompt."""
    ENDED = "ended"
    """The session has ended; not in any gauge."""


class Link(StrEnum):
    """Why one span links to another (`hookspan.link`, on the link)."""

    PREVIOUS_TURN = "previous_turn"
    """The previous turn of the same session."""
    STARTED_BY = "started_by"
    """The call that started the background task whose end caused this prompt."""
    FIRST_CALL = "first_call"
    """The first of the calls that an alarm is about."""
    LAST_CALL = "last_call"
    """The last of them."""
    TRACEPARENT = "traceparent"
    """The span that TRACEPARENT named in the client's environment."""
    COLLISION = "collision"
    """A write of the same file, or in the same work tree, by another session or agent at the same time."""


class Collision(StrEnum):
    """What two that write at the same time have in common (`hookspan.collision`)."""

    LINES = "lines"
    """Lines of a file, or all of it: at least one of both writes it whole."""
    TREE = "tree"
    """A work tree: a command of git's rewrites files of it that the other may have written."""
    FILE = "file"
    """A file; their lines are others, as far as that can be told."""
    BESIDE = "beside"
    """A work tree, and no file. The page shows it; no span has it."""


class QuotaWindow(StrEnum):
    """A window of the account's quota (`hookspan.quota.window`)."""

    FIVE_HOUR = "five_hour"
    """Five hours, from the first call after the window before."""
    SEVEN_DAY = "seven_day"
    """Seven days."""


class PromptKind(StrEnum):
    """Who wrote a turn's prompt (`hookspan.prompt.kind`)."""

    HUMAN = "human"
    """Somebody typed it."""
    TASK_NOTIFICATION = "task_notification"
    """The client, because a background task has ended."""
    COMMAND = "command"
    """Somebody typed a /command."""
    TEAMMATE = "teammate"
    """A teammate sent a message. Only the transcript tells of it, and it has the prompt id of the turn before."""


class TimeKind(StrEnum):
    """Where the time went (`hookspan.time.kind`)."""

    USER = "user"
    """From the end of a turn to the next prompt."""
    MODEL = "model"
    """A model call was running; no tool was running and no dialog was open."""
    TOOL = "tool"
    """A tool was running, and no dialog was open."""
    WAIT = "wait"
    """A dialog was open."""
    OTHER = "other"
    """The rest of the turn: other hooks, the client itself."""


class ErrorType(StrEnum):
    """Our part of `error.type`; the rest is STOP_FAILURES."""

    TOOL_ERROR = "tool_error"
    """The tool reported it."""
    EXIT_NONZERO = "exit_nonzero"
    """The shell command's exit status was not 0."""
    OTHER = "_OTHER"
    """Any other error: the conventions' own word for it."""


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
"""`error` of a StopFailure event, from the published types of the agent SDK 0.3.331; all else becomes `_OTHER`."""
