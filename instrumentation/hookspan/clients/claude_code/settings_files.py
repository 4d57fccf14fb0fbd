"""Where Claude Code keeps its settings files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from hookspan.errors import UserError
from hookspan.folders import absolute, home_folder, is_file, is_folder

Scope = Literal["user", "local"]

MANAGED: Final = (Path("/etc/claude-code"), Path("/Library/Application Support/ClaudeCode"))
"""Folders of the administrator's settings, on Linux and on macOS."""


def config_folder(env: Mapping[str, str]) -> Path:
    """`~/.claude`, or where CLAUDE_CONFIG_DIR has moved it."""
    if moved := env.get("CLAUDE_CONFIG_DIR"):
        return absolute("CLAUDE_CONFIG_DIR", moved)
    return home_folder(env) / ".claude"


def of_user(config: Path) -> Path:
    """The user's, for all projects, in the folder of configuration."""
    return config / "settings.json"


def of_project(folder: Path) -> tuple[Path, Path]:
    """Those of a project: everybody's, and the user's own."""
    own = folder / ".claude"
    return own / "settings.json", own / "settings.local.json"


def of_managed(folder: Path) -> list[Path]:
    """Those in one of the administrator's folders."""
    more = folder / "managed-settings.d"
    files = [folder / "managed-settings.json", *(sorted(more.glob("*.json")) if is_folder(more) else ())]
    return [file for file in files if is_file(file)]


def of_scope(scope: Scope, env: Mapping[str, str], folder: Path | None) -> Path:
    """That of a scope of `install`: the user's, or the user's own in the project `folder`; None: it is gone."""
    if scope == "local":
        if folder is None:
            raise UserError("the folder that you are in is gone", hint="`cd` into the project, then try again")
        return of_project(folder)[1]
    return of_user(config_folder(env))
