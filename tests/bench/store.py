"""What the store costs: `.venv/bin/python -m tests.bench.store [--events 1000000]`.

Writes events as the fold gives them (every event a row, a hook span and a hook count; every second one closes a
tool call) in batches of 500 from 16 sessions at a time, then asks the page's questions.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.session_fields import SessionRow
from hookspan.journal.position import Position
from hookspan.model import ids
from hookspan.model.rows import Attributes, EventRow, Increment, Rows, Span, Waste
from hookspan.paths import Paths
from hookspan.store import Commit, Reader, SpanKey, SpanQuery, Store

BATCH = 500
SESSIONS = 16
EVENTS_PER_SESSION = 400
EVENTS_PER_TURN = 40
SECOND = 1_000_000_000
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write", "Glob", "Task", "WebFetch")
WASTE = (
    *(("failed", f"Bash {program}") for program in ("git", "npm", "make", "rg", "pytest")),
    *(("asked", f"Bash {program}") for program in ("git", "npm", "docker")),
    *(("cache_miss", cause) for cause in ("idle", "model", "unknown")),
    *(("definitions", f"mcp_server:{name}") for name in ("files", "github", "tickets")),
    ("used", "mcp_server:github"),
    ("repeated", "Read"),
    ("denied", "Bash rm"),
    ("compaction", ""),
    ("hooks", "Stop"),
)
"""One for each tool call, so that a session has some of each."""
STATE = b"x" * 4_000  # a session's state in the fold


def uuid(*parts: object) -> str:
    text = ids.trace_id(repr(parts))
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def rows(record: int, now: int) -> tuple[str, Rows]:
    lane, number = record % SESSIONS, record // SESSIONS
    session = uuid("session", lane, number // EVENTS_PER_SESSION)
    prompt = uuid("prompt", lane, number // EVENTS_PER_TURN)
    trace, turn = prompt.replace("-", ""), ids.span_id("turn", prompt)
    tool = TOOLS[(number // 2) % len(TOOLS)]
    event = "PostToolUse" if number % 2 else "PreToolUse"
    common: Attributes = {
        sc.SESSION_ID: session,
        sc.PROMPT_ID: prompt,
        sc.GEN_AI_CONVERSATION_ID: session,
        sc.PROJECT: f"project-{lane}",
        sc.VCS_REPOSITORY_NAME: f"project-{lane}",
        sc.VCS_REF_HEAD_NAME: "main",
        sc.GEN_AI_AGENT_NAME: "claude-code",
    }
    span_id = ids.span_id("hook", record)
    made = Rows(
        events=[
            EventRow(record, now, session, event, tool, 200_000, 1500, prompt, "", f"toolu_{number:020}", "project")
        ],
        spans=[
            Span(
                record=record,
                ordinal=0,
                trace_id=trace,
                span_id=span_id,
                parent_id=turn,
                name=f"hook {event}",
                start=now,
                end=now + 200_000,
                attributes={**common, sc.HOOK_EVENT: event, sc.TOOL_NAME: tool, sc.PAYLOAD_SIZE: 1500},
                hook=True,
                session=session,
            )
        ],
        increments=[
            Increment("hookspan.hook.events", ((sc.HOOK_EVENT, event),), 1, now),
            Increment("hookspan.hook.duration", ((sc.HOOK_EVENT, event),), 0.0002, now, trace, span_id),
        ],
        touched={session},
    )
    if number % 2:
        span_id = ids.span_id("tool", record)
        attributes: Attributes = {
            **common,
            sc.GEN_AI_OPERATION_NAME: "execute_tool",
            sc.GEN_AI_TOOL_NAME: tool,
            sc.GEN_AI_TOOL_CALL_ID: f"toolu_{number:020}",
            sc.OUTCOME: "success",
            sc.COMMAND_PROGRAM: "git",
        }
        made.spans.append(
            Span(
                record=record,
                ordinal=1,
                trace_id=trace,
                span_id=span_id,
                parent_id=turn,
                name=f"execute_tool {tool}",
                start=now - SECOND,
                end=now,
                attributes=attributes,
                session=session,
                label="git status --short",
            )
        )
        kind = ((sc.GEN_AI_TOOL_NAME, tool), (sc.OUTCOME, "success"))
        wasted, what = WASTE[number // 2 % len(WASTE)]
        made.waste.append(Waste(wasted, what, now, session, 1, 1, 100, 50_000, SECOND))
        made.increments += [
            Increment("hookspan.tool.duration", kind, 1.0, now, trace, span_id),
            Increment("hookspan.tool.calls", (*kind, (sc.PROJECT, f"project-{lane}")), 1, now),
        ]
    return session, made


def commits(events: int, start: int, step: int) -> Iterator[Commit]:
    """Batches as ingest makes them; the time between two events is `step` nanoseconds."""
    numbers = iter(range(1, events + 1))
    while chunk := list(islice(numbers, BATCH)):
        made = [rows(record, start + record * step) for record in chunk]
        last = start + chunk[-1] * step
        states = {
            session: (STATE, SessionRow(id=session, project="project", started=last - SECOND, last=last))
            for session, _ in made
        }
        yield Commit(
            position=Position(1, chunk[-1] + 1, chunk[-1] * 1500, "0" * 64),
            rows=[each for _, each in made],
            sessions=states,
            world=b"w" * 2_000,
        )


def measure(name: str, ask: Callable[[], object], times: int = 50) -> None:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    p95 = took[int(len(took) * 0.95)]
    print(f"{name:34} p50 {statistics.median(took):8.2f} ms   p95 {p95:8.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--span-of-time", type=float, default=14 * 24 * 3600, help="seconds over which they are spread")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(state=Path(folder), config=Path(folder) / "config.toml", data=Path(folder) / "data")
        run(paths, options.events, int(options.span_of_time * SECOND))


def run(paths: Paths, events: int, spread: int) -> None:
    store = Store.open(paths)
    now = time.time_ns()
    spent, cpu, slices = 0.0, 0.0, []
    for commit in commits(events, now - spread, spread // events):
        began, began_cpu = time.perf_counter(), time.thread_time()
        store.commit(commit)
        spent += time.perf_counter() - began
        cpu += time.thread_time() - began_cpu
        slices.append(time.perf_counter() - began)
    slices.sort()
    wall, cpu = spent / events * 1e6, cpu / events * 1e6
    print(f"{events} events in batches of {BATCH}: {wall:.1f} us/event, {cpu:.1f} us of CPU")
    print(f"a commit: p50 {slices[len(slices) // 2] * 1e3:.1f} ms, p99 {slices[int(len(slices) * 0.99)] * 1e3:.1f} ms")
    print(f"store: {store.size() / 1e6:.0f} MB, {store.size() / events:.0f} bytes/event")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")
    reader = Reader(paths)
    session = reader.sessions(limit=1)[0].id
    trace = reader.spans_of_session(session)[0].trace_id
    print(f"{reader.counts()}, {len(reader.spans_of_session(session))} spans in the session asked for")
    measure("summary", lambda: reader.summary(now))
    measure("session list, 100 rows", lambda: reader.sessions(limit=100))
    measure("session page: all spans", lambda: reader.spans_of_session(session))
    measure("trace", lambda: reader.spans_of_trace(trace))
    measure("newest 100 events", lambda: reader.events(limit=100))
    measure("counts", reader.counts)
    measure("totals of a month by day", lambda: reader.totals("hookspan.tool.calls", slot=1440))
    measure("spans: newest 50 of Bash", lambda: reader.find_spans(SpanQuery(tool="Bash")))
    measure("spans: Bash over 30 s, none", lambda: reader.find_spans(SpanQuery(tool="Bash", longer=30 * SECOND)))
    measure("spans: denied, none", lambda: reader.find_spans(SpanQuery(outcome="denied")))
    week = now - 7 * 24 * 3600 * SECOND
    measure("spans: a word of a week, none", lambda: reader.find_spans(SpanQuery(words=("zyx",), since=week)), 5)
    measure("512 spans for export", lambda: reader.spans_after(SpanKey(events // 2, 0), 512))


if __name__ == "__main__":
    main()
