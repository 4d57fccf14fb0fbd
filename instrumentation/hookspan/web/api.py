"""The API's paths: what each takes, gives and may refuse. Routes and the OpenAPI document are made of this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import msgspec

from hookspan.catalogue.enums import Decision, Outcome, WasteKind
from hookspan.catalogue.spans import SpanType
from hookspan.clients.message import Kind
from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers import (
    conversation,
    cost,
    demo,
    friction,
    health,
    journal,
    overview,
    receipts,
    search,
    sessions,
    told,
    traces,
)
from hookspan.web.parameters import Arguments, Parameter, flag, number
from hookspan.web.queries import ORDERS

MESSAGE_KINDS: Final = (*get_args(Kind), "session")
PREFIX: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of a path.

    Attributes:
        answer: The handler.
        schema: What it answers with.
        refusals: Statuses beside those that all have.
        cached: The answer may be used again for a while.
    """

    path: str
    text: str
    answer: Callable[[Context, Arguments], msgspec.Struct]
    schema: type[msgspec.Struct]
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()
    cached: bool = False
    method: Literal["GET", "POST", "DELETE"] = "GET"


_SESSION: Final = Parameter("session", "Only of this session.")
_PROJECT: Final = Parameter("project", "Only of this project.")
_AGENT: Final = Parameter("agent", "Only of this coding agent: `claude-code`, `codex`.")
_POSITION: Final = number(
    "position", "The last `position` of the stream: a cached answer from before it is not used.", None, 0
)
_HOOKS: Final = flag("hooks", "Include the spans of hookspan's own hooks.")

_SUBAGENT: Final = Parameter("subagent", "The subagent whose conversation it is; without, the main one.")
_CONVERSATION: Final = (
    _SUBAGENT,
    Parameter("trace", "Only of the turn with this trace id."),
    Parameter("kind", "Only these messages.", "all", words=tuple(conversation.KINDS)),
)


def _page(default: int, maximum: int) -> tuple[Parameter, ...]:
    return (
        number("after", "Only records after this one, oldest first.", None, 0),
        number("before", "Only records before this one, newest first.", None, 0),
        number("limit", "Maximum number of rows.", default, 1, maximum),
    )


