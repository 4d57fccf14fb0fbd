"""Text for terminals: what came from outside must not steer them."""

from __future__ import annotations

import unicodedata
from typing import Final

ELLIPSIS: Final = "…"


def printable(text: object) -> str:
    """Printable characters only: neither escape sequences nor marks that turn the writing round or hide it."""
    return "".join(
        character if character.isprintable() and unicodedata.category(character) != "Cf" else " "
        for character in str(text)
    )


def width(text: str) -> int:
    """Columns that printable text takes."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def fit(text: str, columns: int) -> str:
    """The text, cut to so many columns, the last one an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    used, kept = 0, []
    for character in text:
        used += width(character)
        if used > columns - 1:
            break
        kept.append(character)
    return "".join(kept) + (ELLIPSIS if columns > 0 else "")


def pad(text: str, columns: int) -> str:
    """The text in exactly so many columns."""
    short = fit(text, columns)
    return short + " " * (columns - width(short))
