"""A notification on this machine's desktop, by the program that the system has for that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hookspan.errors import UserError

PLACES: Final = "/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin"
"""Where the system's programs are; into PATH a repository may have put its own."""
TEXT_MAX: Final = 1000  # characters
TIMEOUT: Final = 10.0  # seconds that a desktop may take to answer
BUS: Final = "DBUS_SESSION_BUS_ADDRESS"
ENVIRONMENT: Final = (
    "HOME",
    "LANG",
    "XDG_RUNTIME_DIR",
)  # all that the program gets: the agent's may hold secrets
IS_MACOS: Final = sys.platform == "darwin"
PROGRAM: Final = "osascript" if IS_MACOS else "notify-send"
SCRIPT: Final = (
    "on run argv",  # texts are arguments, never part of the script
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


def obstacle(env: Mapping[str, str]) -> str:
    """Why nothing can be shown, as far as that can be told beforehand; else an empty text."""
    if not IS_MACOS and not _bus(env):
        return f"there is no desktop session: neither `{BUS}` nor `{_socket(env)}`"
    if shutil.which(PROGRAM, path=PLACES) is None:
        return f"the system has no `{PROGRAM}`" + ("" if IS_MACOS else " (package `libnotify-bin` or `libnotify`)")
    return ""


def show(title: str, text: str, env: Mapping[str, str]) -> None:
    """Show a notification, its text cut to TEXT_MAX; takes TIMEOUT at most. Raises UserError with the reason."""
    if why := obstacle(env):
        raise UserError(why)
    passed = {name: env[name] for name in ENVIRONMENT if name in env} | {"PATH": PLACES, BUS: _bus(env)}
    try:
        done = subprocess.run(
            [shutil.which(PROGRAM, path=PLACES) or PROGRAM, *_arguments(title, _plain(text))],
            env=passed,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"`{PROGRAM}` did not answer within {TIMEOUT:g} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise UserError(f"`{PROGRAM}` failed: {said[:200] or f'exit {done.returncode}'}")


def _arguments(title: str, text: str) -> list[str]:
    if IS_MACOS:
        return [*(word for line in SCRIPT for word in ("-e", line)), title, text]
    import html  # noqa: PLC0415 - it brings the names of 2,000 characters, and few are told anything here

    return ["--app-name=hookspan", "--", title, html.escape(text, quote=False)]  # desktops take it for markup


def _plain(text: str) -> str:
    """What can be an argument of a program, and no longer than TEXT_MAX."""
    kept = "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text)
    return kept if len(kept) <= TEXT_MAX else f"{kept[: TEXT_MAX - 1]}…"


def _socket(env: Mapping[str, str]) -> Path:
    return Path(env.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "bus")


def _bus(env: Mapping[str, str]) -> str:
    """The address of the session's bus; empty if there is none."""
    if address := env.get(BUS):
        return address
    socket = _socket(env)
    return f"unix:path={socket}" if socket.is_socket() else ""
