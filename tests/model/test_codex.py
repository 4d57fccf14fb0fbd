"""What Codex's hooks and lines of its rollout make of a dialog whose call no hook ends."""

from __future__ import annotations

import datetime as dt
import json

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.clients.codex.rollout import RolloutParser
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import State
from tests.model.replay import KEY

START = 1_795_000_000  # Unix seconds


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
