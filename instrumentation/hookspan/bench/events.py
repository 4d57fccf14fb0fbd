"""Events of made-up sessions for the benchmarks: what Claude Code sends, in size and in kind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any, Final

SESSIONS: Final = 16  # at a time, as many as the bars have
TURNS: Final = 10  # a session
CALLS: Final = 13  # tool calls a turn: with a prompt, batches and a Stop these are 41 events
PAYLOAD: Final = 1500  # bytes; the median of recorded events
TOOLS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("Bash", {"command": "cd /home/u/shop && pytest -q tests/test_cart.py", "description": "Run the cart's tests"}),
    ("Read", {"file_path": "/home/u/shop/src/cart.py", "offset": 1, "limit": 200}),
    ("Edit", {"file_path": "/home/u/shop/src/cart.py", "old_string": "total = 0", "new_string": "total = Decimal(0)"}),
    ("Grep", {"pattern": "def total", "path": "/home/u/shop", "output_mode": "content"}),
)
RELAY: Final[dict[str, Any]] = {"v": 1, "agent": "claude-code"}


def events(count: int, sessions: int = SESSIONS) -> Iterator[dict[str, Any]]:
    """So many events of sessions that run side by side, each session's in its order."""
    lanes = [_forever() for _ in range(sessions)]
    for number in range(count):
        yield next(lanes[number % sessions])


def lines(count: int, at: int, step: int, sessions: int = SESSIONS) -> Iterator[bytes]:
    """Journal lines as the relay writes them, from `at` on (Unix nanoseconds), one every `step` nanoseconds."""
    env = {"CLAUDE_PID": "4711", "CLAUDE_CODE_ENTRYPOINT": "cli", "CLAUDE_PROJECT_DIR": "/home/u/shop"}
    for number, event in enumerate(events(count, sessions)):
        relay = {**RELAY, "at": at + number * step, "took": 200_000 + number % 1000, "pid": 10_000 + number % 20_000}
        where = {"ppid": 4711, "host": "bench", "pidns": 1}
        env["CLAUDE_CODE_SESSION_ID"] = event["session_id"]
        yield json.dumps({**relay, **where, "env": env, "event": event}, separators=(",", ":")).encode()


def _forever() -> Iterator[dict[str, Any]]:
    while True:
        yield from _session()


def _session() -> Iterator[dict[str, Any]]:
    session = str(uuid.uuid4())
    common = {
        "session_id": session,
        "transcript_path": f"/home/u/.claude/projects/-home-u-shop/{session}.jsonl",
        "cwd": "/home/u/shop",
        "permission_mode": "default",
    }
    yield _event(common, "SessionStart", source="startup", model="claude-sonnet-4-5")
    for _ in range(TURNS):
        turn = {**common, "prompt_id": str(uuid.uuid4())}
        yield _event(turn, "UserPromptSubmit", prompt=_text("Mend the total of the cart. "))
        for number in range(CALLS):
            name, given = TOOLS[number % len(TOOLS)]
            if path := given.get("file_path"):  # each works on a file of its own
                given = {**given, "file_path": path.replace("cart", f"cart_{session[:4]}")}
            call = {"tool_name": name, "tool_input": given, "tool_use_id": f"toolu_{uuid.uuid4().hex[:24]}"}
            answer = {"stdout": _text("tests/test_cart.py::test_total PASSED\n"), "stderr": "", "interrupted": False}
            yield _event(turn, "PreToolUse", **call, filler=_text("x", 900))
            yield _event(turn, "PostToolUse", **call, tool_response=answer, duration_ms=40 + number)
            listed = [{**call, "tool_response": _text("PASSED ")}]
            yield _event(turn, "PostToolBatch", tool_calls=listed)
        yield _event(turn, "Stop", stop_hook_active=False, last_assistant_message=_text("The total is right now. "))
    yield _event(common, "SessionEnd", reason="prompt_input_exit")


def _event(common: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    return {**common, "hook_event_name": name, **fields}


def _text(piece: str, size: int = PAYLOAD - 650) -> str:
    return piece * (size // len(piece))
