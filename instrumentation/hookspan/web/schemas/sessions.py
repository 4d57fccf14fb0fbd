"""Sessions: the list, and one session's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from hookspan.catalogue import session_fields
from hookspan.catalogue.session_fields import Conversion
from hookspan.web.schemas.common import Links, State, Tokens
from hookspan.web.schemas.spans import Event, Span, SpanPage, Turn

CollisionKind = Literal["lines", "tree", "file", "beside"]


class Context(msgspec.Struct, kw_only=True):
    """How full the context window of the main agent is; 0 tokens when no call was seen."""

    tokens: int
    window: int
    share: float


def _copied_fields() -> list[tuple[str, Any]]:
    """Names and types of what the API copies from a session's row."""
    types = {Conversion.TIME: float, Conversion.TIME_OR_NULL: float | None, Conversion.USD: float}
    return [
        (field.api or name, Annotated[types.get(field.conversion, kind), field])
        for name, kind, field in session_fields.fields()
        if field.api is not None
    ]


if TYPE_CHECKING:
    _CopiedFields = msgspec.Struct
else:
    _CopiedFields = msgspec.defstruct("_CopiedFields", _copied_fields())


class Option(msgspec.Struct, kw_only=True):
    """One answer to choose."""

    label: str
    description: str


class Question(msgspec.Struct, kw_only=True):
    """A question with its answers; `multiple`: several may be chosen."""

    header: str
    question: str
    options: list[Option]
    multiple: bool


class Asking(msgspec.Struct, kw_only=True):
    """What an open dialog asks beside yes or no: questions, a plan (Markdown), or an MCP server's message.

    Read from the hook event itself: it is there as long as that is, and only where `content.local` is on.
    """

    tool: str
    since: float
    record: int
    questions: list[Question]
    plan: str
    message: str


class Alarm(msgspec.Struct, kw_only=True):
    """What the watchdog noticed: an agent that gets nowhere, or a turn that runs away.

    `agent`: the subagent that it is about, empty for the main agent. `ended`: null while it goes on. `calls`: how many
    calls it has come to, and `cost` what was spent since, USD at list price. `first` and `last`: ids of the spans of
    the first and the last of its calls, empty for a turn's cost or context.
    """

    kind: str
    agent: str
    since: float
    ended: float | None
    calls: int
    cost: float
    first: str
    last: str


class Collision(msgspec.Struct, kw_only=True):
    """Another writes the same at the same time: `session`, or another agent of its own. `file` may be empty.

    `at`: when the newest of these writes began; `until`: when it is shown no more.
    """

    kind: CollisionKind
    session: str
    file: str
    at: float
    until: float


class Session(_CopiedFields, kw_only=True):
    """A session as lists show it. `activity`: events in each of the last 30 minutes, null in the stream.

    `asks`: what its dialog is about, in a line; `asking`: what that asks beside yes or no.

    `title`: as the client gave it, else its first prompt. `failure`: why its newest turn failed, empty if it didn't.
    """

    state: State
    failure: str
    tool: str
    asks: str
    asking: Asking | None
    collision: Collision | None
    tokens: Tokens
    context: Context
    alarm: Alarm | None
    activity: list[int] | None


class Day(msgspec.Struct, kw_only=True):
    """How many sessions ended on a day of the agent's time zone, and what they cost (USD); `until` is not in it."""

    date: str
    since: float
    until: float
    sessions: int
    cost: float


class Sessions(msgspec.Struct, kw_only=True):
    """A page of sessions, who needs you first. `next` is the cursor of further ended ones.

    `counts`: how many there are in each state that the filter lets through, that by state apart; `cost`: of all ended
    ones (USD). `days`: those that the page's ended ones are of, whole, when the newest come first. `waited`: how long
    those of them that did waited for you (ms), by id. `agents`: coding agents that there are any sessions
    of. `branches`: of the newest sessions of the project that was asked for.
    """

    now: float
    position: int
    sessions: list[Session]
    next: str | None
    counts: dict[State, int]
    cost: float
    days: list[Day]
    waited: dict[str, float]
    projects: list[str]
    agents: list[str]
    branches: list[str]


class Demo(msgspec.Struct, kw_only=True):
    """Ids of the demo data's sessions; none while there is no demo data."""

    now: float
    position: int
    sessions: list[str]


class SessionPage(msgspec.Struct, kw_only=True):
    """Everything about one session."""

    now: float
    position: int
    session: Session
    asking: list[Asking]
    turns: list[Turn]
    open: list[Span]
    spans: SpanPage
    events: list[Event]
    links: Links
