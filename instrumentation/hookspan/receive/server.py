"""OTLP over HTTP: an answer to each request, as soon as it is stored."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from hookspan.config import Signal
from hookspan.export.batch import PRODUCT
from hookspan.peer import is_ours
from hookspan.quiet_server import QuietServer

from . import otlp
from .gate import BODY_MAX, Gate, TooMuchError
from .otlp import NotOtlpError

SIGNAL_OF: Final[dict[str, Signal]] = {"/v1/traces": "traces", "/v1/metrics": "metrics", "/v1/logs": "logs"}
PROTOBUF_TYPES: Final = frozenset({otlp.PROTOBUF, "application/protobuf"})
BODY_TIMEOUT: Final = 10.0  # seconds that a sender may take for its body
KEEP_ALIVE: Final = 75  # seconds that a sender may keep an idle connection
CONNECTIONS: Final = 256
LOOPBACK: Final = frozenset({"localhost"})

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    """The application: checks what HTTP says of a request, and leaves the rest to the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = kind == otlp.JSON
        extra: dict[str, str] = {}
        try:
            signal, gzip = _judge(scope, headers, kind)
            body = await self._body(headers, receive)
            taken = self._gate.take(signal, body, is_json=is_json, gzip=gzip)
            status, message = HTTPStatus.OK, otlp.answer(signal, taken.rejected, taken.message)
        except NotOtlpError as error:
            status, message = error.status, otlp.refusal(error.status, str(error))
            self._gate.refuse(status.phrase)
            extra["connection"] = "close"  # its body may not have been read
        except TooMuchError as error:
            status, message = error.status, otlp.refusal(error.status, str(error))
            extra["retry-after"] = str(error.seconds)
            self._gate.refuse(status.phrase)
        except ConnectionError:
            return
        data = otlp.encoded(message, is_json=is_json)
        kind = otlp.JSON if is_json else otlp.PROTOBUF
        all_headers = {"content-type": kind, "content-length": str(len(data)), **extra}
        pairs = [(name.encode(), value.encode()) for name, value in all_headers.items()]
        await send({"type": "http.response.start", "status": status.value, "headers": pairs})
        await send({"type": "http.response.body", "body": data})

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        """The body, of bounded size, in bounded time."""
        said = headers.get("content-length", "")
        reserved = int(said) if said.isdigit() else BODY_MAX
        self._gate.enter(reserved)
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                parts, size = [], 0
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise ConnectionError
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > BODY_MAX:
                        wanted = f"the request has more than {BODY_MAX} bytes"
                        raise NotOtlpError(wanted, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError as error:
            raise NotOtlpError(f"no body within {BODY_TIMEOUT:g} s", HTTPStatus.REQUEST_TIMEOUT) from error
        finally:
            self._gate.leave(reserved)


def _judge(scope: Scope, headers: dict[str, str], kind: str) -> tuple[Signal, bool]:
    """Which signal it is, and whether it is compressed; NotOtlpError.

    What a page in the user's browser sends says where it comes from, or asks for a name that is not this machine's.
    """
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        raise NotOtlpError("no page may send here", HTTPStatus.FORBIDDEN)
    if not _is_loopback(headers.get("host", "")):
        raise NotOtlpError("this is not that host", HTTPStatus.MISDIRECTED_REQUEST)
    if headers.get("user-agent", "").startswith(PRODUCT):
        raise NotOtlpError(otlp.OURSELVES, HTTPStatus.LOOP_DETECTED)
    signal = SIGNAL_OF.get(scope["path"])
    if signal is None:
        raise NotOtlpError(f"this is an OTLP receiver: {', '.join(SIGNAL_OF)}", HTTPStatus.NOT_FOUND)
    if scope["method"] != "POST":
        raise NotOtlpError("OTLP is posted", HTTPStatus.METHOD_NOT_ALLOWED)
    if kind not in PROTOBUF_TYPES and kind != otlp.JSON:
        wanted = f"Content-Type must be {otlp.PROTOBUF} or {otlp.JSON}"
        raise NotOtlpError(wanted, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip"}:
        raise NotOtlpError("Content-Encoding must be gzip, if any", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return signal, encoding == "gzip"


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        return name in LOOPBACK or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


class _OwnConnections(H11Protocol):
    """Closes a connection of another user before anything is read from it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None or self.server is None or not is_ours(self.client, cast("tuple[str, int]", self.server)):
            transport.abort()


class Server:
    """One server on all sockets that it is given, from start to end; they stay the caller's."""

    def __init__(self, gate: Gate, sockets: Sequence[socket.socket]) -> None:
        self._sockets = list(sockets)
        self._server = QuietServer(
            uvicorn.Config(
                App(gate),
                http=_OwnConnections,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=1,
                limit_concurrency=CONNECTIONS,
                proxy_headers=False,
            )
        )

    def run(self) -> None:
        """Serve until `end`."""
        self._server.run(self._sockets)

    def end(self) -> None:
        """From any thread, also before `run`."""
        self._server.end()
