"""The agent's health."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

import msgspec

from hookspan.web.schemas.common import HealthStatus


class Check(msgspec.Struct, kw_only=True):
    """One health check; `value` and `threshold` are in `unit`."""

    name: str
    status: HealthStatus
    message: str
    value: float | None
    threshold: float | None
    unit: str
    todo: str
    since: float
    took: float


class AgentReport(TypedDict):
    """What the agent says of itself. `started` in Unix seconds."""

    version: str
    started: float
    pid: int
    state: str
    stay: bool
    url: str | None


class Hold(TypedDict):
    """Why reading the journal waits."""

    reason: str


class Mended(TypedDict):
    """What was done about a damaged store, and where the old file is."""

    text: str
    aside: str | None


class IngestReport(TypedDict):
    """How far the journal is read."""

    records: int
    behind_seconds: float
    backlog_bytes: int
    delay_seconds: float
    commit_seconds: float
    quarantined: int
    open_sessions: int
    hold: Hold | None
    mended: Mended | None


class MetricsExport(TypedDict):
    """How the export of metrics stands."""

    state: Literal["off", "sending", "holding", "refused"]
    last_error: str


class LogsExport(TypedDict):
    """How the export of log records stands."""

    state: str
    queue: int
    exported: int
    rejected: int
    refused: int
    expired: int
    last_error: str


class ExportReport(TypedDict):
    """How the export stands; `oldest_age` and `retry_in` in seconds, `last_success` in Unix seconds."""

    state: str
    endpoint: str
    protocol: str
    queue: int
    oldest_age: float
    exported: int
    rejected: int
    refused: int
    expired: int
    sampled_out: int
    held: int
    outcomes: dict[str, int]
    failures: int
    last_success: float | None
    last_error: str | None
    retry_in: float
    metrics: MetricsExport
    logs: LogsExport | None


class ExportProblem(TypedDict):
    """Why there is no export though it is switched on."""

    problem: str


class Loop(TypedDict):
    """One of the agent's threads. `last_failure_at` in Unix seconds."""

    alive: bool
    failures: int
    last_failure: str | None
    last_failure_at: float | None


class Drop(TypedDict):
    """Something that was dropped: how often, and when last (Unix seconds)."""

    count: int
    last: float


class Cache(msgspec.Struct, kw_only=True):
    """The query cache: real hits and misses since the start. `oldest` and `ttl` in milliseconds."""

    hits: int
    misses: int
    hit_rate: float
    entries: int
    oldest: float
    ttl: float


class Stream(msgspec.Struct, kw_only=True):
    """Live connections, and how many are served at most; what was refused and what was closed for being slow."""

    connections: int
    maximum: int
    refused: int
    slow: int


class Health(msgspec.Struct, kw_only=True):
    """The newest round of checks, and what the agent says of itself."""

    now: float
    status: HealthStatus
    at: float | None
    took: float
    checks: list[Check]
    agent: Annotated[dict[str, Any], AgentReport]
    ingest: Annotated[dict[str, Any], IngestReport]
    export: Annotated[dict[str, Any] | None, ExportReport | ExportProblem | None]
    loops: Annotated[dict[str, Any], dict[str, Loop]]
    drops: Annotated[dict[str, Any], dict[str, Drop]]
    cache: Cache
    stream: Stream


class Round(msgspec.Struct, kw_only=True):
    """One round of checks, kept. `values` are in the unit of the check."""

    at: float
    took: float
    status: HealthStatus
    checks: dict[str, HealthStatus]
    values: dict[str, float | None]


class History(msgspec.Struct, kw_only=True):
    """Rounds of checks, newest first."""

    now: float
    rounds: list[Round]


class Standing(msgspec.Struct, kw_only=True):
    """Whether the page can be served."""

    status: Literal["ok", "unavailable"]
