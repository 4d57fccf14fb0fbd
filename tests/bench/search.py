"""What search and archive cost: `.venv/bin/python -m tests.bench.search [--messages 1000000] [--write docs/search.md]`.

Writes messages as sessions have them (prompts, answers, commands, output of tools: words of real texts by their real
frequencies), then asks as people do: common and rare words, two words, a beginning, a row, Japanese, filters.
Then a running agent is asked the same, at rest and while 100 hook events a second come by real relays. `--write` puts
that between the page's markers, `<!-- measured: load -->` and `<!-- /measured -->`.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hookspan.content import ContentDb, Intake, Kept, Query, Search, Source
from hookspan.journal import Writer
from hookspan.paths import Paths
from hookspan.store import Reader
from hookspan.store.schema import INTEGER_MAX
from tests.agent.ingest import drain
from tests.agent.machine import Machine
from tests.bench import web
from tests.content.said import Said
from tests.web.site import Play, Site

SESSION_MESSAGES = 400
ROUNDS = 40
PAUSE = 0.01  # seconds between two questions
PLACE = re.compile(r"(<!-- measured: load -->).*?(<!-- /measured -->)", re.DOTALL)
JAPANESE = (
    "注文のキャンセル処理を修正しテストを追加設定ファイルを確認して結果を報告します問題がなければ完了です".strip()
)
QUERIES = {
    "a common word": Query(text='"the"'),
    "a rare word": Query(text='"zyx512"'),
    "no such word": Query(text='"qqqqqq"'),
    "two words": Query(text='return "error"'),
    "the beginning of a word": Query(text="conf"),
    "several in a row": Query(text='"in the"'),
    "two Japanese characters": Query(text="修正"),
    "a common word of a rare project": Query(text='"the"', project="project-199"),
    "failed calls of a tool": Query(tool="Bash", outcome="error"),
    "a path": Query(text="src/zyx77.py"),
}


def vocabulary() -> list[str]:
    """The words of this repository's texts, as often as they are there."""
    top = Path(__file__).parents[2]
    files = [*sorted((top / "docs").rglob("*.md")), *sorted((top / "instrumentation").rglob("*.py"))]
    return [word for file in files for word in re.findall(r"\S+", file.read_text())]


