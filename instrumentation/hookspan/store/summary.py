"""The numbers above the session list."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.model.rows import SeriesAttributes
from hookspan.model.writes import FRESH, SERIOUS

from .schema import MINUTE

HOUR: Final = 60 * MINUTE
TOP_TOOLS: Final = 5


class Total(msgspec.Struct, frozen=True):
    """What one series gained in a time. `minute` is the Unix minute of the slot's start, 0 if times were not split."""

    minute: int
    attributes: SeriesAttributes
    count: int
    value: int | float


class ToolCount(msgspec.Struct, frozen=True):
    """Calls of one tool."""

    tool: str
    calls: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers above the session list.

    Attributes:
        top_tools: The five most used tools of the sixty minutes before the present one, and that.
        phases: Sessions that have not ended, by phase.
        oldest_wait: Unix nanoseconds since when the longest-waiting session waits, 0 if none does.
        alarms: Sessions of these with an alarm of the watchdog that goes on.
        colliding: Sessions that write what another session or agent writes at the same time.
    """

    top_tools: tuple[ToolCount, ...] = ()
    phases: dict[str, int] = msgspec.field(default_factory=dict)
    oldest_wait: int = 0
    alarms: int = 0
    colliding: int = 0


def of_sessions(db: sqlite3.Connection, now: int, *, local: bool) -> Summary:
    """Sessions by phase at `now` (Unix nanoseconds), with or without local ones."""
    waiting = SessionPhase.WAITING.value
    phases, oldest, alarms = {}, 0, 0
    for phase, count, since, alarmed in db.execute(
        "SELECT phase, count(*), min(waiting_since), sum(alarm <> '' AND alarm_ended = 0) "
        "FROM session WHERE ended = 0 AND local <= ? GROUP BY phase",
        (local,),
    ):
        phases[phase] = count
        alarms += alarmed
        oldest = since if phase == waiting else oldest
    (colliding,) = db.execute(
        "SELECT count(*) FROM session WHERE ended = 0 AND collision IN (?, ?) AND collision_at > ?",
        (*SERIOUS, now - FRESH),
    ).fetchone()
    return Summary(phases=phases, oldest_wait=oldest, alarms=alarms, colliding=colliding)


def with_tools(sessions: Summary, gained: Sequence[Total]) -> Summary:
    """The same with the tools that were called most, from what `hookspan.tool.calls` gained."""
    tools: dict[str, int] = {}
    for total in gained:
        tool = dict(total.attributes).get(sc.GEN_AI_TOOL_NAME, "other")
        tools[tool] = tools.get(tool, 0) + total.count
    top = sorted(tools.items(), key=lambda item: (-item[1], item[0]))[:TOP_TOOLS]
    return msgspec.structs.replace(sessions, top_tools=tuple(ToolCount(*item) for item in top))
