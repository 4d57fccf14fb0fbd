"""What is played on the real Codex: what the model says, how Codex is run, and what is then true."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.codex.client import executable
from tests.codex.home import CODE, Home, end_all, ended, state_folder
from tests.codex.model import Answer, Model
from tests.codex.terminal import LOST, Terminal
from tests.recorded import records
from tests.waiting import until

MCP = Path(__file__).parents[1] / "claude" / "mcp_server.py"
Script = dict[str, list[Answer]]


Turn = tuple[str, str]
"""Outcome and reason of its end."""
WELL: Turn = ("success", "stop")
STOPPED: Turn = ("interrupted", "interrupted")
FAILED: Turn = ("error", "stop_failure")


@dataclass
class Scenario:
    """`play` runs Codex in a home; by default a prompt without a terminal.

    `turns` are those of the session, by start; `agents` its subagents, if not all went well. `silent`: calls that Codex
    runs no hook for. `failed`: calls that the user or the model sees fail. `killed`: nothing told Codex's end.
    `polled`: a command goes on beside the model, which asks for its end later. `compactions`: what triggered each.
    """

    script: Script
    play: Callable[[Home], None] = lambda home: once(home)  # noqa: PLW0108 - it stands below
    home: dict[str, Any] = field(default_factory=dict)
    turns: tuple[Turn, ...] = (WELL,)
    agents: tuple[Turn, ...] = ()
    silent: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    killed: bool = False
    polled: bool = False
    compactions: tuple[str, ...] = ()


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
    ended(process)


def _killed(home: Home) -> None:
    process = home.start("exec", "--skip-git-repo-check", "--json", "do it [[main]]")
    _await(home.work / "begun")
    process.kill()
    ended(process)


def _killed_before_a_hook(home: Home) -> None:
    """Killed while a hook is a shell that waits for a processor: as the relay begins, another process is its parent."""
    hooks = json.loads(home.hooks.read_text())
    hook = hooks["hooks"]["PreToolUse"][0]["hooks"][0]
    # It has its input by then: a client that is killed before it has written that tells nothing.
    hook["command"] = (
        f"cat > input; touch begun; while kill -0 $PPID 2>/dev/null; do sleep 0.1; done; {hook['command']} < input"
    )
    home.hooks.write_text(json.dumps(hooks))
    home.distrust()
    home.trust()
    _killed(home)
    until(lambda: heard(home, "PreToolUse") == 1)
    clients = {line["ppid"] for line in journal(home)}
    assert len(clients) == 2, "the hook has outlived its client"


def _killed_model(home: Home) -> None:
    process = home.start("exec", "--skip-git-repo-check", "--json", "do it [[main]]")
    until(lambda: heard(home, "PreModelRequest") > 1)
    time.sleep(0.3)
    process.kill()
    ended(process)


def _resumed(home: Home) -> None:
    once(home)
    home.exec("go on [[main]]", "resume", "--last")


def _interrupted_model(home: Home) -> None:
    """SIGINT while the model thinks, for the second time."""
    process = home.start("exec", "--skip-git-repo-check", "--json", "do it [[main]]")
    until(lambda: heard(home, "PreModelRequest") > 1)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    ended(process)


def _forked(home: Home) -> None:
    once(home)
    session = home.rollouts()[0].stem[-36:]
    home.exec("go on [[main]]", "fork", session)


def _two(home: Home) -> None:
    both = [home.start("exec", "--skip-git-repo-check", "--json", "do it [[main]]") for _ in range(2)]
    for process in both:
        ended(process)


def _compacted_by_hand(home: Home) -> None:
    """`/compact` between two prompts: a compaction outside of any turn."""
    terminal = Terminal(home, executable())
    try:
        terminal.shows("scripted-1")
        terminal.type("first [[main]]")
        until(lambda: heard(home, "Stop") == 1)
        _idle(home, terminal)
        terminal.type("/compact")
        until(lambda: heard(home, "PostCompact") == 1)
        terminal.shows("Context compacted")
        _idle(home, terminal)
        terminal.type("second [[main]]")
        until(lambda: heard(home, "Stop") == 2)
        _quit(home, terminal)
        until(lambda: heard(home, "SessionEnd") == 1)
    finally:
        terminal.close()


CURSOR = "\u203a"  # a single angle quotation mark
MENU = "Run in background"
"""With its background server Codex asks at Ctrl-C what is to become of the task; Ctrl-C again closes the question."""


@contextlib.contextmanager
def _served_terminal(home: Home) -> Iterator[Terminal]:
    terminal = Terminal(home, executable())
    try:
        terminal.shows("scripted-1")
        yield terminal
    finally:
        terminal.close()
        for pid in home.servers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _served(home: Home) -> None:
    """The background server runs the hooks and outlives the terminal; it is killed before it tells of the end."""
    with _served_terminal(home) as terminal:
        terminal.type("first [[main]]")
        until(lambda: heard(home, "Stop") == 1)
        _idle(home, terminal)
        terminal.type("/quit", lambda: not terminal.screen.strip())
        parents = {line["ppid"] for line in journal(home)}
        assert parents < set(home.servers()), "the hooks' parent has outlived the terminal"


def _served_interrupted(home: Home) -> None:
    """Ctrl-C in three turns: the task is cancelled; Ctrl-C again, so it goes on; it goes on without the terminal."""
    with _served_terminal(home) as terminal:
        terminal.type("first [[main]]")
        _await(home.work / "begun")
        time.sleep(0.5)
        terminal.press("C-c")
        terminal.shows(MENU)
        terminal.press("Enter", lambda: MENU not in terminal.screen)
        until(lambda: heard(home, "Interrupt") == 1)
        for number, down, key, after in (
            (1, 0, "C-c", lambda screen: MENU not in screen),
            (2, 1, "Enter", lambda screen: not screen.strip()),
        ):
            _idle(home, terminal)
            terminal.type(f"turn {number} [[main]]")
            _await(home.work / f"begun{number}")
            terminal.press("C-c")
            terminal.shows(MENU)
            _down(terminal, down)
            terminal.press(key, lambda: after(terminal.screen))  # noqa: B023 - it is called at once
            (home.work / f"go{number}").touch()
            until(lambda: heard(home, "Stop") == number)  # noqa: B023 - it is called at once
        assert heard(home, "Interrupt") == 1


def _served_left(home: Home) -> None:
    """Ctrl-C, and out, while a command runs."""
    with _served_terminal(home) as terminal:
        terminal.type("first [[main]]")
        _await(home.work / "begun")
        time.sleep(0.5)
        terminal.press("C-c")
        terminal.shows(MENU)
        _down(terminal, 2)
        terminal.press("Enter", lambda: not terminal.screen.strip())
        until(lambda: heard(home, "Interrupt") == 1)


def _down(terminal: Terminal, times: int) -> None:
    """Goes down in a menu, line by line."""

    def marked() -> list[str]:
        return [line for line in terminal.screen.splitlines() if CURSOR in line]

    for _ in range(times):
        before = marked()
        terminal.press("Down", lambda: marked() != before)  # noqa: B023 - it is called at once


def _registered_twice(home: Home) -> None:
    """The same hooks once more, in the project's own file."""
    own = home.work / ".codex"
    own.mkdir()
    (own / "hooks.json").write_text(home.hooks.read_text())
    home.trust(own / "hooks.json")
    once(home)


