"""The lock that allows one agent only: the kernel releases it when the process ends, whatever killed it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

POLL: Final = 0.02  # seconds between tries
FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FileLock:
    """An exclusive flock on `path`. The file is never removed: two processes would then lock two different ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @classmethod
    def inherited(cls, path: Path, descriptor: int) -> FileLock:
        """The lock that the process which started us took and handed over; our own children don't get it."""
        os.set_inheritable(descriptor, False)
        lock = cls(path)
        lock._fd = descriptor
        return lock

    def acquire(self, timeout: float = 0.0, *, unless: Callable[[], bool] = lambda: False) -> bool:
        """Take it, trying for `timeout` seconds or until `unless` says yes. False if somebody else has it."""
        fd = os.open(self._path, FLAGS, 0o600)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline or unless():
                    os.close(fd)
                    return False
                time.sleep(POLL)
            else:
                self._fd = fd
                return True

    def write(self, text: str) -> None:
        """Replace the file's content, for people and for `status`."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text.encode(), 0)

    def fileno(self) -> int:
        """The descriptor, to hand over; ValueError without the lock."""
        if self._fd is None:
            raise ValueError(f"{self._path} is not locked")
        return self._fd

    def lost(self) -> bool:
        """Whether the path now has another file, or none: whoever locks that one would run beside this agent."""
        try:
            return not os.path.samestat(self._path.stat(follow_symlinks=False), os.fstat(self.fileno()))
        except FileNotFoundError:
            return True

    def release(self) -> None:
        """Release the lock; a second call is harmless."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)


def is_held(path: Path) -> bool:
    """Whether a process holds it. The shared try of this check lasts microseconds, and `acquire` tries again."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def wait_free(path: Path, timeout: float) -> bool:
    """Wait until nobody holds it."""
    deadline = time.monotonic() + timeout
    while is_held(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL)
    return True
