"""What events of Codex and Copilot CLI say of a person's work is not kept: not in a record, not in a row."""

from __future__ import annotations

import json
from typing import Any

from hookspan import wire
from hookspan.clients.copilot.events import EventsParser
from hookspan.clients.decode import decode
from hookspan.history.codex import CodexHistory
from hookspan.history.lines import Source
from hookspan.model.fold import fold
from hookspan.model.state import State
from tests.model.replay import KEY, SESSIONS

MARK = "quite-private"
CONTENT = {"prompt", "tool_input", "tool_response", "last_assistant_message", "error"}
IN_COPILOT = {
    "content",
    "arguments",
    "result",
    "error",
    "message",
    "permissionRequest",
    "promptRequest",
    "summaryContent",
}


def marked(value: Any) -> Any:
    """With the mark in every text, and in every name of a field that is somebody's own."""
    if isinstance(value, dict):
        return {name: marked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [marked(item) for item in value]
    return f"{MARK} {value}" if isinstance(value, str) else value


IN_ROLLOUTS = {
    "text",
    "cmd",
    "command",
    "input",
    "output",
    "aggregated_output",
    "stdout",
    "last_agent_message",
    "prompt",
}


def marked_where(value: Any, names: set[str]) -> Any:
    """With the mark in every text below a field of one of these names."""
    if isinstance(value, dict):
        return {key: marked(item) if key in names else marked_where(item, names) for key, item in value.items()}
    return [marked_where(item, names) for item in value] if isinstance(value, list) else value


def test_content_of_codex_s_rollouts_is_not_imported() -> None:
    seen = 0
    for path in sorted(SESSIONS.glob("codex_*/.codex/**/*.jsonl")):
        data = []
        for text in path.read_text().splitlines():
            line = json.loads(text)
            if (given := line["payload"].get("arguments")) is not None:
                line["payload"]["arguments"] = json.dumps(marked(json.loads(given)))
            data.append(json.dumps(marked_where(line, IN_ROLLOUTS)).encode() + b"\n")
            seen += MARK.encode() in data[-1]
        history = CodexHistory("s", [Source("/f", data)], labels=False)
        assert MARK not in "".join(wire.encode(record).decode() for record in history.records()), path
    assert seen


def test_content_of_codex_s_events_is_not_kept() -> None:
    state, seen = State(), 0
    for journal in sorted(SESSIONS.glob("codex_*/journal.jsonl")):
        for number, line in enumerate(journal.read_text().splitlines(), 1):
            raw = json.loads(line)
            event = {key: marked(value) if key in CONTENT else value for key, value in raw["event"].items()}
            data = json.dumps({**raw, "event": event}).encode()
            seen += MARK in data.decode()
            record = decode(data, KEY, labels=False)
            assert MARK not in wire.encode(record).decode(), event["hook_event_name"]
            assert MARK not in repr(fold(state, number, record)), event["hook_event_name"]
    assert seen


def test_content_of_copilot_s_events_is_not_kept() -> None:
    seen = 0
    for path in sorted(SESSIONS.glob("copilot_*/.copilot/**/*.jsonl")):
        parser = EventsParser("s", "f", labels=False)
        for text in path.read_text().splitlines():
            line = json.loads(text)
            kept = {"kind", "toolCallId"}  # words of the client's own
            data = {
                key: {k: v if k in kept else marked(v) for k, v in value.items()}
                if isinstance(value, dict) and key in IN_COPILOT
                else marked(value)
                if key in IN_COPILOT
                else value
                for key, value in line["data"].items()
            }
            whole = json.dumps({**line, "data": data}).encode()
            seen += MARK.encode() in whole
            assert MARK not in "".join(wire.encode(fact).decode() for fact in parser.feed(whole)), line["type"]
    assert seen
