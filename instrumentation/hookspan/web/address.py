"""Where the page is: a port that stays the same, and its address as a browser reaches it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from hookspan import atomic
from hookspan.errors import UserError

PORT_FILE: Final = "port"  # in the state folder: the port that was free when the wished one was not
USER_TIMEOUT: Final = 60_000  # milliseconds until the system drops a peer that takes nothing


def listen(host: str, port: int, kept: Path, before: int) -> socket.socket:
    """A socket that listens on the port of before a pause, the wished one, the one that was free last time, or any."""
    problem: OSError | None = None
    for number in [wanted for wanted in (before, port, _kept_port(kept)) if wanted] + [0]:
        try:
            listener = _bind(host, number)
        except OSError as error:
            problem = error
            continue
        got = listener.getsockname()[1]
        if got != port:
            atomic.write(kept, f"{got}\n".encode(), mode=0o600)
        return listener
    raise UserError(
        f"the page can't be served on `{host}`: {problem}", hint="`hookspan config set dashboard.host 127.0.0.1`"
    )


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; what is accepted inherits it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
        listener.bind(address)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def _kept_port(path: Path) -> int | None:
    try:
        number = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return number if 0 < number < 1 << 16 else None


def url_of(host: str, port: int) -> str:
    """As a browser on this machine reaches it."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
