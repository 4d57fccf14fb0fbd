"""What the page costs: `.venv/bin/python -m tests.bench.web [--events 1000000] [--pages 100] [--write docs/page.md]`.

A real agent on a store of so many events is asked over HTTP, with the query cache off, idle and while 100 events a
second come in; one of its sessions has 10,000 spans. Then what a browser makes of it: until all is there, a frame while
10,000 spans scroll, and the heap of a page that is open for a day's events. Then how long an event takes from the
relay's stamp to an open page, and how often the cache, switched on, answers pages that ask the same. `!` marks what
misses its bar. `--write` puts what was measured between the page's markers, `<!-- measured: cost -->` and
`<!-- /measured -->`.
"""

import argparse
import asyncio
import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Self

import psutil

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.journal import Position, Writer
from hookspan.model import ids
from hookspan.model.rows import Attributes, Span
from hookspan.model.state import SessionState, dump_session
from hookspan.observe.observers import RECENT
from hookspan.paths import Paths
from hookspan.store import Commit, Reader, Retention, Store
from tests.agent.machine import Machine
from tests.bench import store as made
from tests.web.browser import Visitor, chromium
from tests.web.player import Player
from tests.web.site import Play, Site, stream

RATE = 100  # events a second
SECONDS = 20.0
TIMES = 100
LISTEN_PATIENCE = 60.0  # seconds for all pages to have read what was sent
PATIENCE = 15.0  # seconds for one question's times
SPREAD = 14 * 24 * 3600 * made.SECOND
LONG = 10_000  # spans
LONG_PAGE = f"session page of {LONG:,} spans, its first 500"
# ms, p50 and p95
IDLE_BARS = {"summary": 2.0, "session list": 5.0, "session page": 8.0, LONG_PAGE: 20.0, "friction, 90 days": 30.0}
BUSY_BARS = {"summary": 10.0, "session list": 30.0, "session page": 100.0, LONG_PAGE: 100.0}
RESTS = 0.02  # of a core: less than that, and the agent does nothing but wait
REST_PATIENCE = 120.0  # seconds until it does: what a burst leaves for later, it does meanwhile
FRESH_BAR = 50.0  # ms, p50
PAINT_BAR = 300.0  # ms, p50
WHOLE_BARS = {"first page": 400.0, "long session page": 600.0}  # ms, p50
DAY = 10_000  # events of a developer's day, as they come to a page that is open
DAY_RATE = 400  # of them a second here
WARM = 8_000  # events after which all that a page keeps at most is there: its newest 200 updates
GROWTH_BAR = 0.1  # of the heap, in a day; two looks at the same differ by half of it
FRAME_BAR = 34.0  # ms, p95: two frames of a screen that shows 60 a second
FIRST_PAGE_BAR, ALL_PAGES_BAR = 58.0, 225.0  # KB, gzip
MEMORY_BAR = 80.0  # MB, of an idle agent
CPU_BAR = 0.1  # % of a core, of an idle agent
VISITS = 10
STARTED = {"PYTHONNOUSERSITE": "1"}
"""With it the agent is started, as a user's is: one that is forked has 20 MB of what tests have imported."""
WEB = Path(__file__).parents[2] / "dashboards" / "web"

# Scrolls through all rows as a wheel does, a screen's half each frame, and gives how long each frame took (ms).
SCROLL = """async () => {
  const view = deep(deep(document, "span-waterfall").shadowRoot, ".view");
  const took = [];
  let before = await new Promise(requestAnimationFrame);
  for (let number = 0; number < 300; number += 1) {
    view.scrollTop = (view.scrollHeight - view.clientHeight) * (number / 300);
    const now = await new Promise(requestAnimationFrame);
    took.push(now - before);
    before = now;
  }
  return took;
}"""


PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


@dataclass
class Answer:
    """How long one question takes: ms, and bytes of the answer."""

    p50: float
    p95: float
    cpu: float
    size: int


