"""`hookspan uninstall --purge`: everything that hookspan keeps, gone, with the folders that are empty without it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from hookspan.errors import UserError
from hookspan.paths import Paths, home_folder


def kept(paths: Paths) -> list[Path]:
    """What there is to delete. UserError while containers use it, or if that would take somebody's home with it."""
    if (paths.state / "stack.json").exists():
        raise UserError(
            "the stack of `hookspan stack up` has not been stopped",
            hint="`hookspan stack down --volumes` ends it and deletes its data; then try again",
        )
    home = home_folder()
    for folder in (paths.state, paths.data):
        if folder == home or folder in home.parents:
            raise UserError(f"`{folder}` is or holds your home; nothing was deleted", hint="look at `HOOKSPAN_HOME`")
    return [path for path in (paths.state, paths.data, paths.config) if os.path.lexists(path)]


def purge(paths: Paths) -> None:
    """Stop the agent and delete it all. UserError if something can't be deleted."""
    from hookspan.agent import launch
    from hookspan.cli import service

    service.remove(paths)
    if paths.state.is_dir():
        paths.create()
        paths.down.touch(mode=0o600)  # or a hook of a session that is still open starts another one
        launch.stop(paths)
    for path in kept(paths):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as error:
            raise UserError(f"can't delete `{error.filename}`: {error.strerror}") from error
    with contextlib.suppress(OSError):
        paths.config.parent.rmdir()  # ours, wherever it is
    for path in (paths.state, paths.data, paths.config.parent):
        remove_empty(path.parent)


def remove_empty(folder: Path) -> None:
    """Remove a folder below the home, and those above it, as long as they are empty."""
    home = home_folder()
    while home in folder.parents:
        try:
            folder.rmdir()
        except OSError:  # there is something in it
            return
        folder = folder.parent
