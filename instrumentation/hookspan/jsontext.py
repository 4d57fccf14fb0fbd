"""Changes a JSON text in place: all else keeps its bytes, and what is added is formatted like its surroundings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, NoReturn

from hookspan.errors import UserError
from hookspan.record import Record

_BLANK: Final = " \t\n\r"


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_constant)


class Edit(NamedTuple):
    """Replace the text between two offsets by `text`."""

    start: int
    end: int
    text: str


class Element(Record):
    """A member of an object (`key`) or an item of an array, with its offsets in the text."""

    key: str | None
    start: int  # of the key, or of an item's value
    value_start: int
    end: int
    value: Any


class Container(Record):
    """An object or an array in a text."""

    start: int  # of the bracket that opens it
    end: int  # of the bracket that closes it
    elements: tuple[Element, ...]


def check(text: str, name: str) -> Any:
    """The value of `text`; UserError with line and column if it isn't JSON."""
    try:
        return json.loads(text, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise UserError(
            f"`{name}` is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            hint="fix it by hand; nothing was changed",
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"`{name}` can't be read as JSON: {error}", hint="nothing was changed") from error


def container(text: str, start: int | None = None) -> Container:
    """The object or array that opens at `start`, else the outermost one, of a text that `check` has passed."""
    at = _after_blanks(text, 0) if start is None else start
    keyed, closing = text[at] == "{", "}" if text[at] == "{" else "]"
    elements = []
    position = _after_blanks(text, at + 1)
    while text[position] != closing:
        first, key = position, None
        if keyed:
            key, position = _DECODER.raw_decode(text, position)
            position = _after_blanks(text, _after_blanks(text, position) + 1)  # the colon
        value, end = _DECODER.raw_decode(text, position)
        elements.append(Element(key, first, position, end, value))
        position = _after_blanks(text, end)
        if text[position] == ",":
            position = _after_blanks(text, position + 1)
    return Container(at, position, tuple(elements))


def append(text: str, into: Container, bodies: Sequence[str]) -> Edit:
    """The edit that adds elements at the end of `into`, each on its own line if the text is written that way."""
    if into.elements:
        last = into.elements[-1]
        lead = text[_before_blanks(text, last.start) : last.start]
        if "\n" in lead:
            lead = newline(text) + lead.rpartition("\n")[2]
        return Edit(last.end, last.end, "".join(f",{lead}{body}" for body in bodies))
    if not is_pretty(text):
        return Edit(into.start + 1, into.end, ",".join(bodies))
    line = text[text.rfind("\n", 0, into.start) + 1 : into.start]
    outer = newline(text) + line[: len(line) - len(line.lstrip(" \t"))]
    inner = outer + indent(text)
    return Edit(into.start + 1, into.end, inner + f",{inner}".join(bodies) + outer)


def remove(within: Container, gone: set[int]) -> list[Edit]:
    """The edits that remove the elements with these numbers; the exact inverse of `append`, unless none is left."""
    elements = within.elements
    if len(gone) == len(elements):
        return [Edit(within.start + 1, within.end, "")]
    kept = min(number for number in range(len(elements)) if number not in gone)
    return [
        # With a comma before it, or, where nothing is kept before it, with the comma after it.
        Edit(elements[number - 1].end, elements[number].end, "")
        if number > kept
        else Edit(elements[number].start, elements[number + 1].start, "")
        for number in sorted(gone)
    ]


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text after edits that don't overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def newline(text: str) -> str:
    """The text's line end."""
    return "\r\n" if "\r\n" in text else "\n"


def is_pretty(text: str) -> bool:
    """Whether each element is on its own line; true for a text that has none yet."""
    return "\n" in text.strip() or not container(text).elements


def indent(text: str) -> str:
    """The indentation of one level: that of the first element, or two spaces if there is none."""
    elements = container(text).elements
    lead = text[_before_blanks(text, elements[0].start) : elements[0].start] if elements else ""
    return lead.rpartition("\n")[2] if "\n" in lead else "  "


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position


def _before_blanks(text: str, position: int) -> int:
    while position > 0 and text[position - 1] in _BLANK:
        position -= 1
    return position
