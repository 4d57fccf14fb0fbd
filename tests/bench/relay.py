"""What the hook costs Claude Code: `python -m tests.bench.relay [--runs N] [--json FILE]`.

Four programs in one interleaved run: the compiled relay, /bin/true, main.py and a Python that does nothing. The bars:
the relay's p50 below half of /bin/true's, its p99 below /bin/true's and below 5 ms; main.py's p50 at most 1.2 times
Python's. Twice: while an agent reads its poke socket, and while it also syncs the journal to the disk once a second.
"""



import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.conformance.build import HOOKS, RELEASE, compile_c

PAYLOAD_BYTES = 8192  # a large tool response; the median of real events is 1.5 KB
# As `install` chooses: the system's, or else this one's. A venv's link to it starts slower.
PYTHON = next(path for path in (Path("/usr/bin/python3"), Path(sys.base_prefix, "bin", "python3")) if path.exists())


def payload() -> bytes:
    """One event of PAYLOAD_BYTES, as Claude Code writes it."""
    event = {"session_id": "s", "hook_event_name": "PostToolUse", "tool_response": ""}
    event["tool_response"] = "x" * (PAYLOAD_BYTES - len(json.dumps(event)) - 1)
    return json.dumps(event).encode() + b"\n"


def agent(state: Path, stop: threading.Event, *, sync: bool) -> None:
    """Take the pokes, as the agent does, until stopped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        (state / "run").mkdir(mode=0o700)
        sock.bind(str(state / "run" / "poke.sock"))
        sock.settimeout(0.1)
        synced = 0.0
        while not stop.is_set():
            try:
                sock.recv(1)
            except TimeoutError:
                continue
            journal = state / "journal" / "current.jsonl"
            if sync and time.monotonic() - synced > 1 and journal.exists():
                synced = time.monotonic()
                fd = os.open(journal, os.O_RDONLY)
                os.fdatasync(fd)
                os.close(fd)


def measure(runs: int, *, sync: bool) -> dict[str, list[float]]:
    """Milliseconds of every run of every program."""
    relay = compile_c(HOOKS / "relay.c", "musl-gcc" if shutil.which("musl-gcc") else "cc", *RELEASE)
    spawn = compile_c(Path(__file__).with_name("spawn.c"), "cc", "-O2")
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state")
        state.mkdir(mode=0o700)
        Path(folder, "payload").write_bytes(payload())
        python = [str(PYTHON), "-I", "-S"]
        commands = {
            "relay": [str(relay), str(state)],
            "/bin/true": ["/bin/true"],
            "main.py": [*python, str(HOOKS / "main.py"), str(state)],
            "python -c pass": [*python, "-c", "pass"],
        }
        stop = threading.Event()
        listener = threading.Thread(target=agent, args=(state, stop), kwargs={"sync": sync})
        listener.start()
        arguments = [part for command in commands.values() for part in ("--", *command)]
        try:
            output = subprocess.run(
                [spawn, str(runs), f"{folder}/payload", *arguments], stdout=subprocess.PIPE, check=True, text=True
            ).stdout
        finally:
            stop.set()
            listener.join()
        recorded = (state / "journal" / "current.jsonl").read_bytes().count(b"\n")
        strays = len(list((state / "journal").glob("stray-*")))
        if recorded + strays != 2 * runs:
            raise SystemExit(f"{2 * runs} hooks left {recorded} lines and {strays} strays")
    return {
        name: [int(ns) / 1e6 for ns in line.split()] for name, line in zip(commands, output.splitlines(), strict=True)
    }


def percentiles(samples: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(samples)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    results = {}
    for mode, sync in (("agent idle", False), ("agent syncing", True)):
        figures = {name: percentiles(samples) for name, samples in measure(options.runs, sync=sync).items()}
        ratios = {
            "relay to /bin/true, p50": figures["relay"]["p50"] / figures["/bin/true"]["p50"],
            "relay to /bin/true, p99": figures["relay"]["p99"] / figures["/bin/true"]["p99"],
            "main.py to python -c pass, p50": figures["main.py"]["p50"] / figures["python -c pass"]["p50"],
        }
        results[mode] = {"runs": options.runs, "ms": figures, "ratios": ratios}
        print(f"{mode}, {options.runs} runs, {PAYLOAD_BYTES} bytes; ms   p50     p95     p99     max")
        for name, row in figures.items():
            print(f"  {name:<42}" + "".join(f"{value:8.3f}" for value in row.values()))
        for name, ratio in ratios.items():
            print(f"  {name:<42}{ratio:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
