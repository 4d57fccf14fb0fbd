"""What Codex's hooks and lines of its rollout make of a dialog whose call no hook ends."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.clients.codex.rollout import RolloutParser
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.rows import Span
from hookspan.model.state import KEPT_PLACES, State
from hookspan.wire.facts import AgentMeta, CompactBoundary, Observed, TranscriptRead
from hookspan.wire.reduced import Reduced
from tests.model import replay
from tests.model.replay import KEY

START = 1_795_000_000  # Unix seconds


@pytest.mark.parametrize(("name", "event"), [("killed", -1), ("killed", -2), ("plain", -1), ("resumed", 9)])
def test_a_hook_that_outlived_its_client_is_of_nobody_else(name: str, event: int, tmp_path: Path):
    """It is recorded with another parent: who adopted it, who is no client and never ends."""

    def adopted(lines: list[bytes]) -> list[bytes]:
        lines[event] = re.sub(rb'"ppid":\d+', b'"ppid":1', lines[event])
        return lines

    name = f"codex_{name}"
    as_it_was = replay.play(name, tmp_path / "a").spans
    assert len(as_it_was) > 1
    assert told(replay.play(name, tmp_path / "b", change=adopted).spans) == told(as_it_was)


def test_a_hook_that_comes_when_its_client_was_found_to_be_gone_opens_the_session_for_a_moment(tmp_path: Path):
    def late(lines: list[bytes]) -> list[bytes]:
        line = json.loads(lines[-1])
        line["event"]["hook_event_name"] = "Stop"
        return [*lines, json.dumps(line | {"at": line["at"] + 9 * 10**9, "ppid": 1}).encode()]

    (session,) = replay.play("codex_killed", tmp_path, change=late).state.sessions.values()
    assert session.ended
    assert (session.pids, session.end_reason) == ({}, "client_gone")


def told(spans: list[Span]) -> list[Any]:
    """All that spans say, in one order."""
    return sorted((s.span_id, s.parent_id, s.name, s.start, s.end, sorted(s.attributes.items())) for s in spans)


def test_the_dialog_of_a_call_that_fails_before_it_begins_is_over():
    """It was refused, or the call could not be made: the rollout has the same line for both."""
    state, spans = State(), []
    tool = {"tool_name": "apply_patch", "tool_input": {"command": "*** Begin Patch\n*** End Patch\n"}}
    for second, name in enumerate(("UserPromptSubmit", "PreToolUse", "PermissionRequest"), 1):
        call = {"tool_use_id": "c"} if name == "PreToolUse" else {}
        event = {"session_id": "s", "turn_id": "t", "cwd": "/shop", "hook_event_name": name, "prompt": "", **tool}
        line = {"v": 1, "agent": "codex", "at": (START + second) * 10**9, "took": 1, "event": event | call}
        fold(state, second, decode(json.dumps(line).encode(), KEY))
    assert state.sessions["s"].phase is SessionPhase.WAITING
    payload = {"type": "custom_tool_call_output", "call_id": "c", "output": "Failed to find context"}
    stamp = dt.datetime.fromtimestamp(START + 8, dt.UTC).isoformat()
    told = json.dumps({"timestamp": stamp, "type": "response_item", "payload": payload}).encode() + b"\n"
    for fact in RolloutParser("s", "/r").feed(told):
        spans += fold(state, 4, fact).spans
    assert state.sessions["s"].phase is SessionPhase.WORKING
    dialog, call = spans
    assert (dialog.name, dialog.end - dialog.start, dialog.attributes[sc.DECISION]) == (
        "permission apply_patch",
        5 * 10**9,
        "unknown",
    )
    assert (call.end - call.start, call.attributes[sc.WAITED], call.attributes[sc.OUTCOME]) == (0, 5, "error")


FIRST, SECOND, ADOPTER = 101, 102, 1  # pids


class Heard:
    """A session of Codex that hooks tell of, by the second and their parents."""

    def __init__(self) -> None:
        self.state, self.number = State(), 0
        self.spans: list[Span] = []

    def hear(self, second: float, event: str, parent: int, **fields: Any) -> None:
        self.number += 1
        at = START * 10**9 + round(second * 10**9)
        of = {"agent": "codex", "session": "s", "prompt": "t", "ppid": parent, "client_pid": parent, **fields}
        self.spans += fold(self.state, self.number, Reduced(at=at, event=event, **of)).spans

    def observe(self, second: float, kind: type[Observed], **fields: Any) -> None:
        """What transcripts tell."""
        self.number += 1
        at = START * 10**9 + round(second * 10**9)
        fact = kind(at=at, key=f"{self.number}", session="s", **fields)
        self.spans += fold(self.state, self.number, fact).spans

    def named(self, name: str) -> list[Span]:
        """Spans whose name begins so, by start."""
        return sorted((span for span in self.spans if span.name.startswith(name)), key=lambda span: span.start)

    def clients(self) -> tuple[bool, int, set[int]]:
        """Whether the session is over, who is looked after, and all that have it open."""
        session = self.state.sessions["s"]
        return bool(session.ended), session.pid, set(session.pids)


@pytest.fixture
def heard() -> Heard:
    heard = Heard()
    heard.hear(0, "SessionStart", FIRST, source="startup")
    heard.hear(1, "UserPromptSubmit", FIRST)
    return heard


def test_a_client_of_a_former_run_may_leave_or_work_on(heard: Heard):
    heard.hear(10, "SessionStart", SECOND, source="resume")
    assert heard.clients() == (False, SECOND, {SECOND})
    heard.hear(11, "PreToolUse", FIRST, tool="Bash", tool_use_id="c")
    assert heard.clients() == (False, FIRST, {FIRST, SECOND})
    heard.hear(12, "SessionEnd", SECOND)
    assert heard.clients() == (False, FIRST, {FIRST})
    heard.hear(20, "SessionStart", SECOND, source="resume")
    heard.hear(30, "SessionEnd", FIRST)
    assert heard.clients() == (False, SECOND, {SECOND})
    heard.hear(31, "SessionEnd", SECOND)
    assert heard.clients()[0]


def test_a_client_whose_beginning_was_not_heard_is_one_once_it_is_heard_for_longer(heard: Heard):
    heard.hear(5, "PreToolUse", SECOND, tool="Bash", tool_use_id="c")
    assert heard.clients() == (False, FIRST, {FIRST})
    heard.hear(8, "PostToolUse", SECOND, tool="Bash", tool_use_id="c")
    assert heard.clients() == (False, SECOND, {FIRST, SECOND})


def test_who_adopts_the_hooks_of_one_client_after_another_is_none(heard: Heard):
    heard.hear(10, "SessionStart", SECOND, source="resume")
    heard.hear(11, "PreToolUse", FIRST, tool="Bash", tool_use_id="c")
    heard.hear(12, "SessionEnd", ADOPTER)
    heard.hear(13, "UserPromptSubmit", SECOND, prompt="u")
    heard.hear(500, "PreToolUse", ADOPTER, prompt="u", tool="Bash", tool_use_id="d")
    assert ADOPTER not in heard.clients()[2]


def test_a_client_that_takes_an_ended_session_up_is_one_though_its_beginning_was_not_heard(heard: Heard):
    heard.hear(5, "SessionEnd", FIRST)
    heard.hear(200, "UserPromptSubmit", SECOND, prompt="u")
    assert heard.clients() == (False, SECOND, {SECOND})


def test_as_many_clients_of_former_runs_are_known_as_places(heard: Heard):
    for run in range(1, 2 * KEPT_PLACES):
        heard.hear(100 * run, "SessionStart", 1000 + run, source="resume")
    heard.hear(10**6, "SessionStart", FIRST, source="resume")
    assert len(heard.state.sessions["s"].parents) <= KEPT_PLACES


def test_a_last_hook_that_its_client_did_not_wait_for_ends_the_session(heard: Heard):
    heard.hear(5, "Stop", FIRST)
    heard.hear(6, "SessionEnd", ADOPTER)
    assert heard.clients() == (True, FIRST, set())


@pytest.mark.parametrize("end", [70.5, 79])
def test_a_command_that_outlives_its_turn_is_counted_once(heard: Heard, end: float):
    """Its end comes with a later turn's poll, under the call's own id."""
    heard.hear(2, "PreToolUse", FIRST, tool="Bash", tool_use_id="c")
    heard.hear(14, "Stop", FIRST)
    heard.hear(60, "UserPromptSubmit", FIRST, prompt="u")
    heard.observe(61, TranscriptRead)
    heard.hear(70, "PostToolUse", FIRST, prompt="u", tool="Bash", tool_use_id="c")
    heard.hear(end, "SessionEnd", FIRST)
    heard.observe(end + 1, TranscriptRead)
    assert [(span.start, span.end) for span in heard.named("execute_tool")] == [
        ((START + 2) * 10**9, (START + 14) * 10**9)
    ]


@pytest.mark.parametrize("told_at", [3, 5])
@pytest.mark.parametrize("is_over", [False, True])
def test_a_subagent_is_below_its_call_whenever_that_is_told(heard: Heard, told_at: float, is_over: bool):
    def tell() -> None:
        heard.observe(told_at, AgentMeta, agent_id="a", tool_use_id="c")

    heard.hear(2, "PreToolUse", FIRST, tool="collaborationspawn_agent", tool_use_id="c")
    if is_over:
        heard.hear(2.5, "PostToolUse", FIRST, tool="collaborationspawn_agent", tool_use_id="c")
    if told_at < 4:
        tell()
    heard.hear(2.9, "PreToolUse", FIRST, tool="collaborationspawn_agent", tool_use_id="d")
    heard.hear(4, "SubagentStart", FIRST, prompt="", agent_id="a", agent_type="default")
    if told_at > 4:
        tell()
    heard.hear(8, "SubagentStop", FIRST, prompt="", agent_id="a", agent_type="default")
    heard.hear(9, "SessionEnd", FIRST)
    heard.observe(30, TranscriptRead)
    call, _ = heard.named("execute_tool")
    (agent,) = heard.named("invoke_agent default")
    assert agent.parent_id == call.span_id


def test_what_a_subagent_compacts_is_below_it_also_after_the_turn(heard: Heard):
    own = {"prompt": "", "agent_id": "a", "agent_type": "default"}
    heard.hear(2, "SubagentStart", FIRST, **own)
    heard.hear(3, "PreCompact", FIRST, **own, trigger="auto")
    heard.hear(4, "PreCompact", FIRST, trigger="auto")
    heard.hear(5, "PostCompact", FIRST, trigger="auto")
    heard.hear(6, "Stop", FIRST)
    heard.hear(30, "UserPromptSubmit", FIRST, prompt="u")
    heard.observe(31, TranscriptRead)
    heard.hear(33, "PostCompact", FIRST, **own, trigger="auto")
    heard.observe(34, CompactBoundary, agent_id="a", before=111, after=11)
    heard.hear(40, "SubagentStop", FIRST, **own)
    heard.hear(50, "SessionEnd", FIRST)
    heard.observe(90, TranscriptRead)
    (agent,) = heard.named("invoke_agent default")
    of_agent, of_turn = heard.named("compact")
    assert (of_agent.parent_id, of_agent.end, of_agent.attributes[sc.CONTEXT_BEFORE]) == (
        agent.span_id,
        (START + 33) * 10**9,
        111,
    )
    assert (of_turn.end, of_turn.attributes.get(sc.CONTEXT_BEFORE)) == ((START + 5) * 10**9, None)


def test_the_compaction_of_a_subagent_that_ends_within_it_has_failed(heard: Heard):
    own = {"prompt": "", "agent_id": "a", "agent_type": "default"}
    heard.hear(2, "SubagentStart", FIRST, **own)
    heard.hear(3, "PreCompact", FIRST, **own, trigger="auto")
    heard.hear(4, "SubagentStop", FIRST, **own)
    heard.observe(5, TranscriptRead)
    (compaction,) = heard.named("compact")
    assert compaction.attributes[sc.OUTCOME] == "error"


def test_the_end_of_a_call_with_a_former_one_s_id_may_come_before_its_start(heard: Heard):
    for second in (2, 100):
        heard.hear(second + 0.5, "PostToolUse", FIRST, tool="Bash", tool_use_id="call_0")
        heard.hear(second, "PreToolUse", FIRST, tool="Bash", tool_use_id="call_0")
        heard.observe(second + 10, TranscriptRead)
    heard.hear(200, "SessionEnd", FIRST)
    heard.observe(230, TranscriptRead)
    assert [(span.start - START * 10**9, span.end - START * 10**9) for span in heard.named("execute_tool")] == [
        (2 * 10**9, 2_500_000_000),
        (100 * 10**9, 100_500_000_000),
    ]


@pytest.mark.parametrize("agent", ["", "a"])
def test_what_fails_otherwise_than_by_a_request_is_an_error(heard: Heard, agent: str):
    """A compaction, of which no hook says that it failed."""
    heard.hear(2, "SubagentStart", FIRST, agent_id="a", agent_type="default")
    if not agent:
        heard.hear(3, "SubagentStop", FIRST, agent_id="a", agent_type="default")
    payload = {"type": "task_complete", "turn_id": "t", "error": {"message": "no"}}
    stamp = dt.datetime.fromtimestamp(START + 8, dt.UTC).isoformat()
    line = json.dumps({"timestamp": stamp, "type": "event_msg", "payload": payload}).encode() + b"\n"
    for fact in RolloutParser("s", "/r", agent_id=agent).feed(line):
        heard.number += 1
        heard.spans += fold(heard.state, heard.number, fact).spans
    heard.observe(9, TranscriptRead)
    (failed,) = heard.named("invoke_agent default" if agent else "invoke_agent codex")
    assert (failed.end, failed.attributes[sc.OUTCOME], failed.attributes[sc.ERROR_TYPE]) == (
        (START + 8) * 10**9,
        "error",
        "_OTHER",
    )
