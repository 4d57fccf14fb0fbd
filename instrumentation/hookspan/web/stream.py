"""The live stream: sends what was committed to every open page, as one message that is encoded once.

A message's id is the store's position after it, and it holds all that happened since the one before. So a page that
comes back with the last id gets the rest from the store, nothing twice, whether its connection broke or the agent was
started anew. The ingest thread only says how far the store is; rows are read back from there, for the live pages as for
those that return. Why no library writes the frames: `docs/decisions/2026-11-25-own-event-stream.md`.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from hookspan import __version__
from hookspan.catalogue.session_fields import SessionRow
from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers import overview
from hookspan.web.queries import Moment

FLUSH_INTERVAL: Final = 0.03  # seconds between two messages under load: 100 pages cost 3,000 writes a second
FAILED_MAX: Final = 5.0  # seconds until what failed again and again is tried once more
SUMMARY_INTERVAL: Final = 1.0
HEARTBEAT: Final = 15.0  # proxies cut off what is silent for 30 s
QUEUE_MESSAGES: Final = 256  # for one page: 8 s of load
QUEUE_BYTES: Final = 4 << 20
RESUME_STEP: Final = 1_000  # records a message
RESUME_MAX: Final = 20_000  # records; a page that missed more is quicker when it asks for what it shows
RETRY_AFTER: Final = 10  # seconds, told to pages over the limit

_HEARTBEAT: Final = b": heartbeat\n\n"
_encode = msgspec.json.Encoder().encode
_logger = logging.getLogger(__name__)


def message(kind: str, data: object, position: int | None = None) -> bytes:
    """One server-sent event. JSON has no line break of its own, so it is one `data` line."""
    head = f"event: {kind}\n" if position is None else f"event: {kind}\nid: {position}\n"
    return head.encode() + b"data: " + _encode(data) + b"\n\n"


class Client:
    """One connection's queue. Only the loop's thread touches it."""

    def __init__(self) -> None:
        self._queue: collections.deque[bytes] = collections.deque()
        self._bytes = 0
        self._there = asyncio.Event()
        self.closed = False

    def put(self, data: bytes) -> bool:
        """Queue; False if it is full, and then it ends with a word on that."""
        if self.closed:
            return True
        if len(self._queue) >= QUEUE_MESSAGES or (self._queue and self._bytes + len(data) > QUEUE_BYTES):
            self._queue.clear()
            detail = "this page reads too slowly; when it reconnects, it continues where it was"
            self.close(message("slow", {"detail": detail}))
            return False
        self._queue.append(data)
        self._bytes += len(data)
        self._there.set()
        return True

    def close(self, last: bytes) -> None:
        """End after what is queued and this."""
        self._queue.append(last)
        self.closed = True
        self._there.set()

    async def take(self) -> bytes:
        """All that is queued, at least something; empty at the end."""
        while not self._queue:
            if self.closed:
                return b""
            self._there.clear()
            await self._there.wait()
        data = b"".join(self._queue)
        self._queue.clear()
        self._bytes = 0
        return data


class Hub:
    """All live connections. `committed` is for the ingest thread, everything else for the server's loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = context.reader
        self._goodbyes = 0
        self._clients: set[Client] = set()
        self._admitted = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._changed = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._lock = threading.Lock()  # of the next three
        self._position = 0
        self._touched: set[str] = set()
        self._rebuilt = False
        self._sent = 0
        self.refused = 0
        self.slow = 0
        self.failures = 0

    @property
    def connections(self) -> int:
        """How many pages listen."""
        return self._admitted

    # --- From the ingest thread

    def committed(self, position: int, sessions: frozenset[str]) -> None:
        """The store has all records before `position`; these sessions' rows changed."""
        with self._lock:
            self._rebuilt = self._rebuilt or position < self._position
            self._position = position
            if not self._admitted:  # one that comes just now is none of `_clients` yet
                return
            self._touched |= sessions
        self._wake()

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._news.set)

    # --- The server's loop

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve within this."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(loop()) for loop in (self._updates, self._summaries, self._heartbeats)]
        try:
            yield
        finally:
            self._loop = None
            for task in tasks:
                task.cancel()

    def say_goodbye(self, why: str) -> None:
        """Close every connection, those too that are being made."""
        self._goodbyes += 1
        for client in list(self._clients):
            client.close(message("bye", {"detail": why}))

    def _broadcast(self, data: bytes) -> None:
        for client in self._clients:
            if not client.put(data):
                self.slow += 1

    async def _updates(self) -> None:
        pause = FLUSH_INTERVAL
        while True:
            await self._news.wait()
            self._news.clear()
            if await self._guarded(self._flush):
                self._changed.set()
                pause = FLUSH_INTERVAL
            else:
                self._news.set()  # it is still to be told
                pause = min(pause * 2, FAILED_MAX)
            await asyncio.sleep(pause)

    async def _summaries(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._clients:
                await self._guarded(self._summary)
            await asyncio.sleep(SUMMARY_INTERVAL)

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            self._broadcast(_HEARTBEAT)
            self._changed.set()

    async def _guarded(self, task: Callable[[], Any]) -> bool:
        """Whether it worked; a failure is counted and logged, and the next round tries again."""
        try:
            await task()
        except Exception:
            self.failures += 1
            _logger.exception("the live stream failed")
            return False
        return True

    async def _summary(self) -> None:
        live = await asyncio.to_thread(overview.live, self._context)
        self._broadcast(message("summary", live))

    async def _flush(self) -> None:
        """Send what is new to everybody."""
        async with self._flushing:
            with self._lock:
                position, touched, rebuilt = self._position, self._touched, self._rebuilt
                self._touched, self._rebuilt = set(), False
            if not self._clients:
                self._sent = position
                return
            if rebuilt or position < self._sent:
                self._sent = position
                self._broadcast(_reset(position, "store_rebuilt"))
                return
            if position == self._sent and not touched:
                return
            try:
                data = await asyncio.to_thread(self._read, self._sent, position, touched)
            except BaseException:
                with self._lock:
                    self._touched |= touched
                raise
            self._sent = position
            self._broadcast(data)

    def _read(self, since: int, until: int, touched: set[str], *, all_open: bool = False) -> bytes:
        """The `update` message of these records."""
        content = self._context.content
        with self._reader.moment() as moment:
            if since < moment.removed() <= until:
                return _reset(until, "sessions_removed")
            if all_open:
                touched = touched | {row.id for row in moment.unwritten_sessions()}
            news = moment.news(since, until, touched)
            sessions = [self._session(moment, row, content=content) for row in news.sessions]
        update = schemas.Update(
            now=serializers.now_ms(),
            position=until,
            events=[serializers.event(row, content=content) for row in news.events],
            spans=[serializers.span(row, content=content) for row in news.spans],
            sessions=sessions,
        )
        return message("update", update, until)

    def _session(self, moment: Moment, row: SessionRow, *, content: bool) -> schemas.Session:
        state = moment.state(row.id) if row.phase in serializers.WAITING else None
        dialog = self._context.dialogs.foremost(moment, state) if state is not None else ("", None)
        return serializers.session(row, content=content, dialog=dialog)

    # --- One connection

    @contextlib.asynccontextmanager
    async def connection(self, after: int | None) -> AsyncIterator[AsyncIterator[bytes]]:
        """What to send to a page that knows everything before `after`; None: from now on."""
        client, goodbyes = Client(), self._goodbyes
        self._admitted += 1
        try:
            position, generation = await asyncio.to_thread(self._where)
            with self._lock:
                # We may not have been told of the newest commit yet, and the page may know it from another answer.
                self._position = max(self._position, position)
            await self._flush()
            self._clients.add(client)  # nothing is awaited between the flush and this
            if goodbyes != self._goodbyes:
                client.close(message("bye", {"detail": "it was said while you came"}))
            yield self._messages(client, after, self._sent, generation)
        finally:
            self._clients.discard(client)
            self._admitted -= 1

    def _where(self) -> tuple[int, str]:
        with self._reader.moment() as moment:
            return moment.position(), moment.generation()

    async def _messages(self, client: Client, after: int | None, start: int, generation: str) -> AsyncIterator[bytes]:
        resumes = after is not None and start - RESUME_MAX <= after <= start
        since = after if resumes and after is not None else start
        hello = {
            "now": serializers.now_ms(),
            "position": since,
            "version": __version__,
            "resumed": resumes,
            "store": generation,
        }
        yield b"retry: 1000\n\n" + message("hello", hello, since)
        if after is not None and not resumes:
            yield _reset(start, "too_far_behind" if after < start else "store_rebuilt")
        elif after is not None:
            while True:  # once at least: rows of sessions change without an event, too
                until = min(since + RESUME_STEP, start)
                yield await asyncio.to_thread(self._read, since, until, set(), all_open=until == start)
                since = until
                if since == start:
                    break
        self._changed.set()
        while data := await client.take():
            yield data


def _reset(position: int, reason: str) -> bytes:
    return message("reset", {"now": serializers.now_ms(), "position": position, "reason": reason}, position)
