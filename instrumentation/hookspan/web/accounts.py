"""What cost is on whose account, and what cache misses of a session cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import CLIENTS
from hookspan.catalogue.enums import CacheCause, McpTrouble
from hookspan.model.rows import AttributeValue, SpanEvent
from hookspan.store import Total
from hookspan.web import schemas

Totals = Mapping[str, Sequence[Total]]

SOURCES: Final[Mapping[schemas.Source, str]] = {
    "skill": sc.SKILL_NAME,
    "plugin": sc.PLUGIN_NAME,
    "mcp_server": sc.MCP_SERVER,
    "subagent": sc.GEN_AI_AGENT_NAME,
    "workflow": sc.WORKFLOW_NAME,
}
"""Kinds of accounts, each with the attribute that names one. A call is on one of each kind at most."""


class Sources:
    """Adds up calls by what they were made for."""

    def __init__(self) -> None:
        self._sums: dict[tuple[schemas.Source, str], list[float]] = defaultdict(lambda: [0.0, 0])

    def add(self, labels: Mapping[str, AttributeValue], cost: float, calls: int) -> None:
        """Some calls with the same labels."""
        for kind, key in SOURCES.items():
            name = labels.get(key)
            if name and name not in CLIENTS:
                sums = self._sums[kind, str(name)]
                sums[0] += cost
                sums[1] += calls

    def rows(self) -> list[schemas.SourceCost]:
        """By kind, the dearest of each first."""
        order = list(SOURCES)
        rows = [
            schemas.SourceCost(kind=kind, name=name, cost=cost, calls=int(calls))
            for (kind, name), (cost, calls) in self._sums.items()
        ]
        return sorted(rows, key=lambda row: (order.index(row.kind), -row.cost, row.name))


def sources(totals: Totals) -> list[schemas.SourceCost]:
    """From `hookspan.cost`."""
    found = Sources()
    for one in totals.get("hookspan.cost", ()):
        found.add(dict(one.attributes), one.value, one.count)
    return found.rows()


def unseen(totals: Totals) -> float:
    """What clients' own totals have beyond the calls in their transcripts."""
    return sum(one.value for one in totals.get("hookspan.cost", ()) if sc.USAGE_SOURCE in dict(one.attributes))


def misses_of(events: Iterable[SpanEvent]) -> list[schemas.CacheMiss]:
    """Misses of the cache by cause, the dearest first."""
    found = {cause.value: schemas.CacheMiss(cause=cause.value) for cause in CacheCause}
    for event in events:
        row, told = found.get(str(event.attributes.get(sc.CACHE_CAUSE))), event.attributes
        if row:
            row.count += 1
            row.tokens += int(_number(told.get(sc.CACHE_RECACHED)))
            row.cost += _number(told.get(sc.CACHE_COST_USD))
    return _told(found.values())


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _told(rows: Iterable[schemas.CacheMiss]) -> list[schemas.CacheMiss]:
    return sorted((row for row in rows if row.count), key=lambda row: (-row.cost, -row.tokens))


def unavailable(totals: Totals) -> list[schemas.Unavailable]:
    """MCP servers that sessions could not use, those that most could not first."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in totals.get("hookspan.mcp.unavailable", ()):
        labels = dict(one.attributes)
        found[labels.get(sc.MCP_SERVER, "")][labels.get(sc.MCP_TROUBLE, "")] += one.count
    rows = [
        schemas.Unavailable(
            server=server, failed=times[McpTrouble.FAILED.value], needs_auth=times[McpTrouble.NEEDS_AUTH.value]
        )
        for server, times in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.failed - row.needs_auth, row.server))
