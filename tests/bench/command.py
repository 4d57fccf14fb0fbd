"""What the command line costs.

`.venv/bin/python -m tests.bench.command [--events N] [--rounds N] [--beside CHECKOUT] [--kept FOLDER]`

Calls the installed `hookspan` with an agent that runs and a store of so many events, in turns with a Python that does
nothing. Another checkout is measured in the same turns. To fill the store takes minutes: what was filled is kept in the
folder, and found there the next time.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from hookspan.bench.agent import at_rest, pid_of
from hookspan.bench.load import write_backlog
from hookspan.sandbox import Sandbox, sandbox
from hookspan.store import Reader
from tests.agent.machine import small_session
from tests.bench import turns
from tests.bench.turns import Program

HERE = Path(__file__).parents[2]
VERBS = (("--version",), ("status",), ("sessions",), ("trace", "last"), ("now",))
TELLS = "status"
"""It exits 1 where something is wrong, as slow hooks on a machine that is busy with filling the store."""
NOTHING = "python -I -S -c pass"
BARS = {"--version": 50, "status": 50, "sessions": 80, "trace last": 80}
"""Milliseconds until its end, p50."""


def programs(home: Sandbox, checkouts: list[Path]) -> list[Program]:
    """A Python that does nothing, and each verb of each checkout."""
    python = str(Path(sys.executable).resolve())
    found = [Program(NOTHING, [python, *NOTHING.split()[1:]], home.env)]
    for checkout in checkouts:
        env = {**home.env, "PYTHONPATH": str(checkout / "instrumentation")}
        for words in VERBS:
            name = f"{' '.join(words)}{'' if checkout == HERE else f', {checkout.name}'}"
            command = [str(Path(sys.executable).with_name("hookspan")), *words]
            found.append(Program(name, command, env, codes=(0, 1) if TELLS in words else (0,)))
    return found


def fill(home: Sandbox, events: int, kept: Path | None) -> None:
    """A store of so many events, with an agent that has taken them in, and a turn that has ended."""
    found = kept / str(events) if kept else None
    if found and found.exists():
        shutil.copytree(found, home.paths.state, dirs_exist_ok=True)
    else:
        write_backlog(home.paths, events)
    home.cli("install", "--yes")
    home.cli("up")
    with contextlib.closing(Reader(home.paths)) as reader:
        while reader.counts().events < events:
            time.sleep(0.5)
    at_rest(psutil.Process(pid_of(home)))  # all of it is searchable, too
    if found and not found.exists():
        home.cli("down")
        shutil.copytree(home.paths.state, found, ignore=shutil.ignore_patterns("run", "down"))
        home.cli("up")
    for event in small_session(tools=20):
        subprocess.run(home.relay, input=json.dumps(event).encode(), env=home.env, check=True)
    home.cli("flush", "--wait", "60s")


def works(program: Program) -> bool:
    """Whether it can be measured: an older checkout may not read a store of today's."""
    try:
        turns.run(program, turns.Took())  # what is compiled is compiled, and what is read is in memory
    except RuntimeError as error:
        print(f"left out: {error}")
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--beside", type=Path, help="another checkout")
    parser.add_argument("--kept", type=Path, help="a folder for stores")
    options = parser.parse_args()
    checkouts = [path.resolve() for path in (options.beside, HERE) if path]
    with sandbox("bench") as home:
        home.cli("config", "set", "dashboard.port", str(40_000 + os.getpid() % 20_000))
        fill(home, options.events, options.kept)
        found = [program for program in programs(home, checkouts) if works(program)]
        took = turns.compare(found, options.rounds)
    print("\n".join(turns.lines(took, NOTHING)))
    figures = {name: (statistics.median(took[name].wall), bar, "ms") for name, bar in BARS.items()}
    print("\n".join(turns.judged(figures)))


if __name__ == "__main__":
    main()
