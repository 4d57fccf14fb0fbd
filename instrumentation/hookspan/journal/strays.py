"""Takes in strays: lines that a relay wrote to a file of their own (`stray-<at>-<pid>`) since the journal was locked.

They are appended under the lock and then unlinked. A crash between the two is found by looking for the very line, which
has a time and a process of its own: a file that lay here when we came is searched for in the journal, one that we
appended ourselves is remembered.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import time
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from hookspan.journal import segments, writer
from hookspan.journal.quarantine import Quarantine
from hookspan.journal.writer import JournalBusyError
from hookspan.paths import Paths

_NAME: Final = re.compile(r"stray-(\d{1,20})-(\d{1,10})")
SIZE_MAX: Final = 64 << 20  # bytes of one file; a relay's is 16 MiB at most
BATCH: Final = 64 << 20  # bytes that are taken in at once
ABANDONED: Final = 60.0  # seconds; a stray is written within milliseconds of being made


class _Stray(NamedTuple):
    path: Path
    data: bytes


class Strays:
    """Takes stray lines into the journal."""

    def __init__(self, paths: Paths, quarantine: Quarantine) -> None:
        self._paths = paths
        self._quarantine = quarantine
        self._appended: set[str] = set()  # names of files whose lines are in the journal, but that couldn't be unlinked
        self._arrived: set[str] | None = None  # names of files that an earlier agent may have appended
        self.held = False  # some are left, since a process keeps the lock

    def take_in(self) -> int:
        """Append all complete strays; the number of files taken, fewer while a stopped process holds the lock.

        OSError where the disk refuses.
        """
        names = self._names()
        if self._arrived is None:
            self._arrived = set(names)
        taken = complete = size = 0
        batch: list[_Stray] = []
        for name in names:
            if (stray := self._read(self._paths.journal / name)) is None:
                continue
            batch.append(stray)
            complete += 1
            size += len(stray.data)
            if size >= BATCH:
                taken += self._append(batch)
                batch, size = [], 0
        taken += self._append(batch)
        self.held = taken < complete
        return taken

    def _names(self) -> list[str]:
        """Oldest first."""
        matches = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._paths.journal) as entries:
            matches = [match for entry in entries if (match := _NAME.fullmatch(entry.name))]
        return [match[0] for match in sorted(matches, key=lambda match: (int(match[1]), int(match[2])))]

    def _read(self, path: Path) -> _Stray | None:
        """A complete stray; None for one that is still being written, or that was set aside."""
        if path.name in self._appended:
            self._unlink(path)
            return None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # gone, or a symlink that somebody planted
            return None
        with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                return None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            data = file.read(SIZE_MAX + 1)
            if data.endswith(b"\n") and len(data) <= SIZE_MAX:
                return _Stray(path, data)
            if time.time() - status.st_mtime > ABANDONED:  # its writer died while writing it
                if data:
                    self._quarantine.add(0, data, "torn_stray", status.st_size)
                self._unlink(path)
            return None

    def _append(self, batch: list[_Stray]) -> int:
        if not batch:
            return 0
        there = self._already([stray for stray in batch if stray.path.name in (self._arrived or ())])
        lines = [line for stray in batch for line in _lines(stray.data) if line not in there]
        if lines:
            try:
                with writer.locked(self._paths.current, create=True) as descriptor:
                    writer.append(descriptor, b"\n".join(lines) + b"\n")
            except JournalBusyError:
                return 0
        self._appended.update(stray.path.name for stray in batch)
        for stray in batch:
            self._unlink(stray.path)
        return len(batch)

    def _already(self, batch: list[_Stray]) -> set[bytes]:
        """Which of their lines are in the newest two segments."""
        wanted = {line for stray in batch for line in _lines(stray.data)}
        appended: set[bytes] = set()
        if wanted:
            newest = [self._paths.journal / name for _, name in segments.names(self._paths.journal)[-1:]]
            for path in (*newest, self._paths.current):
                with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                    # The limit keeps a line without an end out of memory; its pieces match nothing.
                    appended.update(
                        line[:-1] for line in iter(partial(file.readline, SIZE_MAX), b"") if line[:-1] in wanted
                    )
        return appended

    def _unlink(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # then `_appended` remembers it until it works
            path.unlink(missing_ok=True)
            self._appended.discard(path.name)


def _lines(data: bytes) -> list[bytes]:
    return data[:-1].split(b"\n")
