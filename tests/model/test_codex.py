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

    def hear(self, second: float, event: str, parent: int, **fields: Any) -> None:
        self.number += 1
        at = START * 10**9 + round(second * 10**9)
        of = {"agent": "codex", "session": "s", "prompt": "t", "ppid": parent, "client_pid": parent, **fields}
        fold(self.state, self.number, Reduced(at=at, event=event, **of))

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
