"""What export costs: `.venv/bin/python -m tests.bench.export [--events 50000]`.

Drains a store into an endpoint that runs in a process of its own, and says what the exporting process spent.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hookspan.export import Exporter, ExportSettings
from hookspan.paths import Paths
from hookspan.store import Store
from tests.bench.store import commits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--compression", choices=("none", "gzip"), default="none")
    options = parser.parse_args()
    command, pipe = [sys.executable, "-m", "tests.otlp_sink"], subprocess.PIPE
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as sink,  # it ends when its stdin does
    ):
        try:
            assert sink.stdout is not None
            url = next(word for word in sink.stdout.readline().split() if word.startswith("http"))
            run(Path(folder), url, options)
        finally:
            sink.terminate()


def run(folder: Path, url: str, options: argparse.Namespace) -> None:
    paths = Paths(state=folder, config=folder / "config.toml", data=folder / "data")
    store = Store.open(paths)
    exporter = Exporter(paths, ExportSettings(endpoint=url, compression=options.compression, metric_interval=3600))
    for commit in commits(options.events, time.time_ns() - 10**12, 1000):
        store.commit(commit)
    began, began_cpu = time.perf_counter(), time.process_time()
    exporter.start()
    if not exporter.spans.drain(120):
        raise SystemExit(f"not drained: {exporter.stats()}")
    wall, cpu, spans = time.perf_counter() - began, time.process_time() - began_cpu, exporter.stats()["exported"]
    print(f"{spans} spans of {options.events} events: {spans / wall:.0f} spans/s")
    print(f"{cpu / spans * 1e6:.0f} us of CPU a span")
    print(f"{cpu / options.events * 1e6:.0f} us of CPU an event")
    exporter.stop()


if __name__ == "__main__":
    main()
