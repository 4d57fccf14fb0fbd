"""Where the receiver listens: a port that stays the same, since the client's settings name it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from hookspan import atomic
from hookspan.errors import UserError

HOST: Final = "127.0.0.1"
BACKLOG: Final = 512  # connections that the system holds while we do something else


def url_of(port: int) -> str:
    """The address of a receiver, as a sender's OTEL_EXPORTER_OTLP_ENDPOINT is to have it."""
    return f"http://{HOST}:{port}"


def listen(port: int, kept: Path) -> socket.socket:
    """A socket on the wished port, and no other; without a wish (0) on the one of before, or any. Kept for next time.

    UserError where the wished one can't be had.
    """
    try:
        listener = bind(port or kept_port(kept))
    except OSError as error:
        if port:
            raise UserError(
                f"nothing can be received on port {port}: {error.strerror}",
                hint="`hookspan config set receive.port 0` takes any that is free",
            ) from error
        listener = bind(0)
    keep(listener.getsockname()[1], kept)
    return listener


def free_port() -> int:
    """A port that nobody listens on now."""
    with bind(0) as listener:
        return int(listener.getsockname()[1])


def keep(port: int, kept: Path) -> None:
    """Have this one the next time."""
    if port != kept_port(kept):
        atomic.write(kept, f"{port}\n".encode(), mode=0o600)


def kept_port(path: Path) -> int:
    """The port that a receiver had, 0 for none."""
    try:
        number = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return number if 0 < number < 1 << 16 else 0


def bind(port: int) -> socket.socket:
    """A socket that listens on loopback; OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
