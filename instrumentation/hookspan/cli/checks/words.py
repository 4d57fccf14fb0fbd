"""What several checks say or do: a few paths in words, and taking from others what they may do with a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hookspan.cli.checks.found import Fix
from hookspan.errors import UserError
from hookspan.units import counted

EXAMPLES: Final = 3


def some(paths: Sequence[Path]) -> str:
    """All of them, or how many with a few."""
    shown = ", ".join(f"`{path}`" for path in paths[:EXAMPLES])
    return f"{counted(len(paths), 'files')} ({shown}, ...)" if len(paths) > EXAMPLES else shown


def chmod(*paths: Path) -> Fix:
    """Take from others what they may do with these files, of ours all."""

    def do() -> None:
        for path in paths:
            found = path.lstat()
            if found.st_uid != os.geteuid() or stat.S_ISLNK(found.st_mode):
                raise UserError(f"`{path}` is not yours any more; nothing was done to it")
            path.chmod(stat.S_IMODE(found.st_mode) & ~0o077)

    return Fix(f"chmod go= {some(paths)}", do)
