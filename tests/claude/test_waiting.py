"""Waiting must not lie: no hook tells that a dialog was answered, so the client's own processes are looked at."""

from __future__ import annotations

import time

import pytest

from hookspan.model.semconv import SessionPhase
from tests.claude.drivers import InteractiveSession, until
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import bash

PROMPT = "fix the cart"
RUNS = 6  # seconds that the approved command runs


@pytest.mark.need_npm
@pytest.mark.need_tmux
def test_an_approved_command_that_runs_is_not_waiting():
    with Model("waiting") as model, InstalledHome(model.url) as home:
        command = f"touch built.txt; for i in {' '.join(map(str, range(RUNS)))}; do sleep 1; done"
        model.play({PROMPT: [says(bash(command)), says("Fixed.")]})
        home.hookspan("up")
        with InteractiveSession(home, "--permission-mode", "default") as session:

            def phase() -> SessionPhase | None:
                rows = home.sessions()
                return rows[0].phase if rows else None

            session.wait_for("mode on")
            until(lambda: phase() is SessionPhase.IDLE, "the session")
            session.submit(PROMPT)
            session.wait_for("Do you want to proceed?")
            until(lambda: phase() is SessionPhase.WAITING, "the wait")
            (row,) = home.sessions()
            assert (row.waiting_tool, row.current_tool) == ("Bash", "")
            assert time.time_ns() - row.waiting_since < 10_000_000_000
            time.sleep(1.5)
            assert phase() is SessionPhase.WAITING, "nobody has answered yet"

            session.keys("Enter")
            until(lambda: phase() is SessionPhase.WAITING_OR_RUNNING, "evidence that it runs", timeout=RUNS - 2)
            seen = set()
            while (now := phase()) is not SessionPhase.IDLE:
                seen.add(now)
                time.sleep(0.1)
            assert SessionPhase.WAITING not in seen
            session.exit()
        until(lambda: home.sessions()[0].phase is SessionPhase.ENDED, "the end")
        (row,) = home.sessions()
        assert (row.turns, row.tools, row.waiting_tool) == (1, 1, "")
