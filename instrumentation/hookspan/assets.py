"""The files beside the Python code: what coding agents run, the Collector's configuration, dashboards, the page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hookspan.errors import UserError


@cache
def root() -> Path:
    """The folder that holds `hooks/`, `collector/`, `dashboards/` and `docker-compose.yml`.

    `hookspan/_stack` in a wheel, the repository in a checkout. UserError where neither is there.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_stack", package.parents[1]):
        if (folder / "hooks" / "main.py").is_file():
            return folder
    raise UserError(
        f"hookspan's files are missing beside `{package}`",
        hint="install it again: `pip install --force-reinstall hookspan`",
    )
