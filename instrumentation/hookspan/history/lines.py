"""The lines of transcripts in the order in which they were written, and which of them are copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hookspan.clients.claude_code.transcript_lines import HistoryLine, read_history_line


class Copies:
    """Recognises lines that are in several transcripts because forks and resumes copy them; the first one has them.

    An answer is known by its message id, everything else by its uuid. 100 bytes for each.
    """

    def __init__(self) -> None:
        self._owners: dict[int, int] = {}
        self._sources = 0

    def source(self) -> int:
        """A number for one more transcript."""
        self._sources += 1
        return self._sources

    def is_copy(self, line: HistoryLine, source: int) -> bool:
        """Whether another transcript, or this one, had it before."""
        if line.kind == "assistant" and line.message.id:
            return self._owners.setdefault(hash((line.message.id, line.request_id)), source) != source
        if line.kind != "user" or not line.uuid:
            return False
        is_copy = hash(line.uuid) in self._owners
        self._owners.setdefault(hash(line.uuid), source)
        return is_copy

    def learn(self, lines: Iterable[bytes | int]) -> None:
        """Registers the lines of a transcript that is not imported, since hookspan recorded its session itself."""
        source = self.source()
        for data in lines:
            if isinstance(data, bytes) and (line := read_history_line(data)):
                self.is_copy(line, source)


class Entry(NamedTuple):
    """A transcript's line, both parsed and as bytes."""

    line: HistoryLine
    data: bytes


def timed(number: int, lines: Iterable[bytes | int]) -> Iterator[tuple[int, int, int, Entry | int | None]]:
    """The lines of one source with their sort key: a line without a time is placed after the one before it.

    In place of a line that can't be read, its size; None at the end.
    """
    last = place = 0
    for place, data in enumerate(lines):
        line = read_history_line(data) if isinstance(data, bytes) else None
        if isinstance(data, bytes) and line:
            last = max(last, line.at)
            yield last, number, place, Entry(line, data)
        else:
            yield last, number, place, len(data) if isinstance(data, bytes) else data
    yield last, number, place + 1, None
