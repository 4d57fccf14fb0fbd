"""What a terminal shows of a program's output: no colours or titles, and of a line written over its last state."""

from __future__ import annotations

import re
from typing import Final

_SEQUENCE: Final = re.compile(
    r"""
      \x1b\[ [0-?]{0,64} [ -/]{0,8} [@-~]         # CSI: colours, places, erasing
    | \x1b[\]PX^_] [^\x07\x1b]{0,4096} (?:\x07|\x1b\\)?   # OSC and other texts for the terminal itself
    | \x1b [ -/]{0,8} [0-~]                       # other escapes
    """,
    re.VERBOSE,
)
_HIDDEN: Final = re.compile(r"[\x00-\x07\x0b-\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab, LF, CR and backspace, and marks that turn the direction of writing."""
_CHANGES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """The text without control characters, as it would stand on a screen that never wraps."""
    if not _CHANGES.search(text):
        return text
    text = _HIDDEN.sub("", _SEQUENCE.sub("", text.replace("\r\n", "\n")))
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(map(_written_over, text.split("\n")))


def _written_over(line: str) -> str:
    """A line after what its carriage returns and backspaces did."""
    if "\b" in line:
        kept: list[str] = []
        for character in line:
            if character != "\b":
                kept.append(character)
            elif kept and kept[-1] != "\r":
                kept.pop()
        line = "".join(kept)
    whole = ""
    for part in line.split("\r"):
        whole = part + whole[len(part) :]
    return whole
