"""An answer to a teammate is told the same whenever the client writes the message that began it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.model.fold import fold
from hookspan.model.rows import Span
from hookspan.model.state import State
from hookspan.wire.facts import Fact, Settled, TeammateMessage, TranscriptRead
from hookspan.wire.reduced import Reduced
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


START = 1_795_000_000 * 10**9


class Lead:
    """A session whose lead has stopped, and waits for its teammate; times are in seconds from its start."""

    def __init__(self) -> None:
        self.state, self.number = State(), 0
        self.spans: list[Span] = []
        self.hear(0, "SessionStart", source="startup")
        self.hear(1, "UserPromptSubmit")
        self.hear(2, "PreToolUse", tool="Agent", tool_use_id="made")
        self.hear(3, "PostToolUse", tool="Agent", tool_use_id="made", teammate="anna", child_agent="a", team="t")
        self.hear(4, "Stop")

    def take(self, record: Reduced | Fact) -> None:
        self.number += 1
        rows = fold(self.state, self.number, record)
        self.spans += [span for span in rows.spans if not span.hook]

    def hear(self, at: float, event: str, **fields: Any) -> None:
        self.take(Reduced(at=START + round(at * 10**9), event=event, **{"session": "s", "prompt": "p", **fields}))

    def told(self, at: float, kind: type[Fact], **fields: Any) -> None:
        self.take(kind(at=START + round(at * 10**9), key=f"{kind}{at}", session="s", **fields))

    def answers(self) -> list[tuple[float, float, str, object]]:
        """When they began and ended, how, and how many calls they made."""
        return [
            ((s.start - START) / 10**9, (s.end - START) / 10**9, str(s.attributes[sc.OUTCOME]), s.attributes[sc.TOOLS])
            for s in self.spans
            if s.attributes.get(sc.PROMPT_KIND) == "teammate"
        ]


@pytest.mark.parametrize("until", ["stopped", "settled", "written"])
def test_an_answer_that_was_over_before_its_message_was_written(until: str):
    """Whether the turn before had just stopped, was known to be over, or was written."""
    lead = Lead()
    if until != "stopped":
        lead.told(10, Settled, prompt="p", stop=START + 4 * 10**9)
    if until == "written":
        lead.told(11, TranscriptRead)
    lead.hear(20, "PreToolUse", tool="Bash", tool_use_id="c")
    lead.hear(20.02, "PostToolUse", tool="Bash", tool_use_id="c", duration_ms=10)
    lead.hear(20.05, "Stop")
    lead.told(19.9, TeammateMessage, prompt="p", teammate="anna", size=3, label="anna: done")
    lead.hear(30, "UserPromptSubmit", prompt="q")
    lead.told(40, TranscriptRead)
    assert lead.answers() == [(19.9, 20.05, "success", 1)]


def test_a_call_that_waits_for_its_message_is_whole_though_the_session_ends():
    lead = Lead()
    lead.told(10, Settled, prompt="p", stop=START + 4 * 10**9)
    lead.told(11, TranscriptRead)
    lead.hear(20, "PreToolUse", tool="Bash", tool_use_id="c")
    lead.hear(20.02, "PostToolUse", tool="Bash", tool_use_id="c", duration_ms=10, output_size=7)
    lead.hear(20.5, "SessionEnd")
    lead.told(20.6, TranscriptRead)
    (call,) = [span for span in lead.spans if span.name == "execute_tool Bash"]
    assert (call.attributes[sc.OUTCOME], call.attributes[sc.OUTPUT_SIZE], call.end) == (
        "success",
        7,
        START + round(20.02 * 10**9),
    )
