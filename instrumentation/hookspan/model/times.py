"""Where the time of a turn went: the turn's own time and that of its subagents, each moment counted once.

Overlapping intervals of waits, tools and model calls. A background subagent works beside its turn and after it: what it
does then counts, too, and the gaps between don't. So the time of a turn with background subagents may be longer than
the turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from hookspan.catalogue.clients import AWAITS_AGENTS
from hookspan.catalogue.enums import TimeKind

RANKS: Final = (TimeKind.WAIT, TimeKind.TOOL, TimeKind.MODEL, TimeKind.TOOL, TimeKind.OTHER)
"""Kinds by rank: who wins where two overlap. A wait wins over all: somebody is asked. The rank before the last is a
foreground subagent's call: a frame that its own model calls and tools fill; the last is the turn itself."""
WAIT, TOOL, MODEL, FRAME, TURN = range(5)
_RANKS: Final = {"permission": WAIT, "chat": MODEL, "execute_tool": TOOL}
KEPT: Final = 2000
"""Intervals kept per turn; over it the oldest are merged, which loses gaps shorter than the merged whole."""


class Interval(msgspec.Struct, array_like=True):
    """Some time of a turn and what it was spent on. `rank`: which kind wins where two overlap, 0 first."""

    rank: int
    start: int
    end: int


class Part(NamedTuple):
    """The part of a span in a turn's trace that is needed to compute where the time went.

    `no_time`: it took nobody's, as a call that never ran, or a dialog that nobody saw.
    """

    span_id: bytes
    parent_id: bytes | None
    name: str
    start: int
    end: int
    no_time: int


def of_spans(turn: bytes, parts: Iterable[Part]) -> tuple[list[Interval], list[Interval]]:
    """What kept the main thread of the turn with that span id busy (`own`), and what its subagents (`beside`)."""
    children: dict[bytes | None, list[Part]] = {}
    for part in parts:
        children.setdefault(part.parent_id, []).append(part)
    of_turn = children.pop(turn, [])
    own = [interval for part in of_turn for interval in _interval(part)]
    beside: list[Interval] = []
    todo = [part.span_id for part in of_turn]
    while todo:
        for part in children.pop(todo.pop(), ()):
            beside += _interval(part)
            todo.append(part.span_id)
    return own, beside


def _interval(part: Part) -> list[Interval]:
    kind, _, name = part.name.partition(" ")
    if kind not in _RANKS or part.no_time:
        return []
    rank = FRAME if kind == "execute_tool" and name in AWAITS_AGENTS else _RANKS[kind]
    return [Interval(rank, part.start, part.end)]


def remember(intervals: list[Interval], rank: int, start: int, end: int) -> None:
    """Adds an interval, merged with the newest of its rank if they touch."""
    for interval in reversed(intervals[-8:]):
        if interval.rank == rank and interval.start <= end and start <= interval.end:
            interval.start, interval.end = min(interval.start, start), max(interval.end, end)
            return
    intervals.append(Interval(rank, start, end))
    if len(intervals) > KEPT:
        first, second = intervals[0], intervals[1]
        second.start, second.end = min(first.start, second.start), max(first.end, second.end)
        del intervals[0]


def spent(own: list[Interval], beside: list[Interval], start: int, end: int) -> dict[TimeKind, int]:
    """Nanoseconds by kind: of the turn from start to end, and of what its subagents did beside it or later.

    Args:
        own: Intervals of the main thread; they count between start and end, and what none covers there is `other`.
        beside: Intervals of subagents.
        start: Unix nanoseconds.
        end: Unix nanoseconds.
    """
    intervals = [Interval(interval.rank, max(interval.start, start), min(interval.end, end)) for interval in own]
    return _by_kind([*intervals, *beside, Interval(TURN, start, end)])


def covered(*intervals: Interval) -> int:
    """Nanoseconds that at least one of them covers."""
    return sum(_by_kind([*intervals]).values())


def _by_kind(intervals: list[Interval]) -> dict[TimeKind, int]:
    edges: list[tuple[int, int, int]] = []
    for interval in intervals:
        if interval.start < interval.end:
            edges += ((interval.start, 1, interval.rank), (interval.end, -1, interval.rank))
    edges.sort()
    open_by_rank = [0] * len(RANKS)
    result = dict.fromkeys((TimeKind.MODEL, TimeKind.TOOL, TimeKind.WAIT, TimeKind.OTHER), 0)
    at = 0
    for edge, change, rank in edges:
        if kind := _winner(open_by_rank):
            result[kind] += edge - at
        open_by_rank[rank] += change
        at = edge
    return result


def _winner(open_by_rank: list[int]) -> TimeKind | None:
    for rank, count in enumerate(open_by_rank):
        if count:
            return RANKS[rank]
    return None
