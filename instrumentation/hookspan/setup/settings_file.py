"""Reads a client's settings file, and writes it only if nobody has changed it in the meantime."""

from __future__ import annotations

from pathlib import Path

from hookspan import atomic
from hookspan.errors import UserError
from hookspan.paths import Paths


def read(file: Path) -> bytes | None:
    """Its bytes; None where there is none. UserError if it can't be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"can't read `{file}`: {error.strerror}") from error


def put(paths: Paths, file: Path, data: bytes, expected: bytes | None) -> None:
    """Write it, unless it has changed since it was read, which is an UserError."""
    refuse_changed(file, expected)
    try:
        if expected is None:
            paths.make(file.parent)
        atomic.write(file, data)
    except OSError as error:
        raise UserError(f"can't write `{file}`: {error.strerror}", hint="nothing was changed") from error


def refuse_changed(file: Path, expected: bytes | None) -> None:
    """UserError if it isn't what it was."""
    if read(file) != expected:
        raise UserError(f"`{file}` has changed in the meantime; nothing was written", hint="try again")


def digest(data: bytes) -> str:
    """What a record knows a file's bytes by."""
    import hashlib  # noqa: PLC0415 - 2 ms, and `status` reads records without it

    return hashlib.sha256(data).hexdigest()
