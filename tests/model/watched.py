"""A session that is told call by call, as the relay's journal has it, for what the watchdog makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.rows import Span
from hookspan.model.state import State
from hookspan.wire.facts import ModelCall, Policy, TranscriptRead

SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND
KEY = b"k" * 32


@dataclass(frozen=True)
class Call:
    """A call and what became of it: an answer, an `error`, or words of a `refusal` that its batch has."""

    tool: str
    given: Mapping[str, Any]
    answer: Any = None
    error: str = ""
    refusal: str = ""
    background: str = ""


def bash(command: str, output: str = "", error: str = "", *, task: str = "") -> Call:
    """A shell command; `task`: the background task that it began."""
    answer = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
    return Call("Bash", {"command": command}, answer | ({"backgroundTaskId": task} if task else {}), error)


def read(path: str, content: str = "text", offset: int = 1) -> Call:
    """A part of a file."""
    file = {"filePath": path, "content": content, "startLine": offset, "numLines": 100}
    return Call("Read", {"file_path": path, "offset": offset, "limit": 100}, {"type": "text", "file": file})


def edit(path: str, gone: str, come: str, before: str = "def f():") -> Call:
    """An edit of one line."""
    hunk = {"oldStart": 1, "oldLines": 2, "newStart": 1, "newLines": 2, "lines": [f" {before}", f"-{gone}", f"+{come}"]}
    answer = {"filePath": path, "oldString": gone, "newString": come, "structuredPatch": [hunk]}
    return Call("Edit", {"file_path": path, "old_string": gone, "new_string": come}, answer)


class Watched:
    """One session. Each answer of the model takes two seconds, and so does each of its calls."""

    def __init__(self, client: str = "claude-code", **limits: float) -> None:
        self.client = client
        self.state = State()
        self.number, self.now = 0, START
        self.calls = 0
        self.alarms: list[tuple[str, int]] = []
        self.spans: list[Span] = []
        self.prompts = 0
        if limits:
            self.fold(Policy(at=START, key="policy", watchdog=limits))
        self.event("SessionStart", source="startup")
        self.prompt("go on")

    def fold(self, record: Any) -> None:
        """Folds a record; notes an alarm with the number of calls so far."""
        self.number += 1
        rows = fold(self.state, self.number, record)
        self.spans += [span for span in rows.spans if not span.hook]
        for one in rows.increments:
            if one.instrument == "hookspan.alarms":
                self.alarms.append((dict(one.attributes)[sc.ALARM_KIND], self.calls))

    def event(self, name: str, agent: str = "", **fields: Any) -> None:
        """A hook event, a second later."""
        self.now += SECOND
        whole = {"hook_event_name": name, "session_id": "s", "prompt_id": f"p{self.prompts}", **fields}
        if agent:
            whole |= {"agent_id": agent, "agent_type": "general-purpose"}
        line = {"v": 1, "agent": self.client, "at": self.now, "took": 1000, "pid": self.number, "event": whole}
        self.fold(decode(json.dumps(line | {"env": {"CLAUDE_PID": "4711"}}).encode(), KEY))

    def prompt(self, text: str) -> None:
        """A prompt begins a turn."""
        self.prompts += 1
        self.event("UserPromptSubmit", prompt=text)

    def answer(self, *calls: Call, agent: str = "") -> None:
        """An answer of the model with calls, which run side by side."""
        made = []
        for call in calls:
            self.calls += 1
            about = {"tool_name": call.tool, "tool_input": dict(call.given), "tool_use_id": f"toolu_{self.calls}"}
            made.append((call, about))
            self.event("PreToolUse", agent, **about)
        for call, about in made:
            if call.error:
                self.event("PostToolUseFailure", agent, **about, error=call.error)
            elif not call.refusal:
                self.event("PostToolUse", agent, **about, tool_response=call.answer, duration_ms=500)
        if self.client != "claude-code":
            return  # others tell nothing of answers
        listed = [{**about, "tool_response": call.refusal or call.error or "done"} for call, about in made]
        self.event("PostToolBatch", agent, tool_calls=listed)

    def each(self, calls: Sequence[Call], agent: str = "") -> None:
        """Answers of one call each."""
        for call in calls:
            self.answer(call, agent=agent)

    def model(self, usd: float, tokens: int = 1000, agent: str = "") -> None:
        """A model call is read, that ended now."""
        self.fold(
            ModelCall(
                at=self.now, key=f"call{self.number}", session="s", start=self.now - SECOND, end=self.now,
                message_id=f"msg_{self.number}", agent_id=agent, prompt=f"p{self.prompts}", response_model="claude-x",
                input_tokens=tokens, cost_nano=round(usd * SECOND),
            )
        )  # fmt: skip

    def end(self) -> None:
        """The turn stops, the client exits, and the transcripts are read."""
        self.event("Stop")
        self.event("SessionEnd", reason="other")
        self.fold(TranscriptRead(at=self.now + SECOND, key="read", session="s"))
