"""A hook's process may wait long for a processor before its first instruction: the event is as old as the process."""

from __future__ import annotations

import json

import pytest

from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import State

AT = 1_795_000_000_000_000_000
MS = 1_000_000


@pytest.mark.parametrize(
    ("age", "start"),
    [
        pytest.param(30 * MS, AT - 30 * MS, id="waited"),
        pytest.param(0, AT, id="untold"),
        pytest.param(-5, AT, id="negative"),
        pytest.param(3600 * 1000 * MS, AT, id="absurd"),
    ],
)
def test_an_event_is_as_old_as_its_process(age, start):
    event = {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}
    line = {"v": 1, "agent": "claude-code", "at": AT, "took": 2 * MS, "age": age, "pid": 1, "event": event}
    reduced = decode(json.dumps(line).encode(), b"k" * 32)
    assert reduced.at == start
    (hook,) = [span for span in fold(State(), 1, reduced).spans if span.hook]
    assert (hook.start, hook.end) == (start, AT + 2 * MS)
