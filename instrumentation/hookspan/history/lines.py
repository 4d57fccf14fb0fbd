"""The lines of transcripts in the order in which they were written, and what is done to all records of a history."""

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


def numbered(session: str, records: Iterable[Record]) -> Iterator[Record]:
    """Records of a session with their numbers in its history, by which importing twice changes nothing."""
    for place, record in enumerate(records, 1):
        record.session, record.history = session, place
        yield record


def without_digests(event: Reduced) -> Reduced:
    """An event without digests, since these need the install's secret."""
    event.input_digest = event.output_digest = ""
    event.edit = None
    event.writes, event.rewrites, event.reads = (), "", ""
    event.calls = tuple(msgspec.structs.replace(call, input_digest="", told="") for call in event.calls)
    return event