def _with(home: Home, event: str, command: str) -> None:
    """A hook of somebody else's, behind ours."""
    hooks = json.loads(home.hooks.read_text())
    hooks["hooks"][event].append({"hooks": [{"type": "command", "command": command}]})
    home.hooks.write_text(json.dumps(hooks))
    home.trust(only=(event, 1))
    once(home)


def _blocked(home: Home) -> None:
    _with(home, "PreToolUse", "echo not this one >&2; exit 2")


def _stop_blocked(home: Home) -> None:
    block = json.dumps({"decision": "block", "reason": "go on"})
    _with(home, "Stop", f"test -e stopped || {{ touch stopped; echo '{block}'; }}")


def _dialogs(home: Home) -> None:
    """One question answered with yes, one closed with Esc; Esc while a command runs, and while the model thinks."""
    terminal = Terminal(home, executable())
    try:
        terminal.shows("scripted-1")
        terminal.type("first [[main]]")
        terminal.shows("May I run it outside?")
        time.sleep(1)  # a person reads
        terminal.press("Enter", lambda: heard(home, "Stop") == 1)
        _idle(home, terminal)
        terminal.type("second [[main]]")
        terminal.shows("May I, again?")
        terminal.press("Escape", lambda: heard(home, "Interrupt") == 1)
        _idle(home, terminal)
        terminal.type("third [[main]]")
        _await(home.work / "begun")
        time.sleep(0.5)
        terminal.press("Escape", lambda: heard(home, "Interrupt") == 2)
        before = heard(home, "PreModelRequest")
        _idle(home, terminal)
        terminal.type("fourth [[main]]")
        until(lambda: heard(home, "PreModelRequest") > before)
        time.sleep(0.5)
        terminal.press("Escape", lambda: heard(home, "Interrupt") == 3)
        _quit(home, terminal)
        until(lambda: heard(home, "SessionEnd") == 1)
    finally:
        terminal.close()


