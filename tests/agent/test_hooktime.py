"""What hooks cost is told whole: with the start of their processes, which the user waits for, too."""

import json
import sys
from pathlib import Path

import pytest

from hookspan import hooktime
from hookspan.hooktime import HookTime
from tests.agent.machine import Machine, event
from tests.waiting import until

MS = 1_000_000  # nanoseconds
RELAY = Path(__file__).parents[2] / "hooks" / "main.py"


def test_the_time_that_is_felt_comes_first():
    found = hooktime.statistics([HookTime(400_000, 7 * MS)] * 3 + [HookTime(800_000, 9 * MS)])
    assert found == {
        "average": 0.0005, "p99": 0.0008, "max": 0.0008, "min": 0.0004, "start": 0.0075, "samples": 4,
    }  # fmt: skip
    assert hooktime.describe(found) == (
        "average 8.00 ms: 7.50 ms until the relay starts, 0.50 ms in it "
        "(p99 0.80 ms, max 0.80 ms, min 0.40 ms of 4 hooks)"
    )


def test_what_was_not_measured_is_not_told():
    found = hooktime.statistics([HookTime(400_000, 0)])
    assert found is not None
    assert found["start"] is None
    assert hooktime.describe(found).endswith(
        "min 0.40 ms of 1 hook; the start of its process, not measured here, comes on top"
    )
    assert hooktime.statistics([]) is None


def test_the_interpreter_is_in_the_time_of_the_relay_in_python(machine: Machine):
    machine.up()
    machine.relay = (sys.executable, "-I", "-S", str(RELAY), str(machine.paths.state))
    machine.hooks(*(event("Notification", "s", message=f"m{number}") for number in range(3)))
    until(lambda: (machine.status()["hooks"] or {}).get("samples") == 3, "three hooks")
    lines = [json.loads(line) for line in machine.paths.current.read_bytes().splitlines()]
    ages = [line["age"] for line in lines if "event" in line]
    found = machine.status()["hooks"]
    assert found["start"] * 1e9 == pytest.approx(sum(ages) / 3)
    (shown,) = [line for line in machine.cli("status").stdout.splitlines() if line.startswith("hooks")]
    assert shown == f"hooks     {hooktime.describe(found)}"
