"""Waiting must not lie: no hook tells that a dialog was answered, so the client's registry and processes are read."""

from __future__ import annotations

import contextlib
import re
import signal
import sqlite3
import time

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Decision, EndReason, SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.state import Wait, load_session
from hookspan.store import Reader
from tests.claude.drivers import InteractiveSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import agent, bash
from tests.waiting import until

PROMPT = "fix the cart"
ASKS = "Do you want to proceed?"
LOOKS = 30  # at a command that runs, 0.1 s apart: children of its shell come and go meanwhile
SECOND = 1_000_000_000
WORKS = "until [ -e done.txt ]; do sleep 0.2; done"
QUOTED = """printf '%s\\n' "it's" \\$HOME | cat <<EOF && until [ -e done.txt ]; do sleep 0.2; done
two  words
EOF"""
"""A command that a shell within a shell gets in other quotes."""


def open_dialogs(home: InstalledHome) -> list[Wait]:
    """The dialogs that are open in the home's only session, as the store has them."""
    with contextlib.closing(sqlite3.connect(home.paths.store)) as db:
        blobs = db.execute("SELECT state FROM state WHERE state IS NOT NULL").fetchall()
    return [wait for (blob,) in blobs for wait in load_session(blob).waits]


@pytest.mark.need_npm
@pytest.mark.need_tmux
def test_an_approved_command_that_runs_is_not_waiting():
    with Model("waiting") as model, InstalledHome(model.url) as home:
        model.play({PROMPT: [says(bash("touch built.txt; " + WORKS)), says("Fixed.")]})
        home.hookspan("up")
        with InteractiveSession(home, "--permission-mode", "default") as session:

            def phase() -> SessionPhase | None:
                rows = home.sessions()
                return rows[0].phase if rows else None

            session.wait_for("mode on")
            until(lambda: phase() is SessionPhase.IDLE, "the session")
            submitted = time.time_ns()
            session.submit(PROMPT)
            session.wait_for(ASKS)

            def waits() -> SessionRow:
                (row,) = home.sessions()
                assert (row.phase, row.waiting_tool, row.current_tool) == (SessionPhase.WAITING, "Bash", "")
                return row

            row = until(waits, "the wait, told by its hook")
            assert submitted < row.waiting_since < time.time_ns()
            time.sleep(1.5)
            assert phase() is SessionPhase.WAITING, "nobody has answered yet"

            session.press("Enter", lambda: ASKS not in session.screen())
            until(lambda: phase() is SessionPhase.WORKING, "the client's word that it runs")
            seen = set()
            for _ in range(LOOKS):
                seen.add(phase())
                time.sleep(0.1)
            (home.project / "done.txt").touch()

            def is_idle() -> bool:
                if (now := phase()) is not SessionPhase.IDLE:
                    seen.add(now)
                return now is SessionPhase.IDLE

            until(is_idle, "the turn's end")
            assert seen == {SessionPhase.WORKING}
            session.exit()
        flush(home)
        until(lambda: home.sessions()[0].phase is SessionPhase.ENDED, "the end")
        (row,) = home.sessions()
        assert (row.turns, row.tools, row.waiting_tool) == (1, 1, "")


@pytest.mark.need_npm
@pytest.mark.need_tmux
def test_an_approval_is_the_one_dialog_s_whose_command_runs():
    commands = {"review the cart": "touch cart.txt; " + QUOTED, "review the tax": "touch tax.txt; " + WORKS}
    with Model("two dialogs") as model, InstalledHome(model.url) as home:
        answers = {prompt: [says(bash(command)), says("Reviewed.")] for prompt, command in commands.items()}
        model.play({PROMPT: [says(*map(agent, commands)), says("Both are being reviewed.")], **answers})
        home.hookspan("up")
        with InteractiveSession(home, "--permission-mode", "default") as session:
            session.wait_for("mode on")
            session.submit(PROMPT)
            session.wait_for(ASKS)
            until(lambda: len(open_dialogs(home)) == 2, "both dialogs")
            calls = {
                event["tool_input"]["command"]: event["tool_use_id"]
                for event in home.events()
                if event["hook_event_name"] == "PreToolUse" and event["tool_name"] == "Bash"
            }
            shown = until(lambda: re.search(r"(cart|tax)\.txt", session.screen()), "the first dialog's command")
            first, second = commands.values() if shown[1] == "cart" else reversed(commands.values())
            other = "tax.txt" if "cart.txt" in first else "cart.txt"

            time.sleep(1)  # the client takes no key while it draws a dialog
            session.press("Enter", lambda: other in session.screen())  # and no second time, if we look late
            until(lambda: any(wait.running_at for wait in open_dialogs(home)), "the agent's word")
            assert {wait.tool_use_id: wait.running_at > 0 for wait in open_dialogs(home)} == {
                calls[first]: True,
                calls[second]: False,
            }
            (row,) = home.sessions()
            (asked,) = [wait.at for wait in open_dialogs(home) if not wait.running_at]
            assert (row.phase, row.waiting_since, row.current_tool) == (SessionPhase.WAITING, asked, "Bash")

            time.sleep(1)
            session.press("Enter", lambda: any(wait.at == asked and wait.running_at for wait in open_dialogs(home)))
            (home.project / "done.txt").touch()
            until(lambda: not open_dialogs(home), "the ends of both")


@pytest.mark.need_npm
@pytest.mark.need_tmux
def test_a_client_that_is_killed_was_there_as_long_as_it_was_seen():
    with Model("killed") as model, InstalledHome(model.url) as home:
        model.play({PROMPT: [says(bash("touch built.txt; sleep 60")), says("Fixed.")]})
        home.hookspan("up")
        with InteractiveSession(home, "--permission-mode", "default") as session:
            session.wait_for("mode on")
            session.submit(PROMPT)
            session.wait_for(ASKS)
            time.sleep(1)
            session.press("Enter", lambda: ASKS not in session.screen())
            until(lambda: any(wait.running_at for wait in open_dialogs(home)), "evidence that it runs")
            time.sleep(6)
            session.signal(signal.SIGKILL)
            session.wait_last_thread()
            killed = time.time_ns()
            until(lambda: home.sessions()[0].ended, "the end")
            flush(home)
        (row,) = home.sessions()
        spans = Reader(home.paths).spans_of_session(row.id, hooks=False)
    (whole,) = [span for span in spans if span.name == "session"]
    (tool,) = [span for span in spans if span.name == "execute_tool Bash"]
    (wait,) = [span for span in spans if span.name == "permission Bash"]
    (turn,) = [span for span in spans if sc.PROMPT_KIND in span.attributes]
    assert whole.attributes[sc.END_REASON] == EndReason.CLIENT_GONE
    assert wait.attributes[sc.DECISION] == Decision.APPROVED
    assert tool.attributes[sc.WAITED] == (wait.end - wait.start) / SECOND > 0.5
    assert wait.end == tool.start < tool.end == turn.end == whole.end < killed
    assert tool.end - tool.start > 2 * SECOND, "the command ran for at least six"
