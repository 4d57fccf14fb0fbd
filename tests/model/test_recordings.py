"""Every recorded session of the real client: what comes out of the fold is what the session's script says happened."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.cli.terminal.tree import render

from .replay import SESSIONS, Played, expected, lines_of, names, play

SCRIPTED = [name for name in names() if expected(name)]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    known: dict[str, Played] = {}

    def get(name: str) -> Played:
        if name not in known:
            known[name] = play(name, tmp_path_factory.mktemp(name))
        return known[name]

    return get


@pytest.mark.parametrize("name", SCRIPTED)
def test_tools(played, name):
    wanted = {call: (tool["name"], tool["outcome"]) for call, tool in expected(name)["tools"].items()}
    spans = played(name).named("execute_tool")
    got = {
        s.attributes[sc.GEN_AI_TOOL_CALL_ID]: (s.attributes[sc.GEN_AI_TOOL_NAME], s.attributes[sc.OUTCOME])
        for s in spans
    }
    assert len(spans) == len(got), "a call has one span"
    assert got == wanted


@pytest.mark.parametrize("name", SCRIPTED)
def test_decisions(played, name):
    wanted = {call: tool["decision"] for call, tool in expected(name)["tools"].items() if tool["decision"]}
    waits = {s.attributes.get(sc.TOOL_CALL_ID): s.attributes[sc.DECISION] for s in played(name).named("permission")}
    assert waits == wanted


@pytest.mark.parametrize("name", SCRIPTED)
def test_turns(played, name):
    wanted = [(turn["outcome"], turn["end_reason"]) for turn in expected(name)["turns"]]
    turns = played(name).named("invoke_agent claude-code")
    got = [(s.attributes[sc.OUTCOME], s.attributes[sc.END_REASON]) for s in turns]
    if expected(name)["notes"].get("order") == "any":
        assert Counter(got) == Counter(wanted)
    else:
        assert got == wanted
    assert all(s.parent_id == "" for s in turns)
    own = [s for s in turns if s.attributes[sc.PROMPT_KIND] != "teammate"]
    assert all(s.trace_id == str(s.attributes[sc.PROMPT_ID]).replace("-", "") for s in own)


@pytest.mark.parametrize("name", SCRIPTED)
def test_subagents_stand_under_the_call_that_started_them(played, name):
    wanted = Counter(
        {(call, agent["agent_type"]): agent.get("agents", 1) for call, agent in expected(name)["subagents"].items()}
    )
    spans = played(name).spans
    tools = {s.span_id: s.attributes[sc.GEN_AI_TOOL_CALL_ID] for s in spans if s.name.startswith("execute_tool")}
    agents = [s for s in spans if s.name.startswith("invoke_agent ") and sc.AGENT_ID in s.attributes]
    assert Counter((tools.get(s.parent_id), s.name.split(" ", 1)[1]) for s in agents) == wanted
    calls_of = {s.span_id: tools[s.parent_id] for s in agents if s.parent_id in tools}
    for call, tool in expected(name)["tools"].items():
        for span in spans:
            if span.attributes.get(sc.GEN_AI_TOOL_CALL_ID) == call and span.name.startswith("execute_tool"):
                assert calls_of.get(span.parent_id) == tool["in_agent_of"], call


@pytest.mark.parametrize("name", SCRIPTED)
def test_model_calls_and_their_tokens(played, name):
    wanted = {
        call["message_id"]: (
            call["model"],
            call["usage"]["input_tokens"]
            + call["usage"]["cache_read_input_tokens"]
            + call["usage"]["cache_creation_input_tokens"],
            call["usage"]["output_tokens"],
        )
        for call in expected(name)["model_calls"]
        if call["in_transcript"]
    }
    got = {}
    for span in played(name).named("chat"):
        if sc.ERROR_TYPE in span.attributes:
            continue
        message = span.attributes[sc.GEN_AI_RESPONSE_ID]
        assert message not in got, "a call has one span"
        tokens = span.attributes[sc.GEN_AI_USAGE_INPUT_TOKENS], span.attributes[sc.GEN_AI_USAGE_OUTPUT_TOKENS]
        got[message] = (span.attributes[sc.GEN_AI_RESPONSE_MODEL], *tokens)
        if span.attributes[sc.OUTCOME] == "interrupted":
            wanted[message] = got[message]  # only the client knows how much of a cut-off answer was billed
    assert got == wanted


@pytest.mark.parametrize("name", names())
def test_nothing_is_left_open_and_ids_are_unique(played, name):
    result = played(name)
    for session in result.state.sessions.values():
        assert (session.calls, session.waits, session.turns, session.agents, session.compactions) == (
            {},
            [],
            {},
            {},
            [],
        )
        assert session.written
    keys = [(span.trace_id, span.span_id) for span in result.spans]
    assert len(keys) == len(set(keys))
    ids = set(keys)
    assert [span.name for span in result.spans if span.parent_id and (span.trace_id, span.parent_id) not in ids] == []


@pytest.mark.parametrize("name", names())
def test_every_hook_has_its_span(played, name, tmp_path):
    heard = [line for line in lines_of(name, tmp_path) if b'"kind":"status_line"' not in line]
    events = len(heard) // ((expected(name) or {}).get("notes", {}).get("registered", 1))
    hooks = [span for span in played(name).spans if span.hook]
    assert len(hooks) == events == played(name).total("hookspan.hook.events")


@pytest.mark.parametrize("name", names())
def test_tree(played, name):
    """The whole tree as a reviewer reads it; UPDATE_TREES=1 writes it anew, and the diff is the review."""
    path = SESSIONS / name / "tree.txt"
    tree = "\n".join(render(played(name).spans)) + "\n"
    if os.environ.get("UPDATE_TREES"):
        path.write_text(tree)
    assert path.exists(), "UPDATE_TREES=1 writes it"
    assert tree == path.read_text()


@pytest.mark.parametrize("name", ["codex_dialogs", "codex_interrupted_model"])
def test_usage_that_nobody_knows_is_not_none(played, name):
    """Of a request that was cancelled before its answer."""
    (cancelled, *_) = [s for s in played(name).named("chat") if s.attributes[sc.OUTCOME] == "interrupted"]
    assert [key for key in cancelled.attributes if ".usage." in key] == []
    counted = [one for one in played(name).increments if one.at == cancelled.end]
    tokens = [one for one in counted if "tokens" in one.instrument or one.instrument == "hookspan.cost.unpriced"]
    assert tokens == []
