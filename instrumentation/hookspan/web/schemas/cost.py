"""List prices: of a time, by group, of a session."""

from __future__ import annotations

from typing import Literal

import msgspec

Source = Literal["skill", "plugin", "mcp_server", "subagent", "workflow"]
CostBy = Literal[
    "day",
    "project",
    "branch",
    "agent",
    "model",
    "session",
    "prompt",
    "skill",
    "plugin",
    "mcp_server",
    "subagent",
    "workflow",
]


class ProjectCost(msgspec.Struct, kw_only=True):
    """List price of a project's model calls."""

    name: str
    cost: float


class ModelCost(msgspec.Struct, kw_only=True):
    """List price and tokens of a model."""

    name: str
    cost: float
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class DayCost(msgspec.Struct, kw_only=True):
    """One day of the agent's time zone."""

    day: str
    cost: float
    projects: dict[str, float]
    models: dict[str, float]


class SourceCost(msgspec.Struct, kw_only=True):
    """List price of the model calls on one account; a call may be on one of each kind.

    A skill's is that of the rest of each turn after it was loaded, subagents included that the turn started since.
    """

    kind: Source
    name: str
    cost: float
    calls: int


class CacheMiss(msgspec.Struct, kw_only=True):
    """Misses of the prompt cache for one cause: how many, the tokens that were written to it again, and their price.

    `cost` is what writing them cost more than reading them would have.
    """

    cause: str
    count: int = 0
    tokens: int = 0
    cost: float = 0.0


class Cost(msgspec.Struct, kw_only=True):
    """List price, no bill; `unpriced` calls have no known price, `unseen` is in `total` and in no transcript."""

    total: float
    unpriced: int
    unseen: float
    projects: list[ProjectCost]
    models: list[ModelCost]
    days: list[DayCost]
    sources: list[SourceCost]


class CostRow(msgspec.Struct, kw_only=True):
    """What the model calls of one group cost.

    `name` is empty for calls that have no such thing. `unseen`: what clients counted beyond the calls in their
    transcripts; it is in `cost`. `since` and `until`: of a day. `title`: of a session or a prompt; `session`: where it
    is; `trace`: of a prompt. `is_unseen`: the row of what no transcript shows, where groups are not made of sessions.
    """

    name: str
    calls: int
    cost: float
    unseen: float
    unpriced: int
    input: int
    output: int
    cache_read: int
    cache_write: int
    title: str = ""
    project: str = ""
    session: str = ""
    trace: str = ""
    since: float | None = None
    until: float | None = None
    is_unseen: bool = False


class Costs(msgspec.Struct, kw_only=True):
    """What model calls cost that began in a time, the dearest group first; days by date."""

    now: float
    since: float
    until: float | None
    by: CostBy
    projects: list[str]
    rows: list[CostRow]
    total: CostRow


class SessionCost(msgspec.Struct, kw_only=True):
    """What a session cost. `total` is that of the calls in its transcripts.

    `unseen` is what the client's own total has beyond that: 0 until a run has ended, and below 0 where the client
    counts less.
    """

    now: float
    position: int
    total: float
    unseen: float
    unpriced: int
    sources: list[SourceCost]
    misses: list[CacheMiss]
