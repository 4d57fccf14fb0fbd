"""Hooks in Codex's own file, with the real client: put in, trusted or not, told about, and taken out to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.scopes import SCOPE
from hookspan.paths import Paths
from tests.codex.client import version
from tests.codex.home import Home
from tests.codex.model import Model
from tests.codex.scenarios import DONE, once, shell
from tests.command import call
from tests.other_agents.at_home import Run
from tests.otlp_sink import Sink
from tests.recorded import records
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.xdist_group("codex")]

ANOTHERS = {"type": "command", "command": "touch other-hook"}


@pytest.fixture
def home(model: Model, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", model.add(tmp_path.name, {"main": [shell("echo one"), DONE] * 4}))
    made.make()
    return made


def recorded(home: Home) -> list[str]:
    """The events in the journal."""
    lines = [line for line in records(Paths.from_environment({"HOME": str(home.root)}).journal) if "event" in line]
    assert {line["agent"] for line in lines} <= {CODEX.name}
    return [line["event"]["hook_event_name"] for line in lines]


def told(hookspan: Run) -> list[str]:
    """What `doctor` says of other agents than Claude Code."""
    done = call_doctor(hookspan)
    return [result["message"] for result in done["checks"] if result["check"] == "other agents"]


def call_doctor(hookspan: Run) -> dict[str, list[dict[str, str]]]:
    """As JSON."""
    done = hookspan("doctor", "--json", status=None)
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found


def test_hooks_are_recorded_once_a_person_trusts_them(home: Home, hookspan: Run) -> None:
    (home.hooks).write_text(json.dumps({"hooks": {"Stop": [{"hooks": [ANOTHERS]}]}}))
    before = home.hooks.read_bytes()
    config = (home.codex / "config.toml").read_bytes()
    said = hookspan("install", "--agent", "codex", "--yes").stdout
    assert "/hooks" in said
    hookspan("down")  # nothing but the relay writes to the journal
    assert (home.codex / "config.toml").read_bytes() == config, "trust is the person's"
    assert json.loads(home.hooks.read_text())["hooks"]["Stop"][0] == {"hooks": [ANOTHERS]}

    once(home)
    assert recorded(home) == []
    (message,) = told(hookspan)
    assert "14 of 14 hooks" in message
    assert "not reviewed" in message

    home.trust()
    assert told(hookspan) == [f"Codex: 14 events in `{home.hooks}`, all trusted"]
    hookspan("install", "--agent", "codex", "--check")
    done = once(home)
    events = recorded(home)
    assert set(events) >= {"SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd"}
    assert b"hook" not in done.stdout.lower(), "nothing of ours is in what the model and the user see"

    # Somebody puts a handler before ours: at its place is another now, and Codex is silent about it.
    hooks = json.loads(home.hooks.read_text())
    hooks["hooks"]["PreToolUse"].insert(0, {"hooks": [ANOTHERS]})
    home.hooks.write_text(json.dumps(hooks))
    once(home)
    assert "PreToolUse" not in recorded(home)[len(events) :]
    (message,) = told(hookspan)
    assert "1 of 14 hooks" in message
    assert "PreToolUse" in message

    # What others changed stays; then, from an untouched file, every byte comes back.
    hookspan("uninstall", "--agent", "codex", "--yes")
    assert json.loads(home.hooks.read_text())["hooks"] == {
        "Stop": [{"hooks": [ANOTHERS]}],
        "PreToolUse": [{"hooks": [ANOTHERS]}],
    }
    home.hooks.write_bytes(before)
    hookspan("install", "--agent", "codex", "--yes")
    hookspan("uninstall", "--yes")
    assert home.hooks.read_bytes() == before


def test_what_is_right_stays_at_its_place(home: Home, hookspan: Run) -> None:
    """Codex trusts a place and a text: a second install moves nothing, and repairs only what is wrong."""
    hookspan("install", "--agent", "codex", "--yes")
    whole = home.hooks.read_bytes()
    assert "Nothing to change" in hookspan("install", "--agent", "codex", "--yes").stdout
    assert home.hooks.read_bytes() == whole
    hooks = json.loads(whole)["hooks"]
    ours = hooks["Stop"][0]["hooks"][0]
    hooks["Stop"][0]["hooks"][0] = {**ours, "timeout": 1}
    hooks["PreToolUse"].append({"hooks": [ANOTHERS]})
    del hooks["Interrupt"]
    home.hooks.write_text(json.dumps({"hooks": hooks}))
    hookspan("install", "--agent", "codex", "--check", status=1)
    hookspan("install", "--agent", "codex", "--yes")
    mended = json.loads(home.hooks.read_text())["hooks"]
    assert mended["PreToolUse"] == hooks["PreToolUse"]
    assert mended["Stop"] == [{"hooks": [ours]}]
    assert set(mended) == set(CODEX.registered)
    hookspan("uninstall", "--yes")
    assert json.loads(home.hooks.read_text()) == {"hooks": {"PreToolUse": [{"hooks": [ANOTHERS]}]}}


def test_hooks_that_run_twice_are_told_about(home: Home, hookspan: Run) -> None:
    """Codex runs those of the user and those of the project."""
    hookspan("install", "--agent", "codex", "--yes")
    inner = home.work / "inner"
    (inner / ".git").mkdir(parents=True)
    project = inner / ".codex" / "hooks.json"
    project.parent.mkdir()
    project.write_bytes(home.hooks.read_bytes())
    message = f"`{project}` has hooks of hookspan's, too"
    assert not any(line.startswith(message) for line in told(hookspan))
    (inner / "deep").mkdir()
    env = {"HOME": str(home.root), "PATH": "/usr/bin:/bin"}
    done = call("doctor", "--json", env=env, cwd=inner / "deep")
    assert any(check["message"].startswith(message) for check in json.loads(done.stdout)["checks"])


def test_install_says_that_codex_is_there(home: Home, hookspan: Run) -> None:
    (home.root / ".claude").mkdir()
    said = hookspan("install", "--yes", "--no-archive").stdout
    assert "hookspan install --agent codex" in said
    hookspan("install", "--agent", "codex", "--yes")
    assert "is here, too" not in hookspan("install", "--yes", "--no-archive").stdout
    hookspan("uninstall", "--yes")
    assert not home.hooks.exists()


def test_what_is_recorded_is_shown_and_sent_as_codex_s(home: Home, hookspan: Run) -> None:
    with Sink() as sink:
        hookspan("config", "set", "export.endpoint", sink.url)
        hookspan("install", "--agent", "codex", "--yes")
        home.trust()
        once(home)
        turn = "invoke_agent codex"

        def sent() -> bool:
            hookspan("flush", "--wait", "10s", status=None)  # what is over is written some seconds later
            return {turn, "session"} <= {span.name for span in sink.spans}

        until(sent, "the turn and the session", 2 * PATIENCE)
        spans = list(sink.spans)
        hookspan("down")  # while there is somebody who takes the last metrics
    assert {span.resource["service.name"] for span in spans} == {"codex-hooks"}
    assert not any("service.name" in span.attributes for span in spans)
    names = {span.name for span in spans if span.scope == SCOPE}
    assert names == {"session", turn, "chat gpt-5.5", "execute_tool Bash"}
    (session,) = json.loads(hookspan("sessions", "--json").stdout)
    assert (session["agent"], session["turns"], session["client_version"]) == ("codex", 1, version())
    assert turn in hookspan("trace", session["id"]).stdout
    shared = hookspan("share", session["id"], "--output", "-", "--format", "markdown", "--yes").stdout
    assert "do it [[main]]" in shared
    assert "echo one" in shared
