"""The command that hooks run: a relay, in C or in Python, with its state folder as the last argument."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from hookspan.paths import RELAY_NAME, Paths

OPTIONS: Final = ("-I", "-S")
"""Python's own: neither PYTHON* nor anything that is installed counts, and it starts sooner."""


def in_python(*python: str, script: PurePath) -> tuple[str, ...]:
    """The words, without the state folder, that run the relay in Python."""
    return (*python, *OPTIONS, str(script))


def relay_in(command: Sequence[str], paths: Paths) -> str:
    """What of a command is the relay, ours or another hookspan's: the program, or the script that Python runs.

    Empty for a command that runs none.
    """
    if not command:
        return ""
    return _script_in(command, paths) or (command[0] if command[0].rpartition("/")[2] == RELAY_NAME else "")


def _script_in(command: Sequence[str], paths: Paths) -> str:
    """The relay in Python within a command: ours, or by its form and place one of another state folder."""
    if str(paths.relay_script) in command:
        return str(paths.relay_script)
    if tuple(command[1:3]) == OPTIONS and len(command) == 5:  # noqa: PLR2004 - Python, -I, -S, script, state
        script = PurePath(command[3])
        if script.parts[-2:] == ("bin", "main.py") and script.parent.parent.name in {"data", "hookspan"}:
            return command[3]
    return ""
