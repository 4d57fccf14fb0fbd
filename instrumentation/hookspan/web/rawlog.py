"""The journal's lines by number, for the raw log page. A packed segment is unpacked once a page, not once a line."""

from __future__ import annotations

import bisect
import operator
from typing import Any, Final, Literal

from hookspan.journal import segments
from hookspan.journal.records import Records
from hookspan.journal.tail import LINE_MAX
from hookspan.opted_out import OptedOut
from hookspan.paths import Paths
from hookspan.web import schemas
from hookspan.web.serializers import ms
from hookspan.wire.foreign import UNREADABLE, decoder
from hookspan.wire.record import STATUS_LINE

SHOWN: Final = 32 << 10  # bytes of a line in a list
WHOLE: Final = 4 << 20  # bytes of a line that is asked for by its number

Kind = Literal["event", "reduced", "fact", "status_line", "other"]
_decode = decoder(dict[str, Any])


class RawLog:
    """Thread-safe."""

    def __init__(self, paths: Paths) -> None:
        self._folder = paths.journal
        self._records = Records(paths)

    def first(self) -> int:
        """The number of the oldest record that is still there; 1 before there is any."""
        return next((segment.first for segment in segments.finished(self._folder) if segment.size), None) or (
            segments.next_number(self._folder)
        )

    def one(self, number: int, opted_out: OptedOut) -> schemas.LogItem | None:
        """A line by its number."""
        line = self._records.read(number)
        return None if line is None else item(number, opted_out.blanked(line), WHOLE)

    def page(self, first: int, limit: int, opted_out: OptedOut) -> list[schemas.LogItem]:
        """Lines from `first` on, rising; blanks for opted-out ones. Numbers whose segment is gone are left out."""
        items: list[schemas.LogItem] = []
        number = first
        while number < first + limit:
            lines = self._unpack(number, first + limit)
            if lines:
                items += [item(at, opted_out.blanked(line), SHOWN) for at, line in lines]
                number = lines[-1][0] + 1
                continue
            line = self._records.read(number)
            if line is not None:
                items.append(item(number, opted_out.blanked(line), SHOWN))
            number += 1
        return items

    def _unpack(self, number: int, until: int) -> list[tuple[int, bytes]]:
        """Lines from `number` on of the packed segment that it is in; none if that is no packed one."""
        names = segments.names(self._folder)
        index = bisect.bisect_right(names, number, key=operator.itemgetter(0)) - 1
        if index < 0 or not names[index][1].endswith(".gz"):
            return []
        if index + 1 < len(names):
            until = min(until, names[index + 1][0])
        unpacked = []
        try:
            with segments.open_segment(self._folder / names[index][1]) as file:
                for at in range(names[index][0], until):
                    line = file.readline(LINE_MAX)
                    if not line:
                        break
                    if at >= number:
                        unpacked.append((at, line.rstrip(b"\n")))
        except (*segments.DAMAGED, FileNotFoundError):
            pass  # cut off, or deleted meanwhile: what could be read is shown
        return unpacked


def item(number: int, line: bytes, shown: int) -> schemas.LogItem:
    """A line as the page gets it."""
    try:
        fields: dict[str, Any] | None = _decode(line)
    except UNREADABLE:
        fields = None
    about = fields or {}
    event = about.get("event")
    raw: dict[str, Any] = event if isinstance(event, dict) else {}
    kind = _kind(about)
    at = about.get("at")
    whole = len(line) <= shown
    return schemas.LogItem(
        record=number,
        at=ms(at) if isinstance(at, int) and 0 < at < 1 << 63 else None,
        kind=kind,
        event=_text(
            kind
            if kind == STATUS_LINE
            else raw.get("hook_event_name") or (event if kind == "reduced" else None) or about.get("type")
        ),
        session=_text(raw.get("session_id") or about.get("session")),
        size=len(line),
        json=fields if whole else None,
        text="" if whole and fields is not None else line[:shown].decode("utf-8", "replace"),
        cut=not whole,
    )


def _kind(about: dict[str, Any]) -> Kind:
    kind = about.get("kind")
    if kind == "reduced":
        return "reduced"
    if kind == "fact":
        return "fact"
    if kind == STATUS_LINE:
        return "status_line"
    return "event" if "event" in about else "other"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