def _allowed(home: Home) -> None:
    """Three questions in one turn, each answered with yes."""
    terminal = Terminal(home, executable())
    try:
        terminal.shows("scripted-1")
        terminal.type("first [[main]]")
        for number in range(3):
            terminal.shows(f"May I do number {number}?")
            time.sleep(0.8)  # a person reads
            terminal.press("Enter", lambda: heard(home, "PostToolUse") == number + 1)  # noqa: B023 - called at once
        until(lambda: heard(home, "Stop") == 1)
        _quit(home, terminal)
        until(lambda: heard(home, "SessionEnd") == 1)
    finally:
        terminal.close()


BUSY = "to interrupt"
"""Stands beside what is going on, which ends a moment after Stop's and Interrupt's hooks."""


def _idle(home: Home, terminal: Terminal) -> None:
    """Waits until nothing goes on, by its screen, which may be empty for a moment, and by its rollouts."""
    terminal.until(lambda screen: BUSY not in screen and _is_over(home), "the turn's end")


def _is_over(home: Home) -> bool:
    lines = b"".join(path.read_bytes() for path in home.rollouts())
    begun, *ended = (
        lines.count(b'"type":"%s"' % kind) for kind in (b"task_started", b"task_complete", b"turn_aborted")
    )
    return begun == sum(ended)


def _quit(home: Home, terminal: Terminal) -> None:
    """Ctrl-C twice, the second soon after the first."""
    _idle(home, terminal)

    def twice() -> bool:
        terminal.press("C-c")
        time.sleep(0.3)
        terminal.press("C-c")
        with contextlib.suppress(TimeoutError):
            until(lambda: not terminal.screen.strip(), timeout=LOST)
        return not terminal.screen.strip()

    until(twice, "the end")


def journal(home: Home) -> list[dict[str, Any]]:
    """What the relay has recorded."""
    return records(home.root.parent / "state" / "journal")


def heard(home: Home, event: str) -> int:
    """How many events of a name the relay has recorded."""
    return sum(line["event"]["hook_event_name"] == event for line in journal(home))


def awaits(name: str) -> str:
    """A command that runs until there is a file of this name."""
    return f"until [ -e {name} ]; do sleep 0.1; done"


def _await(path: Path) -> None:
    until(path.exists)


ESCALATED = {"sandbox_permissions": "require_escalated"}
LONGEST = 25000  # ms after which Codex tells the model that a command goes on
LONG = "sleep 20 & echo $! > pid; touch begun; wait"

SPAWN = {"tool": "spawn_agent", "namespace": "multi_agent_v1", "input": {"message": "please count [[sub]]"}}
AGENT = '{{\\"agent_id\\":\\"([0-9a-f-]{36})}}'
AWAIT = {"tool": "wait_agent", "namespace": "multi_agent_v1", "input": {"targets": [AGENT], "timeout_ms": 120000}}
FORMER = AGENT.removesuffix("}}") + "(?=.*agent_id)}}"
AWAIT_FORMER = AWAIT | {"input": {"targets": [FORMER], "timeout_ms": 120000}}
SUB = [shell("sleep 0.3; echo counted"), {"say": ["Counted."]}]
POLL = {"session_id": "#{{running with session ID (\\d+)}}", "chars": "", "yield_time_ms": LONGEST}


