"""What is played on the real Copilot CLI: what the model says, how it is run, and what is then true."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.codex.home import end_all, ended, state_folder
from tests.codex.model import Answer
from tests.codex.terminal import LOST, Terminal
from tests.copilot.client import executable
from tests.copilot.home import Home
from tests.copilot.model import Model
from tests.waiting import until

Script = dict[str, list[Answer]]
Turn = tuple[str, str]
"""Outcome and reason of its end."""
WELL: Turn = ("success", "stop")
STOPPED: Turn = ("interrupted", "interrupted")


@dataclass
class Scenario:
    """`play` runs Copilot in a home; by default a prompt without a terminal.

    `turns` are those of the session, by start; `failed`: calls that do; `decided`: how dialogs were answered.
    """

    script: Script
    play: Callable[[Home], object] = lambda home: once(home)  # noqa: PLW0108 - it stands below
    turns: tuple[Turn, ...] = (WELL,)
    failed: frozenset[str] = frozenset()
    decided: tuple[str, ...] = ()


@dataclass
class Played:
    """What it left behind."""

    home: Home
    journal: Path
    asked: list[Any]


def tool(name: str, /, **given: Any) -> dict[str, Any]:
    """A tool that the model calls."""
    return {"tool": name, "input": given}


def shell(*lines: str) -> Answer:
    """The model runs commands, all at once."""
    return {"say": [tool("bash", command=line, description="a command") for line in lines]}


PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
DONE: Answer = {"say": ["Done."]}
LONG = "echo $$ > pid; touch begun; sleep 60"
TASK = tool("task", description="count", prompt="please count [[sub]]", agent_type="task", name="counter", mode="sync")
SUB: list[Answer] = [shell("sleep 0.3; echo counted"), {"say": ["Counted."]}]


def once(home: Home, *words: str) -> str:
    """The prompt of most scenarios."""
    done = home.prompt("do it [[main]]", *words)
    return (done.stdout + done.stderr).decode()


def _stopped(kind: signal.Signals) -> Callable[[Home], None]:
    """A signal while a command runs."""

    def play(home: Home) -> None:
        process = home.start("do it [[main]]")
        until((home.work / "begun").exists)
        until(lambda: home.events("tool.execution_start"))
        process.send_signal(kind)
        ended(process)

    return play


def _resumed(home: Home) -> None:
    once(home)
    home.prompt("go on [[main]]", "--continue")


def _two(home: Home) -> None:
    both = [home.start("do it [[main]]"), home.start("do it [[main]]")]
    for process in both:
        ended(process)


def _ready(terminal: Terminal) -> None:
    """Waits until Copilot takes a prompt; what an Escape too many opened is closed."""

    def so(screen: str) -> bool:
        if "Rewind to a previous point" in screen:
            terminal.press("Escape")
        return "/ commands" in screen

    terminal.until(so, "a prompt to be taken")


def _say(terminal: Terminal, text: str) -> None:
    """A prompt, sent: its line, which is the only one that begins without a space, holds it no longer."""
    _ready(terminal)
    terminal.type(text, lambda: f"\n{PROMPT} {text}" not in terminal.screen)


def _in_terminal(home: Home, act: Callable[[Terminal], None]) -> None:
    terminal = Terminal(home, executable())
    try:
        act(terminal)
        _ready(terminal)
        terminal.type("/exit", lambda: home.events("session.shutdown"))
        terminal.until(lambda screen: not screen.strip(), "the end")
    finally:
        terminal.close()


def _dialogs(home: Home) -> None:
    """One is allowed, one refused with Esc, one allowed and its command stopped."""

    def act(terminal: Terminal) -> None:
        def asks(prompt: str, times: int) -> None:
            _say(terminal, prompt)
            until(lambda: len(home.events("permission.requested")) == times)
            terminal.shows("Do you want")

        def answered(times: int) -> bool:
            return len(home.events("permission.completed")) == times

        def stopped() -> bool:
            return len(home.events("abort")) == 2

        def interrupted() -> bool:
            """Escape, and again as long as it asks for that."""
            terminal.press("Escape", lambda: "esc again to interrupt" in terminal.screen or stopped())
            if not stopped():
                terminal.press("Escape")
                with contextlib.suppress(TimeoutError):
                    until(stopped, timeout=LOST)
            return stopped()

        asks("first [[main]]", 1)
        terminal.press("Enter", lambda: answered(1))
        terminal.shows("First done.")
        asks("second", 2)
        terminal.press("Escape", lambda: answered(2))
        asks("third", 3)
        terminal.press("Enter", (home.work / "begun").exists)
        until(interrupted, "the command's end")

    _in_terminal(home, act)


def _compaction(home: Home) -> None:
    def act(terminal: Terminal) -> None:
        _say(terminal, "do it [[main]]")
        terminal.shows("Done.")
        _say(terminal, "/compact")
        until(lambda: home.events("session.compaction_complete"))

    _in_terminal(home, act)


SCENARIOS: dict[str, Scenario] = {
    "parallel": Scenario({"main": [shell("sleep 0.6; echo slow", "sleep 0.2; echo quick"), DONE]}),
    "failures": Scenario(
        {
            "main": [
                shell("ls /nonexistent-folder; exit 3"),
                {"say": [tool("edit", path="/nonexistent.txt", old_str="a", new_str="b")]},
                {"say": [tool("view", path="/nonexistent.txt"), tool("no_such_tool", a=1), tool("bash", nope=1)]},
                DONE,
            ]
        },
        failed=frozenset({"call_main000", "call_main010", "call_main020", "call_main021", "call_main022"}),
        decided=("auto_denied",),  # without a terminal nobody is asked
    ),
    "subagent": Scenario({"main": [{"say": [TASK]}, DONE], "sub": SUB}),
    "subagents_in_parallel": Scenario({"main": [{"say": [TASK, TASK]}, DONE], "sub": [*SUB, *SUB]}),
    "retried": Scenario({"main": [shell("echo one"), {"error": 500}, DONE]}),
    "failed_turn": Scenario({"main": [shell("echo one"), {"error": 400}]}, turns=(("error", "stop_failure"),)),
    "interrupted": Scenario({"main": [shell(LONG), DONE]}, _stopped(signal.SIGINT), turns=(STOPPED,)),
    "killed": Scenario(
        {"main": [shell(LONG), DONE]},
        _stopped(signal.SIGKILL),
        turns=(("interrupted", "client_gone"),),
    ),
    "resumed": Scenario({"main": [shell("echo one"), DONE, shell("echo two"), DONE]}, _resumed, turns=(WELL, WELL)),
    "two_in_one_folder": Scenario({"main": [shell("sleep 0.5")] * 2 + [DONE] * 2}, _two, turns=(WELL, WELL)),
    "dialogs": Scenario(
        {
            "main": [
                shell("sleep 0.7; touch allowed"),
                {"say": ["First done."]},
                shell("sleep 0.7; touch refused"),
                shell(LONG),
                DONE,
            ]
        },
        _dialogs,
        turns=(WELL, STOPPED, STOPPED),
        failed=frozenset({"call_main020"}),
        decided=("approved", "aborted", "approved"),
    ),
    "compaction": Scenario({"main": [shell("echo one"), DONE]}, _compaction),
}


def play(name: str, model: Model, relay: Path, root: Path, **more: Any) -> Played:
    """Plays a scenario with the relay in a new home below `root`."""
    scenario = SCENARIOS[name]
    home = Home(root / "home", model.add(root.name + name, scenario.script), **more)
    home.make()
    state = state_folder(root)
    home.hook(relay, state)
    try:
        scenario.play(home)
    finally:
        end_all(home.started, home.work)
    return Played(home, state / "journal", model.asked[root.name + name])