ENDPOINTS: Final = (
    Endpoint(
        "/summary",
        "Figures, sessions that wait for you, and what is missing.",
        overview.summary,
        schemas.Summary,
        cached=True,
    ),
    Endpoint(
        "/today",
        "What today came to so far, beside yesterday and a week ago.",
        overview.today,
        schemas.Today,
    ),
    Endpoint(
        "/sessions",
        "Sessions, those that need you first.",
        sessions.sessions,
        schemas.Sessions,
        (
            Parameter(
                "state",
                "Only sessions in this state; `waiting` includes those that may be waiting.",
                "all",
                words=tuple(serializers.PHASES),
            ),
            _PROJECT,
            _AGENT,
            Parameter(
                "q", "Words that must all be in its project, branch, repository, title, first prompt, model or id."
            ),
            Parameter("branch", "Only sessions on this branch."),
            Parameter("since", "Only sessions whose newest event is of this day (`2026-11-24`) or a later one."),
            Parameter("until", "Only sessions whose newest event is of this day or an earlier one."),
            Parameter(
                "sort", "Which ended sessions come first: those with the most of it.", "newest", words=tuple(ORDERS)
            ),
            number("limit", "Maximum number of ended sessions.", 50, 1, 200),
            Parameter("before", "Further ended sessions in the same order: the `next` of the previous answer."),
            _POSITION,
        ),
        cached=True,
    ),
    Endpoint(
        "/sessions/{id}",
        "One session: its turns, what is open, its first spans, its newest events.",
        sessions.session,
        schemas.SessionPage,
        (
            number("limit", "Maximum number of spans.", 500, 0, 2000),
            _POSITION,
        ),
        (404,),
        cached=True,
    ),
    Endpoint(
        "/sessions/{id}/spans",
        "A session's spans, by start.",
        sessions.spans,
        schemas.SessionSpans,
        (
            Parameter("after", "The `next` of the previous answer."),
            number("limit", "Maximum number of rows: 20,000 if `brief`, else 2,000.", 1000, 1, sessions.BRIEF_MAX),
            Parameter("trace", "Only spans of this trace."),
            Parameter("span", "Only the span with this id."),
            flag("brief", "Leave out links and events, and attributes but for those that decide how a span looks."),
            _HOOKS,
        ),
        (404,),
    ),
    Endpoint(
        "/sessions/{id}/open",
        "What a session is doing now.",
        sessions.open_now,
        schemas.OpenSpans,
        (),
        (404,),
    ),
    Endpoint(
        "/sessions/{id}/cost",
        "What a session cost, by what it was for, and why it missed the prompt cache.",
        cost.cost,
        schemas.SessionCost,
        (_POSITION,),
        (404,),
        cached=True,
    ),
    Endpoint(
        "/sessions/{id}/messages",
        "What was said in a session, or in a subagent's part of it. Needs `content.local`.",
        conversation.messages,
        schemas.Messages,
        (
            *_CONVERSATION,
            number("start", "Where the page starts: the `next` of the previous answer.", 0, 0),
            Parameter("message", "A message that the page starts with instead, by its id or number."),
            number("limit", "Maximum number of messages.", 50, 0, 500),
        ),
        (403, 404),
    ),
    Endpoint(
        "/sessions/{id}/messages/{number}",
        "One message, whole. Needs `content.local`.",
        conversation.message,
        schemas.Message,
        (_SUBAGENT,),
        (403, 404),
    ),
    Endpoint(
        "/sessions/{id}/found",
        "Where in a conversation a text is. Needs `content.local`.",
        conversation.find,
        schemas.Hits,
        (*_CONVERSATION, Parameter("q", "The text, whatever its case.")),
        (403, 404),
    ),
    Endpoint(
        "/sessions/{id}/said",
        "What its model calls said or called, in a line each. Needs `content.local`.",
        conversation.said,
        schemas.Said,
        (Parameter("trace", "Only of the turn with this trace id."),),
        (403, 404),
    ),
    Endpoint(
        "/search",
        "Messages of all sessions by their words, or spans by what they are, the newest first. Messages need "
        "`content.local`.",
        search.search,
        schemas.Found,
        (
            Parameter("q", 'Words: all must be there; `"in a row"`, `beginning*`, `-unwanted`.'),
            Parameter("what", "What is looked for.", "messages", words=("messages", "spans")),
            Parameter("kind", "Only messages of this kind; `session`: titles.", "all", words=("all", *MESSAGE_KINDS)),
            _PROJECT,
            _AGENT,
            Parameter("branch", "Only of sessions on this branch."),
            Parameter("model", "Only of this model."),
            Parameter("tool", "Only calls of this tool, and their results."),
            _SESSION,
            Parameter("outcome", "Only what ended in this way.", words=tuple(outcome.value for outcome in Outcome)),
            Parameter("waste", "Only spans of this waste: a `kind` and `what` of `/friction`, `KIND:WHAT`."),
            Parameter("type", "Only spans of this kind.", "all", words=("all", *get_args(SpanType))),
            Parameter("trace", "Only spans of this trace."),
            Parameter("account", "Only model calls that were made for this: `skill:commit`, `mcp_server:github`."),
            flag("own", "Without what subagents did."),
            flag("waited", "Only tool calls that somebody was asked about."),
            Parameter("decision", "Only those of them that ended so.", words=tuple(one.value for one in Decision)),
            Parameter("call", "Only calls of a tool that ran a program: `Bash git`; `Bash`: that ran none."),
            number("ended", "Only spans that ended at this time or later (Unix milliseconds).", None, 0),
            number("exit", "Only spans of shell commands with this exit status.", None, 0, 255),
            flag("collisions", "Only spans of calls that wrote what another wrote at the same time."),
            number("longer", "Only what took so many milliseconds.", None, 0),
            number("cents", "Only what cost so many hundredths of a US dollar.", None, 0),
            number("since", "Only from this time on (Unix milliseconds).", None, 0),
            number("until", "Only before this time (Unix milliseconds).", None, 0),
            Parameter("before", "Older ones: the `next` of the previous answer."),
            number("limit", "Maximum number of rows.", 20, 1, 100),
        ),
        (403,),
    ),
    Endpoint(
        "/sessions/{id}/shared",
        "A session or a turn as one file, without secrets, paths and names. Needs `content.local`.",
        conversation.shared,
        schemas.Shared,
        (
            Parameter("trace", "Only the turn with this trace id."),
            Parameter("format", "Of the file.", "html", words=tuple(conversation.FORMATS)),
            flag("paths", "Leave paths out.", default=True),
            flag("names", "Leave names out.", default=True),
        ),
        (403, 404),
    ),
    Endpoint(
        "/sessions/{id}/told",
        "What Claude Code's own telemetry told of it: what hooks cost, who decided on calls, attempts, exact times.",
        told.told,
        schemas.Told,
        (_POSITION,),
        (404,),
        cached=True,
    ),
    Endpoint("/traces/{id}", "All spans of a trace.", traces.trace, schemas.Trace, (_HOOKS,), (404,)),
    Endpoint(
        "/friction",
        "Dialogs, rules that would avoid them, failing tools, cost.",
        friction.friction,
        schemas.Friction,
        (number("days", "Number of days, including today.", 7, 1, 90), _PROJECT, _AGENT),
        cached=True,
    ),
    Endpoint(
        "/friction/sessions",
        "The sessions that have most of some waste of `/friction`.",
        friction.sessions,
        schemas.WastedSessions,
        (
            number("days", "Number of days, including today.", 7, 1, 90),
            _PROJECT,
            _AGENT,
            Parameter("kind", "Its `kind`.", words=tuple(kind.value for kind in WasteKind)),
            Parameter("what", "Its `what`."),
        ),
        cached=True,
    ),
    Endpoint(
        "/receipts",
        "Which work went into which commit, by branch.",
        receipts.receipts,
        schemas.Receipts,
        (
            number("days", "Sessions that were active in so many days, including today.", 30, 1, 365),
            _PROJECT,
            Parameter("agent", "Only branches and commits for which this coding agent worked."),
            Parameter("session", "Only branches and commits for which this session worked."),
        ),
        cached=True,
    ),
    Endpoint(
        "/cost",
        "What model calls cost, by what they have in common.",
        cost.costs,
        schemas.Costs,
        (
            Parameter("by", "What a row stands for.", "day", words=get_args(schemas.CostBy)),
            number("days", "Number of days, including today.", 7, 1, 90),
            number(
                "since", "Only calls that began at this time (Unix milliseconds) or later, whatever `days` is.", None, 0
            ),
            number("until", "Only calls that began before this time (Unix milliseconds).", None, 0),
            _PROJECT,
            _AGENT,
        ),
        cached=True,
    ),
    Endpoint("/events", "Hook events.", journal.events, schemas.Events, (*_page(100, 500), _SESSION)),
    Endpoint(
        "/demo",
        "Add the demo data: three made-up sessions that are neither exported nor counted.",
        demo.load,
        schemas.Demo,
        method="POST",
    ),
    Endpoint("/demo", "Remove the demo data.", demo.remove, schemas.Demo, method="DELETE"),
    Endpoint("/health", "The newest health checks.", health.health, schemas.Health),
    Endpoint(
        "/health/history",
        "Earlier health checks, newest first.",
        health.history,
        schemas.History,
        (number("limit", "Maximum number of rows.", 100, 1, 100),),
    ),
    Endpoint("/settings", "The settings in force, and where each comes from.", health.settings, schemas.Settings),
    Endpoint(
        "/log",
        "The journal's lines. Needs `content.local`.",
        journal.lines,
        schemas.Log,
        _page(50, 200),
        (403,),
    ),
    Endpoint(
        "/log/{record}",
        "One line of the journal. Needs `content.local`.",
        journal.line,
        schemas.LogRecord,
        (),
        (403, 404),
    ),
)
