"""Hook events as the journal has them whole, for `journal.raw_hours`: what is left where a transcript is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from hookspan.journal import segments
from hookspan.journal.records import Records
from hookspan.paths import Paths
from hookspan.store import Reader

PAGE: Final = 500
"""Of a session that are asked for at once where they are read: who takes a session in does so in parts."""


class HookEvent(NamedTuple):
    """The number of its record, whose it is (empty: the main conversation's), and its line with the LF."""

    record: int
    subagent: str
    line: bytes


class HookEvents:
    """Thread-safe."""

    def __init__(self, paths: Paths, reader: Reader) -> None:
        self._folder = paths.journal
        self._records, self._reader = Records(paths), reader

    def subagents(self, session: str) -> list[str]:
        """Whose events there are; empty: the main conversation's."""
        return sorted(self._reader.whose_records(session, self._first() - 1))

    def newest(self, session: str, subagent: str) -> int | None:
        """The record of the newest of them."""
        return self._reader.newest_record(session, subagent, self._first() - 1)

    def read(self, session: str, after: int = 0) -> Iterator[HookEvent]:
        """The events after a record."""
        while known := self._reader.records(session, max(after, self._first() - 1), PAGE):
            with contextlib.closing(self._records.lines(record for record, _ in known)) as lines:
                for (record, subagent), line in zip(known, lines, strict=True):
                    if line is not None:
                        yield HookEvent(record, subagent, line + b"\n")
            after = known[-1][0]

    def _first(self) -> int:
        """The first record that may be whole: compressed segments have the reduced form."""
        whole = (first for first, name in segments.names(self._folder) if not name.endswith(".gz"))
        return next(whole, None) or segments.next_number(self._folder)
