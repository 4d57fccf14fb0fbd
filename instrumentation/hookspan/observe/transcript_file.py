"""Reads one transcript file by offset, in bounded memory, even while it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

import msgspec

from hookspan.clients import transcripts
from hookspan.model.state import SessionState
from hookspan.reading import MAX_LINE, open_regular, read_on
from hookspan.wire.facts import Fact, ModelCall
from hookspan.wire.fields import timestamp_ns
from hookspan.wire.foreign import UNREADABLE, decoder

from .prices import put_price
from .repositories import work_tree

CHUNK: Final = 1 << 20
MAX_FACTS: Final = 400
"""Most facts of one step, below what the fold remembers keys of."""


class TranscriptFile:
    """One transcript and how far it is read."""

    def __init__(
        self, path: str, session: SessionState, agent_id: str, *, labels: bool, decisions: bool, key: bytes = b""
    ) -> None:
        self.path = path
        self.agent_id = agent_id
        self.offset = session.files.get(path, 0)
        self.parser = transcripts.reader(session.agent).parser(
            session.id,
            path,
            agent_id=agent_id,
            offset=self.offset,
            prompt=session.prompts.get(path, ""),
            labels=labels,
            decisions=decisions,
            key=key,
            cwd=session.cwd,
        )
        self.parts: list[bytes] = []  # of a line whose LF is still to come
        self.held = 0  # bytes of them
        self.passed = 0  # bytes of that line which are let go, since it is too long
        self.identity = (0, 0)
        self.at_end = False

    def read(self, limit: int, until: int = 0) -> tuple[list[Fact], int]:
        """The facts of at most `limit` more bytes, and how many bytes that were.

        With `until` (unix ns) a later line ends it, which is read the next time.
        """
        if self.at_end and self._is_unchanged():  # a session may have hundreds of subagents that are done
            return [], 0
        descriptor = open_regular(self.path)
        try:
            status = os.fstat(descriptor)
            identity = (status.st_dev, status.st_ino)
            if self.identity not in {(0, 0), identity} or status.st_size < self.offset:
                self._jump(status.st_size)  # replaced or cut: what it repeats was read before
            self.identity = identity
            found: list[Fact] = []
            total = 0
            while total < limit and len(found) < MAX_FACTS:
                data = read_on(descriptor, min(CHUNK, limit - total), self.offset)
                if not data:
                    break
                later = self._later(data, until) if until else 0
                data = data[: len(data) - later]
                self.offset += len(data)
                total += len(data)
                found += self._lines(data)
                if later:
                    break
            self.at_end = self.offset >= os.fstat(descriptor).st_size
            return found, total
        finally:
            os.close(descriptor)

    def _is_unchanged(self) -> bool:
        status = os.stat(self.path, follow_symlinks=False)
        return (status.st_dev, status.st_ino) == self.identity and status.st_size == self.offset

    def is_quiet(self, up_to: int) -> bool:
        """Whether what the file ends with is complete: nothing has been added since `up_to`."""
        if not self.parser.is_within:
            return True
        try:
            return os.stat(self.path, follow_symlinks=False).st_mtime_ns <= up_to
        except OSError:
            return True

    def _later(self, data: bytes, until: int) -> int:
        """How many bytes at the end of `data` begin with a whole line that has a time after `until`."""
        at = 0
        for line in data.split(b"\n")[:-1]:
            whole = b"".join((*self.parts, line)) if not at else line
            if _time_of(whole) > until:
                return len(data) - at
            at += len(line) + 1
        return 0

    def end(self, served_by: str) -> list[Fact]:
        """What it has ended with so far, a call or prompts from the queue: whatever is added is of another run."""
        return priced(self.parser.end(), served_by)

    def _lines(self, data: bytes) -> list[Fact]:
        first, *others = data.split(b"\n")
        if not others:
            self._hold(first)
            return []
        facts: list[Fact] = []
        if self.passed:
            self.parser.skip(self.passed + self.held + len(first) + 1)
        else:
            facts += self.parser.feed(b"".join((*self.parts, first, b"\n")))
        for line in others[:-1]:
            facts += self.parser.feed(line + b"\n")
        self.parts, self.held, self.passed = [], 0, 0
        self._hold(others[-1])
        return facts

    def _hold(self, part: bytes) -> None:
        if part:
            self.parts.append(part)
            self.held += len(part)
        if self.held > MAX_LINE:
            self.parts, self.held, self.passed = [], 0, self.passed + self.held

    def _jump(self, offset: int) -> None:
        self.offset = offset
        self.parts, self.held, self.passed = [], 0, 0
        self.parser.jump(offset)


class _Timed(msgspec.Struct):
    timestamp: str = ""


_timed = decoder(_Timed)


def _time_of(line: bytes) -> int:
    """When a line was written (Unix ns), 0 for a line without a time."""
    try:
        return timestamp_ns(_timed(line).timestamp)
    except UNREADABLE:
        return 0


def priced(facts: Iterable[Fact], served_by: str) -> list[Fact]:
    """The facts, each model call of which has its price from whom its session is served by, and its work tree."""
    priced = list(facts)
    for fact in priced:
        if isinstance(fact, ModelCall):
            fact.served_by = served_by
            fact.tree = work_tree(fact.tree)
            put_price(fact)
    return priced
