"""Every kind of span: where it begins and ends, its parent, and its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from . import attributes as sc
from .appearance import SpanLook
from .scopes import CHILD_SCOPE, HOOK_SCOPE, SCOPE

SpanType = Literal["turn", "tool", "wait", "subagent", "model", "compact", "alarm", "session", "hook", "child"]
"""What the API calls the kinds."""


class EventKind(NamedTuple):
    """An event that a span may have: its name, what it stands for, its attributes, and those that it never lacks.

    `word` is what the page calls it.
    """

    name: str
    brief: str
    attributes: tuple[str, ...]
    required: tuple[str, ...]
    word: str


CACHE_MISSED: Final = EventKind(
    name="hookspan.cache.missed",
    brief="The call read less from the prompt cache than the same agent's call before it had left there.",
    attributes=(sc.CACHE_CAUSE, sc.CACHE_RECACHED, sc.CACHE_COST_USD, sc.CACHE_TOOLS),
    required=(sc.CACHE_CAUSE, sc.CACHE_RECACHED),
    word="The cache was missed",
)


REQUEST_FAILED: Final = EventKind(
    name="hookspan.request.failed",
    brief="An HTTP attempt of a model call failed, and the client waited before it tried again. Known in print mode only. A call that never came to an end has them on its turn or subagent.",
    attributes=(
        sc.ERROR_TYPE,
        sc.HTTP_RESPONSE_STATUS_CODE,
        sc.NETWORK_DOWN,
        sc.HTTP_REQUEST_RESEND_COUNT,
        sc.RETRIES_MAX,
        sc.RETRY_DELAY,
    ),
    required=(sc.ERROR_TYPE, sc.HTTP_REQUEST_RESEND_COUNT),
    word="An attempt failed",
)

SKILL_COMMAND: Final = EventKind(
    name="hookspan.skill.command",
    brief="A shell command of a skill or /command ran, whose output the model read as a part of the skill's text. Nothing tells when it ended.",
    attributes=(sc.COMMAND_NAME, sc.COMMAND_SOURCE, sc.COMMAND_INVOKED_BY, sc.COMMAND_PROGRAM),
    required=(),
    word="A skill's command ran",
)


TASK_CREATED: Final = EventKind(
    name="hookspan.task.created",
    brief="A task was put on the list that the session, or its agent team, works through.",
    attributes=(sc.TASK_ID, sc.TEAMMATE),
    required=(),
    word="A task was created",
)

TASK_COMPLETED: Final = EventKind(
    name="hookspan.task.completed",
    brief="A task of that list was completed.",
    attributes=(sc.TASK_ID, sc.TEAMMATE),
    required=(),
    word="A task was completed",
)


class SpanKind(NamedTuple):
    """One kind of span.

    `type` is what the API calls it, `name` the pattern of its name, `brief` what it stands for. `parent`, `begins`,
    `ends` and `emitted` are phrases for people. `attributes` are those beside what any span may have (`COMMON`), and
    `required` those of them that no span of the kind lacks. `look` is how the page shows it.
    """

    type: SpanType
    name: str
    brief: str
    parent: str
    begins: str
    ends: str
    emitted: str
    attributes: tuple[str, ...]
    required: tuple[str, ...]
    look: SpanLook
    kind: Literal["INTERNAL", "CLIENT"] = "INTERNAL"
    scope: str = SCOPE
    events: tuple[EventKind, ...] = ()

    @property
    def operation(self) -> str:
        """The first word of its name."""
        return self.name.partition(" ")[0]

    def of(self, what: str) -> str:
        """The name of a span of this kind for `what`: the tool, model, agent type or event."""
        return _named(self.name, what)


@lru_cache(maxsize=1024)
def _named(pattern: str, what: str) -> str:
    return f"{pattern.partition(' ')[0]} {what}".rstrip()


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
COMMON_REQUIRED: Final = (sc.SESSION_ID, sc.GEN_AI_CONVERSATION_ID, sc.GEN_AI_AGENT_NAME)
"""Those of COMMON that no span lacks."""
_COUNTS: Final = (sc.TOOLS, sc.TOOLS_FAILED, sc.MODEL_CALLS, sc.SUBAGENTS)
_USAGE: Final = (
    sc.GEN_AI_USAGE_INPUT_TOKENS,
    sc.GEN_AI_USAGE_OUTPUT_TOKENS,
    sc.GEN_AI_USAGE_CACHE_READ,
    sc.GEN_AI_USAGE_CACHE_WRITE,
    sc.GEN_AI_USAGE_CACHE_CREATION,
    sc.COST_USD,
)
"""Of a model call, and of nothing else: backends add it up."""
_SAID: Final = (sc.GEN_AI_INPUT_MESSAGES, sc.GEN_AI_OUTPUT_MESSAGES)
"""Opted in."""
_TOTALS: Final = (
    sc.TOTAL_INPUT_TOKENS,
    sc.TOTAL_OUTPUT_TOKENS,
    sc.TOTAL_CACHE_READ,
    sc.TOTAL_CACHE_WRITE,
    sc.TOTAL_COST_USD,
)
"""The same of what has model calls."""

TURN: Final = SpanKind(
    type="turn",
    look=SpanLook("Turn", title="Turn", about="Prompt", bar="thread", role="root"),
    name="invoke_agent claude-code",
    brief="A turn: from a prompt until it has been answered.",
    parent='none: the root of its trace, whose id is the prompt id (with `traces.parent = "adopt"` the span that TRACEPARENT names)',
    begins="UserPromptSubmit; for a queued prompt the transcript's `dequeue`, for a teammate's message its line there",
    ends="the last Stop or StopFailure, or the interruption; without any of these, what ended the session",
    emitted="once the next prompt, the end of the session, the client's exit or 5 s of silence (ten minutes while the client says that it is busy) make the end final and the transcript has been read past it",
    attributes=(
        sc.GEN_AI_OPERATION_NAME,
        sc.OUTCOME,
        sc.END_REASON,
        sc.ERROR_TYPE,
        sc.PERMISSION_MODE,
        sc.EFFORT,
        sc.PROMPT_KIND,
        sc.COMMAND_NAME,
        sc.TEAMMATE,
        sc.PROMPTS,
        sc.INPUT_SIZE,
        sc.IDLE_BEFORE,
        *_COUNTS,
        *_TOTALS,
        *_SAID,
    ),
    required=(sc.GEN_AI_OPERATION_NAME, sc.OUTCOME, sc.END_REASON, sc.PROMPTS),
    events=(REQUEST_FAILED, SKILL_COMMAND, TASK_CREATED, TASK_COMPLETED),
)


_TURN_NAMED: Final = f"{TURN.operation} "


def is_turn(name: str, attributes: Mapping[str, object]) -> bool:
    """Whether a span is a turn, whichever agent worked on it: subagents, which may be called as one, have an id."""
    return name.startswith(_TURN_NAMED) and sc.AGENT_ID not in attributes


TOOL: Final = SpanKind(
    type="tool",
    look=SpanLook("Tool call", about="Call", colour="tool", outlives=True),
    name="execute_tool {tool}",
    brief="A tool call, without the wait for permission before it.",
    parent="turn or subagent",
    begins="the start of execution: the end minus the client's own `duration_ms`, so waiting for permission is not included",
    ends="PostToolUse, PostToolUseFailure, or what stopped it; a call that never ran has duration 0",
    emitted="when it has ended; if its PreToolUse is late, within 2 s of that",
    attributes=(
        sc.GEN_AI_OPERATION_NAME,
        sc.GEN_AI_TOOL_NAME,
        sc.GEN_AI_TOOL_CALL_ID,
        sc.GEN_AI_TOOL_TYPE,
        sc.OUTCOME,
        sc.ERROR_TYPE,
        sc.EXIT_CODE,
        sc.DECISION,
        sc.NEVER_RAN,
        sc.REPEATED,
        sc.BLOCKED_BY_HOOK,
        sc.BACKGROUND,
        sc.MCP_SERVER,
        sc.COMMAND_PROGRAM,
        sc.FILE_EXTENSION,
        sc.VCS_REF_HEAD_REVISION,
        sc.VCS_CHANGE_ID,
        sc.COLLISION,
        sc.INPUT_SIZE,
        sc.OUTPUT_SIZE,
        sc.WAITED,
        sc.WAITED_INSIDE,
        sc.GEN_AI_TOOL_CALL_ARGUMENTS,
        sc.GEN_AI_TOOL_CALL_RESULT,
    ),
    required=(sc.GEN_AI_OPERATION_NAME, sc.GEN_AI_TOOL_NAME, sc.OUTCOME),
)

WAIT: Final = SpanKind(
    type="wait",
    look=SpanLook(
        "Waiting for you",
        title="Asked: {of}",
        about="Asked about",
        colour="wait",
        mark="diamond",
        bar="striped",
        band="13%",
    ),
    name="permission {tool}",
    brief="A dialog that waits for the user: a permission, or a question of an MCP server or a sandbox.",
    parent="turn or subagent",
    begins="PermissionRequest; `permission elicitation`: Elicitation, when an MCP server asks; `permission sandbox`: the client's registry, when a sandboxed command wants what it may not",
    ends="the approval (the moment the tool began to run), or the refusal; `hookspan.basis` says what told of it",
    emitted="together with its tool's span; one that opened while a call ran, when it is over",
    attributes=(sc.TOOL_NAME, sc.TOOL_CALL_ID, sc.MCP_SERVER, sc.DECISION, sc.BASIS),
    required=(sc.DECISION, sc.BASIS),
)

SUBAGENT: Final = SpanKind(
    type="subagent",
    look=SpanLook("Subagent", colour="subagent", bar="outline", role="agent", outlives=True),
    name="invoke_agent {agent_type}",
    brief="The work of a subagent.",
    parent="the call that started it, or had it go on",
    begins="SubagentStart",
    ends="SubagentStop, the interruption, or what its transcript says of its failure",
    emitted="once its transcript has been read past its end",
    attributes=(
        sc.GEN_AI_OPERATION_NAME,
        sc.AGENT_ID,
        sc.TEAMMATE,
        sc.TEAM,
        sc.OUTCOME,
        sc.END_REASON,
        sc.ERROR_TYPE,
        *_COUNTS,
        *_TOTALS,
        *_SAID,
    ),
    required=(sc.GEN_AI_OPERATION_NAME, sc.AGENT_ID, sc.OUTCOME, sc.END_REASON),
    events=(REQUEST_FAILED, SKILL_COMMAND, TASK_CREATED, TASK_COMPLETED),
)

MODEL: Final = SpanKind(
    type="model",
    look=SpanLook("Model call", colour="model", mark="circle", bar="thin"),
    name="chat {model}",
    brief="A call of a model, with all its HTTP attempts.",
    kind="CLIENT",
    parent="turn or subagent",
    begins="the transcript's `api-request` line of the first attempt",
    ends="the last line of the answer",
    emitted="once the answer's lines are all in the transcript",
    attributes=(
        sc.GEN_AI_OPERATION_NAME,
        sc.GEN_AI_PROVIDER_NAME,
        sc.GEN_AI_REQUEST_MODEL,
        sc.GEN_AI_REQUEST_REASONING_LEVEL,
        sc.GEN_AI_RESPONSE_MODEL,
        sc.GEN_AI_RESPONSE_ID,
        sc.GEN_AI_RESPONSE_FINISH_REASONS,
        sc.GEN_AI_USAGE_REASONING,
        sc.QUERY_SOURCE,
        sc.OUTCOME,
        sc.ERROR_TYPE,
        sc.ATTEMPTS,
        sc.RETRY_WAITED,
        sc.SKILL_NAME,
        sc.PLUGIN_NAME,
        sc.MCP_SERVER,
        sc.MCP_TOOL,
        sc.WORKFLOW_RUN,
        sc.WORKFLOW_NAME,
        sc.PRICES_VERSION,
        *_USAGE,
        *_SAID,
    ),
    required=(sc.GEN_AI_OPERATION_NAME, sc.GEN_AI_PROVIDER_NAME, sc.OUTCOME),
    events=(CACHE_MISSED, REQUEST_FAILED),
)

COMPACTION: Final = SpanKind(
    type="compact",
    look=SpanLook("Compaction", title="Compaction", colour="compact", band="16%"),
    name="compact",
    brief="A compaction of the context.",
    parent="turn; for /compact, the session",
    begins="PreCompact",
    ends="PostCompact; a failed compaction has duration 0",
    emitted="once the transcript has been read past its end",
    attributes=(sc.TRIGGER, sc.OUTCOME, sc.ERROR_TYPE, sc.CONTEXT_BEFORE, sc.CONTEXT_AFTER),
    required=(sc.OUTCOME,),
)

ALARM: Final = SpanKind(
    type="alarm",
    look=SpanLook("Alarm", title="Alarm: {words}", colour="wait", mark="diamond", bar="outline", role="overhead"),
    name="alarm {kind}",
    brief="A time in which an agent got nowhere, or a turn ran away ([the watchdog](../watchdog.md)). Links lead to the first and the last call.",
    parent="turn or subagent",
    begins="the first of the calls that it is about; of a turn's cost or context, the turn",
    ends="a call that brings something new, the end of the turn or the subagent, or the next prompt",
    emitted="once the transcript has been read past its end",
    attributes=(sc.ALARM_KIND, sc.ALARM_CALLS, sc.ALARM_COST_USD, sc.ALARM_FIRST_CALL, sc.ALARM_LAST_CALL),
    required=(sc.ALARM_KIND, sc.ALARM_CALLS, sc.ALARM_COST_USD),
)

SESSION: Final = SpanKind(
    type="session",
    look=SpanLook("Session", title="Session", bar="thread", role="root"),
    name="session",
    brief="A run of a session.",
    parent="none: the root of its trace, whose id is the session id; a resumed session has one span for each run",
    begins="SessionStart",
    ends="SessionEnd; for a client that is gone, or a session silent for `session.idle_hours`, its last sign of life",
    emitted="once the transcript has been read past its end; none for a session that did nothing",
    attributes=(
        sc.SOURCE,
        sc.END_REASON,
        sc.EXIT_REASON,
        sc.ENTRYPOINT,
        sc.JOB_ID,
        sc.REMOTE,
        sc.CLIENT_VERSION,
        sc.RESUMED_AFTER,
        sc.RESUMED_TOKENS,
        sc.CACHE_EXPIRED,
        sc.CACHE_WRITE_ESTIMATE,
        sc.PERMISSION_MODE,
        sc.TURNS,
        sc.PROMPTS,
        sc.COST_RESIDUAL_USD,
        *_COUNTS,
        *_TOTALS,
    ),
    required=(sc.END_REASON,),
)

HOOK: Final = SpanKind(
    type="hook",
    look=SpanLook("Hook", title="{name}", colour="other", role="overhead"),
    name="hook {event}",
    brief="A hook event, with the time that its hook took.",
    scope=HOOK_SCOPE,
    parent="turn, subagent or session",
    begins="the creation of the relay's process",
    ends="when the event's line is in the journal",
    emitted="at once, for every event; switched off by `export.hook_spans`. `hook other` for an event that this version doesn't know",
    attributes=(
        sc.HOOK_EVENT,
        sc.TOOL_NAME,
        sc.TOOL_CALL_ID,
        sc.NOTIFICATION_TYPE,
        sc.TEAMMATE,
        sc.TEAM,
        sc.TASK_ID,
        sc.RESUMED_TOKENS,
        sc.CACHE_EXPIRED,
        sc.CACHE_WRITE_ESTIMATE,
        sc.PAYLOAD_SIZE,
        sc.PAYLOAD_CUT,
    ),
    required=(sc.HOOK_EVENT, sc.PAYLOAD_SIZE),
)

CHILD: Final = SpanKind(
    type="child",
    look=SpanLook("Span of a program", title="{of}", bar="thin", role="overhead"),
    name="child {name}",
    brief="A span that a program sent which the call runs: a test suite's, say ([Children's traces](../children.md)). Exported under the name, kind, status and `service.name` that the program gave it, with the program's attributes beside these.",
    scope=CHILD_SCOPE,
    parent="the tool call, or another span of the program",
    begins="as the program says",
    ends="as the program says",
    emitted="once the client's own telemetry has told which call it is; at once if the program says so",
    attributes=(
        sc.TOOL_CALL_ID,
        sc.CHILD_SERVICE,
        sc.CHILD_CONTENT,
        sc.CHILD_SCOPE,
        sc.CHILD_LEFT_OUT,
        sc.CHILD_ORPHAN,
    ),
    required=(sc.TOOL_CALL_ID, sc.CHILD_SERVICE),
)

SPANS: Final = (TURN, TOOL, WAIT, SUBAGENT, MODEL, COMPACTION, ALARM, SESSION, HOOK, CHILD)


_CHILD_NAMED: Final = CHILD.operation


def is_child(name: str) -> bool:
    """Whether a span is a program's: it has the name that the program gave it, behind a word of ours."""
    return name.partition(" ")[0] == _CHILD_NAMED
