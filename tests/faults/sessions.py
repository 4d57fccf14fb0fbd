"""Sessions that run side by side, as a program: `python -m tests.faults.sessions FOLDER ... -- RELAY ...`.

`--hooks N`: so many events by relay processes, spread over SESSIONS sessions, each of which waits for its hook as its
client does; every second one is Codex's. Prints the nanoseconds of every hook, from its start to its end, and those of
a process that does nothing beside every BARE of them, as two JSON lists. `--append N`: so many events, every second one
Codex's, straight into the journal of the state FOLDER instead.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from hookspan.bench.events import SESSIONS, events, lines
from hookspan.journal import Writer
from hookspan.paths import Paths
from tests.faults import of_codex

BATCH = 100  # lines a write
BARE = 10  # hooks of a session
STEP = 1_000_000  # nanoseconds between two appended events


class Hooks:
    """Runs relays and keeps how long each took."""

    def __init__(self, command: list[str], output: int) -> None:
        self.command = command
        self.output = output
        self.took: list[int] = []
        self.bare: list[int] = []

    def session(self, count: int, pause: float, *, codex: bool) -> None:
        """One event after the other, `pause` seconds apart at least."""
        began = time.monotonic()
        for number, event in enumerate(of_codex.events(count) if codex else events(count, sessions=1)):
            time.sleep(max(0.0, began + number * pause - time.monotonic()))
            arguments = ["--agent", "codex"] if codex else []
            self.took.append(self.run([*self.command, *arguments], json.dumps(event).encode()))
            if number % BARE == 0:
                self.bare.append(self.run(["/bin/true"]))

    def run(self, command: list[str], payload: bytes = b"") -> int:
        """Nanoseconds of one process, which exits 0."""
        reader, writer = os.pipe()
        os.write(writer, payload)
        os.close(writer)
        actions: list[Any] = [(os.POSIX_SPAWN_DUP2, reader, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, self.output, descriptor) for descriptor in (1, 2)]
        start = time.monotonic_ns()
        child = os.posix_spawn(command[0], command, {"HOME": "/nonexistent"}, file_actions=actions)
        _, status = os.waitpid(child, 0)
        took = time.monotonic_ns() - start
        os.close(reader)
        if status:
            raise SystemExit(f"a hook ended with wait status {status}")
        return took


def run_hooks(command: list[str], count: int, rate: float) -> tuple[list[int], list[int]]:
    """Nanoseconds of `count` hooks, about `rate` of them a second, and of processes that do nothing."""
    with tempfile.TemporaryFile() as output:
        hooks = Hooks(command, output.fileno())
        shares = [count // SESSIONS + (number < count % SESSIONS) for number in range(SESSIONS)]
        threads = [
            threading.Thread(target=hooks.session, args=(share, SESSIONS / rate), kwargs={"codex": bool(number % 2)})
            for number, share in enumerate(shares)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(hooks.took) != count or os.fstat(output.fileno()).st_size:
            raise SystemExit(f"{len(hooks.took)} of {count} hooks ended well, or one of them said something")
    return hooks.took, hooks.bare


def append(folder: Path, count: int) -> None:
    """Events in batches, as fast as the journal takes them."""
    writer = Writer(Paths(state=folder, config=folder / "config.toml", data=folder))
    began, half = time.time_ns() - count * STEP, count // 2
    of_codex_s = of_codex.lines(half, began + STEP, 2 * STEP)
    both = zip_longest(lines(count - half, began, 2 * STEP), of_codex_s)
    made = (line for pair in both for line in pair if line is not None)
    while batch := list(islice(made, BATCH)):
        writer.append(batch)


def main() -> None:
    own, relay = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--append", type=int, default=0)
    parser.add_argument("--hooks", type=int, default=0)
    parser.add_argument("--rate", type=float, default=300, help="hooks a second, all sessions together")
    options = parser.parse_args(own)
    if options.append:
        append(options.folder, options.append)
    print(json.dumps(run_hooks(relay, options.hooks, options.rate) if options.hooks else ([], [])))


if __name__ == "__main__":
    main()
