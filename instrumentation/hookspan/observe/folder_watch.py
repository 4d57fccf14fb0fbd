"""The system's own notification of changes in folders: Linux's inotify. Elsewhere they are looked into instead."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from typing import Final

_CLOSE_WRITE, _MOVED_TO, _DELETE = 0x08, 0x80, 0x200
_OVERFLOW, _IGNORED, _ONLYDIR = 0x4000, 0x8000, 0x0100_0000
_MASK: Final = _CLOSE_WRITE | _MOVED_TO | _DELETE | _ONLYDIR
_EVENT: Final = struct.Struct("iIII")
_BUFFER: Final = 64 << 10


class FolderWatch:
    """Tells which files of some folders were written or deleted. For one thread.

    Args:
        notify: Whether the system is to tell; without, folders are looked into as where it can't.

    Attributes:
        descriptor: Readable when there is something to `read`; None where the system has no notification.
    """

    def __init__(self, *, notify: bool = True) -> None:
        self.descriptor: int | None = None
        self._folders: dict[int, str] = {}
        self._changed: set[str] = set()
        if notify and sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            with contextlib.suppress(OSError):  # at the user's limit of them
                self.descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def follow(self, folder: str) -> bool:
        """Watch a folder from now on; False if that can't be: it is not there, or the system can't."""
        if folder in self._folders.values():
            return True
        if self.descriptor is None:
            return False
        try:
            number = self._checked(self._libc.inotify_add_watch(self.descriptor, os.fsencode(folder), _MASK))
        except OSError:
            return False
        self._folders[number] = folder
        self._changed.add(folder)
        return True

    def follows(self, folder: str) -> bool:
        """Whether its changes are told."""
        return folder in self._folders.values()

    def read(self) -> None:
        """Take what the system has told since."""
        if self.descriptor is None:
            return
        with contextlib.suppress(BlockingIOError):
            while True:
                self._take(os.read(self.descriptor, _BUFFER))

    def has_changed(self) -> bool:
        """Whether `changed` has something to tell."""
        self.read()
        return bool(self._changed)

    def changed(self) -> set[str]:
        """The paths of files that changed since the last call, and folders of which any may have."""
        self.read()
        changed, self._changed = self._changed, set()
        return changed

    def close(self) -> None:
        """Watch nothing any more."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        self._folders.clear()

    def _take(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            if mask & _OVERFLOW:
                self._changed.update(self._folders.values())
            elif (folder := self._folders.get(number)) is not None:
                self._changed.add(f"{folder}/{os.fsdecode(name)}" if name else folder)
                if mask & _IGNORED:  # it is gone
                    del self._folders[number]

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
