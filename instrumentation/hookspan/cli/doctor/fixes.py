"""What several checks share: naming a few paths in a sentence, and removing other users' access to files."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hookspan.cli.doctor.result import Fix
from hookspan.errors import UserError
from hookspan.units import counted

EXAMPLES: Final = 3


def listed(paths: Sequence[Path]) -> str:
    """All of them, or how many with a few."""
    shown = ", ".join(f"`{path}`" for path in paths[:EXAMPLES])
    return f"{counted(len(paths), 'files')} ({shown}, ...)" if len(paths) > EXAMPLES else shown


def take_write_access(folder: Path) -> Fix:
    """Remove other users' permission to write to a folder of the user; reading stays allowed."""

    def do() -> None:
        status = folder.stat()
        if status.st_uid != os.geteuid():
            raise UserError(f"`{folder}` no longer belongs to you; nothing was changed")
        folder.chmod(stat.S_IMODE(status.st_mode) & ~0o022)

    return Fix(f"chmod go-w {listed([folder])}", do)


def make_private(*paths: Path) -> Fix:
    """Remove all permissions of other users on these files, which all belong to the user."""

    def do() -> None:
        for path in paths:
            status = path.lstat()
            if status.st_uid != os.geteuid() or stat.S_ISLNK(status.st_mode):
                raise UserError(f"`{path}` no longer belongs to you; nothing was changed")
            path.chmod(stat.S_IMODE(status.st_mode) & ~0o077)

    return Fix(f"chmod go= {listed(paths)}", do)
