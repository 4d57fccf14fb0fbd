"""Replacing a file as a whole: a reader sees the old bytes or the new ones, a crash leaves one of them."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def write(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Replace the file that `path` names, through symlinks, by `data`; raises OSError and then changes nothing.

    `mode` is that of the new file; None keeps the old file's, or takes 0600 where there was none. An owner other than
    ours is kept where we may (root editing a user's file).
    """
    import tempfile  # noqa: PLC0415 - 3 ms, and who imports this module mostly writes nothing

    target = Path(os.path.realpath(path))
    try:
        old: os.stat_result | None = target.stat()
    except FileNotFoundError:
        old = None
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if old is not None and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, old.st_uid, old.st_gid)
            if mode is None:
                mode = stat.S_IMODE(old.st_mode) if old is not None else 0o600
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(name, target)  # noqa: PTH105 - two strings
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - a string
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
