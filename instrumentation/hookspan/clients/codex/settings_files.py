"""Where Codex keeps its hooks, its settings and its rollouts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hookspan.folders import absolute, home_folder, is_folder

HOOKS: Final = "hooks.json"


def config_folder(env: Mapping[str, str]) -> Path:
    """`~/.codex`, or where CODEX_HOME has moved it."""
    if moved := env.get("CODEX_HOME"):
        return absolute("CODEX_HOME", moved)
    return home_folder(env) / ".codex"


def hooks_file(env: Mapping[str, str]) -> Path:
    """The user's hooks, for all projects."""
    return config_folder(env) / HOOKS


def project_files(folder: Path) -> list[Path]:
    """The files of hooks that Codex runs beside the user's in a project, from its top down to the folder."""
    folders = [folder, *folder.parents]
    depth = next((place for place, each in enumerate(folders) if os.path.lexists(each / ".git")), 0)
    return [each / ".codex" / HOOKS for each in reversed(folders[: depth + 1])]


def config_file(hooks: Path) -> Path:
    """The settings beside a file of hooks, where Codex remembers which of these a person trusts."""
    return hooks.with_name("config.toml")


def is_there(env: Mapping[str, str]) -> bool:
    """Whether somebody uses Codex here."""
    import shutil  # noqa: PLC0415 - 2 ms that `status` does not pay

    return is_folder(config_folder(env)) or shutil.which("codex", path=env.get("PATH")) is not None