def lines(words: list[str], number: int, at: float, random: random.Random) -> Iterator[str]:
    """A session's transcript."""
    prompt = ""
    for turn in range(SESSION_MESSAGES // 4):
        prompt = str(uuid.UUID(int=random.getrandbits(128)))
        call = f"toolu_{random.getrandbits(80):020x}"

        def text(most: int) -> str:
            start, size = random.randrange(len(words) - most), max(5, int(random.expovariate(1 / most * 3)))
            return " ".join(words[start : start + min(size, most)])

        japanese = "".join(random.sample(JAPANESE, 12)) + "修正" if turn % 10 == 0 else ""
        tool = ("Bash", "Read", "Edit", "Grep")[turn % 4]
        given = {"command": f"{text(12)} src/zyx{random.randrange(100_000)}.py"}
        result = f"{text(400)} zyx{random.randrange(2_000)}"
        for role, content, more in (
            ("user", f"{text(60)} {japanese}", {}),
            ("assistant", [{"type": "text", "text": text(120)}], {"id": f"msg_{call}"}),
            (
                "assistant",
                [{"type": "tool_use", "id": call, "name": tool, "input": given}],
                {"id": f"msg_{call}"},
            ),
            ("user", [{"type": "tool_result", "tool_use_id": call, "content": result, "is_error": turn % 50 == 0}], {}),
        ):
            at += 1.0
            line = {
                "parentUuid": None,
                "isSidechain": False,
                "promptId": prompt,
                "type": role,
                "message": {"role": role, "content": content, "model": "claude-opus-4-1", **more},
                "uuid": str(uuid.UUID(int=random.getrandbits(128))),
                "timestamp": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "userType": "external",
                "cwd": f"/home/u/project-{number % 200}",
                "sessionId": session_id(number),
                "version": "2.1.331",
                "gitBranch": "main",
            }
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def session_id(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1e3


def fill(paths: Paths, words: list[str], messages: int, days: int, *, archive: bool) -> None:
    """Sessions of so many days, taken in one after the other."""
    chance = random.Random(1)
    now = time.time()
    sessions = messages // SESSION_MESSAGES
    raw, taken = 0, 0.0
    with contextlib.closing(ContentDb.open(paths)) as content:
        intake = Intake(content)
        for number in range(sessions):
            at = now - days * 86_400 * (1 - number / sessions)
            path = paths.state / f"{session_id(number)}.jsonl"
            path.write_text("".join(lines(words, number, at, chance)))
            raw += path.stat().st_size
            kept = Kept(id=session_id(number), project=f"project-{number % 200}", branch="main", last=int(now * 1e9))
            began = time.process_time()
            while intake.take(kept, [Source(str(path), "")], archive=archive, since=0):
                pass
            taken += time.process_time() - began
            path.unlink()
        sizes = (
            dict(
                content.db.execute(
                    "SELECT iif(name LIKE 'words%', 'words', iif(name LIKE '%line%' OR name LIKE '%part%' "
                    "OR name LIKE '%tail%', "
                    "'archive', 'messages')), sum(pgsize) FROM dbstat GROUP BY 1"
                )
            )
            if has_dbstat(content)
            else {}
        )
    used = paths.content_db.stat().st_size
    print(f"{messages:,} messages in {sessions:,} sessions, {days} days, transcripts {raw / 1e6:,.0f} MB")
    print(f"taken in       {taken / messages * 1e6:8.1f} us of a processor for a message")
    print(f"disk           {used / messages:8.0f} kB for 1,000 messages, {used / raw:.0%} of the transcripts")
    for name, size in sizes.items():
        print(f"  of it {name:9} {size / messages:6.0f} kB")


def measure(ask: Callable[[Query], int]) -> tuple[float, float]:
    """How long the questions take, p50 and p95 of all in ms; `ask` gives how many hits one has.

    In rounds of all of them, so that no question has the machine's load of one moment.
    """
    took: dict[str, list[float]] = {name: [] for name in QUERIES}
    hits: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, query in QUERIES.items():
            began = time.perf_counter()
            hits[name] = ask(query)
            took[name].append(time.perf_counter() - began)
            time.sleep(PAUSE)
    for name, times in took.items():
        print(
            f"{name:33} p50 {percentile(times, 0.5):7.2f} ms  p95 {percentile(times, 0.95):7.2f} ms  {hits[name]} hits"
        )
    every = [time for times in took.values() for time in times]
    p50, p95 = statistics.median(every) * 1e3, percentile(every, 0.95)
    print(f"{'all':33} p50 {p50:7.2f} ms  p95 {p95:7.2f} ms")
    return p50, p95


class Paced:
    """The hooks of a machine's sessions at a rate, each by a relay of its own; what is said goes to transcripts."""

    def __init__(self, machine: Machine, rate: float) -> None:
        self.home, self._machine, self._rate = machine.home, machine, rate
        self._began, self._sent = time.monotonic(), 0

    def hooks(self, *events: Mapping[str, Any]) -> None:
        for event in events:
            time.sleep(max(0.0, self._began + self._sent / self._rate - time.monotonic()))
            self._machine.hooks(event)
            self._sent += 1

    def run(self, words: list[str]) -> None:
        """Ten sessions that work, without end."""
        sessions = [Said(self, time.time()) for _ in range(10)]
        for said in sessions:
            said.hooks("SessionStart", source="startup")
        for number in itertools.count():
            for said in sessions:
                text = " ".join(words[number * 50 % len(words) :][:50])
                if number % 8 == 0:
                    said.prompt(text)
                said.answer(text)
                said.tool("Bash", {"command": text}, text * 4, failed=number % 20 == 0)
                if number % 8 == 7:
                    said.hooks("Stop")


def under_load(site: Site, words: list[str], rate: float) -> list[str]:
    """What a running agent answers while hooks come; lines of a table."""
    client = site.script()

    def ask(query: Query) -> int:
        parameters = {"q": query.text, "project": query.project, "tool": query.tool, "outcome": query.outcome}
        given = {name: value for name, value in parameters.items() if value}
        answer = client.get("/api/v1/search", params=given)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    print("asked of the agent, over HTTP")
    spent = web.cpu_time(site)
    quiet = measure(ask)
    spent = (web.cpu_time(site) - spent) / ROUNDS / len(QUERIES) * 1e3
    print(f"a processor's time of the agent for one: {spent:.2f} ms")
    feeding = multiprocessing.get_context("fork").Process(target=Paced(site.machine, rate).run, args=(words,))
    before, began = site.machine.counts().events, time.monotonic()
    feeding.start()
    time.sleep(2.0)
    print(f"the same at {rate:g} events a second")
    busy = measure(ask)
    session = site.get("/sessions")["sessions"][0]["id"]
    pages = {"first page (`/summary`)": "summary", "session list": "sessions", "session page": f"sessions/{session}"}
    told = {name: web.measure(site, name, f"/api/v1/{path}", busy=True) for name, path in pages.items()}
    came = (site.machine.counts().events - before) / (time.monotonic() - began)
    feeding.terminate()
    feeding.join()
    load = " / ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{came:.0f} events a second came; load of the machine {load}")
    return [
        f"| a search, of the agent over HTTP | {web.ms(quiet[0])} / {web.ms(quiet[1])} |",
        f"| a processor's time for it | {web.ms(spent)} |",
        f"| the same while {came:.0f} hook events a second come | {web.ms(busy[0])} / {web.ms(busy[1])} |",
        *(f"| {name}, while they come | {web.ms(one.p50)} / {web.ms(one.p95)} |" for name, one in told.items()),
        f"| load of the machine then, over 1, 5 and 15 minutes | {load} |",
    ]


def taken(folder: Path, transcripts: list[str], *, index: bool, archive: bool) -> float:
    """CPU seconds that it takes to read transcripts and to take them in."""
    paths = Paths(state=folder, config=folder / "c", data=folder)
    paths.create()
    path, spent = folder / "transcript.jsonl", 0.0
    with contextlib.closing(ContentDb.open(paths)) as content:
        intake = Intake(content)
        for number, transcript in enumerate(transcripts):
            path.unlink(missing_ok=True)
            path.write_text(transcript)
            kept = Kept(id=session_id(number), project="shop", branch="main", last=time.time_ns())
            began = time.process_time()
            while intake.take(kept, [Source(str(path), "")], archive=archive, since=0 if index else INTEGER_MAX):
                pass
            spent += time.process_time() - began
    return spent


def ingested(folder: Path, count: int) -> float:
    """CPU seconds that ingest takes for so many events."""
    paths = Paths(state=folder, config=folder / "c", data=folder)
    paths.create()
    play = Play()
    events = [play.start(), play.submit()]
    while len(events) < count:
        events += play.tool("npm test", tool_response={"stdout": "x" * 1000})
    around = {"v": 1, "agent": "claude-code", "took": 1, "pid": 1, "ppid": 1, "host": "h", "pidns": 1, "env": {}}
    now = time.time_ns()
    Writer(paths).append(
        [json.dumps({**around, "at": now + at * 1_000_000, "event": one}).encode() for at, one in enumerate(events)]
    )
    began = time.process_time()
    drain(paths)
    return time.process_time() - began


def costs(words: list[str], count: int = 6_000, rounds: int = 5) -> None:
    """What index and archive add to a message, beside what an event costs ingest: of some rounds in turn the least."""
    chance, now = random.Random(1), time.time()
    sessions = count // SESSION_MESSAGES
    transcripts = ["".join(lines(words, number, now, chance)) for number in range(sessions)]
    spent: list[list[float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            found = [
                taken(top / f"{index}-{archive}", transcripts, index=index, archive=archive)
                for index, archive in ((False, False), (True, False), (False, True))
            ]
            spent.append([each / count * 1e6 for each in (*found, ingested(top / "ingest", count))])
    read, indexed, archived, event = map(min, zip(*spent, strict=True))
    print(
        f"to read a message {read:.1f} us, to index it {indexed - read:.1f}, to archive it {archived - read:.1f}; "
        f"to ingest an event {event:.1f} us: the archive is {(archived - read) / event:.0%} of that (bar 10 %)"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--store", type=Path, help="a file that the database is made in once and taken from after that")
    parser.add_argument("--no-archive", action="store_true", help="the index alone")
    parser.add_argument("--rate", type=float, default=100.0, help="events a second while it is asked again")
    parser.add_argument("--write", type=Path, help="the page that gets what was measured under load")
    parser.add_argument("--costs", action="store_true", help="nothing but what the archive adds to ingest")
    options = parser.parse_args()
    words = vocabulary()
    costs(words)
    if options.costs:
        return

    def prepare(paths: Paths) -> None:
        paths.create()
        if options.store is not None and options.store.exists():
            shutil.copy(options.store, paths.content_db)
            return
        fill(paths, words, options.messages, options.days, archive=not options.no_archive)
        if options.store is not None:
            shutil.copy(paths.content_db, options.store)

    settings = "" if options.no_archive else "[archive]\nenabled = true"
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), prepare=prepare, settings=settings, cache_ttl=0)
        try:
            search = Search(site.machine.paths, Reader(site.machine.paths))
            measure(lambda query: len(search.messages(query).hits))
            table = under_load(site, words, options.rate)
            search.close()
        finally:
            site.close()
        with contextlib.closing(ContentDb.open(site.machine.paths)) as content:
            began = time.perf_counter()
            content.forget([session_id(options.messages // SESSION_MESSAGES // 2)])
            print(f"a session forgotten, its words merged away, in {time.perf_counter() - began:.2f} s")
    if options.write:
        head = ["| what | p50 / p95 |", "|---|---|"]
        text = PLACE.sub(lambda place: "\n".join([place[1], *head, *table, place[2]]), options.write.read_text())
        options.write.write_text(text)


def has_dbstat(content: ContentDb) -> bool:
    with contextlib.suppress(Exception):
        content.db.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()
        return True
    return False


if __name__ == "__main__":
    main()
