"""GET /api/v1/stream: one live connection, from its position in the store until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from hookspan.web import parameters
from hookspan.web.context import Context
from hookspan.web.problems import ProblemError, invalid
from hookspan.web.stream import RETRY_AFTER, Hub

SEND_TIMEOUT: Final = 30.0  # seconds that a page may take for one piece of the stream
_AFTER: Final = (parameters.number("after", "Where the stream begins.", None, 0),)
_LAST_ID: Final = re.compile(r"\A[0-9]{1,15}\Z")


class StreamEndpoint:
    """An ASGI application, since Starlette's streaming response notices neither a slow reader nor one that is gone."""

    def __init__(self, context: Context, hub: Hub) -> None:
        self._agent = context.agent
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Raises ProblemError for a wrong position, and where there are too many."""
        request = Request(scope)
        after = _position(request)
        if self._hub.connections >= self._agent.settings().dashboard.max_connections:
            self._hub.refused += 1
            raise ProblemError(
                503,
                "connections",
                "no more pages can be open than `dashboard.max_connections` allows",
                "close one, or raise the setting",
                headers={"retry-after": str(RETRY_AFTER)},
            )
        async with self._hub.connection(after) as messages:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            tasks = {asyncio.create_task(_write(messages, send)), asyncio.create_task(_gone(receive))}
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


def _position(request: Request) -> int | None:
    after: int | None = parameters.read(_AFTER, request.query_params.multi_items())["after"]
    last = request.headers.get("last-event-id")
    if last is None:
        return after
    if not _LAST_ID.match(last):
        raise invalid("`Last-Event-ID` is not from hookspan")
    return int(last)


async def _write(messages: AsyncIterator[bytes], send: Send) -> None:
    with contextlib.suppress(TimeoutError):  # it took nothing for so long: the connection is closed
        async for data in messages:
            async with asyncio.timeout(SEND_TIMEOUT):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
