"""What the page calls a noun and how it shows it; `make generate` writes the page's tables from here.

A row says what differs from its fields' defaults. The page shows a name without a row plainly, by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from .clients import CLIENTS
from .enums import AlarmKind, CacheCause, EndReason, Link, Outcome, PromptKind, SessionPhase, TimeKind

Colour = Literal["user", "model", "tool", "wait", "other", "subagent", "compact", "quiet"]
"""Classes `k-COLOUR` of the page's `shared-styles.js`."""


class SpanLook(NamedTuple):
    """A kind of span.

    Attributes:
        word: What it is.
        title: How its name reads: `{name}` is the span's own, `{of}` what comes after its first word, `{short}` the
            same without `claude-` (the first word, if nothing comes after it), `{words}` the same with blanks for
            underscores.
        about: What its label is.
        colour: Of mark and bar.
        mark: Beside its name.
        bar: On the time axis.
        role: A root holds all of a trace, an agent has a lane of its own, work is what fills the lanes; overhead is
            in neither lanes nor summaries.
        band: Drawn through all rows in this much of its colour, empty for none.
        outlives: Whether it may go on when its turn is over.
    """

    word: str
    title: str = "{short}"
    about: str = "About"
    colour: Colour = "quiet"
    mark: Literal["square", "circle", "diamond"] = "square"
    bar: Literal["full", "thin", "thread", "outline", "striped"] = "full"
    role: Literal["root", "agent", "work", "overhead"] = "work"
    band: str = ""
    outlives: bool = False


class AgentLook(NamedTuple):
    """A coding agent.

    Attributes:
        title: What people call it.
        resume: The command that takes a `{session}` up again.
    """

    title: str
    resume: str


AGENTS: Final = {name: AgentLook(client.title, client.resume) for name, client in CLIENTS.items()}


class StateLook(NamedTuple):
    """What a session does.

    Attributes:
        word: The heading of those that do it.
        verb: What one does, if it is about no tool.
        verb_of_tool: The same of a `{tool}`.
        filter: Which choice of the filter lets it through, beside `all`.
        mark: Before its name.
    """

    word: str
    verb: str
    verb_of_tool: str
    filter: str
    mark: Literal["diamond", "pulse", "ring", "circle"]


STATES: Final = {
    SessionPhase.WAITING: StateLook("Needs you", "waits for you", "asks: {tool}", "waiting", "diamond"),
    SessionPhase.WAITING_OR_RUNNING: StateLook(
        "May need you", "asked, may be running", "asked, may be running: {tool}", "waiting", "diamond"
    ),
    SessionPhase.WORKING: StateLook("Working", "thinks", "runs {tool}", "working", "pulse"),
    SessionPhase.IDLE: StateLook("Your turn", "done, your turn", "done, your turn", "idle", "ring"),
    SessionPhase.ENDED: StateLook("Ended", "ended", "ended", "ended", "circle"),
}
"""Who needs you first: the order of every list of sessions."""


class DialogLook(NamedTuple):
    """A dialog that is no question whether a tool may run. `about`: whether what it asks is a sentence, or not shown."""

    verb: str
    about: Literal["sentence", "nothing"]


DIALOGS: Final = {
    "AskUserQuestion": DialogLook("asks you a question", "sentence"),
    "ExitPlanMode": DialogLook("wants its plan approved", "nothing"),
    "elicitation": DialogLook("an MCP server asks you", "sentence"),
    "sandbox": DialogLook("a sandbox asks you", "nothing"),
}
"""By the tool that opens them."""


class TimeLook(NamedTuple):
    """Where time goes. `striped`: so that it is told from the others without their colours."""

    word: str
    hint: str
    striped: bool = False


TIME_KINDS: Final = {
    TimeKind.USER: TimeLook("You", "From the end of a turn to your next prompt"),
    TimeKind.MODEL: TimeLook("Model", "The model answers, and no tool runs"),
    TimeKind.TOOL: TimeLook("Tools", "A tool runs, and nobody is asked"),
    TimeKind.WAIT: TimeLook("Waiting for you", "A dialog is open", striped=True),
    TimeKind.OTHER: TimeLook("Other", "None of these: the client itself, other hooks, and what nothing reports"),
}


class OutcomeLook(NamedTuple):
    """How something ended: in a word, if it is worth one, and as a class for its colour."""

    word: str
    tone: Literal["", "bad", "wait"]


