"""Results of tools, made comparable."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(rb"\d ?(?:m?s|seconds?)\b")
"""The end of `0.12s`, `3 ms` or `2.5 seconds`: to look for the whole number would take ten times as long."""
_TIMED: Final = 2048
"""Bytes at the end of a result in which durations are looked for: programs tell theirs last."""


def timeless(result: bytes) -> bytes:
    """A result without the durations near its end, so that two runs with one result have one digest."""
    head, tail = result[:-_TIMED], result[-_TIMED:]
    pieces, at = [head], 0
    for found in _DURATION.finditer(tail):
        start = found.start()
        while start > at and tail[start - 1] in b"0123456789.":
            start -= 1
        pieces.append(tail[at:start])
        at = found.end()
    return b"".join([*pieces, tail[at:]]) if at else result
