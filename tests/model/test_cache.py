"""Why the cache was missed: lines of a transcript in, the event on the call's span out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.claude_code.transcript import TranscriptParser
from hookspan.model.fold import fold
from hookspan.model.rows import Rows
from hookspan.model.state import State, dump_session, load_session
from hookspan.observe.transcript_file import priced
from hookspan.wire.reduced import Reduced

START = 1_795_000_000  # Unix seconds
MINUTE = 60
HOUR = 60 * MINUTE
WHOLE = 20_000
GREET = {"name": "mcp__tiny__greet", "description": "Greet", "input_schema": {}}
SING = {**GREET, "name": "mcp__tiny__sing"}
SONNET = {"model": "claude-sonnet-5-5"}


@dataclass
class Client:
    """Writes one agent's transcript, and has it read and folded line by line."""

    state: State = field(default_factory=State)
    agent_id: str = ""
    at: float = START
    calls: int = 0
    rows: list[Rows] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parser = TranscriptParser("s", f"/{self.agent_id}.jsonl", agent_id=self.agent_id)
        self.fold(Reduced(event="SessionStart", session="s", source="startup", at=START * 10**9))

    def fold(self, record: Any) -> None:
        self.rows.append(fold(self.state, len(self.rows), record))

    def line(self, **line: Any) -> None:
        timestamp = dt.datetime.fromtimestamp(self.at, dt.UTC).isoformat()
        data = json.dumps({"timestamp": timestamp, **line}).encode() + b"\n"
        for fact in priced(self.parser.feed(data), ""):
            self.fold(fact)

    def shape(self, name: str, *tools: Any, system: str = "S") -> None:
        self.line(type="api-request-shape", shapeHash=name, shape={"system": [{"text": system}], "tools": list(tools)})

    def call(
        self,
        after: float = 1,
        *,
        read: int = 0,
        written: int = 0,
        model: str = "claude-opus-5-5",
        effort: str = "high",
        shape: str = "one",
        ttl: str = "5m",
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """A request and its answer, so many seconds after the last."""
        self.at += after
        self.calls += 1
        params = {"model": model, "output_config": {"effort": effort}}
        self.line(type="api-request", id=f"r{self.calls}", shapeHash=shape, params=params)
        usage = {"input_tokens": 3, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}
        message = {"id": f"m{self.calls}", "model": model, "usage": usage, "role": "assistant"}
        answer = {"requestedModel": model, "promptCacheRequested": ttl, "effort": effort, "message": message}
        self.line(type="assistant", **answer, **(told or {}))
        for fact in priced(self.parser.flush(), ""):
            self.fold(fact)

    @property
    def events(self) -> list[Any]:
        return [event for rows in self.rows for span in rows.spans for event in span.events]

    @property
    def causes(self) -> list[str]:
        return [event.attributes[sc.CACHE_CAUSE] for event in self.events]


@pytest.fixture
def client() -> Client:
    client = Client()
    client.shape("one", GREET)
    client.shape("two", GREET, SING)
    client.shape("three", GREET, system="Another")
    client.call(written=WHOLE)
    return client


@pytest.mark.parametrize(
    ("after", "changed", "cause"),
    [
        (1, SONNET, "model"),
        (1, {"effort": "low"}, "effort"),
        (1, {"shape": "two"}, "tools"),
        (1, {"shape": "three"}, "system_prompt"),
        (1, {"shape": "unseen"}, "unknown"),
        (1, {}, "unknown"),
        (5 * MINUTE + 1, {}, "idle"),
        (5 * MINUTE + 1, SONNET, "idle"),
        (5 * MINUTE - 1, {}, "unknown"),
        (1, {**SONNET, "shape": "two", "effort": "low"}, "model"),
    ],
)
def test_what_differs_is_the_cause(client, after, changed, cause):
    client.call(after, written=WHOLE, **changed)
    assert client.causes == [cause]


def test_the_cache_of_an_hour_lasts_an_hour(client):
    client.call(read=WHOLE, ttl="1h")
    client.call(HOUR - 1, written=WHOLE)
    client.call(5 * MINUTE + 1, written=WHOLE)
    assert client.causes == ["unknown", "idle"]


def test_tools_are_told_by_name(client):
    client.call(written=WHOLE, shape="two")
    client.call(written=WHOLE)
    assert [event.attributes[sc.CACHE_TOOLS] for event in client.events] == [["+mcp__tiny__sing"], ["-mcp__tiny__sing"]]


def test_a_tool_that_is_loaded_later_is_no_part_of_the_prompt(client):
    client.shape("four", GREET, {**SING, "defer_loading": True})
    client.call(written=WHOLE, shape="four")
    assert client.causes == ["unknown"]


@pytest.mark.parametrize("read", [WHOLE, WHOLE - 1_999])
def test_without_a_miss_nothing_is_told(client, read):
    client.call(read=read, written=500, **SONNET, shape="two")
    assert client.causes == []


def test_who_goes_back_to_an_earlier_message_misses_nothing(client):
    client.call(read=WHOLE // 2, written=5_000)
    assert client.causes == []
    client.call(read=0, written=WHOLE)
    assert client.causes == ["unknown"]


def test_a_compaction_of_much_is_a_miss_of_what_is_left(client):
    client.call(read=WHOLE, written=140_000)
    client.line(type="system", subtype="compact_boundary", compactMetadata={"preTokens": 160_000, "postTokens": 7_000})
    client.call(read=17_000, written=7_000)
    assert client.causes == ["compaction"]


def test_a_compaction_is_the_cause_only_for_the_next_call(client):
    client.line(type="system", subtype="compact_boundary", compactMetadata={"preTokens": WHOLE, "postTokens": 900})
    client.call(read=4_000, written=3_000)
    client.call(written=7_000)
    assert client.causes == ["compaction", "unknown"]
    assert client.events[0].attributes[sc.CACHE_RECACHED] == 3_000


def test_its_price_is_that_of_writing_less_that_of_reading(client):
    client.call(read=5_000, written=15_500)
    (event,) = client.events
    assert event.attributes[sc.CACHE_RECACHED] == 15_000
    assert event.attributes[sc.CACHE_COST_USD] == pytest.approx(15_000 * (5.00 - 0.20) / 1e6)
    totals = {i.instrument: i.value for rows in client.rows for i in rows.increments if "recached" in i.instrument}
    price = event.attributes[sc.CACHE_COST_USD]
    assert totals == {"hookspan.cache.recached": 15_000, "hookspan.cache.recached.cost": price}


def test_each_subagent_is_compared_with_itself(client):
    scout = Client(state=client.state, agent_id="scout")
    scout.call(written=WHOLE, model="claude-haiku-5-5")
    client.call(read=WHOLE)
    scout.call(written=WHOLE, model="claude-haiku-5-5", effort="low")
    assert (client.causes, scout.causes) == ([], ["effort"])


def test_what_it_compares_with_is_in_the_state(client):
    client.state.sessions["s"] = load_session(dump_session(client.state.sessions["s"]))
    client.call(written=WHOLE, shape="two")
    assert client.causes == ["tools"]
