"""What decoding and folding cost: `python -m tests.bench.fold [--beside CHECKOUT] [--events N] [--rounds N]`.

Prints microseconds of processor time an event, of made-up sessions that work; the median over rounds. Another
checkout is measured in turn with this one, in processes of their own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from hookspan.bench.events import lines
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import State

HERE = Path(__file__).resolve().parents[2]
AT = 1_795_000_000_000_000_000
STEP = 1_000_000_000


def measure(events: int) -> dict[str, float]:
    """Microseconds an event."""
    given = list(lines(events, AT, STEP))
    start = time.process_time()
    records = [decode(line, b"k" * 32) for line in given]
    decoded = time.process_time()
    state = State()
    for number, record in enumerate(records, 1):
        fold(state, number, record)
    folded = time.process_time()
    took = {"decode": decoded - start, "fold": folded - decoded}
    return {name: seconds / events * 1e6 for name, seconds in took.items()}


def measured(checkout: Path, events: int) -> dict[str, float]:
    """The same, of a checkout in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(checkout / "instrumentation")}
    done = subprocess.run(
        [sys.executable, __file__, "--events", str(events), "--one"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, help="another checkout")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one", action="store_true", help="measure in this process and print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.events)))
        return
    checkouts = {str(path): path.resolve() for path in (options.beside, HERE) if path}
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for _ in range(options.rounds):
        for name, path in checkouts.items():
            figures[name].append(measured(path, options.events))
    for name, rounds in figures.items():
        words = [f"{key} {statistics.median(one[key] for one in rounds):.2f}" for key in rounds[0]]
        print(f"{name}: {', '.join(words)}")


if __name__ == "__main__":
    main()
