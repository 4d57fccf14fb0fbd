"""Where the time goes between what the client does and the stamp of the hook that tells of it.

The client says in its own logs when it begins to run an event's hooks. From what happened to that moment is the
client's own work; from there to the stamp it starts a process, which the machine may let wait. A control tells what
that takes without a client: the same program, started by this process, in the same minutes.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.claude.native import HookStart, Native
from tests.conformance.build import compile_relay

MS = 1_000_000  # nanoseconds
PRECISION = 2 * MS  # a log's time is cut to milliseconds, and written a moment after the start
CONTROL_INTERVAL = 0.25  # seconds
PRESSURE = Path("/proc/pressure/cpu")


def starts(native: Native, journal: Sequence[Mapping[str, Any]]) -> dict[int, HookStart]:
    """The client's start of each hook, by the line's place in the journal, as far as one can tell which is which.

    No log names the call that a hook is about: starts and stamps of one event, tool and session are paired in order.
    """
    free = sorted(range(len(journal)), key=lambda index: int(journal[index]["at"]))
    found: dict[int, HookStart] = {}
    for start in native.hook_starts:
        for index in free:
            if journal[index]["at"] >= start.at - PRECISION and _is_of(journal[index]["event"], start):
                found[index] = start
                free.remove(index)
                break
    return found


def _is_of(event: Mapping[str, Any], start: HookStart) -> bool:
    tool = event.get("tool_name", start.matcher)
    return (event["hook_event_name"], event["session_id"], tool) == (start.event, start.session_id, start.matcher)


def pressure() -> int:
    """Nanoseconds since boot in which some process waited for a processor; 0 where the kernel doesn't tell."""
    if not PRESSURE.exists():
        return 0
    return int(PRESSURE.read_text().split("total=", 1)[1].split()[0]) * 1000


@dataclass
class Control:
    """Starts the relay again and again, with nothing to do, while it is entered; `lags` from asking to its stamp."""

    lags: list[int] = field(default_factory=list)
    busy: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._began = (time.monotonic_ns(), pressure())
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        began, waited = self._began
        self.busy = (pressure() - waited) / (time.monotonic_ns() - began)

    def _run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hs-") as folder:
            (Path(folder) / "journal").mkdir(mode=0o700)
            journal = Path(folder) / "journal" / "current.jsonl"
            while not self._over.wait(CONTROL_INTERVAL):
                asked = time.time_ns()
                subprocess.run([compile_relay(), folder], stdin=subprocess.DEVNULL, env={}, check=True)
                line = journal.read_bytes().splitlines()[-1]
                self.lags.append(int(line.split(b'"at":', 1)[1].split(b",", 1)[0]) - asked)


def cores() -> int:
    """Processors that this run may use."""
    return len(os.sched_getaffinity(0))
