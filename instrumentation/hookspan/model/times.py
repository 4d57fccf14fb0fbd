"""Where the time of a turn went: the turn's own time and that of its subagents, each moment counted once.

Overlapping intervals of waits, tools and model calls. A background subagent works beside its turn and after it: what it
does then counts, too, and the gaps between don't. So the time of a turn with background subagents may be longer than
the turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from hookspan.catalogue.clients import AWAITS_AGENTS
from hookspan.catalogue.enums import TimeKind

RANKS: Final = (TimeKind.WAIT, TimeKind.TOOL, TimeKind.MODEL, TimeKind.TOOL, TimeKind.OTHER)
"""Kinds by rank: who wins where two overlap. A wait wins over all: somebody is asked. The rank before the last is a
foreground subagent's call: a frame that its own model calls and tools fill; the last is the turn itself."""
WAIT, TOOL, MODEL, FRAME, TURN = range(5)
_NOBODY: Final = len(RANKS)
"""Rank of time that is no part of the turn: behind its end, while none of its subagents did anything."""
_RANKS: Final = {"permission": WAIT, "chat": MODEL, "execute_tool": TOOL}
KEPT: Final = 2000
"""Intervals kept per turn; over it the oldest are summed up."""
_SUMMED: Final = 200
"""So many at once."""
_KEPT_PAST: Final = 100


class Interval(msgspec.Struct, array_like=True):
    """Some time of a turn and what it was spent on. `rank`: which kind wins where two overlap, 0 first."""

    rank: int
    start: int
    end: int


class Stretch(msgspec.Struct, array_like=True):
    """A part of a turn's past of which only sums are kept: nanoseconds by rank, the last of them nobody's."""

    start: int
    end: int
    spent: list[int]


class Timed(msgspec.Struct, kw_only=True):
    """What a turn spent its time on.

    Attributes:
        intervals: What its main thread did.
        beside: What its subagents did.
        past: What both did before that, without gaps, the newest last.
        waited: Nanoseconds of waits that are counted already.
    """

    intervals: list[Interval] = []
    beside: list[Interval] = []
    past: list[Stretch] = []
    waited: int = 0


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


def remember(timed: Timed, intervals: list[Interval], rank: int, start: int, end: int) -> None:
    """Adds an interval to those of the turn that are given, merged with the newest of its rank if they touch."""
    start = max(start, _add_to_past(timed.past, rank, start, end))
    if start >= end:
        return
    for interval in reversed(intervals[-8:]):
        if interval.rank == rank and interval.start <= end and start <= interval.end:
            interval.start, interval.end = min(interval.start, start), max(interval.end, end)
            return
    intervals.append(Interval(rank, start, end))


def _add_to_past(past: list[Stretch], rank: int, start: int, end: int) -> int:
    """Adds what was told late to the sums, and returns when the past ends.

    Where it covers a stretch in part, the time that it lies in is not known: what it wins over last is taken first.
    """
    for stretch in past:
        left = min(end, stretch.end) - max(start, stretch.start)
        for other in range(_NOBODY, rank, -1):
            taken = max(0, min(left, stretch.spent[other]))
            stretch.spent[other] -= taken
            stretch.spent[rank] += taken
            left -= taken
    return past[-1].end if past else 0


def sum_up(timed: Timed, start: int, end: int) -> None:
    """Makes the oldest intervals of a turn from `start` to `end` a part of its past, if there are too many.

    What goes on when the past ends is cut there.
    """
    if len(timed.intervals) + len(timed.beside) <= KEPT:
        return
    whole = [*timed.intervals, *timed.beside]
    until = sorted(interval.end for interval in whole)[len(whole) - KEPT + _SUMMED]
    since = timed.past[-1].end if timed.past else min(start, *(interval.start for interval in whole))
    before = [*_within(timed.intervals, start, min(end, until)), *_within(timed.beside, since, until)]
    around = [Interval(TURN, max(start, since), min(end, until)), Interval(_NOBODY, since, until)]
    timed.past.append(Stretch(since, until, _by_rank([*before, *around])))
    for intervals in (timed.intervals, timed.beside):
        intervals[:] = [Interval(one.rank, max(one.start, until), one.end) for one in intervals if one.end > until]
    if len(timed.past) > _KEPT_PAST:
        first, second = timed.past[:2]
        both = zip(first.spent, second.spent, strict=True)
        timed.past[:2] = [Stretch(first.start, second.end, [*map(sum, both)])]


def spent(
    own: Iterable[Interval], beside: Iterable[Interval], start: int, end: int, past: Sequence[Stretch] = ()
) -> dict[TimeKind, int]:
    """Nanoseconds by kind: of the turn from start to end, and of what its subagents did beside it or later.

    Args:
        own: Intervals of the main thread; they count between start and end, and what none covers there is `other`.
        beside: Intervals of subagents.
        start: Unix nanoseconds.
        end: Unix nanoseconds.
        past: What is summed up of both.
    """
    result = dict.fromkeys((TimeKind.MODEL, TimeKind.TOOL, TimeKind.WAIT, TimeKind.OTHER), 0)
    since = max(start, past[-1].end) if past else start
    after = _by_rank([*_within(own, since, end), *beside, Interval(TURN, since, end)])
    for sums in (after, *(stretch.spent for stretch in past)):
        for kind, nanoseconds in zip(RANKS, sums, strict=False):
            result[kind] += nanoseconds
    return result


def waited(timed: Timed, start: int, end: int) -> int:
    """Nanoseconds in which a dialog of the turn was open, or one from start to end."""
    since = timed.past[-1].end if timed.past else start
    waits = [interval for interval in (*timed.intervals, *timed.beside) if interval.rank == WAIT]
    return covered(*waits, Interval(WAIT, max(start, since), end)) + sum(stretch.spent[WAIT] for stretch in timed.past)


def _within(intervals: Iterable[Interval], start: int, end: int) -> list[Interval]:
    return [Interval(interval.rank, max(interval.start, start), min(interval.end, end)) for interval in intervals]


def covered(*intervals: Interval) -> int:
    """Nanoseconds that at least one of them covers."""
    return sum(_by_rank(intervals))


def _by_rank(intervals: Iterable[Interval]) -> list[int]:
    """Nanoseconds in which each rank wins."""
    edges: list[tuple[int, int, int]] = []
    for interval in intervals:
        if interval.start < interval.end:
            edges += ((interval.start, 1, interval.rank), (interval.end, -1, interval.rank))
    edges.sort()
    result = [0] * (_NOBODY + 1)
    open_by_rank = result.copy()
    at = 0
    for edge, change, rank in edges:
        for winner, count in enumerate(open_by_rank):
            if count:
                result[winner] += edge - at
                break
        open_by_rank[rank] += change
        at = edge
    return result
