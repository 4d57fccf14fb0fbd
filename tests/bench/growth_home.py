"""Homes with so many events, for `tests.bench.growth`: journal and store as an agent leaves them."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hookspan.agent.__main__ import collect_rarely
from hookspan.agent.ingest import Ingest
from hookspan.agent.key import read_key
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.bench.events import SESSIONS, lines
from hookspan.bench.load import LINES
from hookspan.journal import Writer
from hookspan.paths import Paths
from hookspan.sandbox import Sandbox

SPREAD = 14 * 24 * 3600 * 10**9  # nanoseconds that the events are spread over, up to now
CHUNK = 50_000  # events that are written, then taken in
MADE = "made.json"
SETTINGS = """\
[dashboard]
port = {port}
cache_ttl = 0
[journal]
raw_hours = 8760
days = 365
bytes = 1000000000000
[store]
bytes = 1000000000000
"""
"""Nothing is deleted or reduced, and each question is answered anew."""


@dataclass(frozen=True)
class Filled:
    """A home, and what it holds."""

    home: Sandbox
    port: int
    events: int
    journal: int
    """Bytes."""
    store: int


def fill(folder: Path, events: int, port: int) -> Filled:
    """A home in this folder with so many events of sessions that have ended; one that is there is taken as it is."""
    env = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    env |= {"HOME": str(folder), "HOOKSPAN_HOME": str(folder / "hookspan")}
    home = Sandbox(folder, Paths.from_environment(env), (), env)
    made = folder / MADE
    if not made.exists():
        home.paths.create()
        home.paths.config.write_text(SETTINGS.format(port=port))
        now = time.time_ns()
        _take_in(home.paths, _backlog(events, now))
        sizes = {
            "journal": sum(path.stat().st_size for path in home.paths.journal.glob("*.jsonl")),
            "store": sum(path.stat().st_size for path in home.paths.store.parent.glob(f"{home.paths.store.name}*")),
        }
        made.write_text(json.dumps(sizes))
    home.paths.config.write_text(SETTINGS.format(port=port))
    sizes = json.loads(made.read_text())
    return Filled(home, port, events, sizes["journal"], sizes["store"])


def _backlog(events: int, now: int) -> Iterator[bytes]:
    """So many, the last sessions' ends among them."""
    made = lines(events - SESSIONS, now - SPREAD, SPREAD // events)
    latest: list[bytes] = []
    for line in made:
        latest = [*latest[1 - SESSIONS :], line]
        yield line
    yield from ends(latest, now)


def ends(latest: list[bytes], at: int) -> Iterator[bytes]:
    """The ends of the sessions that these lines are of."""
    for line in latest:
        record = json.loads(line)
        event = {name: record["event"][name] for name in ("session_id", "transcript_path", "cwd")}
        event |= {"hook_event_name": "SessionEnd", "reason": "prompt_input_exit"}
        yield json.dumps({**record, "at": at, "event": event}, separators=(",", ":")).encode()


def _take_in(paths: Paths, backlog: Iterator[bytes]) -> None:
    """Writes it and takes it in, as the agent does."""
    writer, poke = Writer(paths), Poke(paths.poke_socket)
    ingest = Ingest(paths, AgentSettings(paths, None), poke, read_key(paths))
    collect_rarely()
    while chunk := list(islice(backlog, CHUNK)):
        for place in range(0, len(chunk), LINES):
            writer.append(chunk[place : place + LINES])
        if not ingest.drain(float("inf")) or ingest.loop.failures:
            raise RuntimeError(ingest.loop.last_failure)
    ingest.close()
    poke.close()
