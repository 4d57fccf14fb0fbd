"""Sums of waste, which are kept by kind, what it is of, session and hour."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hookspan.catalogue.enums import WasteKind

from . import schema

_FIGURES: Final = ("count", "priced", "tokens", "nano", "took")
_SUMS: Final = ", ".join(f"sum(waste.{name}) AS {name}" for name in _FIGURES)
_LOCAL: Final = "SELECT session FROM session WHERE local"
_APART: Final = (WasteKind.DEFINITIONS.value, WasteKind.USED.value)
_PLUGIN: Final = "plugin:"
_SERVER_OF_PLUGIN: Final = "mcp_server:plugin_{}_"


class WastedSession(msgspec.Struct, frozen=True):
    """What one session has of it."""

    id: str
    title: str
    project: str
    count: int
    nano: int
    took: int


class WasteSum(msgspec.Struct, kw_only=True):
    """All waste of one kind that is of one thing.

    Attributes:
        priced: How many of `count` have a price.
        nano: That price, nano-USD.
        took: Nanoseconds.
        used_in: Of definitions: projects in which they were of use, which are not in the sums.
    """

    kind: str
    what: str
    count: int
    priced: int
    tokens: int
    nano: int
    took: int
    used_in: list[str] = []


class WasteQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when (Unix ns, whole hours), of which project and agent, and whether imported sessions count."""

    since: int = 0
    until: int = schema.INTEGER_MAX
    project: str = ""
    agent: str = ""
    local: bool = True

    def where(self) -> tuple[str, list[Any]]:
        """As a condition."""
        conditions: list[tuple[str, list[Any], bool]] = [
            ("hour >= ?", [self.since // schema.HOUR], True),
            ("hour < ?", [-(-self.until // schema.HOUR)], self.until < schema.INTEGER_MAX),
            ("session IN (SELECT session FROM session WHERE project = ?)", [self.project], bool(self.project)),
            ("session IN (SELECT session FROM session WHERE agent = ?)", [self.agent], bool(self.agent)),
            (f"(NOT EXISTS ({_LOCAL}) OR session NOT IN ({_LOCAL}))", [], not self.local),  # the first is asked once
        ]
        asked = [(condition, values) for condition, values, is_asked in conditions if is_asked]
        return " AND ".join(condition for condition, _ in asked), [value for _, values in asked for value in values]


def sums(db: sqlite3.Connection, query: WasteQuery, limit: int) -> list[WasteSum]:
    """The largest, by price and then by time."""
    where, values = query.where()
    sql = f"SELECT kind, what, {_SUMS} FROM waste WHERE {where} AND kind NOT IN (?, ?) GROUP BY kind, what"
    found = [_sum(*row) for row in db.execute(sql, [*values, *_APART])]
    found += _unused(db, where, values)
    found.sort(key=lambda one: (-one.nano, -one.took, -one.count, one.kind, one.what))
    return found[:limit]


def _sum(kind: str, what: str, *figures: int) -> WasteSum:
    count, priced, tokens, nano, took = figures
    return WasteSum(kind=kind, what=what, count=count, priced=priced, tokens=tokens, nano=nano, took=took)


def _unused(db: sqlite3.Connection, where: str, values: list[Any]) -> Iterator[WasteSum]:
    """Definitions in projects in which nothing used them."""
    projects: dict[str, dict[str, list[int]]] = defaultdict(dict)
    used: dict[str, set[str]] = defaultdict(set)
    sql = (
        f"SELECT waste.kind, waste.what, project, {_SUMS} FROM waste JOIN session USING (session) "
        f"WHERE {where} AND waste.kind IN (?, ?) GROUP BY 1, 2, 3"
    )
    for kind, what, project, *figures in db.execute(sql, [*values, *_APART]):
        if kind == WasteKind.USED:
            used[what].add(project)
        else:
            projects[what][project] = figures
    for what, of_projects in projects.items():
        used_in = set(used[what])
        if what.startswith(_PLUGIN):  # a plugin's server is a part of it
            servers = _SERVER_OF_PLUGIN.format(what.removeprefix(_PLUGIN))
            used_in |= {project for server, its in used.items() if server.startswith(servers) for project in its}
        idle = [figures for project, figures in of_projects.items() if project not in used_in]
        if idle:
            one = _sum(WasteKind.DEFINITIONS.value, what, *map(sum, zip(*idle, strict=True)))
            one.used_in = sorted(used_in)
            yield one


def by_session(db: sqlite3.Connection, query: WasteQuery, one: WasteSum, limit: int) -> list[WastedSession]:
    """The sessions that have most of it."""
    where, values = query.where()
    elsewhere = f"project NOT IN ({', '.join('?' * len(one.used_in))})"
    own = f"SELECT session, {_SUMS} FROM waste WHERE {where} AND kind = ? AND what = ? GROUP BY session"
    sql = (
        f"SELECT session.id, {schema.TITLE}, project, own.count, own.nano, own.took FROM ({own}) AS own "
        f"JOIN session USING (session) WHERE {elsewhere} ORDER BY own.nano DESC, own.took DESC, own.count DESC LIMIT ?"
    )
    return [WastedSession(*row) for row in db.execute(sql, [*values, one.kind, one.what, *one.used_in, limit])]
