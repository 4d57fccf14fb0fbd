"""The numbers above the session list."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.model.rows import SeriesAttributes

from .schema import MINUTE, NANOSECONDS

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
    """The numbers above the session list. "Last hour" is the sixty minutes before the present one, and that.

    Attributes:
        active_sessions: Sessions with an event in the last hour.
        messages_last_hour: Prompts and assistant messages (model calls).
        top_tools: The five most used tools of the last hour.
        average_session: Seconds from first to last event, over all sessions.
        phases: Sessions that have not ended, by phase.
        oldest_wait: Unix nanoseconds since when the longest-waiting session waits, 0 if none does.
    """

    active_sessions: int = 0
    total_sessions: int = 0
    events_last_hour: int = 0
    messages_last_hour: int = 0
    top_tools: tuple[ToolCount, ...] = ()
    average_session: float = 0.0
    phases: dict[str, int] = msgspec.field(default_factory=dict)
    oldest_wait: int = 0


def of_sessions(db: sqlite3.Connection, now: int, *, local: bool) -> Summary:
    """The numbers for these sessions at `now` (Unix nanoseconds); `phases` with or without local sessions."""
    total, seconds = db.execute("SELECT count(*), avg(last - started) FROM session").fetchone()
    (active,) = db.execute("SELECT count(*) FROM session WHERE last >= ?", (now - HOUR,)).fetchone()
    waiting = SessionPhase.WAITING.value
    phases, oldest = {}, 0
    for phase, count, since in db.execute(
        "SELECT phase, count(*), min(waiting_since) FROM session WHERE ended = 0 AND local <= ? GROUP BY phase",
        (local,),
    ):
        phases[phase] = count
        oldest = since if phase == waiting else oldest
    return Summary(
        active_sessions=active,
        total_sessions=total,
        average_session=(seconds or 0.0) / NANOSECONDS,
        phases=phases,
        oldest_wait=oldest,
    )


def with_last_hour(sessions: Summary, gained: dict[str, list[Total]]) -> Summary:
    """The same with what the series gained in the last hour."""

    def count(instrument: str, key: str = "", value: str = "") -> int:
        return sum(total.count for total in gained.get(instrument, ()) if not key or (key, value) in total.attributes)

    tools: dict[str, int] = {}
    for total in gained.get("hookspan.tool.calls", ()):
        tool = dict(total.attributes).get(sc.GEN_AI_TOOL_NAME, "other")
        tools[tool] = tools.get(tool, 0) + total.count
    top = sorted(tools.items(), key=lambda item: (-item[1], item[0]))[:TOP_TOOLS]
    prompts = count("hookspan.hook.events", sc.HOOK_EVENT, "UserPromptSubmit")
    answers = count("gen_ai.client.inference.duration", sc.GEN_AI_OPERATION_NAME, "chat")
    return msgspec.structs.replace(
        sessions,
        events_last_hour=count("hookspan.hook.events"),
        messages_last_hour=prompts + answers,
        top_tools=tuple(ToolCount(*item) for item in top),
    )
