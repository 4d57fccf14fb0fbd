"""What the page costs: `.venv/bin/python -m tests.bench.web [--events 1000000] [--pages 1]`.

A real agent on a store of so many events is asked over HTTP, with the query cache off, idle and while 100 events a
second come in. Then how long an event takes from the relay's stamp to an open page.
"""

import argparse
import asyncio
import http.client
import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Self

import psutil

from hookspan.journal import Position, Writer
from hookspan.model import ids
from hookspan.model import semconv as sc
from hookspan.model.rows import Attributes, SessionRow, Span
from hookspan.model.semconv import SessionPhase
from hookspan.model.state import Session, dump_session
from hookspan.paths import Paths
from hookspan.store import Commit, Store
from tests.agent.stage import Machine
from tests.bench import store as made
from tests.web.site import Play, Site, stream

RATE = 100  # events a second
SECONDS = 20.0
TIMES = 200
SPREAD = 14 * 24 * 3600 * made.SECOND


def commits(events: int, start: int, step: int) -> Iterator[Commit]:
    """What the store's benchmark writes, with turns around it and states that the page can read."""
    numbers = iter(range(1, events + 1))
    while chunk := list(islice(numbers, made.BATCH)):
        rows, sessions = [], {}
        for record in chunk:
            now = start + record * step
            session, one = made.rows(record, now)
            number = record // made.SESSIONS
            if number % made.EVENTS_PER_TURN == made.EVENTS_PER_TURN - 1:
                one.spans.append(_turn(session, one.events[0].prompt, record, now, step))
            rows.append(one)
            sessions[session] = (now, number)
        yield Commit(
            position=Position(chunk[-1] + 1, chunk[-1] + 1, 0, ""),
            rows=rows,
            sessions={id_: _session(id_, at, number, events) for id_, (at, number) in sessions.items()},
        )


def _turn(session: str, prompt: str, record: int, now: int, step: int) -> Span:
    attributes: Attributes = {
        sc.SESSION_ID: session,
        sc.PROMPT_ID: prompt,
        sc.PROMPT_KIND: "human",
        sc.OUTCOME: "success",
    }
    return Span(
        record=record,
        ordinal=2,
        trace_id=prompt.replace("-", ""),
        span_id=ids.span_id("turn", prompt),
        parent_id="",
        name="invoke_agent claude-code",
        start=now - made.EVENTS_PER_TURN * made.SESSIONS * step,
        end=now,
        attributes=attributes,
        session=session,
        label="make the tests pass",
    )


def _session(id_: str, now: int, number: int, events: int) -> tuple[bytes, SessionRow]:
    is_open = number >= events // made.SESSIONS - 1
    state = Session(id=id_, first=now, opened=now, start=now, started=True, last=now, ended=0 if is_open else now)
    state.written = not is_open
    row = SessionRow(
        id=id_,
        project=f"project-{number % 40}",
        title="make the tests pass",
        phase=SessionPhase.IDLE if is_open else SessionPhase.ENDED,
        started=now - made.SECOND,
        last=now,
        ended=0 if is_open else now,
        turns=10,
        cost_nano=10**9,
        context_tokens=80_000,
    )
    return dump_session(state), row


