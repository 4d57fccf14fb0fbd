"""`hookspan uninstall --purge`: deletes everything that hookspan keeps, with the folders that it made.

A folder that was there before us is somebody else's: only what bears our names is deleted in it, and it stays.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from hookspan.cli.stack.compose import COPIED
from hookspan.errors import UserError
from hookspan.folders import home_folder
from hookspan.paths import Paths

OWN_NAME: Final = "hookspan"
"""A folder of this name is ours, whoever made it: older versions noted no folders."""
SOME: Final = Paths(state=Path("state"), config=Path("config"), data=Path("data"))
NAMED: Final = {getattr(SOME, name) for name, value in vars(Paths).items() if isinstance(value, property)}
GROWN: Final = {SOME.log, SOME.store, SOME.export_db, SOME.content_db}
"""Those with others beside them that begin with the same name."""
STATE: Final = (
    *sorted({path.parts[1] for path in NAMED if path.parts[0] == "state"}),
    *sorted(f"{path.name}*" for path in GROWN),
    "logins.json",
    "port",
    "reports",
    "status-seen",
)
"""What is ours in a state folder that somebody else had made."""


def to_delete(places: Iterable[Paths]) -> list[Path]:
    """What there is to delete. UserError while containers use it, or if that would take somebody's home with it."""
    doomed: dict[Path, None] = {}
    for paths in places:
        if (paths.state / "stack.json").exists():
            raise UserError(
                "the stack of `hookspan stack up` has not been stopped",
                hint="`hookspan stack down --volumes` stops it and deletes its data; then try again",
            )
        doomed |= dict.fromkeys([*_within(paths, paths.state), *_within(paths, paths.data)])
        doomed |= dict.fromkeys(filter(os.path.lexists, [paths.config]))
    return list(doomed)


def _within(paths: Paths, top: Path) -> Iterator[Path]:
    """The folder, if it is ours; else what is ours in it."""
    if not top.is_dir():
        return
    if not top.is_symlink() and (top.name == OWN_NAME or top in paths.folders_made()):
        if _holds_home(top):
            raise UserError(f"`{top}` is your home or contains it; nothing was deleted", hint="look at `HOOKSPAN_HOME`")
        yield top
    elif top == paths.state:
        yield from sorted(path for pattern in STATE for path in top.glob(pattern))
    else:
        yield from filter(os.path.lexists, [paths.relay, paths.relay_source, paths.made])
        scripts = [file for file in (paths.relay_script, paths.relay_module) if _is_ours(file)]
        yield from scripts
        compiled = paths.bin / "__pycache__"
        if paths.relay_module in scripts and compiled.is_dir() and all(map(_is_ours, compiled.iterdir())):
            yield compiled
        if (stack := top / "stack").joinpath(COPIED).is_file():
            yield stack


def _is_ours(file: Path) -> bool:
    """Whether it is the relay in Python, or what has been compiled of it."""
    return file.is_file() and b"hookspan's relay" in file.read_bytes()


def _holds_home(folder: Path) -> bool:
    try:
        home = home_folder()
    except UserError:  # there is none
        return False
    return folder == home or folder in home.parents


def purge(places: Sequence[Paths]) -> None:
    """Stop their agents and delete it all; UserError if something of it can't be deleted."""
    from hookspan.agent import launch
    from hookspan.cli.lifecycle import manager

    for paths in places:
        manager.remove(paths)
        if paths.state.is_dir():
            paths.create()
            paths.down.touch(mode=0o600)  # or a hook of a session that is still open starts another one
            launch.stop(paths)
    own = [paths.config.parent for paths in places if paths.config.parent.name == OWN_NAME]
    folders = [folder for paths in places for folder in paths.folders_made()]  # the note of them goes, too
    failed: list[str] = []
    for path in to_delete(places):
        _delete(path, failed)
    for folder in (*own, *folders):
        with contextlib.suppress(OSError):  # there is something in it, or it is gone
            folder.rmdir()
    if failed:
        more = f", and {len(failed) - 1} more" if failed[1:] else ""
        raise UserError(f"can't delete {failed[0]}{more}", hint="everything else was deleted")


def _delete(path: Path, failed: list[str]) -> bool:
    """Delete it with all that is in it; False if it is still there. A mount point stays, empty."""
    is_folder = path.is_dir() and not path.is_symlink()
    try:
        within = [_delete(each, failed) for each in path.iterdir()] if is_folder else []
        if not all(within):
            return False
        if is_folder:
            path.rmdir()
        else:
            path.unlink()
    except OSError as error:
        if not is_folder or error.errno != errno.EBUSY:
            failed.append(f"`{path}`: {error.strerror}")
        return False
    return True
