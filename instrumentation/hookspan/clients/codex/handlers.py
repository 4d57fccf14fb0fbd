"""Writes and reads hooks in the form of Codex's `hooks.json`, and tells what Codex compares before it trusts one."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any, Final

from hookspan.catalogue.codex import CODEX

TIMEOUT: Final = 5
"""Seconds."""
SHORT: Final = {"SessionEnd": 3, "Interrupt": 3}
"""Seconds that Codex lets hooks of these events take at most."""
_DEFAULT, _DEFAULT_OF_SHORT = 600, 1  # seconds, where a handler names none
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")


def command(relay: Sequence[str]) -> str:
    """The command line of our handlers, the same for every event and version: Codex trusts the very text.

    A shell runs it, whose place the relay takes, so that the relay's parent is Codex.
    """
    return f"exec {shlex.join([*relay, '--agent', CODEX.name])}"


def handler(event: str, line: str) -> dict[str, Any]:
    """Our handler for an event."""
    return {"type": "command", "command": line, "timeout": min(TIMEOUT, SHORT.get(event, TIMEOUT))}


def snake(event: str) -> str:
    """An event's name as Codex's own settings have it."""
    return _CAPITAL.sub("_", event).lower()


def trust_key(file: str, event: str, group: int, number: int) -> str:
    """The name under `hooks.state` of config.toml by which Codex remembers whether a handler is trusted."""
    return f"{file}:{snake(event)}:{group}:{number}"


def trust_hash(event: str, given: dict[str, Any], matcher: str | None = None) -> str:
    """What Codex 0.171.0 compares: a digest of the handler with all that it leaves open filled in."""
    most = SHORT.get(event, 1 << 62)
    timeout = given.get("timeout", _DEFAULT_OF_SHORT if event in SHORT else _DEFAULT)
    whole = {
        "type": "command",
        "command": given.get("command", ""),
        "async": given.get("async", False),
        "timeout": min(timeout, most) if isinstance(timeout, int) else timeout,
    }
    identity: dict[str, Any] = {"event_name": snake(event), "hooks": [whole]}
    if matcher is not None:
        identity["matcher"] = matcher
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    import hashlib  # noqa: PLC0415 - 3 ms that `status` pays only where there are hooks of Codex

    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def relay_of(command: Sequence[str]) -> tuple[str, ...]:
    """What of a handler's command, in words, runs the relay, with its state folder; nothing for another command."""
    words = tuple(command)
    mine = words[:1] == ("exec",) and words[-2:] == ("--agent", CODEX.name)
    return words[1:-2] if mine else ()
