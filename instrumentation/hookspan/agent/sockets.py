"""Unix sockets in the run folder: the name is never missing while they are bound, and the path may have any length."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hookspan.paths import SOCKET_PATH_MAX

CONNECT_TIMEOUT: Final = 2.0  # seconds; a listening agent answers in well below one
_XUCRED: Final = "II"  # macOS: the first two fields of struct xucred, version and user id


def bind(path: Path, kind: socket.SocketKind) -> socket.socket:
    """A socket bound to `path`, which replaces a dead one at once: whoever pokes meets the old or the new.

    Raises OSError.
    """
    own = socket.socket(socket.AF_UNIX, kind)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        with _address(temporary) as address:
            own.bind(address)
        temporary.chmod(0o600)
        temporary.rename(path)
    except BaseException:
        own.close()
        temporary.unlink(missing_ok=True)
        raise
    return own


def connect(path: Path, timeout: float = CONNECT_TIMEOUT) -> socket.socket:
    """A stream connected to the socket at `path`.

    Raises OSError; FileNotFoundError or ConnectionRefusedError when nobody listens.
    """
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        own.settimeout(timeout)
        with _address(path) as address:
            own.connect(address)
    except BaseException:
        own.close()
        raise
    return own


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """What to give to bind or connect. A path that doesn't fit is reached from its own folder: for one thread only."""
    if len(os.fsencode(path)) < SOCKET_PATH_MAX:
        yield str(path)
        return
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chdir(path.parent)
        yield path.name
    finally:
        os.fchdir(before)
        os.close(before)


def peer_uid(stream: socket.socket) -> int:
    """The user at the other end. Raises OSError where the system can't tell."""
    if sys.platform == "darwin":  # untested
        return int(
            struct.unpack(_XUCRED, stream.getsockopt(0, 1, struct.calcsize(_XUCRED)))[1]
        )  # SOL_LOCAL, LOCAL_PEERCRED
    credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    return int(struct.unpack("iII", credentials)[1])


class Poke:
    """Where relays say that there is something new, and our own threads that there is something to do."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = bind(path, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        self._readers: dict[int, Callable[[], None]] = {}

    def also(self, descriptor: int, read: Callable[[], None]) -> None:
        """End a wait, too, when there is something to read there; `read` then takes it."""
        self._readers[descriptor] = read
        self._poll.register(descriptor, select.POLLIN)

    def no_more(self, descriptor: int) -> None:
        """Take no more notice of it."""
        del self._readers[descriptor]
        self._poll.unregister(descriptor)

    def wait(self, timeout: float) -> bool:
        """Wait for a poke, at most `timeout` seconds; several make one."""
        ready = self._poll.poll(max(0, timeout * 1000))
        if not ready:
            return False
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        for descriptor, _ in ready:
            if (read := self._readers.get(descriptor)) is not None:
                read()
        return True

    def wake(self) -> None:
        """End a wait, from any thread or from a signal handler."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"!")

    def close(self) -> None:
        """Take the name away, so that the next hook starts an agent."""
        self._path.unlink(missing_ok=True)
        self._socket.close()
