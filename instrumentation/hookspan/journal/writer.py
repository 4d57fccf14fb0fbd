"""Appends to the journal, by the same rules as the relay.

A writer takes an exclusive flock on the current segment, checks that the file it locked is still the path's, ends a
torn last line, and writes with one call on O_APPEND. So a segment that was renamed under the lock is never appended to
again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hookspan.paths import Paths

LOCK_WAIT: Final = (
    0.05  # seconds, as the relay has it: a writer holds the lock for 20 us, so longer means that it hangs
)
_LOCK_RETRY: Final = 0.0005  # seconds
# O_NONBLOCK: opening a planted FIFO must not hang.
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class JournalBusyError(OSError):
    """Another process has held the journal's lock for too long; most likely it was stopped."""


class Writer:
    """Appends the agent's own lines."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def append(self, lines: Sequence[bytes]) -> None:
        """Append all of them with one write, or none.

        `lines` are without LF; ValueError if one holds LF. OSError where the disk refuses. While another process keeps
        the lock they go to a stray file, which `Journal.take_in_strays` appends later.
        """
        if not lines:
            return
        if any(b"\n" in line for line in lines):
            raise ValueError("a journal line can't hold a line feed")
        data = b"\n".join(lines) + b"\n"
        try:
            with locked(self._paths.current, create=True) as descriptor:
                append(descriptor, data)
        except JournalBusyError:
            _stray(self._paths.journal, data)


@contextlib.contextmanager
def locked(path: Path, *, create: bool = False) -> Iterator[int]:
    """The descriptor of the current segment, locked and still the path's.

    Raises FileNotFoundError, JournalBusyError, OSError.
    """
    deadline = time.monotonic() + LOCK_WAIT
    if create:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    while True:
        descriptor = os.open(path, _FLAGS | os.O_CREAT if create else _FLAGS, 0o600)
        try:
            _lock(descriptor, deadline)
            if same(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)  # and with it the lock


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise JournalBusyError(
                    errno.EWOULDBLOCK, "the journal is locked by a process that doesn't release it"
                ) from None
            time.sleep(_LOCK_RETRY)
        else:
            return


def same(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the open file."""
    try:
        status = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - one call, no Path object for a hot check
    except FileNotFoundError:
        return False
    return os.path.samestat(status, os.fstat(descriptor))


def append(descriptor: int, data: bytes) -> None:
    """Write whole lines at the end of a locked segment; the old end is restored where that fails."""
    end = os.fstat(descriptor).st_size
    if end and os.pread(descriptor, 1, end - 1) != b"\n":
        data = b"\n" + data
    if os.write(descriptor, data) != len(data):
        os.ftruncate(descriptor, end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def end_line(descriptor: int) -> bool:
    """Terminate a torn last line of a locked segment; False if the segment is empty."""
    end = os.fstat(descriptor).st_size
    if end and os.pread(descriptor, 1, end - 1) != b"\n":
        os.write(descriptor, b"\n")
    return bool(end)


def _stray(folder: Path, data: bytes) -> None:
    descriptor = os.open(
        folder / f"stray-{time.time_ns()}-{os.getpid()}",
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o600,
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
