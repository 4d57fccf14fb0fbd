"""Replaces in a batch every value that SQLite or protobuf can't hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from .store import Commit

_HIGHEST: Final = (1 << 63) - 1


def cleaned(commit: Commit) -> Commit:
    """A copy whose texts are valid Unicode and whose integers fit into 64 bits."""
    return msgspec.structs.replace(
        commit,
        rows=[_clean(rows) for rows in commit.rows],
        sessions={session: (blob, _clean(row)) for session, (blob, row) in commit.sessions.items()},
    )


def _clean(value: Any) -> Any:  # noqa: PLR0911 - one line for each type
    if isinstance(value, str):
        # An enum's members are clean, and stay members.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return max(-_HIGHEST, min(_HIGHEST, value))
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: _clean(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(_clean(item) for item in value)
    return value
