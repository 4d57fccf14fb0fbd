"""Where Copilot CLI keeps hooks, its settings and its sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hookspan.folders import absolute, home_folder, is_folder
from hookspan.reading import RefusedError

EVENTS: Final = "events.jsonl"


def config_folder(env: Mapping[str, str]) -> Path:
    """`~/.copilot`, or where COPILOT_HOME has moved it."""
    if moved := env.get("COPILOT_HOME"):
        return absolute("COPILOT_HOME", moved)
    return home_folder(env) / ".copilot"


def hooks_file(env: Mapping[str, str]) -> Path:
    """Our own file of hooks, beside other people's: Copilot runs those of every file there."""
    return config_folder(env) / "hooks" / "hookspan.json"


def is_there(env: Mapping[str, str]) -> bool:
    """Whether somebody uses Copilot CLI here."""
    import shutil  # noqa: PLC0415 - 2 ms that `status` does not pay

    return is_folder(config_folder(env)) or shutil.which("copilot", path=env.get("PATH")) is not None


def events_roots(env: Mapping[str, str], hooks: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """The folders that sessions are in. `hooks`: files of hooks that are known to be in Copilot's folder."""
    folders = [config_folder(env), *(file.parent.parent for file in hooks)]
    return tuple(dict.fromkeys(os.path.realpath(folder / "session-state") for folder in folders))


def events_of(_path: str, session: str, roots: tuple[str, ...]) -> str:
    """The real path of a session's events, `<root>/<session>/events.jsonl`: no hook of ours names it.

    Raises:
        RefusedError: There is none, or it would lie elsewhere.
    """
    for root in roots:
        folder = Path(os.path.realpath(f"{root}/{session}"))
        if str(folder.parent) == root and is_folder(folder):
            return str(folder / EVENTS)
    raise RefusedError("the session has no folder among Copilot's")