def greet(name: str) -> Answer:
    """The model calls a tool of an MCP server."""
    return {"say": [{"tool": "greet", "namespace": "mcp__tiny", "input": {"name": name}}]}


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
    "answer_only": Scenario({"main": [DONE]}),
    "parallel": Scenario(
        {
            "main": [
                {
                    "say": [
                        "Both at once.",
                        {"tool": "exec_command", "input": {"cmd": "sleep 0.6; echo slow", "yield_time_ms": LONGEST}},
                        {"tool": "exec_command", "input": {"cmd": "sleep 0.2; echo quick", "yield_time_ms": LONGEST}},
                    ]
                },
                DONE,
            ]
        }
    ),
    "unicode": Scenario({"main": [shell("echo 'größe 😀 \\u0007'"), patch("*** Add File: größe 😀.txt\n+1"), DONE]}),
    "large_output": Scenario({"main": [shell("yes 0123456789 | head -c 600000"), DONE]}),
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
        },
        silent=frozenset({"call_main020", "call_main030"}),
        failed=frozenset({"call_main000", "call_main010", "call_main040"}),
    ),
    "yielded": Scenario(
        {
            "main": [
                shell("sleep 3; echo late; exit 5", yield_time_ms=300),
                {"say": [{"tool": "write_stdin", "input": POLL}]},
                DONE,
            ]
        },
        silent=frozenset({"call_main010"}),
        failed=frozenset({"call_main000"}),
        polled=True,
    ),
    "mcp": Scenario(
        {"main": [greet("Ada"), greet(""), DONE]},
        home={"more": f'[mcp_servers.tiny]\ncommand = "{sys.executable}"\nargs = ["-I", "{MCP}"]'},
        failed=frozenset({"call_main010"}),
    ),
    "code_mode": Scenario(
        {
            "main": [
                code(
                    "const [a,b] = await Promise.all([tools.exec_command({cmd:'sleep 0.6; echo slow'}), "
                    "tools.exec_command({cmd:'sleep 0.2; echo quick'})]); text(a.output + b.output);\n"
                    "await tools.apply_patch('*** Begin Patch\\n*** Add File: notes.txt\\n+one\\n*** End Patch\\n');"
                ),
                code("throw new Error('oops')"),
                code("this is no javascript"),
                DONE,
            ]
        },
        home={"model": CODE},
        silent=frozenset({"call_main000", "call_main010", "call_main020"}),
    ),
    "code_mode_failure": Scenario(
        {"main": [code("const r = await tools.exec_command({cmd:'exit 4'}); text(r.exit_code)"), DONE]},
        home={"model": CODE},
        silent=frozenset({"call_main000"}),
        failed=frozenset({"exec-"}),
    ),
    "subagent": Scenario({"main": [{"say": [SPAWN]}, {"say": [AWAIT]}, DONE], "sub": SUB}),
    "subagents_in_parallel": Scenario(
        {
            "main": [{"say": [SPAWN, SPAWN]}, {"say": [AWAIT]}, {"say": [AWAIT_FORMER]}, DONE],
            "sub": [*SUB, *SUB],
        }
    ),
    "subagent_left_behind": Scenario(
        {
            "main": [{"say": [SPAWN]}, shell(awaits("begun"), yield_time_ms=LONGEST), DONE],
            "sub": [shell("touch begun; sleep 60", yield_time_ms=LONGEST), DONE],
        },
        agents=(STOPPED,),
    ),
    "subagent_fails": Scenario(
        {"main": [{"say": [SPAWN]}, {"say": [AWAIT]}, shell("sleep 1; exit 3"), DONE], "sub": [SUB[0], {"error": 400}]},
        agents=(FAILED,),
        failed=frozenset({"call_main020"}),
    ),
    "subagent_interrupted": Scenario(
        {"main": [{"say": [SPAWN]}, {"say": [AWAIT]}, DONE], "sub": [shell(LONG, yield_time_ms=LONGEST), DONE]},
        _interrupted,
        turns=(STOPPED,),
        agents=(STOPPED,),
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
                {"say": [{"tool": "wait_agent", "namespace": "collaboration", "input": {"timeout_ms": 120000}}]},
                DONE,
                DONE,
            ],
            "sub": [
                code("const r = await tools.exec_command({cmd:'sleep 0.3; echo counted'}); text(r.output)"),
                {"say": ["Counted."]},
            ],
        },
        home={"model": CODE},
        silent=frozenset({"call_sub000"}),
    ),
    "compaction": Scenario(
        {
            "main": [{**shell("echo one"), "usage": [90000, 300, 500, 0]}, shell("echo two"), DONE],
            "compact": [{"say": ["Summary."], "usage": [90500, 0, 80, 0]}],
        },
        home={"more": "model_auto_compact_token_limit = 50000"},
        compactions=("auto",),
    ),
    "compacted_by_hand": Scenario(
        {
            "main": [shell("echo one"), DONE, {"say": ["Well done."]}],
            "compact": [{"say": ["Summary."], "usage": [1500, 0, 80, 0]}],
        },
        _compacted_by_hand,
        home={"model": "scripted-1"},
        turns=(WELL, WELL),
        compactions=("manual",),
    ),
    "retried": Scenario({"main": [{"say": ["partial"], "cut": True}, shell("echo one"), DONE]}, home={"retries": 2}),
    "retried_later": Scenario({"main": [{"limited": 7}, shell("echo one"), DONE]}, home={"retries": 2}),
    "failed_turn": Scenario({"main": [shell("echo one"), {"error": 400}]}, turns=(FAILED,)),
    "failed_at_once": Scenario({"main": [{"error": 429}]}, turns=(FAILED,)),
    "interrupted": Scenario({"main": [shell(LONG, yield_time_ms=LONGEST), DONE]}, _interrupted, turns=(STOPPED,)),
    "interrupted_model": Scenario(
        {"main": [shell("echo one"), {"say": ["Too late."], "wait": 60}]}, _interrupted_model, turns=(STOPPED,)
    ),
    "killed": Scenario(
        {"main": [shell(LONG, yield_time_ms=LONGEST), DONE]},
        _killed,
        turns=(("interrupted", "client_gone"),),
        killed=True,
    ),
    "killed_before_a_hook_began": Scenario(
        {"main": [shell(LONG, yield_time_ms=LONGEST), DONE]},
        _killed_before_a_hook,
        turns=(("interrupted", "client_gone"),),
        killed=True,
    ),
    "killed_while_the_model_thinks": Scenario(
        {"main": [shell("echo one"), {"say": ["Too late."], "wait": 60}]},
        _killed_model,
        turns=(("interrupted", "client_gone"),),
        killed=True,
    ),
    "dialogs": Scenario(
        {
            "main": [
                shell("sleep 0.7; echo allowed", **ESCALATED, justification="May I run it outside?"),
                DONE,
                shell("sleep 0.7; echo refused", **ESCALATED, justification="May I, again?"),
                shell(LONG, yield_time_ms=LONGEST),
                {"say": ["Too late."], "wait": 60},
            ]
        },
        _dialogs,
        home={"model": "scripted-1", "approval": "on-request", "sandbox": "workspace-write"},
        turns=(WELL, STOPPED, STOPPED, STOPPED),
    ),
    "dialogs_in_a_row": Scenario(
        {
            "main": [
                *(
                    shell(f"sleep 0.5; echo {number}", **ESCALATED, justification=f"May I do number {number}?")
                    for number in range(3)
                ),
                DONE,
            ]
        },
        _allowed,
        home={"model": "scripted-1", "approval": "on-request", "sandbox": "workspace-write"},
    ),
    "background_server": Scenario(
        {"main": [shell("echo one"), DONE]}, _served, home={"model": "scripted-1", "server": True}, killed=True
    ),
    "background_server_interrupted": Scenario(
        {
            "main": [
                shell(LONG, yield_time_ms=LONGEST),
                *(
                    answer
                    for number in (1, 2)
                    for answer in (shell(f"touch begun{number}; {awaits(f'go{number}')}", yield_time_ms=LONGEST), DONE)
                ),
            ]
        },
        _served_interrupted,
        home={"model": "scripted-1", "server": True},
        turns=(STOPPED, WELL, WELL),
        killed=True,
    ),
    "background_server_left": Scenario(
        {"main": [shell(LONG, yield_time_ms=LONGEST), DONE]},
        _served_left,
        home={"model": "scripted-1", "server": True},
        turns=(STOPPED,),
        killed=True,
    ),
    "resumed": Scenario({"main": [shell("echo one"), DONE, shell("echo two"), DONE]}, _resumed, turns=(WELL, WELL)),
    "forked": Scenario({"main": [shell("echo one"), DONE, shell("echo two"), DONE]}, _forked, turns=(WELL, WELL)),
    "two_in_one_folder": Scenario({"main": [shell("sleep 0.5")] * 2 + [DONE] * 2}, _two, turns=(WELL, WELL)),
    "ephemeral": Scenario({"main": [shell("echo one"), DONE]}, lambda home: once(home, "--ephemeral")),
    "registered_twice": Scenario({"main": [shell("echo one"), DONE]}, _registered_twice),
    "blocked_by_a_hook": Scenario({"main": [shell("echo never"), DONE]}, _blocked, failed=frozenset({"call_main000"})),
    "stop_is_blocked_once": Scenario({"main": [DONE, shell("echo more"), DONE]}, _stop_blocked),
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
        end_all(home.started, home.work)
    return Played(home, state / "journal", model.asked[root.name + name])
