"""An event that an older client doesn't know: why `install` leaves it out, and that it does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hookspan.catalogue.claude_code import CLAUDE_CODE
from tests.claude import client
from tests.claude.drivers import Home, InteractiveSession, PrintSession
from tests.claude.installed import down, install, registered
from tests.claude.installed import hookspan as run
from tests.claude.model import Model, says

OLDER = "2.1.331"
NEWER = {event.name for event in CLAUDE_CODE.events if event.since and client.is_since(event.since)}

pytestmark = [pytest.mark.need_npm, pytest.mark.need_tmux, pytest.mark.need_cc]


def put_on_path(home: Home, version: str) -> None:
    """A client of a version, where the client's own installer puts it."""
    link = home.home / ".local/bin/claude"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(client.executable(version))


def hooks(home: Home) -> set[str]:
    return set(json.loads((home.claude / "settings.json").read_text())["hooks"])


def test_it_is_registered_only_where_every_client_knows_it_and_doctor_sees_a_downgrade() -> None:
    with Model("newer") as model, Home(model.url) as home:
        install(home, {})
        assert hooks(home) == set(registered()) >= NEWER
        put_on_path(home, OLDER)
        told = run(home, "doctor", check=False)
        assert (
            f"has a hook for PreSkillShellCommand, which `{home.home}/.local/bin/claude` ({OLDER}) does not know"
            in told
        )
        assert "it opens a dialog at each start in a terminal" in told
        assert "FAIL hooks" not in told
        done = run(home, "install", "--yes")
        assert f"Left out: PreSkillShellCommand, which Claude Code 2.1.332 brought; `{home.home}" in done
        assert hooks(home) == set(registered()) - NEWER
        assert "PreSkillShellCommand" not in run(home, "doctor", check=False)
        put_on_path(home, "")  # an update
        assert "has no hook for PreSkillShellCommand" in run(home, "doctor", check=False)
        run(home, "install", "--yes")
        assert hooks(home) == set(registered())
        down(home)


def test_an_older_client_opens_a_dialog_for_it_where_settings_name_it_and_none_where_the_plugin_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKSPAN_CLAUDE_VERSION", OLDER)
    plugin = tmp_path / "hookspan"
    (plugin / ".claude-plugin").mkdir(parents=True)
    (plugin / ".claude-plugin/plugin.json").write_text(json.dumps({"name": "tiny", "version": "0.1.0"}))
    (plugin / "hooks").mkdir()
    hook = [{"hooks": [{"type": "command", "command": "cat >/dev/null", "timeout": 5}]}]
    (plugin / "hooks/hooks.json").write_text(json.dumps({"hooks": dict.fromkeys([*NEWER, "Stop"], hook)}))
    with Model("dialog") as model, Home(model.url) as home:
        model.play({"Look.": [says("Done.")]})
        with InteractiveSession(home, "--plugin-dir", str(plugin)) as session:
            session.wait_for("mode on")
            assert "Unknown hook event" not in session.screen()
        home.settings(hooks=dict.fromkeys(NEWER, hook))
        with InteractiveSession(home) as session:
            session.wait_for('Unknown hook event "PreSkillShellCommand" was ignored')
        done = PrintSession(home, "Look.").wait()
        assert (done.code, done.stderr) == (0, "")
