"""Checks hookspan's folders: their owner, their disk, and the length of their names."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hookspan.agent.health import Status, graded
from hookspan.agent.health.checks import DISK_WARNING, FULL_CRITICAL
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.fixes import listed, make_private, take_write_access
from hookspan.cli.doctor.result import Result
from hookspan.folders import NETWORK_FILE_SYSTEMS, file_system
from hookspan.paths import SOCKET_PATH_MAX
from hookspan.units import counted, size

OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def folders(context: Context) -> Iterator[Result]:
    """What is recorded is this user's alone, on a disk of this machine."""
    state = context.paths.state
    if not state.exists():
        yield Result(Status.WARNING, f"`{state}` does not exist yet", todo="`hookspan install`")
        return
    kind = file_system(state)
    if kind in NETWORK_FILE_SYSTEMS:
        why = "two machines could write the same journal, and locks are not reliable there"
        todo = "set `HOOKSPAN_HOME` to a folder on a local disk"
        yield Result(Status.CRITICAL, f"`{state}` lies on a network file system ({kind})", why, todo)
    foreign, writable, readable = _of_others(state)
    if foreign:
        why = "the relay and the agent use only their user's files; `sudo hookspan` leaves such files"
        todo = f"`sudo chown -R {os.geteuid()} {shlex.quote(str(state))}`"
        yield Result(Status.CRITICAL, f"{listed(foreign)} belong to somebody else", why, todo)
    todo = f"`chmod -R go= {shlex.quote(str(state))}`"
    if writable:
        why = "a folder that others may write to is refused: hooks lose their events"
        yield Result(
            Status.CRITICAL,
            f"{listed(writable)} can be written by others",
            why,
            todo,
            fix=make_private(*writable, *readable),
        )
    elif readable:
        why = "prompts, commands and results are in there"
        yield Result(
            Status.WARNING, f"{listed(readable)} can be read by others", why, todo, fix=make_private(*readable)
        )
    if not (foreign or writable or readable):
        yield Result(Status.HEALTHY, f"`{state}` is yours alone ({kind or 'local'})")


def _of_others(top: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """What belongs to others, what they can write, what they can only read; a link's own mode means nothing."""
    foreign, writable, readable = [], [], []
    for path in (top, *top.rglob("*")):
        try:
            status = path.lstat()
        except FileNotFoundError:  # what was being written, and is done
            continue
        if status.st_uid != os.geteuid():
            foreign.append(path)
        elif stat.S_ISLNK(status.st_mode):
            continue
        elif status.st_mode & OTHERS:
            writable.append(path)
        elif stat.S_IMODE(status.st_mode) & 0o077:
            readable.append(path)
    return foreign, writable, readable


def owners(context: Context) -> Iterator[Result]:
    """Nobody else can put another folder in the place of ours, or of the relay's."""
    well = True
    for top, folders in ((context.paths.state, ()), (context.paths.bin, (context.paths.bin,))):
        for folder in (*folders, *top.parents):
            try:
                status = folder.stat()
            except FileNotFoundError:
                continue
            by_group = status.st_mode & stat.S_IWGRP and status.st_gid not in {0, os.getegid()}
            why = f"others could replace `{top}`, or into it"
            if (status.st_mode & stat.S_IWOTH or by_group) and not status.st_mode & stat.S_ISVTX:
                well = False
                todo = f"`chmod go-w {shlex.quote(str(folder))}`"
                fix = take_write_access(folder) if status.st_uid == os.geteuid() else None
                yield Result(Status.CRITICAL, f"`{folder}` can be written by others", why, todo, fix=fix)
            elif status.st_uid not in {0, os.geteuid()} and folder != Path("/"):
                well = False
                todo = "set `HOOKSPAN_HOME` to a folder of yours"
                yield Result(Status.WARNING, f"`{folder}` belongs to user {status.st_uid}", why, todo)
    if well:
        yield Result(Status.HEALTHY, "no folder above can be changed by others")


def sockets(context: Context) -> Iterator[Result]:
    """How long the sockets' names are: the system's limit is short."""
    paths = context.paths
    longest = max(len(os.fsencode(path)) for path in (paths.poke_socket, paths.control_socket)) + 1
    if longest > SOCKET_PATH_MAX:
        yield Result(
            Status.HEALTHY,
            f"`{paths.run}` is too long for a socket's name ({counted(longest, 'bytes')} of {SOCKET_PATH_MAX}): "
            "they are used by a relative path",
            "the relay and the agent can do this; other programs can't",
            value=float(longest),
            unit="bytes",
        )
        return
    bad = [path for path in (paths.poke_socket, paths.control_socket) if path.exists() and not path.is_socket()]
    if bad:
        yield Result(
            Status.WARNING,
            f"{listed(bad)} is in the place of a socket",
            "hooks can't wake the agent",
            "`hookspan restart` replaces it",
        )
        return
    yield Result(Status.HEALTHY, f"{counted(longest, 'bytes')} of {SOCKET_PATH_MAX}")


def disk(context: Context) -> Iterator[Result]:
    """Room for what is to be recorded: bytes and files."""
    state = context.paths.state
    folder = next(each for each in (state, *state.parents) if each.exists())
    usage, table = shutil.disk_usage(folder), os.statvfs(folder)
    full = 100.0 * usage.used / max(1, usage.used + usage.free)  # a file system may have no blocks
    status = graded(full, DISK_WARNING, FULL_CRITICAL)
    why = todo = ""
    if status is not Status.HEALTHY:
        why, todo = (
            "hooks lose the events that they can't write, and count them",
            "free space, or lower `journal.bytes`",
        )
    yield Result(status, f"{size(usage.free)} free ({full:.0f} % full)", why, todo, full, "%")
    if table.f_files and (files := 100.0 * (1 - table.f_favail / table.f_files)) > DISK_WARNING:
        yield Result(
            graded(files, DISK_WARNING, FULL_CRITICAL),
            f"room for {counted(table.f_favail, 'more files')} ({files:.0f} % of the file system's are used)",
            "without them no file can be created, however much space is free",
            "delete files: often a cache holds many small ones",
            files,
            "%",
        )
