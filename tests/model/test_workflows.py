"""Where the agents of a workflow belong, whatever of it is told, and whenever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.observe import Observers

from .replay import Played, play, play_late, roots

NAME = "print_workflow"
AGENTS = 3
Event = dict[str, Any]


def changed(change: Callable[[Event], Event | None]) -> Callable[[list[bytes]], list[bytes]]:
    """A change of a journal's lines, one event at a time; None leaves one out."""

    def apply(lines: list[bytes]) -> list[bytes]:
        records = [json.loads(line) for line in lines]
        events = [change(record["event"]) for record in records]
        return [
            json.dumps({**record, "event": event}).encode()
            for record, event in zip(records, events, strict=True)
            if event is not None
        ]

    return apply


def is_call_s_end(event: Event) -> bool:
    return event["hook_event_name"] == "PostToolUse" and event["tool_name"] == "Workflow"


def without_the_call_s_end(event: Event) -> Event | None:
    return None if is_call_s_end(event) else event


def of_a_later_prompt(event: Event) -> Event:
    """Somebody typed a prompt meanwhile: a hook's prompt id is the newest."""
    return {**event, "prompt_id": "11111111-1111-4111-8111-111111111111"} if "agent_id" in event else event


def of_another_type(event: Event) -> Event:
    return {**event, "agent_type": "Explore"} if "agent_id" in event else event


def agents_of(played: Played) -> list:
    agents = [span for span in played.named("invoke_agent") if sc.AGENT_ID in span.attributes]
    assert len(agents) == AGENTS
    return agents


def assert_below_the_call(played: Played) -> None:
    (call,) = played.named("execute_tool Workflow")
    agents = agents_of(played)
    assert {(span.trace_id, span.parent_id) for span in agents} == {(call.trace_id, call.span_id)}
    inner = [span for span in played.spans if span.parent_id in {agent.span_id for agent in agents} and not span.hook]
    assert {span.trace_id for span in inner} == {call.trace_id}
    assert "execute_tool Bash" in {span.name for span in inner}


@pytest.mark.parametrize("playing", [play, play_late])
@pytest.mark.parametrize("change", [of_a_later_prompt, of_another_type, dict])
def test_agents_stand_under_the_call_that_began_their_run(tmp_path, playing, change):
    played = playing(NAME, tmp_path, change=changed(change))
    assert_below_the_call(played)
    calls = [span.attributes[sc.MODEL_CALLS] for span in agents_of(played)]
    assert sorted(calls) == [1, 1, 2]


def with_another(lines: list[bytes], *, late: bool) -> list[bytes]:
    """Another run beside it; with `late` the end of the right one's call is heard after its agents' starts."""
    names = [json.loads(line)["event"]["hook_event_name"] for line in lines]
    start, end = (
        next(n for n, line in enumerate(lines) if names[n] == name and b'"Workflow"' in line)
        for name in ("PreToolUse", "PostToolUse")
    )
    run = json.loads(lines[end])["event"]["tool_response"]["runId"].encode()
    others = [lines[n].replace(b'_1_0"', b'_9_9"').replace(run, b"wf_00000000-000") for n in (start, end)]
    begun = max(n for n, name in enumerate(names) if name == "SubagentStart") + 1 if late else end
    rest = [line for n, line in enumerate(lines) if n != end]
    at = begun - late
    return [*rest[:end], *others, *rest[end:at], lines[end], *rest[at:]]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("roots_of", [roots, lambda _: ()], ids=["with transcripts", "without"])
def test_two_runs_at_once_are_told_apart(tmp_path, late, roots_of):
    watch = Observers(roots=roots_of(tmp_path))
    played = play(NAME, tmp_path, change=lambda lines: with_another(lines, late=late), observers=watch)
    calls = {str(span.attributes[sc.GEN_AI_TOOL_CALL_ID])[-4:]: span for span in played.named("execute_tool Workflow")}
    assert sorted(calls) == ["_1_0", "_9_9"]
    assert {span.parent_id for span in agents_of(played)} == {calls["_1_0"].span_id}


def test_without_transcripts_the_end_of_an_agent_tells_its_run(tmp_path):
    blind = Observers(roots=())
    assert_below_the_call(play(NAME, tmp_path, observers=blind))


def test_of_a_run_that_nothing_told_of_they_stand_in_the_turn(tmp_path):
    played = play(NAME, tmp_path, change=changed(without_the_call_s_end))
    turn = played.named("invoke_agent claude-code")[0]
    agents = agents_of(played)
    assert {(span.trace_id, span.parent_id) for span in agents} == {(turn.trace_id, turn.span_id)}
    assert sum(span.attributes[sc.MODEL_CALLS] for span in agents) == 4
    (session,) = played.named("session")
    assert session.attributes[sc.COST_RESIDUAL_USD] == pytest.approx(0, abs=1e-9)
