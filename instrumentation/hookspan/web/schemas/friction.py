"""What holds people and agents up."""

from __future__ import annotations

import msgspec

from hookspan.web.schemas.cost import Cost
from hookspan.web.schemas.spans import Split


class Waited(msgspec.Struct, kw_only=True):
    """How long answers took, milliseconds."""

    total: float
    average: float
    median: float
    max: float


class Asked(msgspec.Struct, kw_only=True):
    """Permission dialogs about one tool and program."""

    tool: str
    program: str
    count: int
    approved: int
    refused: int
    aborted: int
    auto_denied: int
    approved_share: float
    waited: Waited


class Rule(msgspec.Struct, kw_only=True):
    """What was always approved, with the rule for `permissions.allow` that ends the asking. `waited` in total, ms."""

    rule: str
    tool: str
    program: str
    count: int
    waited: float
    first: float
    last: float
    examples: list[str]


class Failing(msgspec.Struct, kw_only=True):
    """How a tool's calls ended; `average` run time in milliseconds."""

    tool: str
    calls: int
    failed: int
    denied: int
    interrupted: int
    share: float
    average: float


class WastedSession(msgspec.Struct, kw_only=True):
    """What a session has of some waste: how often, USD, and milliseconds."""

    id: str
    title: str
    project: str
    count: int
    cost: float
    time: float


class Waste(msgspec.Struct, kw_only=True):
    """What held agents or people up: `what` tells it apart from others of its kind.

    Attributes:
        priced: How many of `count` have a price; parts of others may have.
        cost: USD at list price; None where there is none, or none is known.
        time: Milliseconds that it took.
        price: How that price is made; empty where time alone is lost.
        todo: What to do about it, and `copy` for it, which goes `into` that file or place.
        searched: Whether `/search` finds its spans by `waste=KIND:WHAT`.
    """

    kind: str
    what: str
    title: str
    count: int
    priced: int
    tokens: int
    cost: float | None
    time: float
    price: str
    todo: str
    copy: str
    into: str
    searched: bool


class WastedSessions(msgspec.Struct, kw_only=True):
    """The sessions that have most of some waste."""

    now: float
    items: list[WastedSession]


class Unavailable(msgspec.Struct, kw_only=True):
    """An MCP server that sessions could not use: how many, since it failed or since it wants somebody to log in."""

    server: str
    failed: int
    needs_auth: int


class WaitDay(msgspec.Struct, kw_only=True):
    """Dialogs of one day of the agent's time zone, and how long agents waited for them by project, ms."""

    day: str
    count: int
    waited: float
    projects: dict[str, float]


class Waits(msgspec.Struct, kw_only=True):
    """All dialogs: how many, how long agents waited for them in total (ms), and when."""

    count: int
    waited: float
    days: list[WaitDay]


class Friction(msgspec.Struct, kw_only=True):
    """What holds you up, and what it costs."""

    now: float
    position: int
    days: int
    since: float
    content: bool
    projects: list[str]
    waits: Waits
    asked: list[Asked]
    rules: list[Rule]
    failing: list[Failing]
    time: Split
    cost: Cost
    waste: list[Waste]
    unavailable: list[Unavailable]
