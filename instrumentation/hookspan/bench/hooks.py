"""What a hook costs the client that waits for it, compared with programs that do nothing."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hookspan import assets
from hookspan.bench.events import events
from hookspan.clients import relay_command
from hookspan.clients.claude_code import status_line_command
from hookspan.sandbox import Sandbox
from hookspan.setup.relay import interpreters

PAYLOAD_BYTES: Final = 8192  # a large tool response; the median of recorded events is 1.5 KB
INTERPRETED_EVERY: Final = 4  # Python takes ten times as long to start, and needs fewer samples
PROGRAM: Final = "a program"
LINES: Final = {PROGRAM: "/bin/cat", "a command": "cat; exit 0"}
"""The least that a status line does: it reads what it is told, and says something."""
THROUGH: Final = "{}, through the relay"
OF_ANOTHER: Final = "relay --agent"  # of an agent other than the one that it takes without being told
OWN: Final = "main.py"  # the session under which its records are found again


@dataclass(frozen=True, slots=True)
class Program:
    """Something to start: what it is called, its command, and in every how many rounds."""

    name: str
    command: Sequence[str]
    every: int = 1


def relays_and_others(home: Sandbox) -> list[Program]:
    """Both relays, each with the least that a program of its kind can do."""
    python = interpreters()[0]
    script = assets.root() / "hooks" / "main.py"
    in_python = [*relay_command.in_python(python, script=script), str(home.paths.state)]
    return [
        Program("relay", home.relay),
        Program(OF_ANOTHER, [*home.relay, "--agent", "codex"]),
        Program("/bin/true", ["/bin/true"]),
        Program("main.py", in_python, INTERPRETED_EVERY),
        Program("python -c pass", [python, *relay_command.OPTIONS, "-c", "pass"], INTERPRETED_EVERY),
    ]


def status_lines(home: Sandbox) -> list[Program]:
    """Status lines by themselves, and through the relay, as the client runs both."""
    written = {THROUGH.format(name): status_line_command.written(home.relay, line) for name, line in LINES.items()}
    return [Program(name, ["/bin/sh", "-c", line]) for name, line in {**LINES, **written}.items()]


def compare(home: Sandbox, programs: Sequence[Program], rounds: int) -> dict[str, list[int]]:
    """Nanoseconds of every run, one program after the other in an order that turns: what the machine does hits all."""
    took: dict[str, list[int]] = {program.name: [] for program in programs}
    made_up = events(rounds * len(programs))
    with open(os.devnull, "wb") as null, bare_socket(home) as drain:  # noqa: PTH123 - a device
        for number in range(rounds):
            for place in range(len(programs)):
                program = programs[(number + place) % len(programs)]
                if number % program.every == 0:
                    took[program.name].append(run(program.command, payload(next(made_up), program.name), null.fileno()))
                    drain()
    return took


def payload(event: dict[str, Any], session: str) -> bytes:
    """An event of PAYLOAD_BYTES."""
    event = {**event, "session_id": session, "filler": ""}
    return json.dumps({**event, "filler": "x" * (PAYLOAD_BYTES - len(json.dumps(event)) - 1)}).encode() + b"\n"


def run(command: Sequence[str], given: bytes, output: int) -> int:
    """Nanoseconds that a program takes with this on its stdin (a pipe holds it). RuntimeError unless it exits 0."""
    reader, writer = os.pipe()
    try:
        os.write(writer, given)
        os.close(writer)
        actions: list[Any] = [(os.POSIX_SPAWN_DUP2, reader, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, output, descriptor) for descriptor in (1, 2)]
        start = time.monotonic_ns()
        child = os.posix_spawn(command[0], tuple(command), {"HOME": "/nonexistent"}, file_actions=actions)
        _, status = os.waitpid(child, 0)
        took = time.monotonic_ns() - start
    finally:
        os.close(reader)
    if status:
        raise RuntimeError(f"{command[0]} ended with wait status {status}")
    return took


@contextlib.contextmanager
def bare_socket(home: Sandbox) -> Iterator[Any]:
    """Where no agent runs: a socket that takes the pokes, emptied by a call; else nothing.

    An agent that is poked is at work, on the processor of one that was idle until then.
    """
    if home.paths.poke_socket.exists():
        yield lambda: None
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(home.paths.poke_socket))
        sock.setblocking(False)

        def drain() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.recv(1)

        try:
            yield drain
        finally:
            home.paths.poke_socket.unlink()


def own_work(home: Sandbox) -> list[int]:
    """What main.py measured itself: nanoseconds from its first line to the write."""
    lines = (json.loads(line) for line in home.paths.current.read_bytes().splitlines())
    return [line["took"] for line in lines if (line.get("event") or {}).get("session_id") == OWN]


def percentiles(samples: Sequence[int]) -> dict[str, float]:
    """Milliseconds."""
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    figures = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(samples)}
    return {name: nanoseconds / 1e6 for name, nanoseconds in figures.items()} | {"runs": len(samples)}
