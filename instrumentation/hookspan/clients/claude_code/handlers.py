"""Writes and reads hooks in the form of Claude Code's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients import relay_command
from hookspan.paths import RELAY_NAME, Paths

EVENTS: Final = tuple(event.name for event in CLAUDE_CODE.events if not (event.unregistered or event.since))
"""The events that every client knows. (`programs.events` has those besides that the clients of this machine know.)"""
TIMEOUT: Final = 5  # seconds; also lifts the 1.5 s that all SessionEnd hooks share otherwise


def matcher_group(command: Sequence[str]) -> dict[str, Any]:
    """Our matcher group for an event: exec form, so no shell is started and nothing needs quoting."""
    handler = {"type": "command", "command": command[0], "args": list(command[1:]), "timeout": TIMEOUT}
    return {"hooks": [handler]}


def all_hooks(command: Sequence[str], events: Sequence[str] = EVENTS) -> dict[str, Any]:
    """All of ours as a settings object, for managed settings."""
    return {"hooks": {event: [matcher_group(command)] for event in events}}


def is_ours(command: Sequence[str], paths: Paths) -> bool:
    """Whether a handler's command runs a relay of ours, wherever that is, or looks for it as the plugin's does."""
    return is_plugins(command) or bool(relay_command.relay_in(command, paths))


def is_plugins(command: Sequence[str]) -> bool:
    """Whether a command is that of the plugin's hooks: a shell script that looks for the relay of who runs it."""
    return len(command) > 2 and command[1] == "-c" and "/hookspan/bin" in command[2] and RELAY_NAME in command[2]  # noqa: PLR2004 - a shell, `-c`, its script
