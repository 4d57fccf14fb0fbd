"""The clock jumps, by libfaketime: a relay that is linked dynamically for this, and an agent that has it preloaded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.setup.relay import BUILDS
from hookspan.store import Reader
from tests.conformance.build import compile_relay
from tests.faults.stand import EVENTS, Stand, fault, stand
from tests.waiting import until

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOUR = 3600
pytestmark = [pytest.mark.need_faketime, pytest.mark.need_cc]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path / "machine") as made:
        clock = tmp_path / "clock"
        clock.write_text("+0")
        # All sees the same clock from now on; monotonic clocks go on, as they do when a machine's time is set.
        made.machine.env |= {
            "LD_PRELOAD": str(LIBRARIES[-1]),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        made.machine.relay = (str(compile_relay(BUILDS[-1])), str(made.machine.paths.state))
        yield made


def set_clock(at: Stand, seconds: int) -> None:
    (at.machine.folder.parent / "clock").write_text(f"{seconds:+d}")


def times(at: Stand, ids: list[str]) -> list[float]:
    """When these events were, in hours from the first one of all."""
    reader = Reader(at.machine.paths)
    rows = {row.session: row.at for row in reader.events(limit=10_000)}
    reader.close()
    return [(rows[id_] - rows[at.written[0]]) / 1e9 / HOUR for id_ in ids]


def settle(at: Stand) -> None:
    """By an agent with the machine's own clock: libfaketime breaks the sleeps (EINVAL) with which a flush waits."""
    at.stop()
    for name in [name for name in at.machine.env if name.startswith(("LD_", "FAKETIME"))]:
        del at.machine.env[name]
    at.settle()


def jump(at: Stand, seconds: int) -> None:
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    set_clock(at, seconds)
    later = at.hooks()
    until(lambda: at.rows().total() == len(at.written))
    assert all(abs(hours - seconds / HOUR) < 0.1 for hours in times(at, later)), "the relay did see another clock"
    set_clock(at, 0)
    at.hooks()
    until(lambda: at.rows().total() == len(at.written))
    at.status(says="agent     running")
    settle(at)


@fault("clock", "an hour forward, and back again", "every event is there once, with the time that its relay saw")
def test_forward(at: Stand):
    jump(at, HOUR)


@fault("clock", "an hour back, and forward again", "the same")
def test_back(at: Stand):
    jump(at, -HOUR)


@fault("clock", "an hour back while no agent runs, after an agent ran in the future", "the same; the agent starts")
def test_back_between_agents(at: Stand):
    set_clock(at, HOUR)
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    at.machine.kill()
    set_clock(at, 0)
    at.hooks()
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == len(at.written))
    settle(at)
