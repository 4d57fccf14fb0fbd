"""Codex and Copilot CLI on a `Machine`, as their hooks and files tell of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

from hookspan.clients.copilot.events import EventsParser
from hookspan.clients.decode import decode
from hookspan.observe.transcript_file import priced

from .worked import SECOND, Machine


def _hook(machine: Machine, agent: str, **event: object) -> None:
    line = {"v": 1, "agent": agent, "at": machine.now, "took": 1, "event": event}
    machine.hear(decode(json.dumps(line).encode(), b"k" * 32))


class Codex:
    """A session of Codex."""

    shell, editor = "Bash", "apply_patch"

    def __init__(self, machine: Machine, tree: Path) -> None:
        self.machine, self.tree, self.calls = machine, tree, 0
        self._told("SessionStart", source="startup")
        self._told("UserPromptSubmit", prompt="go")

    def _told(self, event: str, **fields: object) -> None:
        about = {"session_id": "codex-session", "turn_id": "turn", "cwd": str(self.tree), "model": "gpt-5.5"}
        _hook(self.machine, "codex", hook_event_name=event, **about, **fields)

    def use(self, tool: str, command: Callable[[], object]) -> None:
        """The model is asked, and calls a tool."""
        self.calls += 1
        about = {"request_id": f"request{self.calls}", "attempt_number": 1, "kind": "sampling"}
        self._told("PreModelRequest", **about)
        self.machine.pass_time()
        usage = {"input_tokens": 10, "output_tokens": 2}
        answered = {"status": "completed", "response_id": f"response{self.calls}", "token_usage": usage}
        self._told("PostModelRequest", **about, **answered)
        call = {"tool_name": tool, "tool_use_id": f"call{self.calls}", "tool_input": {}}
        self._told("PreToolUse", **call)
        self.machine.pass_time()
        command()
        self.machine.pass_time()
        self._told("PostToolUse", **call, tool_response="")


class Copilot:
    """A session of Copilot CLI that goes to a work tree after it began elsewhere."""

    shell, editor = "bash", "edit"

    def __init__(self, machine: Machine, tree: Path) -> None:
        self.machine, self.lines = machine, 0
        _hook(machine, "copilot", sessionId="copilot-session", cwd=str(machine.root))
        self.parser = EventsParser("copilot-session", "/events", key=b"k" * 32, cwd=str(machine.root))
        self._told("session.context_changed", cwd=str(tree))
        self._told("user.message", interactionId="turn", content="go")

    def _told(self, kind: str, **data: object) -> None:
        self.lines += 1
        stamp = dt.datetime.fromtimestamp(self.machine.now / SECOND, dt.UTC).isoformat()
        line = {"type": kind, "id": f"line{self.lines}", "timestamp": stamp, "data": data}
        for fact in priced(self.parser.feed(json.dumps(line).encode() + b"\n"), ""):
            self.machine.hear(fact)
        self.machine.pass_time(0.01)

    def use(self, tool: str, command: Callable[[], object]) -> None:
        """The model is asked, and calls a tool."""
        self.machine.pass_time()
        usage = {"inputTokens": 10, "outputTokens": 2, "duration": 1000, "model": "gpt-5.5"}
        self._told("session.usage_record", usage=usage | {"apiCallId": f"answer{self.lines}"})
        call = {"toolCallId": f"call{self.lines}"}
        self._told("tool.execution_start", toolName=tool, arguments={}, **call)
        self.machine.pass_time()
        command()
        self.machine.pass_time()
        self._told("tool.execution_complete", success=True, result={"content": ""}, **call)