OUTCOMES: Final = {
    Outcome.SUCCESS: OutcomeLook("", ""),
    Outcome.ERROR: OutcomeLook("error", "bad"),
    Outcome.DENIED: OutcomeLook("denied", "wait"),
    Outcome.INTERRUPTED: OutcomeLook("interrupted", "wait"),
    Outcome.UNKNOWN: OutcomeLook("unknown", "wait"),
}


class EndLook(NamedTuple):
    """Why a turn counts as ended, which is said if it has no outcome, and why a session does."""

    turn: str
    session: str = "ended"


END_REASONS: Final = {
    EndReason.STOP: EndLook("stop"),
    EndReason.STOP_FAILURE: EndLook("stop failure"),
    EndReason.INTERRUPTED: EndLook("interrupted"),
    EndReason.NEXT_PROMPT: EndLook("next prompt"),
    EndReason.SESSION_END: EndLook("session end"),
    EndReason.CLIENT_GONE: EndLook("client gone", "client gone"),
    EndReason.SILENT: EndLook("silent", "went silent"),
}

PROMPT_KINDS: Final = {
    PromptKind.HUMAN: "",
    PromptKind.TASK_NOTIFICATION: "task notification",
    PromptKind.COMMAND: "command",
    PromptKind.TEAMMATE: "a teammate's message",
}
"""Who wrote a turn's prompt: what stands there if its text is not known; for a human the turn's time."""

LINKS: Final = {
    Link.PREVIOUS_TURN: "previous turn",
    Link.STARTED_BY: "started by",
    Link.FIRST_CALL: "first call",
    Link.LAST_CALL: "last call",
    Link.TRACEPARENT: "traceparent",
    Link.COLLISION: "writes the same",
    "other": "linked",
}
"""Why one span links to another; `other` where it doesn't say."""


CACHE_CAUSES: Final = {
    CacheCause.COMPACTION: "compaction",
    CacheCause.IDLE: "idle for longer than the cache is kept",
    CacheCause.MODEL: "another model",
    CacheCause.TOOLS: "other tools",
    CacheCause.SYSTEM_PROMPT: "another system prompt",
    CacheCause.EFFORT: "another effort",
    CacheCause.UNKNOWN: "unknown",
}
"""Why the prompt cache was missed."""

ALARMS: Final[Mapping[str, str]] = {
    AlarmKind.REPEATED_CALL: "repeats one call",
    AlarmKind.UNCHANGED_POLL: "polls in vain",
    AlarmKind.REREAD: "rereads a file",
    AlarmKind.EDITS_UNDONE: "undoes its own edits",
    AlarmKind.SAME_ERROR: "meets one error",
    AlarmKind.NO_PROGRESS: "gets nowhere",
    AlarmKind.TURN_COST: "has a costly turn",
    AlarmKind.TURN_CONTEXT: "fills its context",
}
"""What a session does that the watchdog has noticed."""

SOURCES: Final = {
    "skill": "Skill",
    "plugin": "Plugin",
    "mcp_server": "MCP server",
    "subagent": "Subagent",
    "workflow": "Workflow",
}
"""What a model call was made for, by the kinds of the API."""


class CheckLook(NamedTuple):
    """How a check of hookspan's health came out."""

    word: str
    mark: str


STATUSES: Final = {
    "critical": CheckLook("Critical", "✕"),
    "warning": CheckLook("Warning", "!"),
    "unknown": CheckLook("Unknown", "?"),
    "healthy": CheckLook("Healthy", "✓"),
}
"""The worst first."""

CHARTS: Final = {
    "hook path": "Hook time, p99",
    "ingest": "Behind the journal",
    "store": "Store's answer",
    "export": "Oldest span that waits for export",
    "resources": "Memory or disk, whichever is fuller",
    "collector": "Collector's answer",
    "dashboard": "Live connections",
}
"""Checks whose value is worth a chart, and what that value is."""


class LineLook(NamedTuple):
    """A line of the journal; `filter`: the choice of the raw log that lets it through."""

    word: str
    filter: Literal["event", "fact"]


LINE_KINDS: Final = {
    "event": LineLook("event", "event"),
    "reduced": LineLook("event, compacted", "event"),
    "fact": LineLook("fact", "fact"),
    "status_line": LineLook("status line", "event"),
}
