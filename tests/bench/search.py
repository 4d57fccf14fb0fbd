"""What search and archive cost: `.venv/bin/python -m tests.bench.search [--messages 1000000]`.

Writes messages as sessions have them (prompts, answers, commands, output of tools: words of real texts by their real
frequencies), then asks as people do: common and rare words, two words, a beginning, a row, Japanese, filters.
"""

import argparse
import contextlib
import json
import random
import re
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hookspan.content import ContentDb, Intake, Kept, Query, Search, Source
from hookspan.paths import Paths
from hookspan.store import Reader

SESSION_MESSAGES = 400
ROUNDS = 40
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--no-archive", action="store_true", help="the index alone")
    messages, days = (options := parser.parse_args()).messages, options.days
    words = vocabulary()
    chance = random.Random(1)
    now = time.time()
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(state=Path(folder), config=Path(folder, "c"), data=Path(folder))
        sessions = messages // SESSION_MESSAGES
        raw, taken = 0, 0.0
        with contextlib.closing(ContentDb.open(paths)) as content:
            intake = Intake(content)
            for number in range(sessions):
                at = now - days * 86_400 * (1 - number / sessions)
                path = Path(folder, f"{session_id(number)}.jsonl")
                path.write_text("".join(lines(words, number, at, chance)))
                raw += path.stat().st_size
                kept = Kept(
                    id=session_id(number), project=f"project-{number % 200}", branch="main", last=int(now * 1e9)
                )
                began = time.process_time()
                while intake.take(kept, [Source(str(path), "")], archive=not options.no_archive, since=0):
                    pass
                taken += time.process_time() - began
                path.unlink()
            sizes = (
                dict(
                    content.db.execute(
                        "SELECT iif(name LIKE 'words%', 'words', iif(name LIKE '%line%' OR name LIKE '%part%', "
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
        search = Search(paths, Reader(paths))
        every: list[float] = []
        for name, query in QUERIES.items():
            times, found = [], 0
            for _ in range(ROUNDS):
                began = time.perf_counter()
                found = len(search.messages(query).hits)
                times.append(time.perf_counter() - began)
            every += times
            print(
                f"{name:33} p50 {percentile(times, 0.5):7.2f} ms  p95 {percentile(times, 0.95):7.2f} ms  {found} hits"
            )
        print(f"{'all':33} p50 {statistics.median(every) * 1e3:7.2f} ms  p95 {percentile(every, 0.95):7.2f} ms")
        with contextlib.closing(ContentDb.open(paths)) as content:
            began = time.perf_counter()
            content.forget([session_id(sessions // 2)])
            print(f"a session forgotten, its words merged away, in {time.perf_counter() - began:.2f} s")


def has_dbstat(content: ContentDb) -> bool:
    with contextlib.suppress(Exception):
        content.db.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()
        return True
    return False


if __name__ == "__main__":
    main()
