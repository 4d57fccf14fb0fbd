"""What the agent does with each event, and what that costs: `.venv/bin/python -m tests.bench.ingest`.

Reads a backlog as the agent does and prints microseconds of processor time an event for each step, the median over
rounds. `--beside CHECKOUT`: another checkout is measured in turn with this one, in processes of their own.
`--profile`: what takes longest within, by cProfile, instead.
"""

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hookspan.agent import __main__ as agent
from hookspan.agent.ingest import Ingest
from hookspan.agent.ingest.committer import Committer
from hookspan.agent.ingest.fold import BatchFold
from hookspan.agent.ingest.reader import JournalReader
from hookspan.agent.key import read_key
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.bench.load import write_backlog
from hookspan.bench.machine import machine, versions
from hookspan.paths import Paths
from hookspan.store import Store

HERE = Path(__file__).resolve().parents[2]
STEPS: dict[str, tuple[type, str]] = {
    "read": (JournalReader, "read"),
    "position": (JournalReader, "position"),
    "decode": (BatchFold, "_decode"),
    "fold": (BatchFold, "_fold_all"),
    "commit": (Committer, "commit"),
    "store": (Store, "commit"),
}
"""Methods whose time is taken; `store` is a part of `commit`."""


def timed(step: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    """The same, whose processor time is added up."""

    def call(*arguments: Any, **named: Any) -> Any:
        began = time.thread_time()
        try:
            return step(*arguments, **named)
        finally:
            spent[name] += time.thread_time() - began

    return call


def take_in(folder: Path, events: int) -> float:
    """Takes in a backlog; seconds of a processor."""
    paths = Paths(state=folder / "state", config=folder / "config.toml", data=folder / "data")
    paths.create()
    write_backlog(paths, events)
    poke = Poke(paths.poke_socket)
    ingest = Ingest(paths, AgentSettings(paths, None), poke, read_key(paths))
    getattr(agent, "collect_rarely", bool)()  # as it does; a checkout beside this one may not
    began = time.process_time()
    if not ingest.drain(float("inf")) or ingest.loop.failures:
        raise RuntimeError(ingest.loop.last_failure)
    took = time.process_time() - began
    ingest.close()
    poke.close()
    return took


def measure(events: int) -> dict[str, float]:
    """Microseconds an event, by step and all together."""
    spent = dict.fromkeys(STEPS, 0.0)
    for name, (owner, method) in STEPS.items():
        own = getattr(owner, method)
        if isinstance(own, property):
            assert own.fget is not None
            setattr(owner, method, property(timed(own.fget, spent, name)))
        else:
            setattr(owner, method, timed(own, spent, name))
    with tempfile.TemporaryDirectory() as folder:
        spent["all"] = take_in(Path(folder), events)
    return {name: seconds / events * 1e6 for name, seconds in spent.items()}


def measured(checkout: Path, events: int) -> dict[str, float]:
    """The same, of a checkout in a process of its own."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout / "instrumentation"), str(HERE)])}
    command = [sys.executable, "-m", "tests.bench.ingest", "--events", str(events), "--one"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def profile(events: int, lines: int) -> None:
    """Prints what takes longest."""
    with tempfile.TemporaryDirectory() as folder, cProfile.Profile(time.thread_time) as profiler:
        take_in(Path(folder), events)
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, help="another checkout")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", type=int, metavar="LINES", help="so many lines of a profile")
    parser.add_argument("--one", action="store_true", help="measure in this process and print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.events)))
        return
    if options.profile:
        profile(options.events, options.profile)
        return
    checkouts = {str(path): path.resolve() for path in (options.beside, HERE) if path}
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for _ in range(options.rounds):
        for name, path in checkouts.items():
            figures[name].append(measured(path, options.events))
    for name, rounds in figures.items():
        medians = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        print(f"{name}: {', '.join(f'{key} {value:.1f}' for key, value in medians.items())} us an event")
        print(f"{1e6 / medians['all']:,.0f} events/s of one core")
    print(", ".join([*machine().values(), *versions(None).values()]))


if __name__ == "__main__":
    main()
