"""What somebody sees who sits before a terminal: `hookspan status --watch`, colours, progress."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from hookspan.cli.terminal.text import may_draw
from tests.agent.machine import Machine, event
from tests.waiting import PATIENCE, until


@pytest.mark.slow
def test_it_shows_what_changes_until_it_is_interrupted(tmp_path: Path):
    machine = Machine(tmp_path).install()
    machine.up()
    watching = subprocess.Popen(
        [sys.executable, "-m", "hookspan", "status", "--watch", "--json"],
        env=machine.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stdout is not None
        lines = map(json.loads, watching.stdout)
        assert next(line["store"]["events"] for line in lines if line["answered"]) == 0
        machine.hooks(event("SessionStart", str(uuid.uuid4()), source="startup"))
        assert any(line["answered"] and line["store"]["events"] for line in lines)
        watching.send_signal(signal.SIGINT)
        _, complaint = watching.communicate(timeout=PATIENCE)
        assert (watching.returncode, complaint.strip()) == (128 + signal.SIGINT, "")
    finally:
        watching.kill()
        machine.close()


@pytest.mark.slow
def test_a_terminal_is_cleared_and_a_file_is_not(tmp_path: Path):
    machine = Machine(tmp_path)
    outer, inner = pty.openpty()
    command = [sys.executable, "-m", "hookspan", "status", "--watch"]
    shown = subprocess.Popen(command, env=machine.env, stdout=inner, stderr=inner)
    with (tmp_path / "log").open("wb") as log:
        logged = subprocess.Popen(command, env=machine.env, stdout=log)
    try:
        assert "\033[H\033[2Jagent     not running" in until(lambda: os.read(outer, 1 << 16).decode())
        text = until(lambda: (tmp_path / "log").read_text().count("next: ") > 1 and (tmp_path / "log").read_text())
        assert "\033" not in text
    finally:
        for process in (shown, logged):
            process.kill()
            process.wait()
        os.close(outer)
        os.close(inner)


@pytest.mark.parametrize(
    ("variables", "drawn"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
@pytest.mark.parametrize("words", [("status", "--watch"), ("doctor",), ("sesions",)])
def test_a_terminal_gets_sequences_only_where_they_are_wanted(
    words: tuple[str, ...], variables: dict[str, str], drawn: bool, tmp_path: Path
):
    outer, inner = pty.openpty()
    env = {**Machine(tmp_path).env, "TERM": "xterm-256color", **variables}
    process = subprocess.Popen([sys.executable, "-m", "hookspan", *words], env=env, stdout=inner, stderr=inner)
    os.close(inner)
    text = ""
    try:
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal's other end any more
            while chunk := os.read(outer, 1 << 16).decode(errors="replace"):
                text += chunk
                if "next: " in text:  # the end of what `--watch` shows at once, and would show again in 2 s
                    process.kill()
    finally:
        process.kill()
        process.wait()
        os.close(outer)
    assert len(text.splitlines()) > 1
    assert ("\033" in text) == drawn


def test_progress_is_drawn_only_where_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    outer, inner = pty.openpty()
    with open(inner, "w") as terminal, (tmp_path / "file").open("w") as file:
        monkeypatch.setenv("TERM", "xterm")
        assert may_draw(terminal)
        assert not may_draw(file)
        monkeypatch.setenv("NO_COLOR", "yes")
        assert not may_draw(terminal)
    os.close(outer)
