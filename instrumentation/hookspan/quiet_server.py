"""A uvicorn server on a thread of its own that waits to be told to end; the original looks ten times a second."""

from __future__ import annotations

import asyncio

import uvicorn


class QuietServer(uvicorn.Server):
    """`end` may be called from any thread, also before `run`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """From the start to `end`."""
        self._end, self._loop = asyncio.Event(), asyncio.get_running_loop()
        if not self.should_exit:
            await self._end.wait()
        await self.goodbye()

    async def goodbye(self) -> None:
        """What is still to be said before connections are closed."""

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        loop, event = self._loop, self._end
        if loop is not None and event is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)
