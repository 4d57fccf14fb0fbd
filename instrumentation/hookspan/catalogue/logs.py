"""Every log record, by the conventions of events: a name, a severity, attributes, and no body."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from . import attributes as sc


class Severity(IntEnum):
    """As OTLP numbers them; the text of a record's severity is its name here."""

    INFO = 9
    WARN = 13
    ERROR = 17


class LogEvent(NamedTuple):
    """One kind of log record.

    `brief` is what it stands for, a sentence. `place` is the span that it belongs to, `emitted` when it is written,
    both phrases; `place` is empty for what is the machine's. `attributes` are those beside what any record of a session
    has (`COMMON`), and `required` those of them that none of the kind lacks. `severity` is the usual one, and `raised`
    says when it is another.
    """

    name: str
    brief: str
    emitted: str
    attributes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    place: str = ""
    severity: Severity = Severity.INFO
    raised: str = ""


COMMON: Final = (
    sc.SESSION_ID,
    sc.GEN_AI_CONVERSATION_ID,
    sc.GEN_AI_AGENT_NAME,
    sc.PROMPT_ID,
    sc.PROJECT,
    sc.VCS_REPOSITORY_NAME,
    sc.VCS_REF_HEAD_NAME,
    sc.SYNTHETIC,
    sc.LABEL,
)
"""Of a session's records, where they are known."""
COMMON_REQUIRED: Final = (sc.SESSION_ID, sc.GEN_AI_CONVERSATION_ID, sc.GEN_AI_AGENT_NAME)
"""Those that none of them lacks; every record has `log.record.uid` besides."""

_CALL: Final = (sc.TOOL_NAME, sc.TOOL_CALL_ID, sc.MCP_SERVER, sc.COMMAND_PROGRAM, sc.FILE_EXTENSION, sc.INPUT_SIZE)

