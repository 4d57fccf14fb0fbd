"""The page's demo data: three made-up sessions. One waits, one fans out into subagents, one fails.

They go through the journal like everything else, marked as local: never exported, in no metric, told to nobody. The
figures of Now and Cost have them as long as they are there, and the page's banner says so. What takes them out again is
a fact in the journal, too, so a rebuilt store hasn't got them either.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hookspan import wire
from hookspan.journal import Writer
from hookspan.observe.prices import put_price
from hookspan.paths import Paths
from hookspan.web.queries import DEMO, PageReader
from hookspan.wire import facts
from hookspan.wire.fields import LOCAL_KEY

NANO: Final = 1_000_000_000
PATIENCE: Final = 5.0  # seconds until what was written is in the store; it comes by the stream, too
MODEL: Final = "claude-opus-5-5"
TESTS: Final = {"command": "npm test -- --coverage", "description": "Run the tests"}


class Demo:
    """Adds and removes the sessions. Thread-safe."""

    def __init__(self, paths: Paths, reader: PageReader, caught_up: Callable[[float], bool]) -> None:
        self._writer = Writer(paths)
        self._reader = reader
        self._caught_up = caught_up
        self._lock = threading.Lock()

    def load(self) -> None:
        """Add the sessions, unless they are there."""
        with self._lock:
            if not self._sessions():
                self._write(lines(time.time_ns()))

    def remove(self) -> None:
        """Remove the sessions, if they are there."""
        with self._lock:
            now = time.time_ns()
            gone = [facts.Removed(at=now, key=f"removed:{id_}", session=id_) for id_ in self._sessions()]
            self._write([wire.encode(fact) for fact in gone])

    def _sessions(self) -> list[str]:
        with self._reader.moment() as moment:
            return moment.demo_sessions()

    def _write(self, lines: list[bytes]) -> None:
        self._writer.append(lines)
        self._caught_up(time.monotonic() + PATIENCE)


@dataclass
class _Thread:
    """What one agent of a session does; `at` (Unix nanoseconds) moves on with it. Subagents share `lines`."""

    at: int
    project: str
    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    prompt: str = ""
    agent_id: str = ""
    agent_type: str = ""
    call: str = ""
    context: int = 18_000
    lines: list[tuple[int, bytes]] = field(default_factory=list)

    def begin(self, branch: str, title: str) -> None:
        """The session starts."""
        folder, name = f"/demo/{self.project}", self.project
        self.fact(facts.Repository(at=self.at, key="", folder=folder, project=name, name=name, branch=branch))
        self.event("SessionStart", source=DEMO, model=MODEL)
        self.fact(facts.Title(at=self.at, key="title", session=self.session, label=title))

    def event(self, name: str, **fields: Any) -> None:
        """A hook event."""
        event = {
            "session_id": self.session,
            "hook_event_name": name,
            "cwd": f"/demo/{self.project}",
            LOCAL_KEY: True,
            **({"prompt_id": self.prompt} if self.prompt else {}),
            **({"agent_id": self.agent_id, "agent_type": self.agent_type} if self.agent_id else {}),
            **fields,
        }
        env = {"CLAUDE_PROJECT_DIR": f"/demo/{self.project}", "CLAUDE_CODE_ENTRYPOINT": "cli"}
        line = {"v": 1, "agent": "claude-code", "at": self.at, "host": DEMO, "env": env, "event": event}
        self.lines.append((self.at, json.dumps(line).encode()))

    def fact(self, fact: facts.Fact) -> None:
        """What the observers would have found."""
        self.lines.append((self.at, wire.encode(fact)))

    def pause(self, seconds: float) -> None:
        """Time goes by."""
        self.at += int(seconds * NANO)

    def ask(self, text: str) -> None:
        """A prompt."""
        self.prompt = str(uuid.uuid4())
        self.event("UserPromptSubmit", prompt=text, permission_mode="default")

    def think(self, seconds: float, output: int) -> None:
        """A model call."""
        start = self.at
        self.pause(seconds)
        self.context += output + 900
        call = facts.ModelCall(
            at=self.at,
            key=f"call:{self.at}:{self.agent_id}",
            session=self.session,
            start=start,
            end=self.at,
            message_id=f"msg_{uuid.uuid4().hex[:24]}",
            agent_id=self.agent_id,
            prompt=self.prompt,
            request_model=MODEL,
            response_model=MODEL,
            finish_reason="tool_use",
            input_tokens=12,
            output_tokens=output,
            cache_read_tokens=self.context - 900,
            cache_write_tokens=900,
        )
        put_price(call)
        self.fact(call)

    def start(self, tool: str, given: dict[str, Any], *, asks: bool = False) -> Callable[..., None]:
        """A tool call begins, or asks first; returns what ends it."""
        own = f"toolu_{uuid.uuid4().hex[:24]}"
        about = {"tool_name": tool, "tool_input": given}
        self.event("PreToolUse", **about, tool_use_id=own)
        if asks:
            self.pause(0.1)
            self.event("PermissionRequest", **about)

        def end(seconds: float, response: Any = "", error: str = "") -> None:
            result = {"error": error} if error else {"tool_response": response}
            name = "PostToolUseFailure" if error else "PostToolUse"
            self.event(name, **about, tool_use_id=own, duration_ms=seconds * 1000, **result)

        self.call = own
        return end

    def use(self, tool: str, given: dict[str, Any], seconds: float, *, asked: float = 0.0, error: str = "") -> None:
        """A whole tool call, before which the user was asked for so long."""
        end = self.start(tool, given, asks=bool(asked))
        self.pause(asked + seconds)
        end(seconds, error=error)

    def spawn(self, kind: str, description: str) -> tuple[_Thread, Callable[[], None]]:
        """A subagent begins; returns it, and what ends it."""
        began = self.at
        end = self.start("Agent", {"description": description, "subagent_type": kind})
        agent = replace(
            self, agent_id=f"a{uuid.uuid4().hex[:16]}", agent_type=kind, context=9_000, at=self.at + NANO // 8
        )
        agent.event("SubagentStart")
        self.pause(0.4)

        def stop() -> None:
            agent.event("SubagentStop")
            self.at = max(self.at, agent.at + NANO // 10)
            end((self.at - began) / NANO, {"status": "completed", "agentId": agent.agent_id})

        return agent, stop

    def stop(self, failure: str = "") -> None:
        """The turn is over."""
        if failure:
            self.event("StopFailure", error=failure)
        else:
            self.event("Stop", stop_hook_active=False)


def lines(now: int) -> list[bytes]:
    """The three sessions up to now, as journal lines in the order of their times."""
    lines = [*_waiting(now), *_fanning_out(now), *_failing(now)]
    lines.sort(key=lambda line: line[0])
    return [data for _, data in lines]


def _waiting(now: int) -> list[tuple[int, bytes]]:
    """Eight minutes of work, half of them in dialogs; now it asks again."""
    main = _Thread(now - 683 * NANO, "shop")
    main.begin("coupons", "Add a coupon field to the cart")
    main.pause(2)
    main.ask("Add a coupon field to the cart")
    main.think(6.2, 310)
    main.use("Read", {"file_path": "/demo/shop/src/cart.ts"}, 0.05)
    main.use("Grep", {"pattern": "applyDiscount"}, 0.4)
    main.think(14.5, 1_900)
    main.use("Edit", {"file_path": "/demo/shop/src/cart.ts"}, 0.08, asked=41)
    main.think(9.1, 850)
    main.use("Write", {"file_path": "/demo/shop/src/coupon.ts"}, 0.06, asked=18)
    main.think(5.4, 240)
    main.use("Bash", {"command": "npm run build", "description": "Build"}, 37, asked=66)
    main.think(11.8, 1_200)
    main.use("Edit", {"file_path": "/demo/shop/test/cart.test.ts"}, 0.07)
    main.think(4.9, 180)
    main.use("Bash", TESTS, 52, asked=112, error="Exit code 1\n2 tests failed")
    main.think(16.3, 1_450)
    main.use("Edit", {"file_path": "/demo/shop/src/coupon.ts"}, 0.06)
    main.think(4.2, 160)
    main.stop()
    main.pause(75)
    main.ask("Use the currency of the cart, and run the tests again")
    main.think(7.7, 620)
    main.use("Edit", {"file_path": "/demo/shop/src/coupon.ts"}, 0.09)
    main.think(3.1, 140)
    main.at = now - 192 * NANO
    main.start("Bash", TESTS, asks=True)
    return main.lines


def _fanning_out(now: int) -> list[tuple[int, bytes]]:
    """Four subagents side by side: one is done, three work."""
    main = _Thread(now - 156 * NANO, "payments")
    main.begin("main", "Review the payment module")
    main.pause(1.5)
    main.ask("Review the payment module: security, performance, tests and docs")
    main.think(12.4, 980)
    docs, docs_done = main.spawn("general-purpose", "Check the docs")
    security, _ = main.spawn("security-reviewer", "Look for injection and leaked secrets")
    speed, _ = main.spawn("general-purpose", "Profile the settlement job")
    tests, _ = main.spawn("test-writer", "Cover refunds")
    for number, name in enumerate(("README", "docs/refunds", "docs/webhooks")):
        docs.think(5.5 + number, 300)
        docs.use("Read", {"file_path": f"/demo/payments/{name}.md"}, 0.06)
    docs.think(13.2, 1_100)
    docs_done()
    for pattern in ("execute(", "password", "verify=False"):
        security.think(8.5, 420)
        security.use("Grep", {"pattern": pattern}, 1.3)
    for number in range(5):
        security.think(6.8 + number, 510)
        security.use("Read", {"file_path": f"/demo/payments/src/gateway_{number}.py"}, 0.08)
    security.think(13.0, 700)
    security.start("Bash", {"command": "semgrep --config auto src", "description": "Scan"})
    speed.think(9.9, 450)
    speed.use("Bash", {"command": "pytest -q bench --benchmark-only", "description": "Measure"}, 71)
    speed.think(10.6, 880)
    speed.use("Read", {"file_path": "/demo/payments/src/settle.py"}, 0.07)
    speed.think(14.2, 1_300)
    speed.start("Bash", {"command": "py-spy record -d 60 -- python -m settle", "description": "Profile"})
    for number in range(4):
        tests.think(11.1, 1_500)
        tests.use("Write", {"file_path": f"/demo/payments/tests/test_refund_{number}.py"}, 0.06)
        tests.use(
            "Bash", {"command": f"pytest -q tests/test_refund_{number}.py"}, 4.4, error="" if number else "Exit code 1"
        )
    tests.think(9.0, 640)
    tests.start("Bash", {"command": "pytest -q tests", "description": "Run all"})
    return main.lines


def _failing(now: int) -> list[tuple[int, bytes]]:
    """A build that fails again and again, until the API is overloaded and the turn fails, too."""
    main = _Thread(now - 330 * NANO, "docs")
    main.begin("sphinx-9", "Move the manual to Sphinx 9")
    main.pause(3)
    main.ask("Move the manual to Sphinx 9")
    main.think(8.3, 540)
    main.use("Read", {"file_path": "/demo/docs/conf.py"}, 0.05)
    for number in range(4):
        main.think(9.5 + number, 700)
        main.use("Edit", {"file_path": "/demo/docs/conf.py"}, 0.07)
        main.use(
            "Bash", {"command": "make html", "description": "Build"}, 23, error="Exit code 2\nmake: *** [html] Error 2"
        )
    main.think(7.4, 380)
    main.use("WebFetch", {"url": "https://www.sphinx-doc.org/changes"}, 10, error="Request timed out")
    main.pause(96)
    main.stop("overloaded")
    return main.lines
