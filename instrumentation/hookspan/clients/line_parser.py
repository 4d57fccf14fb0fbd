"""What the parsers of transcripts have in common of which each line is whole: one line in, its facts out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hookspan.wire.facts import Fact


class LineParser:
    """Reads one file line by line. A subclass says what facts are in a line; what it can't read is passed over."""

    is_within: Final = False
    """No line goes on with what another began."""

    def __init__(self, session: str, file: str, *, offset: int = 0) -> None:
        self._session, self._file, self._offset = session, file, offset

    def skip(self, size: int) -> None:
        """Passes over bytes that are not read."""
        self._offset += size

    def jump(self, offset: int) -> None:
        """Goes on from another place: the file is another one, or shorter."""
        self._offset = offset

    def end(self) -> list[Fact]:
        """Nothing: each line is whole."""
        return []

    def feed(self, data: bytes) -> Iterator[Fact]:
        """The facts in one line (with its LF)."""
        self._offset += len(data)
        for fact in self.facts(data):
            fact.session, fact.file, fact.offset = self._session, self._file, self._offset
            yield fact

    def facts(self, data: bytes) -> Iterator[Fact]:
        """Those of a line, with their times and keys."""
        raise NotImplementedError
