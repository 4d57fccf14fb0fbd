"""What work was for nothing, and its price: hooks and lines of a transcript in, rows out."""

from __future__ import annotations

from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.claude_code.reduce import reduce_payload
from hookspan.wire.reduced import Reduced
from tests.model.replay import Played, names, play
from tests.model.test_cache import GREET, MINUTE, Client

READ, WRITE, INPUT, OUTPUT = 200, 5_000, 4_000, 20_000
"""Nano-USD of a token of claude-opus-5-5, as genai-prices has them."""
SEEN = "x" * 4_000


class Agent(Client):
    """A client whose tools' hooks are folded, too."""

    def asks(self, *ids: str, tool: str = "Bash", output: int = 100, **usage: Any) -> None:
        """An answer that asks for tools, each with the same input."""
        self.calls += 1
        self.at += 1
        message = {"id": f"m{self.calls}", "model": "claude-opus-5-5", "role": "assistant"}
        message["content"] = [{"type": "tool_use", "id": id_, "name": tool, "input": {"file_path": "a"}} for id_ in ids]
        message["usage"] = {"input_tokens": 0, "output_tokens": output, **usage}
        self.line(type="assistant", requestedModel="claude-opus-5-5", promptCacheRequested="5m", message=message)

    def result(self, id_: str, text: str = SEEN) -> None:
        content = [{"type": "tool_result", "tool_use_id": id_, "content": text}]
        self.line(type="user", message={"role": "user", "content": content})

    def hook(self, name: str, id_: str, tool: str = "Bash", **fields: Any) -> None:
        event = Reduced(at=int(self.at * 10**9), session="s", size=1)
        told = {"hook_event_name": name, "tool_name": tool, "tool_use_id": id_, "tool_input": {"file_path": "a"}}
        reduce_payload(event, told | fields, b"k" * 32, labels=False)
        self.fold(event)

    def waste(self) -> dict[tuple[str, str], tuple[int, int, int, int]]:
        return Played(self.state, waste=[one for rows in self.rows for one in rows.waste]).wasted()


def near(*figures: float) -> Any:
    """The figures, but for what is lost where each part is rounded."""
    return pytest.approx(figures, abs=2)


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.mark.parametrize("hooks_first", [True, False])
def test_a_failed_call_costs_its_part_of_the_answer_and_its_result_once(agent, hooks_first):
    """Of two calls of an answer each has half of it; results share what was new, which is less than they are long."""
    hooks = (("PreToolUse", "good"), ("PreToolUse", "bad"), ("PostToolUse", "good"), ("PostToolUseFailure", "bad"))

    def fold_hooks() -> None:
        for name, id_ in hooks:
            agent.hook(name, id_, **({"error": "Exit code 1"} if "Failure" in name else {}))

    if hooks_first:
        fold_hooks()
    agent.asks("good", "bad", cache_creation_input_tokens=9_000)
    agent.result("good")
    agent.result("bad")
    if not hooks_first:
        fold_hooks()
    for _ in range(2):
        agent.call(read=9_000, written=800)
    assert agent.waste()["failed", "Bash"] == near(1, 1, 50 + 401, 50 * OUTPUT + (3 * INPUT + 800 * WRITE) / 2)


def test_what_was_read_before_is_paid_for_until_a_summary_takes_its_place(agent):
    def read(id_: str, text: str = SEEN) -> None:
        agent.asks(id_, tool="Read", cache_read_input_tokens=20_000)
        agent.hook("PreToolUse", id_, "Read")
        agent.hook("PostToolUse", id_, "Read", tool_response={"file": {"content": text}})
        agent.result(id_, text)
        agent.call(read=20_000, written=1_000)

    read("first")
    read("again")
    agent.call(read=21_000)
    once, carried = 1000 * (3 * INPUT + 1000 * WRITE) / 1003, 1000 * READ
    assert agent.waste()["repeated", "Read"] == near(1, 1, 2_000, once + carried)
    read("changed", SEEN.upper())
    assert agent.waste()["repeated", "Read"][0] == 1
    told = agent.waste()["repeated", "Read"]
    agent.line(type="system", subtype="compact_boundary", compactMetadata={"preTokens": 22_000, "postTokens": 900})
    agent.fold(Reduced(event="PostCompact", session="s", at=int(agent.at * 10**9)))
    agent.call(read=0, written=900)
    read("anew", SEEN.upper())
    assert agent.waste()["repeated", "Read"] == told
    spans = [span for rows in agent.rows for span in rows.spans if span.attributes.get(sc.REPEATED)]
    assert [span.attributes[sc.GEN_AI_TOOL_CALL_ID] for span in spans] == ["again"]


