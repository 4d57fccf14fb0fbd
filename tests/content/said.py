"""Sessions in which something is said: the client's transcript, and the hooks that go with it."""

import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.agent.machine import Machine, event


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Said:
    """One session on a machine, whose transcript grows by what is said."""

    def __init__(self, machine: Machine, at: float, session: str = "") -> None:
        self.machine = machine
        self.session = session or str(uuid.uuid4())
        self.at = at
        self.prompt_id = str(uuid.uuid4())
        self.path = machine.home / ".claude" / "projects" / "-home-u-shop" / f"{self.session}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def hooks(self, *names: str, **fields: Any) -> None:
        about = {"transcript_path": str(self.path), "prompt_id": self.prompt_id, **fields}
        self.machine.hooks(*(event(name, self.session, **about) for name in names))

    def line(self, kind: str, content: Any, path: Path | None = None, **fields: Any) -> None:
        self.at = max(self.at + 0.001, time.time())  # as late as the hooks that go with it
        line = {
            "type": kind,
            "uuid": str(uuid.uuid4()),
            "timestamp": iso(self.at),
            "sessionId": self.session,
            "message": {"role": kind, "content": content, **fields.pop("message", {})},
            **fields,
        }
        with (path or self.path).open("a") as file:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")

    def prompt(self, text: str) -> None:
        self.prompt_id = str(uuid.uuid4())
        self.line("user", text, promptId=self.prompt_id)
        self.hooks("UserPromptSubmit", prompt=text)

    def answer(self, text: str, call: str = "msg_1") -> None:
        self.line("assistant", [{"type": "text", "text": text}], message={"id": call, "model": "claude-opus-4-1"})

    def tool(self, name: str, given: dict[str, Any], result: str, *, failed: bool = False) -> str:
        call = f"toolu_{uuid.uuid4().hex}"
        block = {"type": "tool_use", "id": call, "name": name, "input": given}
        self.line("assistant", [block], message={"id": "msg_1", "model": "claude-opus-4-1"})
        about = {"tool_name": name, "tool_input": given, "tool_use_id": call}
        self.hooks("PreToolUse", **about)
        answer = {"type": "tool_result", "tool_use_id": call, "content": result, "is_error": failed}
        self.line("user", [answer], promptId=self.prompt_id)
        end = {"error": result} if failed else {"tool_response": {"stdout": result}, "duration_ms": 1}
        self.hooks("PostToolUseFailure" if failed else "PostToolUse", **about, **end)
        return call
