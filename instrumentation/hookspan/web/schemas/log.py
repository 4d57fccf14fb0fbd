"""Lines of the journal."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class LogItem(msgspec.Struct, kw_only=True):
    """One line of the journal: `json` if it could be read and is not too long, else the beginning of its `text`."""

    record: int
    at: float | None
    kind: Literal["event", "reduced", "fact", "status_line", "other"]
    event: str
    session: str
    size: int
    json: Any
    text: str
    cut: bool


class LogRecord(LogItem, kw_only=True):
    """One line of the journal, whole up to 4 MiB."""

    now: float


class Log(msgspec.Struct, kw_only=True):
    """Lines of the journal by record number; `first` and `last` say which there are."""

    now: float
    first: int
    last: int
    items: list[LogItem]
