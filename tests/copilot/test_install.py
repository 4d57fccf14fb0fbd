"""Our own file of hooks, with the real client: put in, told about, taken out, harmless when its relay is gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hookspan.catalogue.scopes import SCOPE
from hookspan.paths import Paths
from tests.copilot.client import version
from tests.copilot.home import Home
from tests.copilot.model import Model
from tests.copilot.scenarios import DONE, once, shell
from tests.other_agents.at_home import Run
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.xdist_group("copilot")]


@pytest.fixture
def home(model: Model, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", model.add(tmp_path.name, {"main": [shell("touch ran"), DONE] * 4}))
    made.make()
    return made


def told(hookspan: Run) -> list[str]:
    """What `doctor` says of other agents than Claude Code."""
    checks = json.loads(hookspan("doctor", "--json", status=None).stdout)["checks"]
    return [result["message"] for result in checks if result["check"] == "other agents"]


def test_what_is_recorded_is_shown_and_sent_as_copilot_s(home: Home, hookspan: Run) -> None:
    hookspan("install", "--agent", "copilot", "--yes")
    assert told(hookspan) == [f"Copilot CLI: 1 event in `{home.hooks}`"]
    with Sink() as sink:
        hookspan("config", "set", "export.endpoint", sink.url)
        once(home)
        turn = "invoke_agent copilot"

        def sent() -> bool:
            hookspan("flush", "--wait", "10s", status=None)  # what is over is written some seconds later
            (session,) = json.loads(hookspan("sessions", "--json").stdout)
            assert session["client_version"] == version(), "its transcript is read on its own time"
            return {turn, "session"} <= {span.name for span in sink.spans}

        until(sent, "the turn and the session", 2 * PATIENCE)
        hookspan("down")  # while there is somebody who takes the last metrics
        spans = [span for span in sink.spans if span.scope == SCOPE]
    assert {span.resource["service.name"] for span in spans} == {"copilot-hooks"}
    assert {span.name for span in spans} == {"session", turn, "chat scripted-1", "execute_tool bash"}
    (session,) = json.loads(hookspan("sessions", "--json").stdout)
    assert (session["agent"], session["turns"], session["client_version"]) == ("copilot", 1, version())
    assert turn in hookspan("trace", session["id"]).stdout

    # Its program is gone: that is told, and mended.
    paths = Paths.from_environment({"HOME": str(home.root)})
    paths.bin.rename(paths.bin.with_name("moved"))
    (message,) = told(hookspan)
    assert "is gone" in message
    hookspan("install", "--agent", "copilot", "--yes")
    assert told(hookspan) == [f"Copilot CLI: 1 event in `{home.hooks}`"]
    hookspan("uninstall", "--yes")
    assert not home.hooks.exists()


@pytest.mark.parametrize("gone", ["the program", "its folder", "all of hookspan"])
def test_a_relay_that_is_gone_denies_nothing(gone: str, home: Home, hookspan: Run) -> None:
    """An upgrade that fails half way, a home that moves, an `rm -rf`: Copilot works on, and says nothing of hooks."""
    hookspan("install", "--agent", "copilot", "--yes")
    hookspan("down")
    paths = Paths.from_environment({"HOME": str(home.root)})
    command = json.loads(home.hooks.read_text())["hooks"]["sessionStart"][0]["bash"]
    assert "preToolUse" not in home.hooks.read_text()
    if gone == "the program":
        Path(command.split()[2]).unlink()
    elif gone == "its folder":
        paths.bin.rename(paths.bin.with_name("moved"))
    else:
        shutil.rmtree(paths.state)
        shutil.rmtree(paths.data, ignore_errors=True)
    said = once(home)
    assert (home.work / "ran").exists()
    assert "hook" not in said.lower()
    (end,) = [line for line in home.events("hook.end") if line["data"]["hookType"] == "sessionStart"]
    assert end["data"]["success"] is True


def test_uninstall_purge_leaves_no_hook_without_its_relay(home: Home, hookspan: Run) -> None:
    hookspan("install", "--agent", "copilot", "--yes")
    assert "Nothing to change" in hookspan("install", "--agent", "copilot", "--yes").stdout
    hookspan("uninstall", "--purge", "--yes")
    assert not home.hooks.exists()
    once(home)
    assert (home.work / "ran").exists()
