"""A scripted model behind OpenAI's chat completions, which Copilot CLI asks where it is set up for a provider of ours.

Scripts, answers and what is noted of a request are those of `tests.codex.model`. A compaction, which Copilot asks for
without tools, gets "aux".
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from tests.codex.model import Answer, Handler, usage_of
from tests.codex.model import Model as Scripted


def chunks(answer: Answer, name: str, index: int, model: str) -> Iterator[dict[str, Any]]:
    """An answer as the API streams it."""
    head = {"id": f"chatcmpl-{name}{index:02d}", "object": "chat.completion.chunk", "created": 0, "model": model}
    calls = 0
    for number, said in enumerate(answer["say"]):
        delta: dict[str, Any] = {"role": "assistant", "content": said}
        if not isinstance(said, str):
            function = {"name": said["tool"], "arguments": json.dumps(said["input"])}
            call = {"index": calls, "id": f"call_{name}{index:02d}{number}", "type": "function", "function": function}
            delta, calls = {"tool_calls": [call]}, calls + 1
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    whole, cached, output, reasoning = usage_of(answer, name, index)
    usage = {
        "prompt_tokens": whole,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens": output,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": whole + output,
    }
    why = "tool_calls" if calls else "stop"
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": why}], "usage": usage}


class _Handler(Handler):
    def do_POST(self) -> None:  # noqa: N802
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, body = self.path.split("?")[0], json.loads(raw)
        said = {"input": body.get("messages", []), "tools": body.get("tools")}
        name, index, answer = self.scripted.answer(path.split("/")[1], said, raw, {})
        time.sleep(answer.get("wait", 0))
        if "error" in answer:
            self.send(answer["error"], {"error": {"message": "scripted failure", "type": "scripted"}})
            return
        lines = [json.dumps(chunk) for chunk in chunks(answer, name, index, body.get("model", ""))]
        self.stream(f"data: {line}\n\n" for line in [*lines, "[DONE]"])


class Model(Scripted):
    """One server for many scripts."""

    HANDLER = _Handler
