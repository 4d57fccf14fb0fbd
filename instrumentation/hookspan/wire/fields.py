"""Reads what a client sent, tolerantly: names, words, paths, numbers, times. Another type counts as missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from hookspan.catalogue.events import Kept

from .reduced import Reduced

NAME_LENGTH: Final = 256
"""Characters. Ids and names longer than this are cut: no client's are, and they become attribute values."""
PATH_LENGTH: Final = 4096
"""Characters of a path: what Linux allows."""

SYNTHETIC_KEY: Final = "hookspan_synthetic"
"""In a payload: marks the events of `hookspan doctor --end-to-end`, which are exported like real ones."""
LOCAL_KEY: Final = "hookspan_local"
"""In a payload: marks the events of the page's demo data, which are neither exported nor counted."""

Copied: TypeAlias = tuple[tuple[str, str, Callable[[object], str | int]], ...]
"""Fields to be copied: key in the payload, attribute of `Reduced`, how its value is read."""

_NUMBER_MAX: Final = 2**53  # whole numbers up to here are exact in JSON, in a float and in the store

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TOO_FAR: Final = 1 << 63  # nanoseconds
_WORD: Final = re.compile(r"\A[\w.:-]{1,64}\Z")
_GIVEN_NAME: Final = re.compile(r"\A[^\x00-\x1f\x7f]{1,128}\Z")


def as_text(value: object) -> str:
    """A text, whole."""
    return value if type(value) is str else ""


def as_name(value: object) -> str:
    """An id or a name, of at most NAME_LENGTH characters."""
    return value[:NAME_LENGTH] if type(value) is str else ""


def as_path(value: object) -> str:
    """A path, of at most PATH_LENGTH characters."""
    return value[:PATH_LENGTH] if type(value) is str else ""


def as_word(value: object) -> str:
    """A word of one of the client's own lists; anything else may be text that somebody wrote, and becomes `other`."""
    return "" if type(value) is not str or not value else value if _WORD.match(value) else "other"


def as_given_name(value: object) -> str:
    """What somebody called a skill or a server: one line of at most 128 characters; anything else is `other`."""
    return "" if type(value) is not str or not value else value if _GIVEN_NAME.match(value) else "other"


def as_number(value: object) -> float:
    """A number; -1 if it is not one, or larger than any that is measured."""
    return float(value) if isinstance(value, (int, float)) and abs(value) < _NUMBER_MAX else -1.0


def as_count(value: object) -> int:
    """A whole number; 0 if it is not one, negative, or larger than any that is counted."""
    return value if type(value) is int and 0 < value < _NUMBER_MAX else 0


def as_flag(value: object) -> bool:
    """Whether it is true, and not merely something."""
    return value is True


def as_object(value: object) -> dict[str, Any]:
    """An object; empty if it is not one."""
    return value if type(value) is dict else {}


def as_array(value: object) -> list[Any]:
    """An array; empty if it is not one."""
    return value if type(value) is list else []


_KINDS: Final[dict[str, Callable[[object], str | int]]] = {
    "name": as_name,
    "path": as_path,
    "word": as_word,
    "count": as_count,
    "flag": as_flag,
}


def copied(kept: Iterable[Kept]) -> Copied:
    """Fields that the catalogue declares, made ready for `copy`."""
    return tuple((field, attribute or field, _KINDS[kind]) for field, kind, attribute in kept)


def copy(event: Reduced, fields: dict[str, Any], these: Copied) -> None:
    """Copies these fields of a payload into `event`; a missing or empty field leaves the event as it is."""
    get = fields.get
    for key, attribute, as_kind in these:
        if (value := get(key)) and (kept := as_kind(value)):
            setattr(event, attribute, kept)


def timestamp_ns(text: str) -> int:
    """Unix nanoseconds of an ISO 8601 timestamp; 0 if it is not one, or of another age than 64 bits can tell."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    nanoseconds = (moment - _EPOCH) // _MICROSECOND * 1000
    return nanoseconds if abs(nanoseconds) < _TOO_FAR else 0


def digest(data: bytes, key: bytes) -> str:
    """Keyed digest (BLAKE2b as a MAC), 16 hex digits: equal data are recognised, the data can't be guessed from it."""
    return blake2b(data, key=key, digest_size=8).hexdigest()
