"""What was kept aside at a migration, for want of a readable file, after a bug, or before a settings file was changed.

It goes after `journal.days`, in the agent's upkeep and by `hookspan prune`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hookspan.paths import Paths

PATTERNS: Final = (
    "store.db.v*",
    "store.db.damaged-*",
    "export.db.v*",
    "export.db.damaged-*",
    "content.db.v*",
    "content.db.damaged-*",
    "reports/crash-*.md",
)
_SET_ASIDE: Final = re.compile(r"\.damaged-(\d+)")


def old(paths: Paths, before: float) -> Iterator[tuple[Path, int]]:
    """Files kept aside before that time (Unix seconds), and their bytes; never a backup that `uninstall` would use."""
    needed = paths.installed.read_text(encoding="utf-8") if paths.installed.exists() else ""
    files = [path for pattern in PATTERNS for path in paths.state.glob(pattern)]
    files += [path for path in paths.backups.glob("*") if json.dumps(str(path)) not in needed]
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            status = path.stat(follow_symlinks=False)
            if _since(path, status) < before:
                yield path, status.st_size


def delete_old(paths: Paths, before: float) -> list[tuple[Path, int]]:
    """Delete what `old` names."""
    deleted = list(old(paths, before))
    for path, _ in deleted:
        path.unlink(missing_ok=True)
    return deleted


def _since(path: Path, status: os.stat_result) -> float:
    """Since when it is kept aside: what nobody had written for long may have been set aside just now."""
    stamp = _SET_ASIDE.search(path.name)
    return max(status.st_mtime, int(stamp[1]) / 1e9 if stamp else 0.0)
