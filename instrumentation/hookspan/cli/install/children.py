"""Spans of programs that tool calls run: the receiver and its settings that `install --children` brings along."""

from __future__ import annotations

from pathlib import Path

from hookspan.config import Settings
from hookspan.config.edit import change_all
from hookspan.paths import Paths
from hookspan.receive.port import kept_port, listen
from hookspan.record import replace
from hookspan.setup import receipts


def wanted(paths: Paths, settings: Settings, on: bool | None) -> Settings:
    """The settings as they are going to be; a receiver that is to be has a port from here on. None: as they are."""
    if on is None:
        return settings
    receive = replace(settings.receive, enabled=on or settings.receive.enabled, children=on)
    if on and not receive.port and not kept_port(paths.receive_port):
        paths.make(paths.state)
        listen(0, paths.receive_port).close()
    return replace(settings, receive=receive)


def native(paths: Paths, file: Path, on: bool | None, native: bool | None) -> bool | None:
    """Whether Claude Code is to send its own telemetry, which tells whose call it is; None: whatever is there."""
    if native is not None or on is None:
        return native
    receipt = receipts.read(paths).get(str(file))
    return True if on or (receipt is not None and receipt.env) else None


def save(paths: Paths, settings: Settings, on: bool | None) -> None:
    """Write what `wanted` has changed to the user's file; UserError where it is locked."""
    if on is None:
        return
    receive = {"receive.children": "true" if on else None}
    change_all(paths, receive | ({"receive.enabled": "true"} if settings.receive.enabled else {}))