def test_what_was_cut_off_has_no_success_and_is_not_read_again(agent):
    for id_ in ("first", "second"):
        agent.asks(id_, tool="Read")
        agent.hook("PreToolUse", id_, tool="Read")
        agent.hook("PostToolUse", id_, tool="Read", tool_response={"stdout": SEEN, "interrupted": id_ == "second"})
        agent.result(id_)
    spans = [span for rows in agent.rows for span in rows.spans if span.name == "execute_tool Read"]
    assert [span.attributes[sc.OUTCOME] for span in spans] == ["success", "interrupted"]
    assert ("repeated", "Read") not in agent.waste()


def test_a_miss_costs_what_writing_costs_more_and_definitions_the_rest(agent):
    """Both are of the same tokens: together they are what these cost."""
    agent.shape("one", GREET | {"description": "G" * 4_000})
    agent.call(written=20_000)
    tokens = agent.waste()["definitions", "mcp_server:tiny"][2]
    assert agent.waste()["definitions", "mcp_server:tiny"] == (1, 1, tokens, tokens * WRITE)
    agent.call(6 * MINUTE, written=20_000)
    assert agent.waste()["cache_miss", "idle"] == (1, 1, 20_000, 20_000 * (WRITE - READ))
    agent.call(read=20_000)
    assert agent.waste()["definitions", "mcp_server:tiny"] == (3, 3, 3 * tokens, tokens * (WRITE + 2 * READ))


def test_what_gets_nowhere_is_all_for_nothing_and_nothing_of_it_counts_twice(agent):
    for number in range(30):
        agent.asks(f"c{number}", cache_read_input_tokens=9_000, cache_creation_input_tokens=500)
        agent.at += 1
        agent.hook("PreToolUse", f"c{number}")
        agent.hook("PostToolUseFailure", f"c{number}", error="Exit code 1\nno such file or directory: a")
        agent.fold(Reduced(event="PostToolBatch", session="s", at=int(agent.at * 10**9)))
        agent.result(f"c{number}")
    wasted, (session,) = agent.waste(), agent.state.sessions.values()
    (loop,) = [figures for (kind, _), figures in wasted.items() if kind == "loop"]
    assert 0 < loop[0] == loop[1] < 30
    assert loop[3] == loop[0] * session.tally.cost_nano // session.tally.model_calls
    assert 0 < wasted["failed", "Bash"][3] < sum(figures[3] for figures in wasted.values()) <= session.tally.cost_nano


def test_without_a_price_it_is_counted(agent):
    agent.asks("bad")
    agent.line(type="assistant", message={"id": "m9", "model": "nobody-knows", "usage": {"output_tokens": 7}})
    agent.hook("PreToolUse", "lost")
    agent.hook("PostToolUseFailure", "lost", error="no")
    agent.call(model="nobody-knows", read=9)
    assert agent.waste()["failed", "Bash"] == (1, 0, 0, 0)


@pytest.mark.parametrize("name", names())
def test_all_waste_of_a_recording_is_no_more_than_its_cost(name, tmp_path):
    """Of each kind on its own figures as well: nothing has a price that is not counted."""
    played = play(name, tmp_path)
    cost = sum(session.tally.cost_nano for session in played.state.sessions.values())
    wasted = played.wasted()
    assert sum(nano for *_, nano in wasted.values()) <= cost
    assert all(priced <= count for (kind, _), (count, priced, *_) in wasted.items() if kind != "compaction")
    failed = [span for span in played.named("execute_tool") if span.attributes[sc.OUTCOME] == "error"]
    assert sum(count for (kind, _), (count, *_) in wasted.items() if kind == "failed") == len(failed)