@dataclass
class Report:
    """What was measured, and the section of docs/page.md that it makes."""

    events: int
    began: float = field(default_factory=lambda: os.getloadavg()[0])
    store: float = 0.0
    """MB."""
    sessions: int = 0
    idle: dict[str, Answer] = field(default_factory=dict)
    busy: dict[str, Answer] = field(default_factory=dict)
    others: list[tuple[str, str, str]] = field(default_factory=list)
    """What, its bar, what came out."""

    def add(self, what: str, bar: str, measured: str) -> None:
        self.others.append((what, bar, measured))
        print(f"{what}: {measured}{f'   bar {bar}' if bar else ''}", flush=True)

    def markdown(self) -> str:
        load = sorted((self.began, os.getloadavg()[0]))
        intro = (
            f"`python -m tests.bench.web --write docs/page.md` wrote what follows, on a machine of {os.cpu_count()} "
            f"processors (load {load[0]:.1f} to {load[1]:.1f}): a store of {self.events:,} events "
            f"({self.store:,.0f} MB, {self.sessions:,} sessions), one session of {LONG:,} spans, the query cache off. "
            "The CPU time is the agent's own for one answer, HTTP included."
        )
        lines = [*textwrap.wrap(intro, 150, break_long_words=False), ""]
        lines += ["| what | bar | idle, p50 | CPU of it | at 100 events/s, p95 |", "|---|---|---|---|---|"]
        for name, idle in self.idle.items():
            bars = (IDLE_BARS.get(name), BUSY_BARS.get(name))
            told = "; ".join(
                f"{word}{bar:g} ms" for word, bar in zip(("", "busy "), bars, strict=True) if bar is not None
            )
            lines.append(
                f"| {name} | {told} | {marked(ms(idle.p50), idle.p50, bars[0])} | {ms(idle.cpu)} "
                f"| {marked(ms(self.busy[name].p95), self.busy[name].p95, bars[1])} |"
            )
        lines += ["", "| what | bar | measured |", "|---|---|---|"]
        lines += [f"| {what} | {bar} | {measured} |" for what, bar, measured in self.others]
        return "\n".join(lines)

    def write(self, page: Path) -> None:
        text = page.read_text()
        new, found = PLACE.subn(lambda place: f"{place[1]}{self.markdown()}{place[2]}", text)
        assert found == 1, f"{page} has no place for what was measured"
        page.write_text(new)


PLACE = re.compile(r"(<!-- measured: cost -->\n).*?(\n<!-- /measured -->)", re.DOTALL)


def ms(value: float) -> str:
    """Two digits of it: `0.63 ms`, `5.5 ms`, `23 ms`, `1,400 ms`."""
    digits = 2 if value < 1 else 1 if value < 10 else 0
    return f"{value:,.{digits}f} ms"


def marked(text: str, value: float, bar: float | None) -> str:
    return f"{text} **missed**" if bar is not None and value >= bar else text


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
    state = SessionState(id=id_, first=now, opened=now, start=now, started=True, last=now, ended=0 if is_open else now)
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
    while not store.prune(Retention(days=90, bytes=1 << 40), time.time_ns()).done:
        pass  # what a store of so many days has behind it: minutes became hours
    store.close()
    print(
        f"a store of {events} events, {paths.store.stat().st_size / 1e6:.0f} MB, in {time.perf_counter() - began:.0f} s"
    )


def prepare(paths: Paths, events: int, kept: Path | None) -> None:
    if kept is not None and kept.exists():
        paths.create()
        shutil.copy(kept, paths.store)
    else:
        build(paths, events)
        if kept is not None:
            shutil.copy(paths.store, kept)
    (paths.journal / f"{events + 1:020}.jsonl").touch()  # the number from which the journal goes on


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


def cpu_time(site: Site) -> float:
    """Seconds of CPU time that the agent has used."""
    times = psutil.Process(site.pid).cpu_times()
    return times.user + times.system


def rest(site: Site) -> None:
    """Wait until the agent has done what it put off; it is not idle before that."""
    end = time.monotonic() + REST_PATIENCE
    used = 1.0
    while used >= RESTS and time.monotonic() < end:
        before = cpu_time(site)
        time.sleep(2)
        used = (cpu_time(site) - before) / 2
    if used >= RESTS:
        print(f"the agent does not rest: {used:.0%} of a core", flush=True)


def judged(value: float, bar: float | None) -> str:
    return "" if bar is None else f"   bar {bar:g}{' !' if value >= bar else ''}"


def measure(site: Site, name: str, path: str, *, busy: bool) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", site.port or 0)
    headers = {"authorization": f"Bearer {site.token}"}
    took: list[float] = []
    size, end = 0, time.monotonic() + PATIENCE
    spent = cpu_time(site)
    while len(took) < TIMES and time.monotonic() < end:
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        size = len(answer.read())
        took.append((time.perf_counter() - began) * 1e3)
        assert answer.status == 200, path
        time.sleep(0.01)
    spent = cpu_time(site) - spent
    took.sort()
    p50, p95 = statistics.median(took), took[int(len(took) * 0.95)]
    bar = judged(p95, BUSY_BARS.get(name)) if busy else judged(p50, IDLE_BARS.get(name))
    own = (
        "" if busy else f"   CPU {spent * 1e3 / len(took):6.2f} ms"
    )  # what a machine with nothing else to do would take
    print(f"  {name:44} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms{own}   {size:7} bytes{bar}", flush=True)
    return Answer(p50, p95, spent * 1e3 / len(took), size)


