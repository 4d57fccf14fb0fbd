"""What an agent holds in memory: `.venv/bin/python -m tests.bench.memory [--pages N] [--seconds N]`.

An agent takes in 100 events/s of 16 sessions while so many pages listen to its live stream. Prints resident memory
after its start, once the pages are there, and at most; `--beside CHECKOUT` does the same with another checkout's agent.
"""

import argparse
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from hookspan.bench.events import lines
from hookspan.bench.machine import machine, versions
from hookspan.journal import Writer
from hookspan.sandbox import Sandbox, sandbox

HERE = Path(__file__).parents[2]
RATE = 100  # events/s
TICK = 0.05  # seconds
PORT = 40_000 + os.getpid() % 20_000
MILLION = 1e6
PATIENCE = 60.0  # seconds for an answer: the first page has the server made


class Agent:
    """An agent of a checkout, in a home."""

    def __init__(self, home: Sandbox, checkout: Path) -> None:
        arguments = ["--state", home.paths.state, "--config", home.paths.config, "--data", home.paths.data, "--stay"]
        code = "import sys; from hookspan.agent.__main__ import main; sys.exit(main())"
        env = {**home.env, "PYTHONPATH": str(checkout / "instrumentation")}
        self.process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=env)
        self.about = psutil.Process(self.process.pid)

    def memory(self) -> float:
        """Resident, MB."""
        return float(self.about.memory_info().rss) / MILLION


def listen(token: str, over: threading.Event) -> None:
    """A page: reads the live stream to the end."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE)
    connection.request("GET", "/api/v1/stream", headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    if response.status != http.client.OK:
        raise RuntimeError(f"the stream answered {response.status}")
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            if not response.read1(65536):
                return


@contextlib.contextmanager
def pages(home: Sandbox, count: int) -> Iterator[None]:
    """So many of them."""
    token, over = home.paths.token.read_text().strip(), threading.Event()
    threads = [threading.Thread(target=listen, args=(token, over), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()


def measure(checkout: Path, count: int, seconds: float) -> dict[str, float]:
    """MB."""
    with sandbox("bench", {"DASHBOARD_PORT": str(PORT)}) as home:
        agent = Agent(home, checkout)
        try:
            while not json.loads(home.cli("status", "--json")).get("answered"):
                time.sleep(0.2)
            found = {"after its start": agent.memory()}
            writer, made_up, most = Writer(home.paths), lines(10_000_000, time.time_ns(), 10**9 // RATE), 0.0
            with pages(home, count):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    writer.append([next(made_up) for _ in range(int(RATE * TICK))])
                    time.sleep(TICK)
                    most = max(most, agent.memory())
                found[f"with {count} pages, at its end"] = agent.memory()
            return found | {"at most": most}
        finally:
            agent.process.terminate()
            agent.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--beside", type=Path, help="another checkout")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", PORT)):
        pass  # the port is free
    for checkout in (path.resolve() for path in (options.beside, HERE) if path):
        found = measure(checkout, options.pages, options.seconds)
        print(f"{checkout}: {', '.join(f'{name} {value:.1f} MB' for name, value in found.items())}", flush=True)
    print(", ".join([*machine().values(), *versions(None).values()]))


if __name__ == "__main__":
    main()
