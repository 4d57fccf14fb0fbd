"""Where a turn's time went: overlapping intervals of waits, tools and model calls, each moment counted once."""

from __future__ import annotations

from typing import Final

from .semconv import TimeKind
from .state import Interval

RANKS: Final = (TimeKind.WAIT, TimeKind.TOOL, TimeKind.MODEL, TimeKind.TOOL)
"""Kinds by rank: who wins where two overlap. A wait wins over all, since nothing goes on without its answer. The last
rank is a foreground subagent's call: a frame that its own model calls and tools fill."""
WAIT, TOOL, MODEL, FRAME = range(4)
KEPT: Final = 2000
"""Intervals kept per turn; over it the oldest are merged, which loses gaps shorter than the merged whole."""


def remember(intervals: list[Interval], rank: int, start: int, end: int) -> None:
    """Adds an interval, merged with the newest of its rank if they touch."""
    for known in reversed(intervals[-8:]):
        if known.rank == rank and known.start <= end and start <= known.end:
            known.start, known.end = min(known.start, start), max(known.end, end)
            return
    intervals.append(Interval(rank, start, end))
    if len(intervals) > KEPT:
        first, second = intervals[0], intervals[1]
        second.start, second.end = min(first.start, second.start), max(first.end, second.end)
        del intervals[0]


def spent(intervals: list[Interval], start: int, end: int) -> dict[TimeKind, int]:
    """Nanoseconds by kind between start and end; what no interval covers is `other`. They add up to the whole."""
    edges: list[tuple[int, int, int]] = []
    for interval in intervals:
        low, high = max(interval.start, start), min(interval.end, end)
        if low < high:
            edges += ((low, 1, interval.rank), (high, -1, interval.rank))
    edges.sort()
    open_by_rank = [0] * len(RANKS)
    result = dict.fromkeys((TimeKind.MODEL, TimeKind.TOOL, TimeKind.WAIT, TimeKind.OTHER), 0)
    at = start
    for edge, change, rank in edges:
        result[_winner(open_by_rank)] += edge - at
        open_by_rank[rank] += change
        at = edge
    result[_winner(open_by_rank)] += max(0, end - at)
    return result


def _winner(open_by_rank: list[int]) -> TimeKind:
    for rank, count in enumerate(open_by_rank):
        if count:
            return RANKS[rank]
    return TimeKind.OTHER
