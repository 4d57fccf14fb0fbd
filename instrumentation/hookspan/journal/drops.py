"""What the relay could not write: counts by reason, in a preallocated file that a full disk doesn't stop.

A line of 64 bytes for each reason: the reason padded to 16 bytes, the count in 20 digits, a blank, Unix nanoseconds of
the last one in 20 digits, padding and LF.
"""

from __future__ import annotations

import os
from typing import Final

from hookspan.paths import Paths
from hookspan.setup.relay import DROP_REASONS, drop_line

_LINE: Final = 64


def read(paths: Paths) -> dict[str, tuple[int, int]]:
    """(how often, Unix nanoseconds of the last) for each reason that ever occurred; empty if the file isn't there."""
    try:
        table = paths.drops.read_bytes()
    except FileNotFoundError:
        return {}
    counts = {}
    for start in range(0, len(table), _LINE):
        reason, *numbers = table[start : start + _LINE].decode("ascii", "replace").split() or [""]
        match numbers:
            case [count, last] if count.isdigit() and last.isdigit() and int(count):
                counts[reason] = (int(count), int(last))
            case _:
                continue
    return counts


def create(paths: Paths) -> None:
    """Preallocate the file; one that is there keeps its counts."""
    try:
        descriptor = os.open(paths.drops, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        os.write(descriptor, b"".join(drop_line(reason, 0, 0) for reason in DROP_REASONS))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
