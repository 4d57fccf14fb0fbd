"""Lines that can't be read, set aside so that somebody can look at them: a JSON object a line, a file a day."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from hookspan.folders import make_folders
from hookspan.paths import Paths
from hookspan.wire.foreign import UNREADABLE

SAMPLE: Final = 64 << 10  # bytes kept of a line; the line itself stays in the journal under its number
CAP: Final = 16 << 20  # bytes of all files; a flood of foreign lines must not double the journal
FILES: Final = "????-??-??.jsonl"


class Entry(msgspec.Struct):
    """A line set aside: its record number, why, when (Unix nanoseconds), its length in bytes, and its beginning."""

    record: int
    reason: str
    at: int
    bytes: int
    data: str


class Quarantine:
    """Writes entries, each record once for a reason: a replay after a crash meets the same lines again."""

    def __init__(self, paths: Paths) -> None:
        self._folder = paths.quarantine
        self._seen: set[tuple[int, str]] | None = None
        self._size = 0

    def add(self, number: int, data: bytes, reason: str, size: int | None = None) -> bool:
        """Set a line aside; `size` is its length where `data` is only its beginning. False if that was done before.

        `number` is 0 for what never got one.
        """
        if self._seen is None:
            entries = list(_entries(self._folder))
            self._seen = {(entry.record, entry.reason) for entry in entries}
            self._size = sum(map(_size, self._folder.glob(FILES)))
        if number:
            if (number, reason) in self._seen:
                return False
            self._seen.add((number, reason))
        if self._size >= CAP:
            return True
        now = time.time_ns()
        text = data[:SAMPLE].decode("utf-8", "backslashreplace")
        entry = msgspec.json.encode(Entry(number, reason, now, len(data) if size is None else size, text)) + b"\n"
        with contextlib.suppress(OSError):  # a full disk: reading must go on, and the line is still in the journal
            self._write(time.strftime("%Y-%m-%d.jsonl", time.gmtime(now // 10**9)), entry)
        return True

    def freed(self, size: int) -> None:
        """So many bytes of it were deleted."""
        self._size = max(0, self._size - size)

    def _write(self, file: str, entry: bytes) -> None:
        make_folders(self._folder)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._folder / file, flags, 0o600)
        try:
            end = os.fstat(descriptor).st_size
            if os.write(descriptor, entry) == len(entry):
                self._size += len(entry)
            else:  # a full disk: the next entry must begin on a line of its own
                os.ftruncate(descriptor, end)
        finally:
            os.close(descriptor)


def old(paths: Paths, before: float) -> list[tuple[Path, int]]:
    """The files last written before that time (Unix seconds), and their bytes."""
    files = []
    for path in paths.quarantine.glob(FILES):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if status.st_mtime < before:
                files.append((path, status.st_size))
    return files


def delete_old(paths: Paths, before: float) -> int:
    """Delete the files last written before that time (Unix seconds); the number of bytes that were freed."""
    freed = 0
    for path, size in old(paths, before):
        path.unlink(missing_ok=True)
        freed += size
    return freed


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _entries(folder: Path) -> list[Entry]:
    decoder = msgspec.json.Decoder(Entry)
    entries = []
    for path in sorted(folder.glob(FILES)):
        with (
            contextlib.suppress(OSError),
            path.open("rb") as file,
        ):  # what can't be read of it keeps nothing from going on
            for line in file:
                with contextlib.suppress(*UNREADABLE):  # cut by a full disk
                    entries.append(decoder.decode(line))
    return entries
