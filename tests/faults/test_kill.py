"""kill -9 at any moment loses no event and counts none twice: the promise that everything else rests on."""

import os
import random
from pathlib import Path

import pytest

from tests.faults.campaign import FAULTS, begin, table, wrong

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kill")]

EVENTS = int(os.environ.get("KILL_EVENTS", "10000"))  # of all faults together; more with `make faults`
NOTICED = 250.0  # milliseconds more than processes take; a hook that waits for a stopped agent takes seconds
BUSY = 10  # times as long as one that does nothing: what a hook does may be interrupted so often


def test_no_fault_of_agent_or_endpoint_loses_an_event_or_slows_a_hook(tmp_path: Path):
    assert sum(fault.kills for fault in FAULTS) >= 5
    seed = random.randrange(1 << 32)
    share = -(-EVENTS // sum(1 + fault.kills for fault in FAULTS))  # hooks must run until the last of the kills
    with begin(tmp_path / "machine", seed) as campaign:
        for fault in FAULTS:
            campaign.run(fault, share * (1 + fault.kills), append=0)
        print(*table(campaign.rows), sep="\n")
        assert wrong(campaign) == [], seed
    assert [row.fault for row in campaign.rows if row.p50 > NOTICED + BUSY * campaign.bare[row.fault]] == []
