"""An answer to a teammate is told the same whenever the client writes the message that began it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hookspan.model.state import State
from tests import late
from tests.model.replay import Played, play


def is_of_lead(record: dict[str, Any], *events: str) -> bool:
    event = record.get("event", {})
    return event.get("hook_event_name") in events and "agent_id" not in event


def written_after(event: str, records: list[bytes]) -> list[bytes]:
    """The same, but each message, and what its transcript says then, is read after an event of that name, or Stop."""
    moved: list[bytes] = []
    held: list[bytes] = []
    is_held = False
    for line in records:
        record = json.loads(line)
        is_held = is_held or record.get("type") == "teammate_message"
        (held if is_held and "file" in record else moved).append(line)
        if is_held and is_of_lead(record, event, "Stop"):
            moved += held
            held, is_held = [], False
    return moved + held


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "PostToolBatch", "Stop"])
def test_whenever_the_message_is_written(event: str, tmp_path: Path):
    """The client writes a message up to a tenth of a second late: all of a quick answer may have come before."""
    recorded = play("agent_team", tmp_path)
    records = written_after(event, recorded.records)
    assert records != recorded.records
    played = Played(State())
    played.take(records)
    found = late.differences(told(played), told(recorded))
    assert found == []


def told(played: Played) -> tuple[late.Told, late.Told]:
    return late.spans(played.spans), late.sums(played.increments)
