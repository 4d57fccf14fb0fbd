"""The agent's side of the control socket: one JSON line in, one out, for this user only."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hookspan import __version__
from hookspan.agent import PROTOCOL, sockets

REQUEST_MAX: Final = 64 * 1024  # bytes
READ_TIMEOUT: Final = 5.0  # seconds until a silent peer is dropped
AT_ONCE: Final = 16  # requests that are served side by side; `flush` may take long

_logger = logging.getLogger(__name__)

Answer = dict[str, Any]
Operation = Callable[[Mapping[str, Any]], Answer]


class Control:
    """Serves `operations` by name. `accept` handles one connection, so a loop calls it."""

    def __init__(self, path: Path, operations: Mapping[str, Operation], about: Callable[[], Answer]) -> None:
        self._path = path
        self._operations = operations
        self._about = about
        self._socket = sockets.bind(path, socket.SOCK_STREAM)
        self._socket.listen(AT_ONCE)
        self._closed = False
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def accept(self) -> None:
        """Wait for a connection and serve it on a thread of its own."""
        try:
            stream, _ = self._socket.accept()
        except OSError:
            if self._closed:
                return
            raise
        if not self._slots.acquire(timeout=READ_TIMEOUT):
            stream.close()
            return
        try:
            threading.Thread(target=self._serve, args=(stream,), name="control-request", daemon=True).start()
        except BaseException:  # no thread can be had
            self._slots.release()
            stream.close()
            raise

    def close(self) -> None:
        """Remove the socket and end the wait of `accept`."""
        self._closed = True
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self, stream: socket.socket) -> None:
        try:
            with stream:
                stream.settimeout(READ_TIMEOUT)
                if sockets.peer_uid(stream) not in {os.geteuid(), 0}:
                    _logger.warning("another user's process was refused at the control socket")
                    return
                request = _read_line(stream)
                stream.sendall(json.dumps(self._answer(request), default=str).encode() + b"\n")
        except OSError:
            pass  # the peer went away: nobody is left to tell
        except Exception:
            _logger.exception("a control request failed")
        finally:
            self._slots.release()

    def _answer(self, request: bytes) -> Answer:
        head = {"version": __version__, "protocol": PROTOCOL, **self._about()}
        try:
            asked = json.loads(request)
            operation = self._operations[asked["op"]]
        except (ValueError, KeyError, TypeError):
            return head | {"ok": False, "error": "no such operation"}
        try:
            return head | {"ok": True} | operation(asked)
        except Exception as error:
            _logger.exception("operation %s failed", asked["op"])
            return head | {"ok": False, "error": type(error).__name__}


def _read_line(stream: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < REQUEST_MAX:
        part = stream.recv(4096)
        if not part:
            break
        line += part
    return line
