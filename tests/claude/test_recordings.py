"""Recordings agree with their scripts: the client did what the scenario is meant to show, and nothing was lost."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SESSIONS = Path(__file__).parent.parent / "sessions"
RECORDED = sorted(path.parent for path in SESSIONS.glob("*/expected.json"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def events(session: Path) -> list[dict[str, Any]]:
    """The events of a journal; each once where the hooks were installed twice."""
    heard = [line["event"] for line in lines(session / "journal.jsonl")]
    if json.loads((session / "expected.json").read_text())["notes"].get("registered") != 2:
        return heard
    once = {json.dumps(event, sort_keys=True): event for event in heard}
    assert len(heard) == 2 * len(once)
    return list(once.values())


@pytest.fixture(params=RECORDED, ids=lambda path: path.name)
def session(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def expected(session: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((session / "expected.json").read_text())
    return found


def test_each_call_was_heard_as_the_script_says(session, expected):
    heard = events(session)
    by_event = {
        name: {event["tool_use_id"] for event in heard if event["hook_event_name"] == name}
        for name in ("PreToolUse", "PostToolUse", "PostToolUseFailure")
    }
    tools = expected["tools"]
    assert by_event["PreToolUse"] == {tool_id for tool_id, tool in tools.items() if tool["heard"]}
    assert by_event["PostToolUse"] == {tool_id for tool_id, tool in tools.items() if tool["outcome"] == "success"}
    assert by_event["PostToolUseFailure"] == {
        tool_id for tool_id, tool in tools.items() if tool["outcome"] == "error" and tool["heard"]
    }


def test_each_dialog_was_heard(session, expected):
    asked = Counter(event["tool_name"] for event in events(session) if event["hook_event_name"] == "PermissionRequest")
    assert asked == Counter(tool["name"] for tool in expected["tools"].values() if tool["decision"])


def test_each_session_started_and_ended(session, expected):
    heard = events(session)
    starts = [e["source"] for e in heard if e["hook_event_name"] == "SessionStart" and e["source"] != "compact"]
    ends = [e["reason"] for e in heard if e["hook_event_name"] == "SessionEnd"]
    assert starts == [s["source"] for s in expected["sessions"]]
    assert ends == [s["end"] for s in expected["sessions"] if s["end"]]
    assert expected["compactions"] == sum(e["hook_event_name"] == "PreCompact" for e in heard)


def test_each_turn_began_and_ended(session, expected):
    heard = events(session)
    prompts = [e["prompt"] for e in heard if e["hook_event_name"] == "UserPromptSubmit"]
    for turn in expected["turns"]:
        assert any(prompt.startswith(turn["prompt"]) for prompt in prompts), turn
    stopped = {e["prompt_id"] for e in heard if e["hook_event_name"] in {"Stop", "StopFailure"}}
    own = [turn for turn in expected["turns"] if turn["made_by"] != "teammate"]
    assert len(stopped) == sum(turn["end_reason"] in {"stop", "stop_failure"} for turn in own)


def test_each_agent_has_its_call(session, expected):
    metas = [json.loads(path.read_text()) for path in session.glob("projects/*/*/subagents/*.meta.json")]
    of_workflows = list(session.glob("projects/*/*/subagents/workflows/*/*.meta.json"))
    started = {tool_id: agent for tool_id, agent in expected["subagents"].items() if "resumed" not in agent}
    alone = {tool_id: agent for tool_id, agent in started.items() if "agents" not in agent}
    called = {tool_id: agent for tool_id, agent in alone.items() if "teammate" not in agent}
    mates = [(agent["teammate"], agent["agent_type"]) for agent in alone.values() if "teammate" in agent]
    assert [(meta["name"], meta["spawnedAgentType"]) for meta in metas if "teamName" in meta] == mates
    assert {meta["toolUseId"]: meta["agentType"] for meta in metas if "teamName" not in meta} == {
        tool_id: agent["agent_type"] for tool_id, agent in called.items()
    }
    assert len(of_workflows) == sum(agent.get("agents", 0) for agent in expected["subagents"].values())


def test_the_transcripts_hold_each_answer_and_its_tokens(session, expected):
    usage = {}
    for path in session.glob("projects/**/*.jsonl"):
        for line in lines(path):
            message = line.get("message", {})
            if line["type"] == "assistant" and message["model"] != "<synthetic>" and not line.get("isAbortedMidStream"):
                usage[message["id"]] = {key: message["usage"][key] for key in ("input_tokens", "output_tokens")}
    assert usage == {
        call["message_id"]: {key: call["usage"][key] for key in ("input_tokens", "output_tokens")}
        for call in expected["model_calls"]
        if call["in_transcript"]
    }


def test_nothing_of_the_client_s_own_texts_is_kept(session):
    for path in session.rglob("*.json*"):
        text = path.read_text(encoding="utf-8")
        for mark in (
            "You are a Claude agent",
            "input_schema",
            "system-reminder>\\nAs you answer",
            "sk-dummy",
            "/tmp/hs-",
        ):
            assert mark not in text, path
