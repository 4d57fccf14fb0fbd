"""Which Claude Codes are on this machine: `install` registers only events that all of them know.

Claude Code 2.1.331 opens a dialog at each start in a terminal where a settings file names an event that it does not
know, and takes no prompt until it is closed (tests/claude/test_newer_events.py); print mode and plugins say nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.folders import is_file, is_folder

from .settings_files import config_folder

Version: TypeAlias = tuple[int, ...]

NAME: Final = "claude"
PACKAGE: Final = "@anthropic-ai/claude-code"
ANSWER: Final = 10  # seconds for `claude --version`, which needs 0.2 s
_VERSION: Final = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")


class Program(NamedTuple):
    """A Claude Code on this machine. `version` is empty where it can't be told."""

    file: Path
    version: str

    def knows(self, since: str) -> bool:
        """Whether it has what came with a version."""
        return not since or bool(self.version and version_of(self.version) >= version_of(since))

    def __str__(self) -> str:
        return f"`{self.file}` ({self.version or 'of a version that can not be told'})"


def version_of(text: str) -> Version:
    """A version's numbers, which compare as they should."""
    return tuple(map(int, text.split(".")))


def find(env: Mapping[str, str]) -> list[Program]:
    """Every `claude` on PATH or where its installers put it, each once; a shell's alias is none."""
    found = {}
    for file in _places(env):
        try:
            status = file.stat()
            program = file.resolve()
        except OSError:
            continue
        if program not in found and is_file(file) and os.access(file, os.X_OK):
            found[program] = Program(file, _version(file, program, status.st_mtime_ns, status.st_size))
    return list(found.values())


def is_there(env: Mapping[str, str]) -> bool:
    """Whether somebody uses Claude Code here."""
    return is_folder(config_folder(env)) or any(map(is_file, _places(env)))


def events(programs: list[Program]) -> tuple[str, ...]:
    """The events that `install` registers: of those that came with some version those that every program knows.

    Where no program is found, none of those: nobody knows then what runs.
    """
    return tuple(
        event.name
        for event in CLAUDE_CODE.events
        if not event.unregistered
        and (not event.since or (programs and all(one.knows(event.since) for one in programs)))
    )


def _places(env: Mapping[str, str]) -> Iterator[Path]:
    for folder in env.get("PATH", "").split(os.pathsep):
        if Path(folder).is_absolute():
            yield Path(folder, NAME)
    if home := env.get("HOME"):
        yield Path(home, ".local/bin", NAME)
        yield config_folder(env) / "local" / NAME


@lru_cache(maxsize=64)
def _version(file: Path, program: Path, _modified: int, _size: int) -> str:
    """By the file's name or its package; else what it says itself. Asked once for each state of the file."""
    if _VERSION.fullmatch(program.name):  # ~/.local/share/claude/versions/2.1.332
        return program.name
    for folder in list(program.parents)[:3]:  # npm: node_modules/@anthropic-ai/claude-code/bin/claude.exe
        try:
            package = json.loads((folder / "package.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(package, dict) and str(package.get("name")).startswith(PACKAGE):
            version = package.get("version")
            return version if isinstance(version, str) and _VERSION.fullmatch(version) else ""
    import subprocess  # noqa: PLC0415 - 2 ms that few need: of most the name tells

    try:
        asked = [str(file), "--version"]
        done = subprocess.run(
            asked, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=ANSWER, check=False
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    told = _VERSION.match(done.stdout)
    return told.group() if told else ""