SESSION_START: Final = LogEvent(
    name="session.start",
    brief="A run of a session began.",
    emitted="with the first hook event of the run that is more than preparation",
    attributes=(sc.SOURCE, sc.ENTRYPOINT, sc.PERMISSION_MODE, sc.POLICY_HASH),
    place="session",
)
SESSION_END: Final = LogEvent(
    name="session.end",
    brief="A run of a session ended.",
    emitted="with the session's span, once the transcript has been read past the end",
    attributes=(sc.END_REASON, sc.EXIT_REASON, sc.TURNS, sc.PROMPTS, sc.TOOLS, sc.TOOLS_FAILED),
    required=(sc.END_REASON,),
    place="session",
)
PROMPT: Final = LogEvent(
    name="hookspan.prompt",
    brief="A prompt was submitted. Of what it says only the size is told.",
    emitted="with UserPromptSubmit",
    attributes=(sc.INPUT_SIZE, sc.PROMPT_KIND, sc.COMMAND_NAME, sc.PERMISSION_MODE),
    place="turn",
)
DECISION: Final = LogEvent(
    name="hookspan.tool.decision",
    brief="Whether a tool call was let run, and who decided. Each call has one, also those that ran unasked.",
    emitted="when the call has ended and the transcript says who decided, or has been read past that without saying so",
    attributes=(
        *_CALL,
        sc.VERDICT,
        sc.DECIDED_BY,
        sc.DECISION_SOURCE,
        sc.DECISION_REASON,
        sc.DECISION_RULES,
        sc.DECISION_GRANT,
        sc.PERMISSION_MODE,
        sc.WAITED,
    ),
    required=(sc.TOOL_NAME, sc.VERDICT, sc.DECIDED_BY),
    place="tool call",
    raised="WARN for a call that was not allowed, and for one that nobody decided on (`bypass`)",
)
FAILED: Final = LogEvent(
    name="hookspan.tool.failed",
    brief="A tool call failed, or was not valid.",
    emitted="when it has ended",
    attributes=(*_CALL, sc.ERROR_TYPE, sc.EXIT_CODE, sc.NEVER_RAN),
    required=(sc.TOOL_NAME, sc.ERROR_TYPE),
    place="tool call",
    severity=Severity.ERROR,
)
MODE_CHANGED: Final = LogEvent(
    name="hookspan.permission_mode.changed",
    brief="The permission mode of a session changed.",
    emitted="with the first hook event of the main agent that has the other mode",
    attributes=(sc.PERMISSION_MODE, sc.PERMISSION_MODE_BEFORE),
    required=(sc.PERMISSION_MODE, sc.PERMISSION_MODE_BEFORE),
    place="turn or session",
    raised="WARN for `bypassPermissions`",
)
CONFIG_CHANGED: Final = LogEvent(
    name="hookspan.config.changed",
    brief="A settings file of the client, or its skills, changed while a session ran.",
    emitted="with ConfigChange",
    attributes=(sc.CONFIG_SOURCE,),
    place="turn or session",
)
MCP_CONNECTED: Final = LogEvent(
    name="hookspan.mcp.connected",
    brief="Tools of an MCP server are there for a session's model.",
    emitted="once in a session, when its transcript first lists them",
    attributes=(sc.MCP_SERVER,),
    required=(sc.MCP_SERVER,),
    place="session",
)
MCP_UNAVAILABLE: Final = LogEvent(
    name="hookspan.mcp.unavailable",
    brief="An MCP server could not be used.",
    emitted="once in a session for each cause",
    attributes=(sc.MCP_SERVER, sc.MCP_TROUBLE),
    required=(sc.MCP_SERVER, sc.MCP_TROUBLE),
    place="session",
    severity=Severity.WARN,
)
PLUGIN_LOADED: Final = LogEvent(
    name="hookspan.plugin.loaded",
    brief="A plugin brought skills, subagents or tools.",
    emitted="once in a session, when its transcript first lists them",
    attributes=(sc.PLUGIN_NAME,),
    required=(sc.PLUGIN_NAME,),
    place="session",
)
SKILL_LOADED: Final = LogEvent(
    name="hookspan.skill.loaded",
    brief="A skill or /command was loaded.",
    emitted="once in a session, with the first model call that the client attributes to it",
    attributes=(sc.SKILL_NAME, sc.PLUGIN_NAME),
    required=(sc.SKILL_NAME,),
    place="turn or subagent",
)
HOOKS_OFF: Final = LogEvent(
    name="hookspan.hooks.off",
    brief="A coding agent does not run hookspan's hooks any more, or not all of them: from here on something may not be heard.",
    emitted="within half a minute of the change, or at the agent's next start",
    attributes=(sc.HOOKS_TROUBLES,),
    required=(sc.HOOKS_TROUBLES,),
    severity=Severity.WARN,
)
HOOKS_ON: Final = LogEvent(
    name="hookspan.hooks.on",
    brief="Coding agents run all of hookspan's hooks again.",
    emitted="within half a minute of the change, or at the agent's next start",
)
GAP: Final = LogEvent(
    name="hookspan.gap",
    brief="For a time, which ends here, not everything could be heard.",
    emitted="when the agent has started, or records are written again",
    attributes=(sc.GAP_KIND, sc.GAP_START, sc.GAP_DURATION),
    required=(sc.GAP_KIND, sc.GAP_START, sc.GAP_DURATION),
    severity=Severity.WARN,
    raised="INFO for an agent that had ended in good order",
)
EVENTS_LOST: Final = LogEvent(
    name="hookspan.events.lost",
    brief="Hook events could not be recorded.",
    emitted="when the agent reads that relays have counted more of them",
    attributes=(sc.DROP_WHERE, sc.DROP_REASON, sc.DROP_COUNT),
    required=(sc.DROP_WHERE, sc.DROP_REASON, sc.DROP_COUNT),
    severity=Severity.WARN,
)
POLICY: Final = LogEvent(
    name="hookspan.policy",
    brief="From here on these settings of the administrator are in force.",
    emitted="when records begin to be written, and with each change",
    attributes=(sc.POLICY_HASH,),
)
AUDIT_START: Final = LogEvent(
    name="hookspan.audit.start",
    brief="From here on log records are sealed, each with the hash of the one before.",
    emitted="when `export.audit` is switched on; again if the chain can't go on",
    attributes=(sc.AUDIT_REASON, sc.AUDIT_KEY, sc.AUDIT_BEFORE, sc.AUDIT_BEFORE_SEQUENCE),
    required=(sc.AUDIT_REASON, sc.AUDIT_KEY),
)
AUDIT_GAP: Final = LogEvent(
    name="hookspan.audit.gap",
    brief="Sealed log records are missing, or may be, and nobody removed them.",
    emitted="with the next record after the endpoint refused some, or they waited too long",
    attributes=(sc.AUDIT_REASON, sc.AUDIT_BEFORE, sc.AUDIT_FIRST, sc.AUDIT_LAST, sc.AUDIT_MISSING),
    required=(sc.AUDIT_REASON, sc.AUDIT_BEFORE, sc.AUDIT_FIRST, sc.AUDIT_LAST, sc.AUDIT_MISSING),
    severity=Severity.WARN,
)

SEALS: Final = (sc.AUDIT_CHAIN, sc.AUDIT_SEQUENCE, sc.AUDIT_PREVIOUS, sc.AUDIT_SIGNATURE)
"""Of every record, with `export.audit`."""

LOG_EVENTS: Final = (
    SESSION_START,
    SESSION_END,
    PROMPT,
    DECISION,
    FAILED,
    MODE_CHANGED,
    CONFIG_CHANGED,
    MCP_CONNECTED,
    MCP_UNAVAILABLE,
    PLUGIN_LOADED,
    SKILL_LOADED,
    HOOKS_OFF,
    HOOKS_ON,
    GAP,
    EVENTS_LOST,
    POLICY,
    AUDIT_START,
    AUDIT_GAP,
)
