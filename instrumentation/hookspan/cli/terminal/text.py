"""Makes text from outside safe to print: it must not control the terminal."""

from __future__ import annotations

import os
import unicodedata
from typing import IO, Final

ELLIPSIS: Final = "…"
COLOURS: Final = {"red": 31, "green": 32, "yellow": 33, "cyan": 36}
_SHORT: Final = 8
_VERSION: Final = 12  # hex digits of a UUID before that of its version


def plain() -> bool:
    """Whether only text is wanted, without colours and without moving the cursor; pipes and files get no more anyhow.

    NO_COLOR: https://no-color.org. A terminal that calls itself dumb shows the sequences as rubbish.
    """
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def may_draw(stream: IO[str]) -> bool:
    """Whether a line on the stream may be written over, as progress is."""
    return stream.isatty() and not plain()


def columns(default: int) -> int:
    """Of the terminal, as `COLUMNS` or else itself says; where there is none, `default`."""
    if (said := os.environ.get("COLUMNS", "")).isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(1).columns or default
    except OSError:
        return default


def colour() -> bool | None:
    """For click: False takes every sequence out of what is printed, None does where it is no terminal."""
    return False if plain() else None


def style(text: str, colour: str | None = None, *, bold: bool = False) -> str:
    """The text in a colour of the terminal's own; whoever prints it takes the sequences out where there is none."""
    before = (f"\033[{COLOURS[colour]}m" if colour else "") + ("\033[1m" if bold else "")
    return f"{before}{text}\033[0m" if before else text


def printable(text: object) -> str:
    """Printable characters only: neither escape sequences nor marks that turn the writing round or hide it."""
    return "".join(character if character.isprintable() else " " for character in str(text))


def short(id_: str) -> str:
    """The first characters of an id, which tell it from others of somebody's: 8.

    Of a UUID of version 7, as Codex's are, they are the time of a minute, so that a session and its turns begin alike:
    the first 12 digits are that of a millisecond.
    """
    digits = id_.replace("-", "")
    if digits[_VERSION : _VERSION + 1] != "7":
        return id_[:_SHORT]
    return id_[: _VERSION + ("-" in id_[: _VERSION + 1])]


def width(text: str) -> int:
    """Columns that printable text takes."""
    if text.isascii():
        return len(text)
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
