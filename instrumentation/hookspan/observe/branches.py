"""The branches that a transcript names: `gitBranch` of its lines, each with its time."""

from __future__ import annotations

import os
import re
from typing import Final

import msgspec

from hookspan.clients.claude_code.transcript_files import transcript_of
from hookspan.reading import MAX_LINE, RefusedError, open_regular, read_on
from hookspan.wire.fields import timestamp_ns
from hookspan.wire.foreign import UNREADABLE, decoder

CHUNK: Final = 1 << 20
MOST: Final = 256 << 20
"""How many bytes of a transcript are read; the client's longest transcripts are a tenth of that."""
KEPT: Final = 4096
"""How many changes of the branch are remembered; later ones are not reported."""
_MARK: Final = b'"gitBranch":'
_NAME: Final = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]{1,200}")
"""What git allows in a branch's name."""
_DETACHED: Final = "HEAD"
"""What the client writes where no branch is checked out."""


class _Line(msgspec.Struct, rename="camel"):
    timestamp: str = ""
    git_branch: str = ""


class _Span(msgspec.Struct):
    """Lines one after the other that tell the same branch: the times of the first and the last."""

    first: int
    last: int
    branch: str


_decode = decoder(_Line)


class Branches:
    """Those of one session's transcript, read on from where the last look ended.

    Args:
        path: As a payload has it; one that is no transcript of the session in one of `roots` tells nothing.
        session: Its session.
        roots: Folders that transcripts may be read in.
    """

    def __init__(self, path: str, session: str, roots: tuple[str, ...]) -> None:
        try:
            self._path = transcript_of(path, session, roots)
        except RefusedError:
            self._path = ""
        self._offset = 0
        self._rest = b""
        self._spans: list[_Span] = []

    def at(self, moment: int, *, before: bool) -> str | None:
        """The branch at a moment (unix ns), empty for none; None while nothing tells it.

        That of the newest line until then; `before` a line that belongs to the moment, that of the next one.
        """
        self._read()
        if before:
            span = next((span for span in self._spans if span.last >= moment), None)
        else:
            span = next((span for span in reversed(self._spans) if span.first <= moment), None)
        span = span or (self._spans[-1 if before else 0] if self._spans else None)
        return None if span is None else span.branch

    def _read(self) -> None:
        if not self._path or self._offset >= MOST:
            return
        try:
            if os.stat(self._path).st_size <= self._offset:  # asked at each event: three calls of the system fewer
                return
            descriptor = open_regular(self._path)
        except (OSError, RefusedError):
            return
        try:
            while self._offset < MOST and (data := read_on(descriptor, CHUNK, self._offset)):
                self._offset += len(data)
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self._take(line)
                if len(self._rest) > MAX_LINE:
                    self._rest = b""
        except OSError:
            return
        finally:
            os.close(descriptor)

    def _take(self, data: bytes) -> None:
        if _MARK not in data or len(self._spans) >= KEPT:
            return
        try:
            line = _decode(data)
        except UNREADABLE:
            return
        at = timestamp_ns(line.timestamp)
        if not at or not _NAME.fullmatch(line.git_branch):
            return
        branch = "" if line.git_branch == _DETACHED else line.git_branch
        last = self._spans[-1] if self._spans else None
        if last is None or last.branch != branch:
            self._spans.append(_Span(at, at, branch))
        else:
            last.last = max(last.last, at)
