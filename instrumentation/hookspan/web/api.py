"""The API's paths: what each takes, gives and may refuse. Routes and the OpenAPI document are made of this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from hookspan.web import schemas
from hookspan.web.answers import Answers
from hookspan.web.parameters import Parameter, flag, number

PREFIX: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of a path.

    Attributes:
        refusals: Statuses beside those that all have.
        cached: The answer may be used again for a while.
    """

    path: str
    text: str
    answer: Callable[[Answers], Callable[[dict[str, Any]], msgspec.Struct]]
    shape: type[msgspec.Struct]
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()
    cached: bool = False
    method: Literal["GET", "POST", "DELETE"] = "GET"


_SESSION: Final = Parameter("session", "Only of this session.")
_PROJECT: Final = Parameter("project", "Only of this project.")
_POSITION: Final = number(
    "position", "What the stream told last: no answer that was kept from before it is used.", None, 0
)
_HOOKS: Final = flag("hooks", "With the spans of our own hooks.")


def _page(default: int, maximum: int) -> tuple[Parameter, ...]:
    return (
        number("after", "Only records after this one, oldest first.", None, 0),
        number("before", "Only records before this one, newest first.", None, 0),
        number("limit", "How many.", default, 1, maximum),
    )


ENDPOINTS: Final = (
    Endpoint(
        "/summary", "Metrics, who waits, and what is missing.", lambda all_: all_.summary, schemas.Summary, cached=True
    ),
    Endpoint(
        "/sessions",
        "Sessions, who needs you first.",
        lambda all_: all_.sessions,
        schemas.Sessions,
        (
            Parameter(
                "state",
                "Which ones; `waiting`: those that may wait, too.",
                "all",
                words=("all", "open", "waiting", "working", "idle", "ended"),
            ),
            _PROJECT,
            Parameter("q", "Words that are all in its project, branch, repository, title, first prompt, model or id."),
            number("limit", "How many ended ones.", 50, 1, 200),
            Parameter("before", "Older ended ones: `next` of the answer before."),
            _POSITION,
        ),
        cached=True,
    ),
    Endpoint(
        "/sessions/{id}",
        "One session: its turns, what is open, its first spans, its newest events.",
        lambda all_: all_.session,
        schemas.SessionPage,
        (
            number("limit", "How many spans.", 500, 0, 2000),
            _POSITION,
        ),
        (404,),
        cached=True,
    ),
    Endpoint(
        "/sessions/{id}/spans",
        "A session's spans by start.",
        lambda all_: all_.session_spans,
        schemas.SessionSpans,
        (Parameter("after", "`next` of the answer before."), number("limit", "How many.", 1000, 1, 2000), _HOOKS),
        (404,),
    ),
    Endpoint(
        "/sessions/{id}/open",
        "What goes on in a session now.",
        lambda all_: all_.session_open,
        schemas.OpenSpans,
        (),
        (404,),
    ),
    Endpoint("/traces/{id}", "All spans of a trace.", lambda all_: all_.trace, schemas.Trace, (_HOOKS,), (404,)),
    Endpoint(
        "/friction",
        "Dialogs, rules that would end them, failing tools, cost.",
        lambda all_: all_.friction,
        schemas.Friction,
        (number("days", "How many days, today included.", 7, 1, 90), _PROJECT),
        cached=True,
    ),
    Endpoint("/events", "Hook events.", lambda all_: all_.events, schemas.Events, (*_page(100, 500), _SESSION)),
    Endpoint(
        "/demo",
        "Put in the demo data: three made-up sessions that are neither exported nor counted.",
        lambda all_: all_.load_demo,
        schemas.Demo,
        method="POST",
    ),
    Endpoint("/demo", "Take the demo data out.", lambda all_: all_.remove_demo, schemas.Demo, method="DELETE"),
    Endpoint("/health", "The newest health checks.", lambda all_: all_.health, schemas.Health),
    Endpoint(
        "/health/history",
        "Earlier health checks, newest first.",
        lambda all_: all_.history,
        schemas.History,
        (number("limit", "How many.", 100, 1, 100),),
    ),
    Endpoint(
        "/settings", "The settings in force, and where each is from.", lambda all_: all_.settings, schemas.Settings
    ),
    Endpoint(
        "/log",
        "The journal's lines. Needs `content.local`.",
        lambda all_: all_.log,
        schemas.Log,
        _page(50, 200),
        (403,),
    ),
    Endpoint(
        "/log/{record}",
        "One line of the journal. Needs `content.local`.",
        lambda all_: all_.log_record,
        schemas.LogRecord,
        (),
        (403, 404),
    ),
)
