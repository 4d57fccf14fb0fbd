"""What is said in recorded sessions of Codex and Copilot CLI, as messages."""

from __future__ import annotations

import json

import pytest

from hookspan.clients.codex.messages import diff_of
from hookspan.clients.conversations import conversation, messages
from hookspan.clients.message import Message
from hookspan.model import ids
from hookspan.reading import read_lines
from tests.model.replay import SESSIONS

HIDDEN = {"codex": ".codex", "copilot": ".copilot"}


def of(name: str, subagent: str = "") -> list[Message]:
    agent = name.partition("_")[0]
    files = list((SESSIONS / name / HIDDEN[agent]).rglob("*.jsonl"))
    of_subagents = [path for path in files if b'"parent_thread_id"' in path.read_bytes()]
    (path,) = of_subagents if subagent and agent == "codex" else set(files) - set(of_subagents)
    return list(messages(read_lines(str(path)), agent, subagent))


def told(found: list[Message]) -> list[tuple[str, str, bool]]:
    return [(message.kind, message.text.strip().partition("\n")[0], message.failed) for message in found]


def test_a_session_of_codex():
    found = of("codex_plain")
    assert told(found) == [
        ("prompt", "do it [[main]]", False),
        ("call", "sleep 0.3; echo one", False),
        ("result", "one", False),
        ("call", "notes.txt", False),
        ("result", "Success. Updated the following files:", False),
        ("call", "notes.txt", False),
        ("result", "Success. Updated the following files:", False),
        ("answer", "Done.", False),
    ]
    assert [message.diff for message in found if message.diff] == ["+one\n+two", " one\n-two\n+three"]
    assert [message.tool for message in found if message.kind == "call"] == ["Bash", "apply_patch", "apply_patch"]
    assert {ids.trace_id(message.turn) in (SESSIONS / "codex_plain" / "tree.txt").read_text() for message in found} == {
        True
    }
    assert len({message.id for message in found}) == len(found)
    assert all(message.at for message in found)


def test_what_failed_in_codex():
    results = [one for one in of("codex_failures") if one.kind == "result"]
    assert all(one.failed for one in results)
    assert [one.text.partition(":")[0] for one in results] == [
        "ls",
        "apply_patch verification failed",
        "unsupported call",
        "failed to parse function arguments",
        "unable to locate image at `/nonexistent.png`",
    ]
    assert told(of("codex_failed_at_once"))[-1] == (
        "error",
        "exceeded retry limit, last status: 429 Too Many Requests",
        False,
    )


def test_code_of_codex_s_model_and_the_calls_in_it():
    found = of("codex_code_mode")
    calls = [
        (message.tool, message.tool_call.partition("-")[0], message.text[:20]) for message in found if message.tool
    ]
    assert calls[0][:2] == ("exec", "call_main000")
    assert sorted(calls[1:4]) == [
        ("Bash", "exec", "sleep 0.2; echo quic"),
        ("Bash", "exec", "sleep 0.6; echo slow"),
        ("apply_patch", "exec", "/home/u/work/notes.t"),
    ]
    (patch,) = [message for message in found if message.tool == "apply_patch"]
    assert patch.diff == "+one"
    assert ("result", "Script failed", True) in told(found)
    assert [one for one in told(of("codex_code_mode_failure")) if one[0] != "answer"][2:4] == [
        ("call", "exit 4", False),
        ("result", "", True),
    ]


def test_a_subagent_of_codex_is_in_its_turn():
    main, inside = of("codex_subagent"), of("codex_subagent", "sub")
    assert {message.turn for message in main} == {message.turn for message in inside}
    assert {message.subagent for message in inside} == {"sub"}
    assert told(inside)[0] == ("prompt", "please count [[sub]]", False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("codex_interrupted", ("note", "Interrupted by the user.", False)),
        ("codex_compaction", ("compaction", "Summary.", False)),
        ("copilot_interrupted", ("note", "Interrupted by the user.", False)),
        ("copilot_compaction", ("compaction", "(the script is over)", False)),
        ("copilot_failed_turn", ("error", "400 scripted failure", False)),
    ],
)
def test_what_the_client_tells(name, expected):
    assert expected in told(of(name)), told(of(name))


def test_a_session_of_copilot_and_its_subagent():
    found = of("copilot_subagent")
    assert told(found) == [
        ("prompt", "do it [[main]]", False),
        ("call", "please count [[sub]]", False),
        ("result", "Counted.", False),
        ("answer", "Done.", False),
    ]
    name = next(json.loads(line)["agentId"] for line in _lines("copilot_subagent") if b'"agentId"' in line)
    inside = of("copilot_subagent", name)
    assert told(inside) == [
        ("prompt", "please count [[sub]]", False),
        ("call", "sleep 0.3; echo counted", False),
        ("result", "counted", False),
        ("answer", "Counted.", False),
    ]
    assert {message.turn for message in inside} == {message.turn for message in found}
    assert {message.subagent for message in inside} == {name}
    assert found[-1].call == "chatcmpl-main01"


def test_an_edit_of_copilot_is_a_diff():
    line = {"type": "tool.execution_start", "id": "i", "timestamp": "2026-11-27T07:42:10.332Z"}
    line["data"] = {
        "toolCallId": "c",
        "toolName": "edit",
        "arguments": {"path": "/a.txt", "old_str": "one\ntwo\n", "new_str": "one\nthree\n"},
    }
    (message,) = conversation("copilot").feed(json.dumps(line).encode(), 0)
    assert (message.text, message.diff) == ("/a.txt", " one\n-two\n+three\n ")


def test_a_patch_of_several_files():
    patch = "*** Begin Patch\n*** Add File: a\n+1\n*** Update File: b\n@@ def x\n y\n-z\n@@\n+w\n*** End Patch"
    assert diff_of(patch) == "+1\n@@\n y\n-z\n@@\n+w"


def _lines(name: str) -> list[bytes]:
    (path,) = (SESSIONS / name / ".copilot").rglob("*.jsonl")
    return path.read_bytes().splitlines()