def build(paths: Paths, events: int) -> None:
    paths.create()
    store = Store.open(paths)
    began = time.perf_counter()
    for commit in commits(events, time.time_ns() - SPREAD, SPREAD // events):
        store.commit(commit)
    store.close()
    (paths.journal / f"{events + 1:020}.jsonl").touch()  # the number from which the journal goes on
    print(
        f"a store of {events} events, {paths.store.stat().st_size / 1e6:.0f} MB, in {time.perf_counter() - began:.0f} s"
    )


class Load:
    """So many events a second, one by one, with the poke that a relay gives."""

    def __init__(self, machine: Machine, rate: float) -> None:
        self._machine = machine
        self._rate = rate
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _events(self) -> Iterator[dict[str, Any]]:
        plays = [Play() for _ in range(made.SESSIONS)]
        for play in plays:
            yield from (play.start(), play.submit("go"))
        while True:
            for play in plays:
                yield from play.tool("npm test", tool_response={"stdout": "x" * 1000})

    def _run(self) -> None:
        poke = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        writer, events = Writer(self._machine.paths), self._events()
        around = {
            "v": 1,
            "agent": "claude-code",
            "took": 100_000,
            "pid": 1,
            "ppid": 1,
            "host": "h",
            "pidns": 1,
            "env": {},
        }
        began = time.monotonic()
        while not self._end.wait(max(0.0, began + self.sent / self._rate - time.monotonic())):
            writer.append([json.dumps({**around, "at": time.time_ns(), "event": next(events)}).encode()])
            poke.sendto(b"!", str(self._machine.paths.poke_socket))
            self.sent += 1
        poke.close()


def measure(site: Site, name: str, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port or 0)
    headers = {"authorization": f"Bearer {site.token}"}
    took, size = [], 0
    for _ in range(TIMES):
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        size = len(answer.read())
        took.append((time.perf_counter() - began) * 1e3)
        assert answer.status == 200, path
        time.sleep(0.01)
    took.sort()
    p95 = took[int(len(took) * 0.95)]
    print(f"  {name:34} p50 {statistics.median(took):7.2f} ms   p95 {p95:7.2f} ms   {size} bytes")


def ask(site: Site, session: str, trace: str) -> None:
    measure(site, "nothing (/healthz)", "/healthz")
    measure(site, "summary", "/api/v1/summary")
    measure(site, "session list, 50 ended rows", "/api/v1/sessions")
    measure(site, "session page, 500 spans", f"/api/v1/sessions/{session}")
    measure(site, "trace", f"/api/v1/traces/{trace}")
    measure(site, "newest 100 events", "/api/v1/events")
    measure(site, "friction, 7 days", "/api/v1/friction")


async def listen(site: Site, pages: int) -> None:
    delays: list[float] = []

    async def page() -> None:
        async with stream(site) as messages:
            async for message in messages:
                if message.kind == "update":
                    now = time.time() * 1e3
                    delays.extend(now - event["at"] for event in message.data["events"])

    process = psutil.Process(site.pid)
    tasks = [asyncio.create_task(page()) for _ in range(pages)]
    await asyncio.sleep(1)
    cpu = process.cpu_times()
    with Load(site.machine, RATE) as load:
        await asyncio.sleep(SECONDS)
    spent = process.cpu_times()
    await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    delays.sort()
    used = (spent.user + spent.system - cpu.user - cpu.system) / SECONDS * 100
    print(
        f"event to page, {RATE} events/s, {pages} pages: p50 {statistics.median(delays):.1f} ms, "
        f"p95 {delays[int(len(delays) * 0.95)]:.1f} ms, p99 {delays[int(len(delays) * 0.99)]:.1f} ms; "
        f"{len(delays)} of {load.sent * pages} came; agent {used:.0f} % of a core, {process.memory_info().rss >> 20} MB"
    )


def idle(site: Site, seconds: float = 20.0) -> None:
    process = psutil.Process(site.pid)
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    used = (after.user + after.system - before.user - before.system) / seconds * 100
    print(f"idle agent with its page: {process.memory_info().rss / 1e6:.1f} MB, {used:.2f} % of a core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=100, help="pages that listen at once, in the last measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "machine"
        site = None
        try:
            site = Site(
                root,
                prepare=lambda paths: build(paths, options.events),
                cache_ttl=0,
                max_connections=options.pages + 10,
            )
            run(site, options.pages)
        finally:
            if site is not None:
                site.close()


def run(site: Site, pages: int) -> None:
    idle(site)
    found = site.get("/sessions", state="ended", limit=1)["sessions"][0]["id"]
    trace = site.get(f"/sessions/{found}")["turns"][0]["trace_id"]
    print("idle:")
    ask(site, found, trace)
    with Load(site.machine, RATE):
        time.sleep(1)
        print(f"at {RATE} events/s:")
        ask(site, found, trace)
    for count in (1, pages):
        asyncio.run(listen(site, count))


if __name__ == "__main__":
    main()
