"""`hookspan status --watch`, as somebody who sits before it sees it."""

import json
import os
import pty
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from tests.agent.stage import Machine, event, until


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
        assert json.loads(watching.stdout.readline())["store"]["events"] == 0
        machine.hooks(event("SessionStart", str(uuid.uuid4()), source="startup"))
        while not json.loads(watching.stdout.readline())["store"]["events"]:
            pass
        watching.send_signal(signal.SIGINT)
        _, complaint = watching.communicate(timeout=30)
        assert (watching.returncode, complaint.strip()) == (128 + signal.SIGINT, "")
    finally:
        watching.kill()
        machine.close()


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
