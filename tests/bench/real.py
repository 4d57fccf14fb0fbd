"""`hookspan bench` against the real programs: `.venv/bin/python -m tests.bench.real [--json FOLDER]`.

How soon Jaeger shows a span, through the real Collector; and what hooks cost in the real Claude Code client.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.claude import client
from tests.stack.stack import Stack

HOOKSPAN = str(Path(sys.executable).with_name("hookspan"))


def bench(json: Path | None, name: str, *options: str) -> int:
    """Run it; its exit status. With a folder for JSON it prints nothing."""
    if json is None:
        return subprocess.run([HOOKSPAN, "bench", *options], check=False).returncode
    with (json / f"{name}.json").open("wb") as file:
        return subprocess.run([HOOKSPAN, "bench", "--json", *options], stdout=file, check=False).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures into this folder, and print none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.start()
            where = ["--endpoint", stack.otlp_http, "--jaeger", stack.jaeger.url]
            missed = bench(options.json, "jaeger", *where)
        finally:
            stack.close()
    missed |= bench(options.json, "client", "--client", str(client.executable()))
    sys.exit(missed)


if __name__ == "__main__":
    main()
