"""Sums of waste, which are kept by kind, what it is of, session and hour."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from hookspan.catalogue.enums import WasteKind

from . import schema

_FIGURES: Final = ("count", "priced", "tokens", "nano", "took")
_SUMS: Final = ", ".join(f"sum(waste.{name}) AS {name}" for name in _FIGURES)
Group = tuple[str, str, str]
"""Kind, what it is of, and the project where it counts by project, as definitions do."""
Figures = tuple[int, ...]
"""How many rows there are, and the sum of each of _FIGURES."""
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
    return largest(groups(db, query), limit)


def groups(db: sqlite3.Connection, query: WasteQuery, without: Iterable[int] = ()) -> dict[Group, Figures]:
    """The sums of all sessions but those with these numbers."""
    where, values = query.where()
    if left_out := list(without):
        where += " AND waste.session NOT IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(left_out))
    all_projects = (
        f"SELECT kind, what, '', count(*), {_SUMS} FROM waste WHERE {where} AND kind NOT IN (?, ?) GROUP BY 1, 2"
    )
    by_project = (
        f"SELECT waste.kind, waste.what, project, count(*), {_SUMS} FROM waste JOIN session USING (session) "
        f"WHERE {where} AND waste.kind IN (?, ?) GROUP BY 1, 2, 3"
    )
    rows = (row for sql in (all_projects, by_project) for row in db.execute(sql, [*values, *_APART]))
    return {row[:3]: row[3:] for row in rows}


def groups_of(db: sqlite3.Connection, query: WasteQuery, sessions: Iterable[int]) -> dict[int, dict[Group, Figures]]:
    """The sums of each of the sessions with these numbers that has any."""
    where, values = query.where()
    sql = (
        f"SELECT waste.session, waste.kind, waste.what, iif(waste.kind IN (?, ?), project, ''), count(*), {_SUMS} "
        "FROM waste INDEXED BY waste_session LEFT JOIN session USING (session) "
        f"WHERE {where} AND waste.session IN (SELECT value FROM json_each(?)) "
        "AND (project IS NOT NULL OR waste.kind NOT IN (?, ?)) GROUP BY 1, 2, 3"
    )
    found: dict[int, dict[Group, Figures]] = defaultdict(dict)
    for row in db.execute(sql, [*_APART, *values, json.dumps(list(sessions)), *_APART]):
        found[row[0]][row[1:4]] = row[4:]
    return found


def largest(found: Mapping[Group, Figures], limit: int) -> list[WasteSum]:
    """The largest of these sums, by price and then by time."""
    told = [_sum(kind, what, *figures[1:]) for (kind, what, _), figures in found.items() if kind not in _APART]
    told += _unused(found)
    told.sort(key=lambda one: (-one.nano, -one.took, -one.count, one.kind, one.what))
    return told[:limit]


def _sum(kind: str, what: str, *figures: int) -> WasteSum:
    count, priced, tokens, nano, took = figures
    return WasteSum(kind=kind, what=what, count=count, priced=priced, tokens=tokens, nano=nano, took=took)


def _unused(found: Mapping[Group, Figures]) -> Iterator[WasteSum]:
    """Definitions in projects in which nothing used them."""
    projects: dict[str, dict[str, Figures]] = defaultdict(dict)
    used: dict[str, set[str]] = defaultdict(set)
    for (kind, what, project), figures in found.items():
        if kind == WasteKind.USED:
            used[what].add(project)
        elif kind == WasteKind.DEFINITIONS:
            projects[what][project] = figures[1:]
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
