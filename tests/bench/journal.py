"""What the journal costs the agent: `python -m tests.bench.journal [--size MIB] [--json FILE]`.

Reads a journal of 1.5 KB events (2 GiB by default, in segments of 64 MiB) from its beginning with batches of 500, as a
rebuild does, and with the position taken after each batch, as the ingest loop does. Then follows a live end at 5,000
events/s for five seconds with a batch every 10 ms. Prints lines/s, the share of a core, and the growth of the process's
peak memory. The bar: at 5,000 lines/s well below 10 % of a core, memory that doesn't depend on the journal's size.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hookspan.journal import Journal, Tail, Writer
from hookspan.paths import Paths

LINE_BYTES = 1500  # the median of real events
SEGMENT = 64 << 20
RATE = 5000  # events/s
LIVE_SECONDS = 5


def line() -> bytes:
    """A journal line of LINE_BYTES without LF, of now."""
    head = b'{"v":1,"agent":"claude-code","at":%d,"event":{"pad":"' % time.time_ns()
    return head + b"x" * (LINE_BYTES - len(head) - 3) + b'"}}'


def build(paths: Paths, size: int) -> int:
    """A journal of about `size` bytes; the number of its records."""
    paths.create()
    block = b"".join(line() + b"\n" for _ in range(100))  # small: peak memory is measured later
    first = 1
    for _ in range(max(1, size // SEGMENT)):
        with (paths.journal / f"{first:020}.jsonl").open("wb") as file:
            for _ in range(SEGMENT // len(block)):
                file.write(block)
        first += SEGMENT // len(block) * 100
    Writer(paths).append([line()])
    return first


def peak() -> int:
    """Peak resident memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def timed(work: Callable[[], int]) -> tuple[float, float]:
    """(lines per second of processor time, MiB by which the peak memory grew)."""
    before, start = peak(), time.process_time()
    lines = work()
    return lines / (time.process_time() - start), (peak() - before) / 2**20


def read_all(paths: Paths) -> int:
    """All lines, with a position after each batch."""
    tail = Tail(paths)
    lines = 0
    while batch := tail.read():
        lines += len(batch)
        _ = tail.position
    tail.close()
    return lines


def live(paths: Paths) -> float:
    """Follow the live end at RATE; the share of a core that reading, positions and the checks for rotation take."""
    journal = Journal(paths)
    journal.rotate()
    tail = Tail(paths)
    while tail.read():
        pass
    reading = 0.0
    start = time.monotonic()
    for _ in ticks():
        Writer(paths).append([line() for _ in range(RATE // 100)])
        begun = time.thread_time()
        while tail.read():
            _ = tail.position
        journal.rotate_if_due(time.time())
        journal.take_in_strays()
        reading += time.thread_time() - begun
    took = time.monotonic() - start
    tail.close()
    return reading / took


def ticks() -> Iterator[int]:
    """100 ticks a second."""
    start = time.monotonic()
    for tick in range(LIVE_SECONDS * 100):
        time.sleep(max(0.0, start + tick / 100 - time.monotonic()))
        yield tick


def record_times(paths: Paths, last: int) -> tuple[float, float]:
    """Milliseconds of the first read of one record in a segment, and of the next."""
    journal = Journal(paths)
    times = []
    for number in (last - 100, last - 90):
        start = time.perf_counter()
        found = journal.read_record(number)
        times.append((time.perf_counter() - start) * 1e3)
        assert found is not None
    return times[0], times[1]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048, help="MiB of the journal that is read")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        top = Path(folder)
        paths = Paths(state=top / "state", config=top / "config.toml", data=top / "data")
        last = build(paths, options.size << 20)
        figures: dict[str, float] = {"records": last}
        read_all(paths)  # the page cache holds what it can
        figures["lines_per_second"], figures["grown_mib"] = timed(lambda: read_all(paths))
        figures["core_at_5000_per_second"] = RATE / figures["lines_per_second"]
        figures["record_first_ms"], figures["record_next_ms"] = record_times(paths, last)
        start = time.process_time()
        packed = Journal(paths).compact(1, lambda data: data[:400])
        figures["compact_64_mib_seconds"] = time.process_time() - start
        figures["compacted_bytes"] = packed.size if packed is not None else 0
        figures["core_live_at_5000_per_second"] = live(paths)
        figures["peak_mib"] = peak() / 2**20
    for name, value in figures.items():
        print(f"{name:32} {value:14,.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
