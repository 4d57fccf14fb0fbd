"""What was kept aside at a migration, for want of a readable file, after a bug, or before a settings file was changed.

It goes after `journal.days`, in the agent's upkeep and by `hookspan prune`; content that is not archived after
`journal.raw_hours`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hookspan.config import Settings
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


def old(paths: Paths, settings: Settings, now: float) -> Iterator[tuple[Path, int]]:
    """What was kept aside for too long at `now` (Unix seconds), with its size; no backup that `uninstall` would use."""
    before = of_content = now - settings.journal.days * 86400
    if not settings.archive.enabled:
        of_content = max(before, now - settings.journal.raw_hours * 3600)
    needed = paths.installed.read_text(encoding="utf-8") if paths.installed.exists() else ""
    files = [path for pattern in PATTERNS for path in paths.state.glob(pattern)]
    files += [path for path in paths.backups.glob("*") if json.dumps(str(path)) not in needed]
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            status = path.stat(follow_symlinks=False)
            if _since(path, status) < (of_content if path.name.startswith(paths.content_db.name) else before):
                yield path, status.st_size


def delete_old(paths: Paths, settings: Settings, now: float) -> list[tuple[Path, int]]:
    """Delete what `old` names."""
    deleted = list(old(paths, settings, now))
    for path, _ in deleted:
        path.unlink(missing_ok=True)
    return deleted


def _since(path: Path, status: os.stat_result) -> float:
    """Since when it is kept aside: what nobody had written for long may have been set aside just now."""
    stamp = _SET_ASIDE.search(path.name)
    return max(status.st_mtime, int(stamp[1]) / 1e9 if stamp else 0.0)
