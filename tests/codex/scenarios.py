"""What is played on the real Codex: what the model says, how Codex is run, and what is then true."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.codex.home import CODE, Home, state_folder
from tests.codex.model import Answer, Model
from tests.codex.terminal import WAIT, Terminal

Script = dict[str, list[Answer]]


@dataclass
class Scenario:
    """`play` runs Codex in a home; by default a prompt without a terminal."""

    script: Script
    play: Callable[[Home], None] = lambda home: once(home)  # noqa: PLW0108 - it stands below
    home: dict[str, Any] = field(default_factory=dict)


@dataclass
class Played:
    """What it left behind."""

    home: Home
    journal: Path
    asked: list[Any]


def once(home: Home, *words: str) -> subprocess.CompletedProcess[bytes]:
    """The prompt of most scenarios. Our hooks say nothing: Codex would put it into the context."""
    return home.exec("do it [[main]]", *words)


def shell(line: str, **more: Any) -> Answer:
    """The model runs a command."""
    return {"say": [{"tool": "exec_command", "input": {"cmd": line, **more}}]}


def patch(text: str) -> Answer:
    """The model edits files."""
    return {"say": [{"tool": "apply_patch", "input": f"*** Begin Patch\n{text}\n*** End Patch\n"}]}


def code(text: str) -> Answer:
    """The model writes code that calls tools."""
    return {"say": [{"tool": "exec", "namespace": "functions", "input": text}]}


DONE: Answer = {"say": ["Done."]}


def _interrupted(home: Home) -> None:
    """SIGINT while a command runs."""
    process = home.start("exec", "--skip-git-repo-check", "--json", "do it [[main]]")
    _await(home.work / "begun")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def _killed(home: Home) -> None:
    process = home.start("exec", "--skip-git-repo-check", "--json", "do it [[main]]")
    _await(home.work / "begun")
    process.kill()
    process.communicate(timeout=60)


def _resumed(home: Home) -> None:
    once(home)
    home.exec("go on [[main]]", "resume", "--last")


def _interrupted_model(home: Home) -> None:
    """SIGINT while the model thinks, for the second time."""
    process = home.start("exec", "--skip-git-repo-check", "--json", "do it [[main]]")
    _until(lambda: heard(home, "PreModelRequest") > 1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def _dialogs(home: Home) -> None:
    """One question answered with yes, one closed with Esc; Esc while a command runs, and while the model thinks."""
    terminal = Terminal(home)
    try:
        terminal.shows("scripted-1")
        terminal.type("first [[main]]")
        terminal.shows("May I run it outside?")
        time.sleep(1)  # a person reads
        terminal.press("Enter")
        _until(lambda: heard(home, "Stop") == 1)
        terminal.type("second [[main]]")
        terminal.shows("May I, again?")
        terminal.press("Escape")
        _until(lambda: heard(home, "Interrupt") == 1)
        terminal.type("third [[main]]")
        _await(home.work / "begun")
        time.sleep(0.5)
        terminal.press("Escape")
        _until(lambda: heard(home, "Interrupt") == 2)
        before = heard(home, "PreModelRequest")
        terminal.type("fourth [[main]]")
        _until(lambda: heard(home, "PreModelRequest") > before)
        time.sleep(0.5)
        terminal.press("Escape")
        _until(lambda: heard(home, "Interrupt") == 3)
        terminal.press("C-c")
        time.sleep(0.3)
        terminal.press("C-c")
        _until(lambda: heard(home, "SessionEnd") == 1)
    finally:
        terminal.close()


def heard(home: Home, event: str) -> int:
    """How many events of a name the relay has recorded."""
    journal = home.root.parent / "state" / "journal" / "current.jsonl"
    text = journal.read_text(errors="replace") if journal.exists() else ""
    return text.count(f'"hook_event_name":"{event}"')


def _await(path: Path) -> None:
    _until(path.exists)


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


ESCALATED = {"sandbox_permissions": "require_escalated"}
LONG = "touch begun; sleep 20 & echo $! > pid; wait"

SCENARIOS: dict[str, Scenario] = {
    "plain": Scenario(
        {
            "main": [
                shell("sleep 0.3; echo one"),
                patch("*** Add File: notes.txt\n+one\n+two"),
                patch("*** Update File: notes.txt\n@@\n one\n-two\n+three"),
                DONE,
            ]
        }
    ),
    "parallel": Scenario(
        {
            "main": [
                {
                    "say": [
                        "Both at once.",
                        {"tool": "exec_command", "input": {"cmd": "sleep 0.6; echo slow", "yield_time_ms": 5000}},
                        {"tool": "exec_command", "input": {"cmd": "sleep 0.2; echo quick", "yield_time_ms": 5000}},
                    ]
                },
                DONE,
            ]
        }
    ),
    "failures": Scenario(
        {
            "main": [
                shell("ls /nonexistent-folder; exit 3"),
                patch("*** Update File: absent.txt\n@@\n-a\n+b"),
                {"say": [{"tool": "no_such_tool", "input": {"a": 1}}]},
                {"say": [{"tool": "exec_command", "input": {"nope": 1}}]},
                {"say": [{"tool": "view_image", "input": {"path": "/nonexistent.png"}}]},
                DONE,
            ]
        }
    ),
    "yielded": Scenario(
        {
            "main": [
                shell("sleep 1.2; echo late; exit 5", yield_time_ms=300),
                {
                    "say": [
                        {
                            "tool": "write_stdin",
                            "input": {
                                "session_id": "#{{running with session ID (\\d+)}}",
                                "chars": "",
                                "yield_time_ms": 5000,
                            },
                        }
                    ]
                },
                DONE,
            ]
        }
    ),
    "code_mode": Scenario(
        {
            "main": [
                code(
                    "const [a,b] = await Promise.all([tools.exec_command({cmd:'sleep 0.6; echo slow'}), "
                    "tools.exec_command({cmd:'sleep 0.2; exit 4'})]); text(a.output + b.exit_code);\n"
                    "await tools.apply_patch('*** Begin Patch\\n*** Add File: notes.txt\\n+one\\n*** End Patch\\n');"
                ),
                code("throw new Error('oops')"),
                DONE,
            ]
        },
        home={"model": CODE},
    ),
    "subagent": Scenario(
        {
            "main": [
                {
                    "say": [
                        {
                            "tool": "spawn_agent",
                            "namespace": "multi_agent_v1",
                            "input": {"message": "please count [[sub]]", "agent_type": "default"},
                        }
                    ]
                },
                {
                    "say": [
                        {
                            "tool": "wait_agent",
                            "namespace": "multi_agent_v1",
                            "input": {"targets": ['{{\\"agent_id\\":\\"([0-9a-f-]{36})}}'], "timeout_ms": 15000},
                        }
                    ]
                },
                DONE,
            ],
            "sub": [shell("sleep 0.3; echo counted"), {"say": ["Counted."]}],
        }
    ),
    "subagent_in_code_mode": Scenario(
        {
            "main": [
                {
                    "say": [
                        {
                            "tool": "spawn_agent",
                            "namespace": "collaboration",
                            "input": {"task_name": "count", "message": "please count [[sub]]", "fork_turns": "none"},
                        }
                    ]
                },
                {"say": [{"tool": "wait_agent", "namespace": "collaboration", "input": {"timeout_ms": 10000}}]},
                DONE,
                DONE,
            ],
            "sub": [
                code("const r = await tools.exec_command({cmd:'sleep 0.3; echo counted'}); text(r.output)"),
                {"say": ["Counted."]},
            ],
        },
        home={"model": CODE},
    ),
    "compaction": Scenario(
        {
            "main": [{**shell("echo one"), "usage": [90000, 300, 500, 0]}, shell("echo two"), DONE],
            "compact": [{"say": ["Summary."], "usage": [90500, 0, 80, 0]}],
        },
        home={"more": "model_auto_compact_token_limit = 50000"},
    ),
    "retried": Scenario({"main": [{"say": ["partial"], "cut": True}, shell("echo one"), DONE]}, home={"retries": 2}),
    "failed_turn": Scenario({"main": [shell("echo one"), {"error": 400}]}),
    "failed_at_once": Scenario({"main": [{"error": 429}]}),
    "interrupted": Scenario({"main": [shell(LONG, yield_time_ms=25000), DONE]}, _interrupted),
    "interrupted_model": Scenario(
        {"main": [shell("echo one"), {"say": ["Too late."], "wait": 15}]}, _interrupted_model
    ),
    "killed": Scenario({"main": [shell(LONG, yield_time_ms=25000), DONE]}, _killed),
    "dialogs": Scenario(
        {
            "main": [
                shell("sleep 0.7; echo allowed", **ESCALATED, justification="May I run it outside?"),
                DONE,
                shell("sleep 0.7; echo refused", **ESCALATED, justification="May I, again?"),
                shell(LONG, yield_time_ms=25000),
                {"say": ["Too late."], "wait": 15},
            ]
        },
        _dialogs,
        home={"model": "scripted-1", "approval": "on-request", "sandbox": "workspace-write"},
    ),
    "resumed": Scenario({"main": [shell("echo one"), DONE, shell("echo two"), DONE]}, _resumed),
}


def play(name: str, model: Model, relay: Path, root: Path, **more: Any) -> Played:
    """Plays a scenario with the relay in a new home below `root`."""
    scenario = SCENARIOS[name]
    home = Home(root / "home", model.add(root.name + name, scenario.script), **scenario.home, **more)
    home.make()
    state = state_folder(root)
    home.hook(relay, state)
    try:
        scenario.play(home)
    finally:
        pid = home.work / "pid"
        if pid.exists():  # a command that outlives Codex
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
    return Played(home, state / "journal" / "current.jsonl", model.asked[root.name + name])
