"""What all histories have in common: lines in the order in which they were written, and records with numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from hookspan.wire import Record, Reduced
from hookspan.wire.facts import AgentMeta


class Source(NamedTuple):
    """One transcript of a session: the main one first, without `agent_id`.

    `lines` gives whole lines with their LF, and the size of what was passed over instead of one that is too long.
    """

    path: str
    lines: Iterable[bytes | int]
    agent_id: str = ""
    meta: AgentMeta | None = None


class Timed(Protocol):
    """A line that says when it was written, Unix ns; 0 if it doesn't."""

    @property
    def at(self) -> int:
        """When."""


Parsed = TypeVar("Parsed", bound=Timed)


class Entry(NamedTuple, Generic[Parsed]):
    """A transcript's line, both parsed and as bytes."""

    line: Parsed
    data: bytes


def timed(
    number: int, lines: Iterable[bytes | int], read: Callable[[bytes], Parsed | None]
) -> Iterator[tuple[int, int, int, Entry[Parsed] | int | None]]:
    """The lines of one source with their sort key: a line without a time is placed after the one before it.

    In place of a line that can't be read, its size; None at the end.
    """
    last = place = 0
    for place, data in enumerate(lines):
        line = read(data) if isinstance(data, bytes) else None
        if isinstance(data, bytes) and line:
            last = max(last, line.at)
            yield last, number, place, Entry(line, data)
        else:
            yield last, number, place, len(data) if isinstance(data, bytes) else data
    yield last, number, place + 1, None


class Records:
    """The history of one session.

    Args:
        session: Its id.
        sources: Its transcripts, the main one first.
        labels: Whether scrubbed labels are kept.
        project_dir: Folder that it is filed under; empty: where it began.

    Attributes:
        first: When its work began, Unix ns; 0 as long as no record of it was given.
        unreadable: Lines that could not be read.
    """

    def __init__(self, session: str, sources: list[Source], *, labels: bool = True, project_dir: str = "") -> None:
        self._session, self._sources = session, sources
        self._labels, self._project_dir = labels, project_dir
        self._last = 0
        self.unreadable = 0
        self.first = 0

    def records(self) -> Iterator[Record]:
        """All records, in the order in which they would have come. Nothing for a transcript without any work.

        Each has its number in the history, by which importing twice changes nothing. Raises OSError and RefusedError.
        """
        for place, record in enumerate(self._records(), 1):
            record.session, record.history = self._session, place
            self._last = max(self._last, record.at)
            yield record

    def _records(self) -> Iterator[Record]:
        """For subclasses: the records, without session and number."""
        raise NotImplementedError


def without_digests(event: Reduced) -> Reduced:
    """An event without digests, since these need the install's secret."""
    event.input_digest = event.output_digest = ""
    event.edit = None
    event.writes, event.rewrites, event.reads = (), "", ""
    event.calls = tuple(msgspec.structs.replace(call, input_digest="", told="") for call in event.calls)
    return event