def ask(site: Site, session: str, trace: str, long: str, *, busy: bool) -> dict[str, Answer]:
    paths = {
        "nothing (`/healthz`)": "/healthz",
        "summary": "/api/v1/summary",
        "session list": "/api/v1/sessions",
        "session page": f"/api/v1/sessions/{session}",
        LONG_PAGE: f"/api/v1/sessions/{long}",
        "1,000 more spans": f"/api/v1/sessions/{long}/spans",
        "trace": f"/api/v1/traces/{trace}",
        "newest 100 events": "/api/v1/events",
        "friction, 7 days": "/api/v1/friction",
        "friction, 90 days": "/api/v1/friction?days=90",
    }
    return {name: measure(site, name, path, busy=busy) for name, path in paths.items()}


async def listen(site: Site, pages: int, report: Report) -> None:
    delays: list[float] = []
    arrived = asyncio.Event()

    async def page() -> None:
        async with stream(site) as messages:
            async for message in messages:
                if message.kind == "update":
                    now = time.time() * 1e3
                    delays.extend(now - event["at"] for event in message.data["events"])
                    arrived.set()

    process = psutil.Process(site.pid)
    tasks = [asyncio.create_task(page()) for _ in range(pages)]
    await asyncio.sleep(1)
    spent = cpu_time(site)
    with Load(site.machine, RATE) as load:
        await asyncio.sleep(SECONDS)
    spent = cpu_time(site) - spent
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LISTEN_PATIENCE):
            while len(delays) < load.sent * pages:
                arrived.clear()
                await arrived.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    delays.sort()
    median = statistics.median(delays)
    used = spent / SECONDS * 100
    came = (
        f"all {len(delays):,} came"
        if len(delays) == load.sent * pages
        else f"{len(delays)} of {load.sent * pages} came"
    )
    report.add(
        f"event to {pages} page{'s at once' if pages > 1 else ''}, {RATE} events/s",
        f"p50 {FRESH_BAR:g} ms",
        f"{marked(f'p50 {ms(median)}', median, FRESH_BAR)}, p95 {ms(delays[int(len(delays) * 0.95)])}, "
        f"p99 {ms(delays[int(len(delays) * 0.99)])}; {came}; agent {used:.0f} % of a core, "
        f"{process.memory_info().rss / 1e6:.0f} MB",
    )


def idle(site: Site, report: Report, seconds: float = 20.0) -> None:
    time.sleep(RECENT / made.SECOND)  # so long after an event the agent looks at its session more often
    before = cpu_time(site)
    time.sleep(seconds)
    used = (cpu_time(site) - before) / seconds * 100
    memory = psutil.Process(site.pid).memory_info().rss / 1e6
    report.add(
        f"idle agent with its page, {made.SESSIONS} sessions open",
        f"{MEMORY_BAR:g} MB, {CPU_BAR:g} % of a core",
        f"{marked(f'{memory:.0f} MB', memory, MEMORY_BAR)}, {marked(f'{used:.2f} %', used, CPU_BAR)}",
    )


