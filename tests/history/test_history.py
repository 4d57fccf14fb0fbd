"""Imported transcripts: the fold makes of them what it makes of the same session's hooks, less what only hooks know."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hookspan import wire
from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.history import Copies, History, library
from hookspan.model.fold import fold
from hookspan.model.rows import Span
from hookspan.model.state import State, dump_session
from tests.model.replay import KEY, SESSIONS, expected, names, play

SAMPLES = Path(__file__).parent.parent / "samples" / "transcripts"
SCRIPTED = [name for name in names() if expected(name) and (SESSIONS / name / "projects").is_dir()]


CUT_OFF = {"background_agent_stopped", "print_resume_killed", "print_sigkill_tool", "sigkill_dialog", "hangup"}
"""Recordings with a call that has no result in the transcript, since its client was killed or told to end."""


@dataclass
class Imported:
    state: State = field(default_factory=State)
    spans: list[Span] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    def take(self, lines) -> None:
        for line in lines:
            self.lines.append(line)
            rows = fold(self.state, len(self.lines), decode(line, KEY))
            self.spans += rows.spans
            assert not rows.increments
            assert not rows.events

    def named(self, name: str) -> list[Span]:
        return sorted((span for span in self.spans if span.name.startswith(name)), key=lambda span: span.start)


def script(name: str) -> dict[str, Any]:
    return expected(name) or {}


def records(*places: Path) -> list[bytes]:
    found, _ = library.find([str(place) for place in places])
    copies = Copies()
    lines = []
    for one in found:
        history = History(one.session, one.sources(), copies, project_dir=one.project_dir())
        lines += [wire.encode(record) for record in history.records()]
    return lines


def imported(*places: Path) -> Imported:
    result = Imported()
    result.take(records(*places))
    return result


@pytest.fixture(scope="module")
def recorded():
    known: dict[str, Imported] = {}

    def get(name: str) -> Imported:
        if name not in known:
            known[name] = imported(SESSIONS / name / "projects")
        return known[name]

    return get


@pytest.mark.parametrize("name", SCRIPTED)
def test_model_calls_and_tokens_are_those_of_the_script(recorded, name):
    wanted = {
        call["message_id"]: (call["model"], call["usage"]["output_tokens"])
        for call in script(name)["model_calls"]
        if call["in_transcript"]
    }
    got = {}
    for span in recorded(name).named("chat"):
        if sc.ERROR_TYPE in span.attributes:
            continue
        message = span.attributes[sc.GEN_AI_RESPONSE_ID]
        assert message not in got, "a copied answer is counted once"
        got[message] = (span.attributes[sc.GEN_AI_RESPONSE_MODEL], span.attributes[sc.GEN_AI_USAGE_OUTPUT_TOKENS])
        if span.attributes[sc.OUTCOME] == "interrupted":
            wanted[message] = got[message]
    assert got == wanted


@pytest.mark.parametrize("name", SCRIPTED)
def test_tools_are_those_of_the_script(recorded, name):
    wanted = {call: (tool["name"], tool["outcome"]) for call, tool in script(name)["tools"].items()}
    if name == "print_sighup":
        wanted = {
            call: (tool, "error") for call, (tool, _) in wanted.items()
        }  # all that its result says: exit code 137
    spans = recorded(name).named("execute_tool")
    got = {
        s.attributes[sc.GEN_AI_TOOL_CALL_ID]: (s.attributes[sc.GEN_AI_TOOL_NAME], s.attributes[sc.OUTCOME])
        for s in spans
    }
    assert len(got) == len(spans)
    unknown = {call for call, (_, outcome) in got.items() if outcome == "unknown"}
    assert {call: one for call, one in got.items() if call not in unknown} == {
        call: one for call, one in wanted.items() if call not in unknown
    }
    assert not unknown or name in CUT_OFF, unknown


@pytest.mark.parametrize("name", SCRIPTED)
def test_turns_are_those_that_hooks_told(recorded, name, tmp_path):
    live = play(name, tmp_path).named("invoke_agent claude-code")
    turns = {span.trace_id: span for span in recorded(name).named("invoke_agent claude-code")}
    assert set(turns) == {span.trace_id for span in live}
    for span in live:
        mine = turns[span.trace_id]
        assert mine.span_id == span.span_id
        assert abs(mine.start - span.start) < 600_000_000
        assert mine.attributes[sc.PROMPT_KIND] == span.attributes[sc.PROMPT_KIND]
        if span.attributes[sc.END_REASON] in {"stop", "stop_failure", "interrupted"}:
            assert mine.attributes[sc.END_REASON] == span.attributes[sc.END_REASON]
            assert mine.attributes[sc.OUTCOME] == span.attributes[sc.OUTCOME]


@pytest.mark.parametrize("name", SCRIPTED)
def test_subagents_stand_under_the_call_that_started_them(recorded, name):
    spans = recorded(name).spans
    tools = {s.span_id: s.attributes[sc.GEN_AI_TOOL_CALL_ID] for s in spans if s.name.startswith("execute_tool")}
    agents = [s for s in spans if sc.AGENT_ID in s.attributes]
    wanted = Counter(
        {(call, agent["agent_type"]): agent.get("agents", 1) for call, agent in script(name)["subagents"].items()}
    )
    assert Counter((tools.get(s.parent_id), s.name.split(" ", 1)[1]) for s in agents) == wanted


def test_a_workflow_s_agents_stand_under_its_call_without_their_meta_files(tmp_path):
    shutil.copytree(SESSIONS / "print_workflow" / "projects", tmp_path / "projects")
    for path in tmp_path.rglob("*.meta.json"):
        path.unlink()
    result = imported(tmp_path / "projects")
    (call,) = result.named("execute_tool Workflow")
    agents = [span.parent_id for span in result.spans if sc.AGENT_ID in span.attributes]
    assert agents == [call.span_id] * 3


@pytest.mark.parametrize("name", SCRIPTED)
def test_all_is_local_closed_and_has_a_place(recorded, name):
    result = recorded(name)
    assert result.spans
    assert all(span.local for span in result.spans)
    assert not any(span.hook for span in result.spans)
    keys = Counter((span.trace_id, span.span_id) for span in result.spans)
    assert max(keys.values()) == 1
    assert [s.name for s in result.spans if s.parent_id and (s.trace_id, s.parent_id) not in keys] == []
    for session in result.state.sessions.values():
        assert session.written
        assert (session.turns, session.calls, session.agents, session.waits, session.compactions) == (
            {},
            {},
            {},
            [],
            [],
        )


SAMPLE_COUNTS = {  # sessions, turns, tools, chats
    "simonw": (1, 2, 2, 3),
    "ccusage": (1, 0, 0, 3),
    "claude-code-log": (4, 11, 7, 15),
    "langfuse/tool_turn": (1, 1, 1, 2),
    "langfuse/async_agent_completed": (1, 2, 2, 5),
    "langfuse/nested_subagents": (1, 1, 2, 5),
}


@pytest.mark.parametrize("name", SAMPLE_COUNTS)
def test_older_formats(name):
    result = imported(SAMPLES / name)
    got = [len(result.named(kind)) for kind in ("session", "invoke_agent claude-code", "execute_tool", "chat")]
    assert tuple(got) == SAMPLE_COUNTS[name]


def old_line(
    kind: str, uuid: str, parent: str | None, second: int, content, *, side: bool = False, **more
) -> dict[str, Any]:
    message = {"role": kind, "content": content, **more}
    if kind == "assistant":
        message |= {"model": "claude-sonnet-4-20250514", "usage": {"input_tokens": 10, "output_tokens": 5}}
    return {
        "type": kind,
        "uuid": uuid,
        "parentUuid": parent,
        "isSidechain": side,
        "timestamp": f"2025-07-01T10:00:{second:02}.000Z",
        "cwd": "/tmp/old",
        "sessionId": "s",
        "version": "1.0.60",
        "message": message,
    }


def test_a_subagent_within_the_main_file(tmp_path):
    """1.0 wrote a subagent's lines into its session's file, marked isSidechain."""
    call = {"type": "tool_use", "id": "toolu_t", "name": "Task", "input": {"prompt": "look", "subagent_type": "x"}}
    inner = {"type": "tool_use", "id": "toolu_i", "name": "Read", "input": {"file_path": "/a.md"}}
    lines = [
        old_line("user", "u1", None, 0, "do it"),
        old_line("assistant", "a1", "u1", 1, [call], id="m1"),
        old_line("user", "s1", None, 2, "look", side=True),
        old_line("assistant", "s2", "s1", 3, [inner], side=True, id="m2"),
        old_line("user", "s3", "s2", 4, [{"type": "tool_result", "tool_use_id": "toolu_i", "content": "x"}], side=True),
        old_line("assistant", "s4", "s3", 5, [{"type": "text", "text": "seen"}], side=True, id="m3"),
        old_line("user", "u2", "a1", 6, [{"type": "tool_result", "tool_use_id": "toolu_t", "content": "seen"}]),
        old_line("assistant", "a2", "u2", 7, [{"type": "text", "text": "done"}], id="m4"),
    ]
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = imported(path)
    (agent,) = [span for span in result.spans if sc.AGENT_ID in span.attributes]
    by_id = {span.span_id: span for span in result.spans}
    assert by_id[agent.parent_id].attributes[sc.GEN_AI_TOOL_CALL_ID] == "toolu_t"
    children = sorted(span.name for span in result.spans if span.parent_id == agent.span_id)
    assert children == ["chat claude-sonnet-4-20250514", "chat claude-sonnet-4-20250514", "execute_tool Read"]
    (turn,) = result.named("invoke_agent claude-code")
    assert (turn.attributes[sc.TOOLS], turn.attributes[sc.MODEL_CALLS]) == (1, 2)


@pytest.mark.parametrize("name", ["background_agent", "print_fork", "queued_next"])
def test_twice_is_once(name, tmp_path):
    lines = records(SESSIONS / name / "projects")
    once, twice, broken_off = Imported(), Imported(), Imported()
    once.take(lines)
    twice.take(lines + lines)
    broken_off.take(lines[: len(lines) // 2] + lines)
    shown = [[(s.span_id, s.start, s.end, s.attributes) for s in one.spans] for one in (once, twice, broken_off)]
    assert shown[0] == shown[1] == shown[2]
    for session, state in once.state.sessions.items():
        assert dump_session(state) == dump_session(twice.state.sessions[session])


def test_what_hooks_told_is_not_imported(tmp_path):
    name = "print_tools_agent"
    live = play(name, tmp_path)
    before = {key: dump_session(session) for key, session in live.state.sessions.items()}
    for number, line in enumerate(records(tmp_path / ".claude" / "projects"), 1_000_000):
        rows = fold(live.state, number, decode(line, KEY))
        assert (rows.spans, rows.increments, rows.events) == ([], [], [])
    assert {key: dump_session(session) for key, session in live.state.sessions.items()} == before


def test_a_session_that_goes_on_with_hooks_is_exported_from_then_on(tmp_path):
    """Imported, then resumed: the resumed run is a span of its own, counted and not local; nothing is told twice."""
    name = "print_continue"
    whole = play(name, tmp_path / "whole")
    (path,) = (SESSIONS / name / "projects").glob("*/*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    resumed = next(n for n, line in enumerate(lines) if b"and the tax" in line)
    cut = tmp_path / "projects" / path.parent.name / path.name
    cut.parent.mkdir(parents=True)
    cut.write_bytes(b"".join(lines[: resumed - 2]))
    history = records(cut)
    starts = [n for n, line in enumerate(whole.records) if b'"SessionStart"' in line]
    result = Imported()
    result.take(history)
    old = {span.span_id for span in result.spans}
    increments = []
    for line in whole.records[starts[1] :]:
        result.lines.append(line)
        rows = fold(result.state, len(result.lines), decode(line, KEY))
        result.spans += rows.spans
        increments += rows.increments
    fresh = [span for span in result.spans if span.span_id not in old]
    assert not any(span.local for span in fresh)
    assert len([span for span in fresh if span.name == "session"]) == 1
    assert sum(i.value for i in increments if i.instrument == "hookspan.turn.finished") == 1
    chats = Counter(span.attributes[sc.GEN_AI_RESPONSE_ID] for span in result.named("chat"))
    assert max(chats.values()) == 1
    assert len(chats) == len(whole.named("chat"))


def test_a_fork_of_a_recorded_session_counts_only_what_is_its_own(tmp_path):
    copies = Copies()
    first, second = library.find([str(SESSIONS / "print_fork" / "projects")])[0]
    copies.learn(first.sources()[0].lines)
    result = Imported()
    result.take(wire.encode(record) for record in History(second.session, second.sources(), copies).records())
    assert [str(span.attributes[sc.GEN_AI_RESPONSE_ID])[-2:] for span in result.named("chat")] == ["_3", "_4"]
    assert len(result.named("invoke_agent claude-code")) == 1


def test_names_files_and_folders(tmp_path):
    projects = tmp_path / "projects"
    shutil.copytree(SESSIONS / "background_agent" / "projects", projects)
    (path,) = projects.glob("*/*.jsonl")
    (path.parent / "fifo.jsonl").symlink_to(path)
    everywhere = [library.find([str(place)])[0] for place in (projects, path.parent, path)]
    assert everywhere[0] == everywhere[1] == everywhere[2]
    assert len(everywhere[0][0].agents) == 1
    assert [Path(one.path).name for one in library.find([str(projects)])[1]] == ["fifo.jsonl"]
