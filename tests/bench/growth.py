"""What grows with the events that are kept: `.venv/bin/python -m tests.bench.growth [--events N ...] [--write PAGE]`.

Makes a home for each number of events, opens 1, 10 and 100 sessions in it, and measures with each what an event costs,
what the agent holds in memory, how soon it is there, what the command line and the page take, and a retention pass.
All times are of a processor, which other work on the machine changes little; `chrt -r 5` before the command (root)
gives it, and the agent, a processor at once. `--kept FOLDER`: homes and figures stay there, and those that are there
are taken. `--write docs/growth.md`: the page, and its plot beside it.
"""

import argparse
import contextlib
import http.client
import json
import resource
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hookspan.bench.events import lines
from hookspan.bench.load import LINES
from hookspan.bench.machine import machine, versions
from hookspan.journal import Writer
from hookspan.store import Reader
from tests.bench import command, growth_page, memory, turns, web
from tests.bench.growth_home import Filled, ends, fill
from tests.bench.priority import as_here

HERE = Path(__file__).parents[2]
LEVELS = (10_000, 100_000, 1_000_000, 5_000_000)
OPEN = (1, 10, 100)
TAKEN_IN = 10_000  # events whose cost is measured
STEP = 1_000_000  # nanoseconds between two of them
STARTS = 3
ROUNDS = 15  # of each command
POLL = 0.01  # seconds
CAUGHT_UP = 3600.0  # seconds for what an agent has to do on a home that it did not fill
STILL = 5.0  # seconds in which an agent at rest uses nothing to speak of
PATIENCE = 120.0  # seconds for the agent to have done what it was given
MEASURED = "measured.json"
MILLION = 1e6

Figures = dict[str, float]
"""What, in the unit that growth_page knows."""


@dataclass
class Served:
    """An agent with its page, as the page's benchmark asks it."""

    port: int
    token: str
    pid: int


def until(
    true: Callable[[], object],
    what: str,
    meanwhile: Callable[[], object] = lambda: None,
    patience: float = PATIENCE,
) -> None:
    """Waits for it. RuntimeError if it does not become so."""
    end = time.monotonic() + patience
    meanwhile()
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {patience:g} s")
        time.sleep(POLL)
        meanwhile()
    meanwhile()


def answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False


@contextlib.contextmanager
def running(filled: Filled) -> Iterator[memory.Agent]:
    """An agent whose page answers."""
    agent = memory.Agent(filled.home, HERE)
    try:
        until(lambda: answers(filled.port), "the agent's page", lambda: as_here(agent.process.pid))
        yield agent
    finally:
        agent.process.terminate()
        agent.process.wait()


def used(agent: memory.Agent) -> float:
    """Seconds of a processor."""
    times = agent.about.cpu_times()
    return float(times.user + times.system)


def rest(agent: memory.Agent, patience: float = PATIENCE) -> None:
    """Waits until it has nothing to do."""

    def still() -> bool:
        before = used(agent)
        time.sleep(STILL)
        return used(agent) - before < STILL / 20

    until(still, "the agent at rest", patience=patience)


def take_in(filled: Filled, agent: memory.Agent, given: list[bytes]) -> float:
    """Has the agent take in these lines; seconds of a processor that it uses for it."""
    with contextlib.closing(Reader(filled.home.paths)) as reader:
        wanted = reader.counts().events + len(given)
        before = used(agent)
        writer = Writer(filled.home.paths)
        agent.about.suspend()
        for place in range(0, len(given), LINES):
            writer.append(given[place : place + LINES])
        agent.about.resume()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as poke:
            poke.sendto(b"!", str(filled.home.paths.poke_socket))
        until(lambda: reader.counts().events >= wanted, "all events in the store")
        return used(agent) - before


