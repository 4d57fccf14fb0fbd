"""Lines of a transcript as the importer looks at them, and which of them are copies.

The parser of facts (`clients.claude_code.transcript`) decodes each line once more for itself: 2 % of an import, and a
line that one of the two can't read is not lost to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from hookspan.wire.fields import timestamp_ns


class _Message(msgspec.Struct):
    id: str = ""
    role: str = ""
    content: msgspec.Raw = msgspec.Raw(b"null")


class Line(msgspec.Struct, rename="camel"):
    """What is looked at of a transcript's line."""

    type: str = ""
    timestamp: str = ""
    uuid: str = ""
    parent_uuid: str | None = ""
    request_id: str = ""
    prompt_id: str = ""
    prompt_source: str = ""
    row_source: str = ""
    origin: dict[str, Any] | None = None
    is_meta: bool | None = False
    is_sidechain: bool | None = False
    is_compact_summary: bool | None = False
    tool_denial_kind: str = ""
    permission_mode: str = ""
    entrypoint: str = ""
    cwd: str = ""
    message: _Message = msgspec.field(default_factory=_Message)
    tool_use_result: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def kind(self) -> str:
        """Its type; lines of 1.0 have only the role of their message."""
        return self.type or self.message.role

    @property
    def at(self) -> int:
        """Unix nanoseconds, 0 without a time."""
        return timestamp_ns(self.timestamp) if self.timestamp else 0


_decode = msgspec.json.Decoder(Line).decode


def read_line(data: bytes) -> Line | None:
    """A line, or None for one that can't be read."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class Copies:
    """Lines that stand in several transcripts, since forks and resumes copy them: they are of the first one.

    An answer is known by its message id, everything else by its uuid. 100 bytes for each.
    """

    def __init__(self) -> None:
        self._owners: dict[int, int] = {}
        self._sources = 0

    def source(self) -> int:
        """A number for one more transcript."""
        self._sources += 1
        return self._sources

    def is_copy(self, line: Line, source: int) -> bool:
        """Whether another transcript, or this one, had it before."""
        if line.kind == "assistant" and line.message.id:
            return self._owners.setdefault(hash((line.message.id, line.request_id)), source) != source
        if line.kind != "user" or not line.uuid:
            return False
        is_copy = hash(line.uuid) in self._owners
        self._owners.setdefault(hash(line.uuid), source)
        return is_copy

    def learn(self, lines: Iterable[bytes | int]) -> None:
        """Takes in a transcript that is not imported, since hookspan heard its session itself."""
        source = self.source()
        for data in lines:
            if isinstance(data, bytes) and (line := read_line(data)):
                self.is_copy(line, source)


class Entry(NamedTuple):
    """A line, read and as it is."""

    line: Line
    data: bytes


def timed(number: int, lines: Iterable[bytes | int]) -> Iterator[tuple[int, int, int, Entry | int | None]]:
    """The lines of one source with what orders them: a line without a time stands where the one before it does.

    In place of a line that can't be read, its size; None at the end.
    """
    last = place = 0
    for place, data in enumerate(lines):
        line = read_line(data) if isinstance(data, bytes) else None
        if isinstance(data, bytes) and line:
            last = max(last, line.at)
            yield last, number, place, Entry(line, data)
        else:
            yield last, number, place, len(data) if isinstance(data, bytes) else data
    yield last, number, place + 1, None


def blocks(content: msgspec.Raw) -> list[dict[str, Any]]:
    """The blocks of a message; none if it is a text."""
    value = msgspec.json.decode(content)
    return [block for block in value if isinstance(block, dict)] if isinstance(value, list) else []


def text_of(content: msgspec.Raw | bytes) -> str:
    """The text of a message: itself, or its first block of text."""
    value = msgspec.json.decode(content)
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    texts = (block.get("text") for block in value if isinstance(block, dict) and block.get("type") == "text")
    return next((text for text in texts if isinstance(text, str)), "")
