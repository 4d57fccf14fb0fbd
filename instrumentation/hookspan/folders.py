"""Folders: the user's own, those that a process is in or makes, and the file systems that they are on."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hookspan.errors import UserError

# File systems on which another machine can write the same file: flock and O_APPEND are not reliable there.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "afs",
        "afpfs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.davfs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
    }
)


NO_HOME: Final = "set HOME to a folder that belongs to you"


def home_folder(env: Mapping[str, str] | None = None) -> Path:
    """The user's home: HOME, else as the system knows it. UserError for a user without one, as in many containers."""
    if home := (os.environ if env is None else env).get("HOME"):
        return Path(home)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        raise UserError(
            f"HOME is not set, and the system knows no home of user {os.getuid()}",
            hint=NO_HOME,
        ) from error


def is_folder(path: Path) -> bool:
    """Whether it is a folder; where one may not look, nobody knows of any. (Path.is_dir raises there.)"""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: Path) -> bool:
    """Whether it is a file, as `is_folder`."""
    return os.path.isfile(path)  # noqa: PTH113


def working_folder() -> Path | None:
    """The working folder; None if it has been deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def absolute(name: str, text: str) -> Path:
    """The full path that a variable's text means. UserError if it is relative to a folder that is gone."""
    try:
        return Path(os.path.abspath(text))  # noqa: PTH100 - without a look at links
    except FileNotFoundError as error:
        raise UserError(
            f"`{name}` is `{text}`, and the folder that you are in is gone",
            hint="give the whole path, or `cd` elsewhere",
        ) from error


def make_folders(folder: Path, mode: int = 0o700) -> list[Path]:
    """Make a folder and any missing ones above it, all with this mode; those that were missing, from the top.

    `Path.mkdir` with `parents` gives those above what the umask leaves of 0777: others could put another folder in
    the place of ours. What is there already stays as it is.
    """
    missing = [folder] if not os.path.lexists(folder) else []
    while missing and not os.path.lexists(above := missing[-1].parent):
        missing.append(above)
    made: list[Path] = []
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster
            each.mkdir(mode=mode)
            made.append(each)
    folder.mkdir(mode=mode, exist_ok=True)  # raises if something else has its name
    return made


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The type of the file system that `path` is or would be on; None if the system doesn't report it (macOS)."""
    try:
        table = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    target = os.path.realpath(path)
    best, kind = -1, None
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004 - device, mount point, type
            continue
        point = _unescape(fields[1])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # the later of two equal ones hides the earlier
            best, kind = len(point), fields[2]
    return kind


def _unescape(field: str) -> str:
    """Blank, tab, newline and backslash stand in /proc/mounts as three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def refuse_network(folder: Path) -> None:
    """UserError for a folder where two machines could write the same files."""
    kind = file_system(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        raise UserError(
            f"`{folder}` lies on a network file system ({kind}), where two machines could write the same journal",
            hint="set `HOOKSPAN_HOME` to a folder on a local disk",
        )