def asked(served: Served) -> Figures:
    """Milliseconds that the agent uses for an answer over HTTP, with login."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.request(
        "GET", "/api/v1/sessions?state=ended&limit=50", headers={"authorization": f"Bearer {served.token}"}
    )
    listed = json.loads(connection.getresponse().read())["sessions"]
    session = next(one["id"] for one in listed if one["turns"] > 1)
    paths = {
        "summary": "/api/v1/summary",
        "session list": "/api/v1/sessions",
        "session page": f"/api/v1/sessions/{session}",
        "friction, 7 days": "/api/v1/friction",
        "friction, 90 days": "/api/v1/friction?days=90",
        "search: spans of a tool": "/api/v1/search?what=spans&tool=Bash",
        "search: spans by a word that is nowhere": "/api/v1/search?what=spans&q=zyx",
    }
    return {name: web.measure(served, name, path, busy=False).cpu for name, path in paths.items()}


def called(filled: Filled) -> Figures:
    """Milliseconds that the command line uses, p50."""
    found = [program for program in command.programs(filled.home, [HERE]) if command.works(program)]
    return {
        name if name == command.NOTHING else f"hookspan {name}": statistics.median(took.processor)
        for name, took in turns.compare(found, ROUNDS).items()
    }


def retention(filled: Filled) -> float:
    """Milliseconds of a processor that `hookspan prune` uses when nothing is too old."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    filled.home.cli("prune")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def with_open(filled: Filled, count: int) -> Figures:
    """What is measured while so many sessions are open; they end with it."""
    given = list(lines(TAKEN_IN, time.time_ns() - TAKEN_IN * STEP, STEP, count))
    with running(filled) as agent:
        rest(agent)
        found = {"an event, taken in": take_in(filled, agent, given) / TAKEN_IN * MILLION}
        rest(agent)
        found |= asked(Served(filled.port, filled.home.paths.token.read_text().strip(), agent.process.pid))
        found |= called(filled)
        found["agent's memory after all this"] = agent.memory()
    starts = []
    for _ in range(STARTS):
        with running(filled) as agent:
            starts.append(used(agent) * 1e3)
            found["agent's memory after its start"] = agent.memory()
    found["agent's start"] = statistics.median(starts)
    found["retention pass"] = retention(filled)
    with running(filled) as agent:
        take_in(filled, agent, list(ends(given[-count:], time.time_ns())))
    return found


def measure(filled: Filled) -> dict[str, Figures]:
    """All of it for each number of open sessions."""
    print(f"{filled.events:,} events", flush=True)
    filled.home.cli("install", "--yes")
    with running(filled) as agent:
        rest(agent, CAUGHT_UP)  # the index of messages takes in what events told
    filled.home.cli("prune")  # what a store of so many days has behind it: minutes became hours
    disk = {"journal": filled.journal / filled.events, "store": filled.store / filled.events}
    found = {}
    for count in OPEN:
        found[str(count)] = with_open(filled, count) | disk
        print(f"{count} open: {', '.join(f'{name} {value:.4g}' for name, value in found[str(count)].items())}")
    return found


def level(folder: Path, events: int) -> dict[str, Figures]:
    """What was measured of a home with so many events, or is now."""
    measured = folder / str(events) / MEASURED
    if not measured.exists():
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        measured.write_text(json.dumps(measure(fill(measured.parent, events, port))))
    found: dict[str, Figures] = json.loads(measured.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=LEVELS, metavar="N")
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="where homes and figures stay")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write this page, and its plot beside it")
    options = parser.parse_args()
    with contextlib.ExitStack() as undo:
        folder = options.kept or Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="hookspan-growth-")))
        found = {events: level(folder, events) for events in sorted(options.events)}
    where = ", ".join([*machine().values(), *versions(None).values()])
    page = growth_page.page(found, where)
    print(page)
    if options.write is not None:
        options.write.write_text(page)
        options.write.with_suffix(".svg").write_text(growth_page.plot(found))


if __name__ == "__main__":
    main()
