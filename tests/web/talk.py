"""A session that is made by hand, hook events and transcript together: what is said, and what is called."""

import datetime as dt
import json
import time
import uuid
from typing import Any

from tests.agent.machine import Machine, event
from tests.web.site import append

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" * 300}}
ANSWER = """I rounded **half up** in `cart.py`, and nowhere else.

## What changed

- `total` uses `Decimal`
- the tests cover `0.005`

```python
def total(items):
    return sum(i.price for i in items).quantize(CENT, ROUND_HALF_UP)
```

> Careful: money.

Run `pytest -q cart` to see it."""
EDIT = {
    "file_path": "/home/u/shop/cart.py",
    "old_string": "def total(items):\n    return sum(i.price for i in items)",
    "new_string": "def total(items):\n    whole = sum(i.price for i in items)\n"
    "    return whole.quantize(CENT, ROUND_HALF_UP)",
}
TESTS = "\x1b[31mF\x1b[0m\x1b[32m....\x1b[0m\n10 %\r50 %\r100 %\n\x1b[1m1 failed\x1b[0m, 4 passed in 0.31s"
QUESTION = {
    "question": "How shall it round?",
    "header": "Rounding",
    "options": [
        {"label": "Half up", "description": "As the shop does"},
        {"label": "Half even", "description": "As banks do"},
    ],
}


class Talk:
    """One session, which begins at once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.session, self.prompt = str(uuid.uuid4()), ""
        folder = machine.home / ".claude" / "projects" / "-home-u-shop"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{self.session}.jsonl"
        self._said = 0
        self.happens("SessionStart", source="startup", model="claude-opus-5-5")

    def happens(self, name: str, **fields: Any) -> None:
        """A hook event."""
        about = {"transcript_path": str(self.path)} | ({"prompt_id": self.prompt} if self.prompt else {})
        append(self._machine, event(name, self.session, **fields) | about)

    def asks(self, text: str) -> None:
        """A prompt."""
        self.prompt = str(uuid.uuid4())
        self.happens("UserPromptSubmit", prompt=text)
        self._write("user", text)

    def says(self, text: str) -> None:
        """An answer of the model."""
        self._write("assistant", [{"type": "text", "text": text}])

    def calls(self, tool: str, given: dict[str, Any], output: Any, *, failed: bool = False, hooks: bool = True) -> None:
        """A tool call with its result; without `hooks`, only the transcript tells of it."""
        call = f"toolu_{self._said}_{self.session[:8]}"
        self._write("assistant", [{"type": "tool_use", "id": call, "name": tool, "input": given}])
        if hooks:
            about = {"tool_name": tool, "tool_input": given, "tool_use_id": call}
            self.happens("PreToolUse", **about)
            if failed:
                self.happens("PostToolUseFailure", **about, error=output, duration_ms=3)
            else:
                self.happens("PostToolUse", **about, tool_response={"stdout": ""}, duration_ms=3)
        self._write("user", [{"type": "tool_result", "tool_use_id": call, "content": output, "is_error": failed}])

    def _write(self, role: str, content: Any) -> None:
        self._said += 1
        message: dict[str, Any] = {"role": role, "content": content}
        line: dict[str, Any] = {"type": role, "uuid": str(uuid.uuid4()), "sessionId": self.session, "message": message}
        line["timestamp"] = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if role == "user":
            line["promptId"] = self.prompt
        else:
            message |= {
                "id": f"msg_{self._said}_{self.session[:8]}",
                "model": "claude-opus-5-5",
                "stop_reason": "end_turn",
            }
            message["usage"] = {"input_tokens": 10_000, "output_tokens": 200}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def rounding(machine: Machine, *, pause: float = 0.0) -> Talk:
    """A turn with a bit of everything. `pause`: seconds between two things, for pictures with bars."""
    talk = Talk(machine)
    talk.asks("Fix the rounding of the cart: 0.125 should become 0.13, and the tax is added after that.")
    talk.says("I look at the cart first.")
    talk.calls("Read", {"file_path": EDIT["file_path"]}, "\n".join(f"{number}\tline" for number in range(1, 60)))
    time.sleep(pause)
    talk.calls("Bash", {"command": "pytest -q cart", "description": "Run the tests"}, TESTS)
    talk.calls("Edit", EDIT, "The file has been updated.")
    time.sleep(pause)
    talk.calls("Bash", {"command": "make check"}, "Exit code 2\nmake: *** [check] Error 2", failed=True)
    talk.calls("Read", {"file_path": "/home/u/shop/shot.png"}, [IMAGE])
    talk.calls("AskUserQuestion", {"questions": [QUESTION]}, 'Your questions have been answered: "Half up"')
    talk.says(ANSWER)
    talk.happens("Stop")
    return talk
