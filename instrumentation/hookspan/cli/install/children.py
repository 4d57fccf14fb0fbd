"""Spans of programs that tool calls run: the receiver and its settings that `install --children` brings along."""

from __future__ import annotations

from pathlib import Path

from hookspan.config import Settings
from hookspan.config.edit import change_all
from hookspan.paths import Paths
from hookspan.receive.port import free_port, keep, kept_port
from hookspan.record import replace
from hookspan.setup import receipts


def wanted(paths: Paths, settings: Settings, on: bool | None, *, any_port: bool) -> Settings:
    """The settings as they are going to be; None: as they are. `any_port`: a receiver without one gets one here."""
    if on is None:
        return settings
    receive = replace(settings.receive, enabled=on or settings.receive.enabled, children=on)
    if on and any_port:
        receive = replace(receive, port=receive.port or kept_port(paths.receive_port) or free_port())
    return replace(settings, receive=receive)


def native(paths: Paths, file: Path, on: bool | None, native: bool | None) -> bool | None:
    """Whether Claude Code is to send its own telemetry, which tells whose call it is; None: whatever is there."""
    if native is not None or on is None:
        return native
    receipt = receipts.read(paths).get(str(file))
    return True if on or (receipt is not None and receipt.env) else None


def save(paths: Paths, settings: Settings, on: bool | None) -> None:
    """Write what `wanted` has changed to the user's file, and keep the port; UserError where it is locked."""
    if on is None:
        return
    if on:
        keep(settings.receive.port, paths.receive_port)
    receive = {"receive.children": "true" if on else None}
    change_all(paths, receive | ({"receive.enabled": "true"} if settings.receive.enabled else {}))
