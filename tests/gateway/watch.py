"""What programs cost while something is done: CPU, time and memory, from /proc."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.fleet import Fleet
from tests.stack.stack import Program

POLL = 0.5  # s
PATIENCE = 900  # s


@dataclass(frozen=True)
class Rate:
    """Work of one program, its cost, and what it held in memory at most meanwhile."""

    program: str
    kind: str  # "spans" or "samples"
    what: str
    done: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    sized: bool = True  # whether it counts for the sizing

    @property
    def per_core_second(self) -> float:
        """So much for each second of one core."""
        return self.done / max(0.01, self.cpu_seconds)


def cpu(program: Program) -> float:
    """Seconds of CPU that a program has taken so far, all its threads together."""
    fields = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(program: Program) -> int:
    """Bytes that were resident at most since its start, or since `Watch` began."""
    (line,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{program.pid}/status").read_text(), re.MULTILINE)
    return int(line) * 1024


class Watch:
    """CPU, time and memory of some programs while something is done."""

    def __init__(self, *programs: Program) -> None:
        for program in programs:
            Path(f"/proc/{program.pid}/clear_refs").write_text("5")  # the peak is what it has now, man 5 proc
        self._began, self._before = time.monotonic(), {program: cpu(program) for program in programs}

    def cpu(self, program: Program) -> float:
        """Seconds of CPU that one of them took since."""
        return cpu(program) - self._before[program]

    def rate(self, program: Program, kind: str, what: str, done: int, *, sized: bool = True) -> Rate:
        """What one of them did."""
        return Rate(
            program.name, kind, what, done, self.cpu(program), time.monotonic() - self._began, peak(program), sized
        )


def settle(condition: Callable[[], bool]) -> None:
    """Wait for it without asking so often that the answers cost something."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE} s")
        time.sleep(POLL)


def handed_on(fleet: Fleet, gateway: Program) -> None:
    """Wait until a gateway's queue is empty."""
    settle(lambda: fleet.own(gateway, "otelcol_exporter_queue_size") == 0)


def size(folder: Path) -> int:
    """Bytes of a folder's files on disk, those of its folders too."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
