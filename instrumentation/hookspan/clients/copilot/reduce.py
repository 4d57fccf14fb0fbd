"""Reduces the hook event of Copilot CLI that is registered. Unknown fields and unexpected types never raise."""

from __future__ import annotations

from typing import Any, Final

from hookspan.catalogue.copilot import COPILOT
from hookspan.wire.facts import StatusLine
from hookspan.wire.fields import LOCAL_KEY, SYNTHETIC_KEY, copied, copy
from hookspan.wire.reduced import SERVED_BY_GITHUB, Reduced
from hookspan.wire.scrub import label as scrubbed

from .settings_files import EVENTS


def shell_command(_payload: bytes) -> str:
    """Nothing: no hook tells of a tool call."""
    return ""


def status_line(_fields: dict[str, Any], at: int, *, labels: bool) -> StatusLine:  # noqa: ARG001 - as every client's
    """Nothing: Copilot CLI runs no relay for its status line."""
    return StatusLine(at=at, key="")


def reduce_environment(event: Reduced, env: dict[str, str]) -> None:  # noqa: ARG001 - as every client's
    """Fills in who the client is. Variables of Claude Code's may be there, of one that is around it."""
    event.client_pid = event.ppid
    event.served_by = SERVED_BY_GITHUB


def reduce_payload(event: Reduced, fields: dict[str, Any], key: bytes, *, labels: bool) -> None:  # noqa: ARG001
    """Fills in what the payload tells. It doesn't name its event: it is the only one."""
    event.event = "SessionStart"
    copy(event, fields, _OF_EVERY_EVENT)
    copy(event, fields, _OF_START)
    event.synthetic, event.local = fields.get(SYNTHETIC_KEY) is True, fields.get(LOCAL_KEY) is True
    event.source = {"new": "startup"}.get(event.source, event.source)
    event.transcript = EVENTS
    if labels and type(prompt := fields.get("initialPrompt")) is str:
        event.label = scrubbed(prompt)


_OF_EVERY_EVENT: Final = copied(COPILOT.kept)
_OF_START: Final = copied(COPILOT.events[0].kept)
