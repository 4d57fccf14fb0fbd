r"""JSON as a coding agent wrote it: a text that was cut within an emoji costs that emoji, and not the line.

JavaScript takes a character beyond U+FFFF for two, cuts between them, and writes the half as an escape (`\ud83d`).
That is no text: msgspec refuses the line, and what Python makes of it nothing can encode.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises of bytes that are no such JSON: cut, in no UTF-8, too deep."""

_T = TypeVar("_T")
_HALF: Final = re.compile(rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[c-fC-F][0-9a-fA-F]{2})")
"""The escape of a half, or of both halves of a character."""
_REPLACEMENT: Final = rb"\ufffd"
_BACKSLASH: Final = ord("\\")


def decoder(kind: type[_T]) -> Callable[[bytes | str], _T]:
    """A function that decodes such JSON; it raises what `UNREADABLE` has."""
    decode = msgspec.json.Decoder(kind).decode

    def tolerantly(data: bytes | str) -> _T:
        try:
            return decode(data)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return decode(whole(data.encode() if isinstance(data, str) else data))

    return tolerantly


_value = decoder(Any)


def value_of(raw: msgspec.Raw | bytes) -> Any:
    """What a part of such JSON says that was passed over before; None for one that can't be read."""
    try:
        return _value(bytes(raw))
    except UNREADABLE:
        return None


def whole(data: bytes) -> bytes:
    """The JSON with U+FFFD in place of each half of a character, and as long as it was."""

    def mended(found: re.Match[bytes]) -> bytes:
        begin = at = found.start()
        while begin and data[begin - 1] == _BACKSLASH:
            begin -= 1
        other = found[1] or b""
        if (at - begin) % 2:  # a backslash, and then text
            return found[0].removesuffix(other) + _REPLACEMENT * bool(other)
        return found[0] if other else _REPLACEMENT

    return _HALF.sub(mended, data)
