"""Sessions as a list, those that need you first."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from hookspan.catalogue.enums import Collision, SessionPhase
from hookspan.catalogue.session_fields import SessionRow, without_content
from hookspan.cli.terminal.text import columns, fit, pad, printable, short, style, width
from hookspan.config import load
from hookspan.model import writes
from hookspan.paths import Paths
from hookspan.store import Reader
from hookspan.units import age, elapsed, money

COUNT: Final = 20
OPEN_MAX: Final = 1000
PLAIN_WIDTH: Final = 120  # columns where there is no terminal
WIDEST: Final = {"state": 40}  # columns; with what an alarm says
AGENT_PLACE: Final = 3  # before the project
TITLE_LEAST: Final = 12  # columns that make a title worth showing
ORDER: Final = (
    SessionPhase.WAITING,
    SessionPhase.WAITING_OR_RUNNING,
    SessionPhase.IDLE,
    SessionPhase.WORKING,
    SessionPhase.ENDED,
)
"""Sessions that need you first: those that wait for an answer, then those that wait for the next prompt."""
WORDS: Final = {
    SessionPhase.WAITING: "waits for you",
    SessionPhase.WAITING_OR_RUNNING: "waits or runs",
    SessionPhase.IDLE: "your turn",
    SessionPhase.WORKING: "works",
    SessionPhase.ENDED: "ended",
}
STATES: Final = {
    "waiting": (SessionPhase.WAITING, SessionPhase.WAITING_OR_RUNNING),
    "idle": (SessionPhase.IDLE,),
    "working": (SessionPhase.WORKING,),
    "ended": (SessionPhase.ENDED,),
}
COLOURS: Final = {
    SessionPhase.WAITING: "yellow",
    SessionPhase.WAITING_OR_RUNNING: "yellow",
    SessionPhase.WORKING: "green",
}


def answer() -> tuple[str, int]:
    """The newest ones."""
    return listing(Paths.from_environment()), 0


def listing(
    paths: Paths,
    *,
    count: int = COUNT,
    open_only: bool = False,
    project: str = "",
    branch: str = "",
    agent: str = "",
    state: Sequence[str] = (),
    since: int = 0,
    as_json: bool = False,
) -> str:
    """At most `count` of those that are meant, as lines or as JSON."""
    phases = [phase for each in state for phase in STATES[each]] or ORDER
    reader = Reader(paths)
    about: dict[str, Any] = {"project": project, "branch": branch, "agent": agent, "since": since}
    rows = _open(reader, [phase for phase in phases if phase is not SessionPhase.ENDED], about)[:count]
    if SessionPhase.ENDED in phases and len(rows) < count:
        rows += reader.sessions(open_only=open_only, phases=[SessionPhase.ENDED], limit=count - len(rows), **about)
    if not load(paths).content.local:
        rows = [without_content(row) for row in rows]
    if as_json:
        return json.dumps([msgspec.to_builtins(row) for row in rows])
    if not rows:
        from hookspan.cli.terminal import unread

        filtered = open_only or state or any(about.values())
        return unread.explained("No such sessions." if filtered else "No sessions yet.", paths)
    return "\n".join(table(rows, time.time_ns(), columns(PLAIN_WIDTH), agents=len(reader.agents()) > 1))


def _open(reader: Reader, phases: Sequence[SessionPhase], about: Mapping[str, Any]) -> list[SessionRow]:
    """All that are in one of these phases, those that need you first; one that waits may be long without an event."""
    rows = reader.sessions(open_only=True, phases=phases, limit=OPEN_MAX, **about) if phases else []
    return sorted(rows, key=lambda row: ORDER.index(row.phase))


def table(rows: Sequence[SessionRow], now: int, columns: int, *, agents: bool = False) -> Iterator[str]:
    """The rows as lines of at most `columns`; what matters least is left out first. `agents`: say whose each is."""
    heads = ["session", "state", "for", "project", "cost", "turns", "tools", "branch", "title"]
    dearest = max(row.cost_nano for row in rows) / 1e9
    cells = [heads, *(_cells(row, now, dearest) for row in rows)]
    if agents:
        for line, agent in zip(cells, ("agent", *(printable(row.agent) for row in rows)), strict=True):
            line.insert(AGENT_PLACE, agent)
    widths = [min(WIDEST.get(head, 28), max(width(line[place]) for line in cells)) for place, head in enumerate(heads)]
    shown = len(heads) - 1
    while shown > 1 and sum(widths[:shown]) + 2 * shown > columns:
        shown -= 1
    left = columns - sum(widths[:shown]) - 2 * shown
    for place, line in enumerate(cells):
        parts = [pad(cell, size) for cell, size in zip(line[:shown], widths[:shown], strict=True)]
        if left >= TITLE_LEAST and shown == len(heads) - 1:
            parts.append(fit(line[-1], left))
        text = fit("  ".join(parts).rstrip(), columns)
        yield style(text, COLOURS.get(rows[place - 1].phase)) if place else style(text, bold=True)


def alarm_of(row: SessionRow) -> str:
    """What the watchdog has noticed that goes on: how often, since the cost of which; empty for nothing."""
    if not row.alarm or row.alarm_ended:
        return ""
    from hookspan.catalogue.appearance import ALARMS

    cost = f", {money(row.alarm_cost_nano / 1e9)}" if row.alarm_cost_nano else ""
    return f"{ALARMS.get(row.alarm, row.alarm)} ({row.alarm_calls}x{cost})"


def _cells(row: SessionRow, now: int, dearest: float) -> list[str]:
    phase = WORDS[row.phase]
    if row.phase in {SessionPhase.WAITING, SessionPhase.WAITING_OR_RUNNING} and row.waiting_tool:
        phase += f": {row.waiting_tool}"
    elif alarm := alarm_of(row):
        phase = alarm
    elif row.phase is SessionPhase.WORKING and row.current_tool:
        phase += f": {row.current_tool}"
    elif row.phase is SessionPhase.IDLE and row.failure:
        phase = f"failed: {row.failure.replace('_', ' ')}"
    since = (
        row.waiting_since
        or (row.alarm_since if alarm_of(row) else 0)
        or (row.last if row.phase is SessionPhase.ENDED else row.phase_since)
    )
    gone = (now - since) / 1e9
    cost = money(row.cost_nano / 1e9, dearest) + ("+" if row.unpriced else "")
    title = _collision(row, now) + row.title + (" (imported)" if row.local else " (no hooks)" if row.unhooked else "")
    counts = ("-", "-") if row.unhooked else (str(row.turns), str(row.tools))
    for_ = age(gone) if row.phase is SessionPhase.ENDED else elapsed(gone)
    cells = [short(row.id), phase, for_, row.project, cost, *counts, row.branch, title]
    return [printable(cell) for cell in cells]


def _collision(row: SessionRow, now: int) -> str:
    """What it writes at the same time as which other; empty where nothing serious."""
    if row.collision not in writes.SERIOUS or row.ended or now > row.collision_at + writes.FRESH:
        return ""
    what = "its work tree" if row.collision == Collision.TREE else row.collision_file or "a file"
    who = "its own agents" if row.collision_with == row.id else short(row.collision_with)
    return f"! {what} with {who}  "
