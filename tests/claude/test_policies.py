"""What switches hooks off and on in the real client: the administrator's settings, the user's, another folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.paths import Paths
from tests import recorded
from tests.agent.machine import with_etc
from tests.claude import client
from tests.claude.drivers import Home
from tests.claude.model import Model, Tool, says
from tests.claude.stage import ALLOW
from tests.cli.verdict import installed
from tests.command import call
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE

PLUGIN_HOOKS = Path(__file__).parents[2] / "hooks" / "hooks.json"
MANAGED = "claude-code/managed-settings.json"

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.need_root]


class ManagedHome:
    """A home on a machine with files of its own in /etc."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.paths = Paths.from_environment({"HOME": str(home.home)})
        self.etc = home.root / "etc"
        self.etc.mkdir()
        (home.root / "over").mkdir()
        self.hookspan("config", "set", "dashboard.enabled", "false")

    def put(self, name: str, text: str) -> None:
        file = self.etc / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def managed_settings(self, value: Mapping[str, Any]) -> None:
        self.put(MANAGED, json.dumps(value))

    def any(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*with_etc(self.etc, self.home.root / "over"), *command],
            env=self.home.env,
            cwd=self.home.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            check=False,
        )

    def run(self, *command: str, status: int = 0) -> str:
        done = self.any(*command)
        assert done.returncode == status, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Ours, whatever its exit code."""
        etc = (self.etc, self.home.root / "over")
        return call(*words, env=self.home.env, cwd=self.home.project, timeout=3 * PATIENCE, etc=etc)

    def hookspan(self, *words: str, status: int = 0) -> str:
        done = self.command(*words)
        assert done.returncode == status, f"hookspan {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def installed(self) -> str | None:
        """Where the hooks are, as every part of hookspan says."""
        found = installed(self.command)
        self.paths.down.unlink()
        return found

    def session(self) -> bool:
        """Whether hookspan has heard of a session of one command."""
        before = self.heard()
        self.run(str(client.executable()), "-p", "Look.", "--output-format", "json", *ALLOW)
        heard = self.heard()[len(before) :]
        assert not heard or {"SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"} <= set(heard)
        return bool(heard)

    def heard(self) -> list[str]:
        return [event["hook_event_name"] for event in recorded.events(self.paths.journal)]


@pytest.fixture
def managed_home():
    with Model("policies") as model, Home(model.url) as home:
        model.play({"Look.": [says(Tool("Bash", {"command": "ls"})), says("Done.")]})
        yield ManagedHome(home)


def test_hooks_in_managed_settings(managed_home: ManagedHome) -> None:
    printed = json.loads(managed_home.hookspan("install", "--print"))
    managed_home.hookspan("install", "--no-hooks")
    managed_home.managed_settings(printed)
    assert managed_home.session()
    assert managed_home.installed() == f"`/etc/{MANAGED}`"
    managed_home.hookspan("install", "--yes")
    assert not (managed_home.home.claude / "settings.json").exists(), "they are not doubled"
    managed_home.home.settings(**printed)
    before = len(managed_home.heard())
    assert managed_home.session()
    assert managed_home.heard()[before:].count("Stop") == 1, "the same handler in two files runs once"
    assert managed_home.installed() == f"`{managed_home.home.claude}/settings.json`, `/etc/{MANAGED}`"


def test_the_plugins_hooks_in_managed_settings_are_each_users_own(managed_home: ManagedHome) -> None:
    managed_home.managed_settings(json.loads(PLUGIN_HOOKS.read_text()))
    assert not managed_home.session(), "a user without hookspan is left alone"
    managed_home.hookspan("install", "--no-hooks")
    assert managed_home.session()
    assert managed_home.installed() == f"`/etc/{MANAGED}`"


def test_only_managed_hooks_allowed(managed_home: ManagedHome) -> None:
    managed_home.hookspan("install", "--yes")
    assert managed_home.session()
    managed_home.managed_settings({"allowManagedHooksOnly": True})
    assert not managed_home.session()
    assert "`allowManagedHooksOnly`" in managed_home.hookspan("doctor", status=1)
    assert managed_home.installed() is None
    managed_home.managed_settings(
        {"allowManagedHooksOnly": True} | json.loads(managed_home.hookspan("install", "--print"))
    )
    assert managed_home.session()
    assert managed_home.installed() == f"`/etc/{MANAGED}`"


def test_only_plugins_allowed(managed_home: ManagedHome) -> None:
    managed_home.hookspan("install", "--yes")
    managed_home.managed_settings({"strictPluginOnlyCustomization": ["hooks"]})
    assert not managed_home.session()
    assert "`strictPluginOnlyCustomization`" in managed_home.hookspan("doctor", status=1)
    assert managed_home.installed() is None


def test_all_hooks_disabled(managed_home: ManagedHome) -> None:
    managed_home.hookspan("install", "--yes")
    managed_home.home.settings(disableAllHooks=True)
    assert not managed_home.session()
    assert "`disableAllHooks`" in managed_home.hookspan("doctor", status=1)
    managed = json.loads(PLUGIN_HOOKS.read_text())
    managed_home.managed_settings(managed)
    assert managed_home.session(), "a user can't disable managed hooks"
    assert managed_home.installed() == f"`/etc/{MANAGED}`"
    managed_home.managed_settings({"disableAllHooks": True} | managed)
    assert not managed_home.session()


def test_settings_in_another_folder(managed_home: ManagedHome) -> None:
    moved = managed_home.home.home / "elsewhere"
    managed_home.home.env["CLAUDE_CONFIG_DIR"] = str(moved)
    managed_home.hookspan("install", "--yes")
    assert (moved / "settings.json").exists()
    assert not (managed_home.home.claude / "settings.json").exists()
    assert managed_home.session()
    del managed_home.home.env["CLAUDE_CONFIG_DIR"]
    assert not managed_home.session(), "the client without the variable has other settings"
    managed_home.hookspan("uninstall", "--yes")
    assert not (moved / "settings.json").exists(), "it is remembered where it was installed"


def test_the_administrators_lock(managed_home: ManagedHome) -> None:
    managed_home.put("hookspan/config.toml", 'locked = ["content.export"]\n[content]\nexport = false\n')
    assert "is locked by `/etc/hookspan/config.toml`" in managed_home.hookspan(
        "config", "set", "content.export", "true", status=1
    )
    assert json.loads(managed_home.hookspan("config", "show", "content.export", "--json"))


def test_a_lock_that_comes_while_the_agent_runs(managed_home: ManagedHome) -> None:
    lock = 'locked = ["content.export"]\n[content]\nexport = false\n'
    with Sink() as sink:
        managed_home.hookspan("config", "set", "export.endpoint", sink.url)
        managed_home.hookspan("config", "set", "content.export", "true")
        managed_home.hookspan("install", "--yes")
        assert managed_home.session()
        managed_home.hookspan("flush", "--wait", "60s")
        assert any(sc.LABEL in span.attributes for span in sink.spans)
        agent = json.loads(managed_home.command("status", "--json").stdout)["agent"]
        # Every command here has an /etc of its own, and so has the agent that the hook started.
        file = Path(f"/proc/{agent['pid']}/root/etc/hookspan/config.toml")
        file.parent.mkdir(exist_ok=True)
        file.write_text(lock)
        managed_home.put("hookspan/config.toml", lock)
        sink.clear()
        assert managed_home.session()
        managed_home.hookspan("flush", "--wait", "60s")
        assert sink.spans
        assert not any(sc.LABEL in span.attributes for span in sink.spans)
        assert json.loads(managed_home.command("status", "--json").stdout)["agent"]["pid"] == agent["pid"]


def test_a_build_machine_exports_before_it_goes(managed_home: ManagedHome) -> None:
    with Sink() as sink:
        managed_home.hookspan("config", "set", "export.endpoint", sink.url)
        managed_home.hookspan("install", "--yes")
        assert managed_home.session()
        managed_home.hookspan("flush", "--wait", "60s")
        names = [span.name for span in sink.spans]
        assert names.count("execute_tool Bash") == names.count("invoke_agent claude-code") == 1
        assert names.count("session") == 1
