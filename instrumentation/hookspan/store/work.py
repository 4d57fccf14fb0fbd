"""The work of sessions as receipts see it: model calls and tool calls, in which work tree, and what they come to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import spans

from .costs import Call, Cost
from .schema import NANOSECONDS

_CHAT: Final = spans.MODEL.operation
_WORK: Final = """
SELECT start, "end", name, tree, parent_id, attributes FROM span
WHERE session = ? AND NOT hook AND (name GLOB 'chat *' OR name GLOB 'execute_tool *') ORDER BY start, key
"""
_COLUMNS: Final = "session, id, project, branch, agent, client_nano, client_at, residual_nano"
_SESSIONS: Final = f"SELECT {_COLUMNS} FROM session WHERE last >= ?"  # noqa: S608 - own names
_OTHERS: Final = f"SELECT {_COLUMNS} FROM session WHERE last < ? AND (last >= ? OR ended >= ? OR NOT ended)"  # noqa: S608 - own names


class Told(Call, frozen=True, kw_only=True):
    """The attributes of a model call's or a tool call's span that count."""

    prompt: str = msgspec.field(default="", name=sc.PROMPT_ID)
    revision: str = msgspec.field(default="", name=sc.VCS_REF_HEAD_REVISION)
    waited: float = msgspec.field(default=0.0, name=sc.WAITED)


class Item(NamedTuple):
    """A model call (`tool` is empty) or a tool call; times in Unix nanoseconds, `tree` 0 outside of any work tree.

    `asked`: when a model call had asked for the tool. When it began its span tells only as exactly as hooks do.
    """

    asked: int
    start: int
    end: int
    tool: str
    tree: int
    told: Told

    @property
    def at(self) -> int:
        """When it counts: a tool call when it begins, since it may make a commit, a model call when it has ended."""
        return self.start if self.tool else self.end


class SessionWork(NamedTuple):
    """A session's work in the order of its times; `project` and `branch` are those of its newest event.

    `unseen` is what the client counted beyond its calls, nano-USD: as far as a run that ended has told, all calls and
    this are the client's own total.
    """

    id: str
    project: str
    branch: str
    agent: str
    items: list[Item]
    unseen: int


class Work(msgspec.Struct, kw_only=True):
    """What some work came to.

    Attributes:
        cost: Of its model calls; `unseen_nano` is what clients counted beyond the calls in their transcripts.
        models: The same by model.
        sessions: List price in nano-USD by session id.
        prompts: Ids of the prompts in whose turns it was done.
        model_time: Nanoseconds that model calls took.
        tool_time: Nanoseconds that tools ran.
        waited: Nanoseconds that tools waited for permission before they ran.
    """

    cost: Cost = msgspec.field(default_factory=Cost)
    models: dict[str, Cost] = msgspec.field(default_factory=dict)
    sessions: dict[str, int] = msgspec.field(default_factory=dict)
    prompts: set[str] = msgspec.field(default_factory=set)
    model_time: int = 0
    tool_time: int = 0
    waited: int = 0

    def take(self, session: str, item: Item) -> None:
        """Adds a call of a session."""
        told = item.told
        if told.prompt:
            self.prompts.add(told.prompt)
        if item.tool:
            self.tool_time += item.end - item.start
            self.waited += round(told.waited * NANOSECONDS)
            return
        cost = told.cost()
        self.model_time += item.end - item.start
        self.cost.add(cost)
        self.models.setdefault(told.answered or told.requested, Cost()).add(cost)
        self.sessions[session] = self.sessions.get(session, 0) + cost.nano

    def take_unseen(self, session: str, nano: int) -> None:
        """Adds what a session's client counted beyond its calls."""
        self.cost.add(Cost(nano=nano, unseen_nano=nano))
        self.sessions[session] = self.sessions.get(session, 0) + nano

    def add(self, other: Work) -> None:
        """Adds another's sums to these."""
        self.cost.add(other.cost)
        for model, cost in other.models.items():
            self.models.setdefault(model, Cost()).add(cost)
        for session, nano in other.sessions.items():
            self.sessions[session] = self.sessions.get(session, 0) + nano
        self.prompts |= other.prompts
        self.model_time += other.model_time
        self.tool_time += other.tool_time
        self.waited += other.waited


_told = msgspec.json.Decoder(Told).decode


def sessions(db: sqlite3.Connection, since: int) -> list[SessionWork]:
    """The work of the sessions whose last event was at or after `since` (Unix nanoseconds)."""
    return _read(db, _SESSIONS, since)


def others(db: sqlite3.Connection, since: int, shown: Iterable[SessionWork]) -> list[SessionWork]:
    """That of older ones which may have made commits while these worked."""
    first = min((session.items[0].at for session in shown if session.items), default=since)
    return _read(db, _OTHERS, since, first, first)


def _read(db: sqlite3.Connection, asked: str, *values: int) -> list[SessionWork]:
    found = []
    for number, id_, project, branch, agent, client, client_at, residual in db.execute(asked, values).fetchall():
        items = _items(db, number)
        counted = sum(item.told.cost().nano for item in items if not item.tool and item.end <= client_at)
        found.append(SessionWork(id_, project, branch, agent, items, residual if client < 0 else client - counted))
    return found


def _items(db: sqlite3.Connection, session: int) -> list[Item]:
    items: list[Item] = []
    before: dict[bytes | None, Item] = {}  # the newest model call below each turn and subagent
    last = 0
    for start, end, name, tree, parent, attributes in db.execute(_WORK, (session,)):
        told = _told(attributes)
        kind, _, what = name.partition(" ")
        if kind == _CHAT:
            last = tree or 0
            before[parent] = Item(start, start, end, "", last, told)
            items.append(before[parent])
        else:
            call = before.get(parent)
            asked, place = (min(call.end, start), call.tree) if call else (start, last)
            items.append(Item(asked, start, end, what or "?", place, told))
    items.sort(key=attrgetter("at"))
    return items