def seen(site: Site, long: str, report: Report) -> None:
    """What a browser on the same machine makes of it: first paint, all there, and how smoothly 10,000 spans scroll."""
    sent = [path for path in WEB.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"}]
    sizes = {path.relative_to(WEB).as_posix(): len(gzip.compress(path.read_bytes(), 9)) / 1e3 for path in sent}
    index = (WEB / "index.html").read_text()
    first = {*re.findall(r'rel="modulepreload" href="/([^"]+)"', index), *(name for name in sizes if "/" not in name)}
    for what, size, bar in (
        ("all that the first page fetches, gzip", sum(sizes[name] for name in first), FIRST_PAGE_BAR),
        ("every file of every page, gzip", sum(sizes.values()), ALL_PAGES_BAR),
    ):
        report.add(what, f"{bar:g} KB", marked(f"{size:.0f} KB", size, bar))
    with chromium() as browser:
        visitor = Visitor(browser)
        for name, path in {"first page": "/", "long session page": f"/sessions/{long}"}.items():
            painted: list[float] = []
            whole: list[float] = []
            for _ in range(VISITS):
                page = visitor.visit(site, path, motion=True)
                painted.append(page.evaluate(PAINTED))
                whole.append(page.evaluate("() => performance.now()"))
                page.close()
            for what, bar, took in (("painted", PAINT_BAR, painted), ("complete", WHOLE_BARS[name], whole)):
                median = statistics.median(took)
                report.add(
                    f"{name}, {what}",
                    f"p50 {bar:g} ms",
                    f"{marked(f'p50 {ms(median)}', median, bar)}, max {ms(max(took))}",
                )
        page = visitor.visit(site, f"/sessions/{long}", motion=True)
        page.get_by_text(f"{LONG + 1:,} spans").wait_for()
        frames = sorted(page.evaluate(SCROLL))
        p95 = frames[int(len(frames) * 0.95)]
        report.add(
            f"a frame while {LONG:,} spans scroll",
            f"p95 {FRAME_BAR:g} ms",
            f"p50 {ms(statistics.median(frames))}, {marked(f'p95 {ms(p95)}', p95, FRAME_BAR)}, max {ms(frames[-1])}",
        )
        page.close()
        open_for_a_day(site, visitor, report)
        visitor.close()


def open_for_a_day(site: Site, visitor: Visitor, report: Report) -> None:
    """What the first page keeps of a day's events, in less time than a day."""
    page = visitor.visit(site, "/", motion=True)
    inspector = page.context.new_cdp_session(page)

    def heap() -> float:
        inspector.send("HeapProfiler.collectGarbage")
        return float(inspector.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    with Load(site.machine, DAY_RATE) as load:
        sizes = []
        for events in (WARM, WARM + DAY):
            while load.sent < events:
                time.sleep(0.1)
            sizes.append(heap())
    growth = sizes[1] / sizes[0] - 1
    report.add(
        f"heap of the first page, before and after {DAY:,} more events",
        f"{GROWTH_BAR:.0%} more",
        f"{sizes[0]:.1f} and {sizes[1]:.1f} MB: {marked(f'{growth:+.1%}', growth, GROWTH_BAR)}",
    )


def cached(site: Site, report: Report, seconds: float = 20.0) -> None:
    """Ten pages that ask for the summary and the list once a second, with the cache as it is by default."""
    site.machine.paths.config.write_text("[dashboard]\nport = 0\ncache_ttl = 5\n")
    assert site.machine.cli("restart").returncode == 0
    script = site.script()
    with Load(site.machine, RATE):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(10):
                script.get("/api/v1/summary").raise_for_status()
                script.get("/api/v1/sessions").raise_for_status()
            time.sleep(1)
    cache = site.get("/health")["cache"]
    asked = cache["hits"] + cache["misses"]
    report.add(
        f"query cache of {cache['ttl'] / 1e3:g} s, ten pages that ask each second",
        "",
        f"{cache['hits']} of {asked} answers ({cache['hits'] / asked:.0%})",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--store", type=Path, help="a file that the store is made in once and taken from after that")
    parser.add_argument("--pages", type=int, default=100, help="pages that listen at once, in the last measurement")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put what was measured into this page")
    options = parser.parse_args()
    report = Report(options.events)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "machine"
        site = None
        try:
            site = Site(
                root,
                prepare=lambda paths: prepare(paths, options.events, options.store),
                env=STARTED,
                cache_ttl=0,
                max_connections=options.pages + 10,
            )
            run(site, options.pages, report)
        finally:
            if site is not None:
                site.close()
    if options.write is not None:
        report.write(options.write)


def run(site: Site, pages: int, report: Report) -> None:
    report.store = site.machine.paths.store.stat().st_size / 1e6
    reader = Reader(site.machine.paths)
    report.sessions = reader.counts().sessions
    reader.close()
    idle(site, report)
    listed = site.get("/sessions", state="ended", limit=50)["sessions"]
    found = next(one["id"] for one in listed if one["turns"] > 1)  # a kept store has an earlier run's long one, too
    trace = site.get(f"/sessions/{found}")["turns"][0]["trace_id"]
    long = Player(site.machine.paths, site.machine.home, {}).calls(LONG)
    assert site.machine.json("flush", "--wait", "120s")["drained"]
    assert site.get(f"/sessions/{long}")["spans"]["total"] >= LONG
    rest(site)
    print("idle:")
    report.idle = ask(site, found, trace, long, busy=False)
    with Load(site.machine, RATE):
        time.sleep(1)
        print(f"at {RATE} events/s:")
        report.busy = ask(site, found, trace, long, busy=True)
    rest(site)
    seen(site, long, report)
    for count in (1, pages):
        asyncio.run(listen(site, count, report))
    cached(site, report)


if __name__ == "__main__":
    main()
