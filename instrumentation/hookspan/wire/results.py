"""Results of tools, made comparable."""

from __future__ import annotations

import re
from typing import Final

_UNIT: Final = re.compile(
    rb"s(?<=[\d m]s)"  # found by its letter, which takes a third of the time that looking for digits does
    rb"(?:(?:(?<=\ds)|(?<=\d s))(?:econds?)?|(?:(?<=\dms)|(?<=\d ms)))\b"
)
"""The unit of `0.12s`, `3 ms` or `2.5 seconds`, from its `s` on."""
_TIMED: Final = 2048
"""Bytes at the end of a result in which durations are looked for: programs tell theirs last."""


def timeless(result: bytes) -> bytes:
    """A result without the durations near its end, so that two runs with one result have one digest."""
    head, tail = result[:-_TIMED], result[-_TIMED:]
    pieces, at = [head], 0
    for unit in _UNIT.finditer(tail):
        before = tail[at : unit.start()].removesuffix(b"m").removesuffix(b" ")
        pieces.append(before.rstrip(b"0123456789."))
        at = unit.end()
    return b"".join([*pieces, tail[at:]]) if at else result
