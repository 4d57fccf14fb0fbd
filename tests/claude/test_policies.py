"""What switches hooks off and on in the real client: the administrator's settings, the user's, another folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hookspan.model import semconv as sc
from hookspan.paths import Paths
from tests.agent.stage import with_etc
from tests.claude import client
from tests.claude.drivers import PATIENCE, Home
from tests.claude.installed import HOOKSPAN
from tests.claude.model import Model, Tool, says
from tests.claude.stage import ALLOW
from tests.cli.verdict import installed
from tests.otlp_sink import Sink

PLUGIN_HOOKS = Path(__file__).parents[2] / "hooks" / "hooks.json"
MANAGED = "claude-code/managed-settings.json"

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.need_root]


class Machine:
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

    def managed(self, value: Mapping[str, Any]) -> None:
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

    def hookspan(self, *words: str, status: int = 0) -> str:
        return self.run(HOOKSPAN, *words, status=status)

    def installed(self) -> str | None:
        """Where the hooks are, as every part of hookspan says."""
        found = installed(lambda *words: self.any(HOOKSPAN, *words))
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
        lines = self.paths.current.read_bytes().splitlines() if self.paths.current.exists() else []
        return [line["event"]["hook_event_name"] for line in map(json.loads, lines) if "event" in line]


@pytest.fixture
def machine():
    with Model("policies") as model, Home(model.url) as home:
        model.play({"Look.": [says(Tool("Bash", {"command": "ls"})), says("Done.")]})
        yield Machine(home)


def test_hooks_in_managed_settings(machine: Machine) -> None:
    printed = json.loads(machine.hookspan("install", "--print"))
    machine.hookspan("install", "--no-hooks")
    machine.managed(printed)
    assert machine.session()
    assert machine.installed() == f"`/etc/{MANAGED}`"
    machine.hookspan("install", "--yes")
    assert not (machine.home.claude / "settings.json").exists(), "they are not doubled"
    machine.home.settings(**printed)
    before = len(machine.heard())
    assert machine.session()
    assert machine.heard()[before:].count("Stop") == 1, "the same handler in two files runs once"
    assert machine.installed() == f"`{machine.home.claude}/settings.json`, `/etc/{MANAGED}`"


def test_the_plugins_hooks_in_managed_settings_are_each_users_own(machine: Machine) -> None:
    machine.managed(json.loads(PLUGIN_HOOKS.read_text()))
    assert not machine.session(), "a user without hookspan is left alone"
    machine.hookspan("install", "--no-hooks")
    assert machine.session()
    assert machine.installed() == f"`/etc/{MANAGED}`"


def test_only_managed_hooks_allowed(machine: Machine) -> None:
    machine.hookspan("install", "--yes")
    assert machine.session()
    machine.managed({"allowManagedHooksOnly": True})
    assert not machine.session()
    assert "`allowManagedHooksOnly`" in machine.hookspan("doctor", status=1)
    assert machine.installed() is None
    machine.managed({"allowManagedHooksOnly": True} | json.loads(machine.hookspan("install", "--print")))
    assert machine.session()
    assert machine.installed() == f"`/etc/{MANAGED}`"


def test_only_plugins_allowed(machine: Machine) -> None:
    machine.hookspan("install", "--yes")
    machine.managed({"strictPluginOnlyCustomization": ["hooks"]})
    assert not machine.session()
    assert "`strictPluginOnlyCustomization`" in machine.hookspan("doctor", status=1)
    assert machine.installed() is None


def test_all_hooks_disabled(machine: Machine) -> None:
    machine.hookspan("install", "--yes")
    machine.home.settings(disableAllHooks=True)
    assert not machine.session()
    assert "`disableAllHooks`" in machine.hookspan("doctor", status=1)
    managed = json.loads(PLUGIN_HOOKS.read_text())
    machine.managed(managed)
    assert machine.session(), "a user can't disable managed hooks"
    assert machine.installed() == f"`/etc/{MANAGED}`"
    machine.managed({"disableAllHooks": True} | managed)
    assert not machine.session()


def test_settings_in_another_folder(machine: Machine) -> None:
    moved = machine.home.home / "elsewhere"
    machine.home.env["CLAUDE_CONFIG_DIR"] = str(moved)
    machine.hookspan("install", "--yes")
    assert (moved / "settings.json").exists()
    assert not (machine.home.claude / "settings.json").exists()
    assert machine.session()
    del machine.home.env["CLAUDE_CONFIG_DIR"]
    assert not machine.session(), "the client without the variable has other settings"
    machine.hookspan("uninstall", "--yes")
    assert not (moved / "settings.json").exists(), "it is remembered where it was installed"


def test_the_administrators_lock(machine: Machine) -> None:
    machine.put("hookspan/config.toml", 'locked = ["content.export"]\n[content]\nexport = false\n')
    assert "is locked by `/etc/hookspan/config.toml`" in machine.hookspan(
        "config", "set", "content.export", "true", status=1
    )
    assert json.loads(machine.hookspan("config", "show", "content.export", "--json"))


def test_a_lock_that_comes_while_the_agent_runs(machine: Machine) -> None:
    lock = 'locked = ["content.export"]\n[content]\nexport = false\n'
    with Sink() as sink:
        machine.hookspan("config", "set", "export.endpoint", sink.url)
        machine.hookspan("config", "set", "content.export", "true")
        machine.hookspan("install", "--yes")
        assert machine.session()
        machine.hookspan("flush", "--wait", "30s")
        assert any(sc.LABEL in span.attributes for span in sink.spans)
        agent = json.loads(machine.hookspan("status", "--json"))["agent"]
        # Every command here has an /etc of its own, and so has the agent that the hook started.
        file = Path(f"/proc/{agent['pid']}/root/etc/hookspan/config.toml")
        file.parent.mkdir(exist_ok=True)
        file.write_text(lock)
        machine.put("hookspan/config.toml", lock)
        sink.clear()
        assert machine.session()
        machine.hookspan("flush", "--wait", "30s")
        assert sink.spans
        assert not any(sc.LABEL in span.attributes for span in sink.spans)
        assert json.loads(machine.hookspan("status", "--json"))["agent"]["pid"] == agent["pid"]


def test_a_build_machine_exports_before_it_goes(machine: Machine) -> None:
    with Sink() as sink:
        machine.hookspan("config", "set", "export.endpoint", sink.url)
        machine.hookspan("install", "--yes")
        assert machine.session()
        machine.hookspan("flush", "--wait", "30s")
        names = [span.name for span in sink.spans]
        assert names.count("execute_tool Bash") == names.count("invoke_agent claude-code") == 1
        assert names.count("session") == 1
