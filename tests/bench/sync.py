"""Whether a hook waits while the journal is synced: `.venv/bin/python -m tests.bench.sync [--seconds N]` (root).

Appends 8 KB to a file every 2 ms, as relays do, with real-time priority, so that only the file system can make it wait,
while another thread syncs the file: never, each second as the agent does, each fifth second. Prints how long an append
takes, how many took over a millisecond, and how long a sync does.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from hookspan.bench.machine import machine, versions
from tests.bench.turns import p99

LINE = b"x" * 8191 + b"\n"
PAUSE = 0.002  # seconds between two appends
INTERVALS = (0.0, 1.0, 5.0)  # seconds between two syncs; 0: none
LONG = 1.0  # ms


def sync(file: Path, interval: float, over: threading.Event, took: list[float]) -> None:
    """Syncs until it is over; milliseconds."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    descriptor = os.open(file, os.O_RDONLY)
    while not over.wait(interval):
        began = time.monotonic()
        os.fdatasync(descriptor)
        took.append((time.monotonic() - began) * 1e3)
    os.close(descriptor)


def append(file: Path, seconds: float) -> list[float]:
    """Milliseconds of each append."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic_ns()
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, LINE)
        os.close(descriptor)
        took.append((time.monotonic_ns() - began) / 1e6)
        time.sleep(PAUSE)
    return took


def measure(interval: float, seconds: float) -> str:
    """A line of the report."""
    over, syncs = threading.Event(), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "current.jsonl"
        file.touch()
        thread = threading.Thread(target=sync, args=(file, interval, over, syncs))
        if interval:
            thread.start()
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        took = append(file, seconds)
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        over.set()
        if interval:
            thread.join()
    long = sum(one > LONG for one in took)
    appends = f"p50 {statistics.median(took):.3f}, p99 {p99(took):.3f}, max {max(took):.2f} ms, {long} over {LONG:g} ms"
    synced = f"; {len(syncs)} syncs, p50 {statistics.median(syncs):.1f}, max {max(syncs):.1f} ms" if syncs else ""
    return f"{f'a sync each {interval:g} s' if interval else 'no sync'}: {len(took)} appends, {appends}{synced}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    if os.geteuid():
        print("left out: real-time priority is root's")
        return
    for interval in INTERVALS:
        print(measure(interval, options.seconds), flush=True)
    print(", ".join([*machine().values(), *versions(None).values()]))


if __name__ == "__main__":
    main()
