"""Differences of times as tables, for pages and for the terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

MS = 1e6
"""Nanoseconds."""


class Interval(Protocol):
    """What has a start and an end, nanoseconds."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


def differences(what: str, ours: Interval, theirs: Interval) -> Iterator[tuple[str, float]]:
    """Of starts, ends and lengths, ms."""
    yield f"{what} start", (ours.start - theirs.start) / MS
    yield f"{what} end", (ours.end - theirs.end) / MS
    yield f"{what} length", (ours.end - ours.start - theirs.end + theirs.start) / MS


def percentile_95(values: Sequence[float]) -> float:
    """Of the sizes, whatever their sign."""
    sizes = sorted(map(abs, values))
    return sizes[min(len(sizes) - 1, round(0.95 * len(sizes)))]


def rows(times: Mapping[str, Sequence[float]], order: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Name, count, p50, p95 and maximum of the sizes, in this order and then by name."""
    known = [what for what in order if what in times]
    for what in known + sorted(set(times) - set(order)):
        values = times[what]
        numbers = (statistics.median(values), percentile_95(values), max(map(abs, values)))
        yield (what, str(len(values)), *(f"{number:.1f}" for number in numbers))


def table(head: Sequence[str], body: Sequence[Sequence[str]], *, markdown: bool) -> Iterator[str]:
    """Columns under their heads."""
    if markdown:
        yield f"| {' | '.join(head)} |"
        yield "|" + "---|" * len(head)
        yield from (f"| {' | '.join(row)} |" for row in body)
        return
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    for row in (head, *body):
        cells = [
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
