"""Reads files whose paths came from a payload: only regular files of the user, and in bounded memory."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

CHUNK: Final = 256 << 10
MAX_LINE: Final = 32 << 20
"""A longer line is skipped without being held whole; the client's longest ones hold an image of about 10 MB."""


class RefusedError(Exception):
    """A path that will not be read, and why."""


def open_regular(path: str) -> int:
    """A descriptor of a regular file that we own. A FIFO, a device or a link in the last place is refused.

    Raises:
        RefusedError: It is something else, or somebody else's.
        OSError: It can't be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        os.close(descriptor)
        raise RefusedError(f"{path} is not a regular file of this user")
    return descriptor


def read_small(path: str, limit: int = 65536) -> bytes:
    """The first `limit` bytes of a regular file of ours, or nothing."""
    try:
        return read_start(path, limit)
    except (OSError, RefusedError, ValueError):
        return b""


def read_start(path: str, limit: int = 65536) -> bytes:
    """The first `limit` bytes of a regular file of ours.

    Raises:
        RefusedError: It is something else, or somebody else's.
        OSError: It can't be read.
        ValueError: The path holds a NUL.
    """
    descriptor = open_regular(path)
    try:
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def read_on(descriptor: int, most: int, offset: int) -> bytes:
    """At most so many bytes of a file from there, empty at its end, in a buffer no longer than what there is.

    One of a megabyte for the line that was added to a file costs ten times what the line does: it is mapped each time.

    Raises:
        OSError: It can't be read.
    """
    left = os.fstat(descriptor).st_size - offset
    return os.pread(descriptor, min(most, left), offset) if left > 0 else b""


def is_at_limit(error: Exception) -> bool:
    """Whether a file could not be opened since too many are open: what is in it nobody knows until that is over."""
    return isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}


def read_lines(path: str, *, chunk: int = CHUNK, longest: int = MAX_LINE) -> Iterator[bytes | int]:
    """The lines of a regular file of ours, with their LF; the size of one that is longer than `longest` in its place.

    A last line without LF is half-written and left out. The file is not kept open between two chunks, so that a
    thousand can be read side by side; one that is replaced or cut meanwhile ends.

    Raises:
        RefusedError: It is no regular file of ours.
        OSError: It can't be read.
    """
    offset = held = passed = 0
    parts: list[bytes] = []  # of a line whose LF is still to come
    identity: tuple[int, int] | None = None
    while True:
        descriptor = open_regular(path)
        try:
            status = os.fstat(descriptor)
            if identity not in {None, (status.st_dev, status.st_ino)}:
                return
            identity = (status.st_dev, status.st_ino)
            data = read_on(descriptor, chunk, offset)
        finally:
            os.close(descriptor)
        if not data:
            return
        offset += len(data)
        end = data.find(b"\n")
        if end < 0:
            parts.append(data)
            held += len(data)
            if held > longest:
                parts, held, passed = [], 0, passed + held
            continue
        first = b"".join((*parts, data[: end + 1]))
        yield passed + len(first) if passed else first
        *lines, rest = data[end + 1 :].split(b"\n")
        for line in lines:
            yield line + b"\n"
        parts, held, passed = [rest] if rest else [], len(rest), 0
