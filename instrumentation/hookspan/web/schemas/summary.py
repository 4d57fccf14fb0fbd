"""The top of the first page, and what the stream sends."""

from __future__ import annotations

from typing import Literal

import msgspec

from hookspan.web.schemas.common import HealthStatus, Links
from hookspan.web.schemas.health import Cache, Stream
from hookspan.web.schemas.sessions import Session
from hookspan.web.schemas.spans import Event, Span


class ToolCount(msgspec.Struct, kw_only=True):
    """Calls of one tool."""

    tool: str
    calls: int


class Figures(msgspec.Struct, kw_only=True):
    """What a time came to: `spent` in USD at list price, without calls of models whose price is not known (`unpriced`).

    `waited`: milliseconds that tool calls waited for somebody. `failed`: those of the turns that ended with an error.
    `since`, `until`: that time.
    """

    since: float
    until: float
    spent: float
    unpriced: int
    waited: float
    turns: int
    failed: int


class Today(msgspec.Struct, kw_only=True):
    """Today so far; yesterday and the same weekday of last week until the same time of day."""

    now: float
    today: Figures
    yesterday: Figures
    week: Figures


class Hooks(msgspec.Struct, kw_only=True):
    """What our relay took for the newest events, milliseconds; above `threshold` it warns.

    `start`: what its process took on average to get there, null where the system doesn't tell.
    """

    average: float
    p99: float
    max: float
    min: float
    start: float | None
    samples: int
    threshold: float


class Setup(msgspec.Struct, kw_only=True):
    """The step that is missing before there is anything to see; null when none is."""

    step: Literal["install", "use"] | None = None
    detail: str = ""
    command: str = ""


class QuotaShare(msgspec.Struct, kw_only=True):
    """A session's share of what the calls in a window cost, of 1."""

    session: str
    share: float


class Quota(msgspec.Struct, kw_only=True):
    """A window of the account's quota. `full_at`: when it is full at the present pace, null if nothing is used."""

    window: Literal["five_hour", "seven_day"]
    used: float
    resets_at: float
    full_at: float | None
    too_soon: bool
    shares: list[QuotaShare]


class LiveSummary(msgspec.Struct, kw_only=True):
    """Numbers that change with every event; the stream's `summary` message."""

    now: float
    top_tools: list[ToolCount]
    states: dict[str, int]
    oldest_wait: float | None
    quota: list[Quota]
    hooks: Hooks | None
    health: HealthStatus


class Summary(msgspec.Struct, kw_only=True):
    """The top of the first page. `demo`: whether demo data is among what it shows."""

    now: float
    position: int
    top_tools: list[ToolCount]
    states: dict[str, int]
    oldest_wait: float | None
    quota: list[Quota]
    waiting: list[Session]
    hooks: Hooks | None
    health: HealthStatus
    setup: Setup
    demo: bool
    content: bool
    links: Links
    cache: Cache
    stream: Stream


class Update(msgspec.Struct, kw_only=True):
    """The stream's `update` message: what was committed since the one before."""

    now: float
    position: int
    events: list[Event]
    spans: list[Span]
    sessions: list[Session]
