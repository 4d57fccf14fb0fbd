"""The plugin's files, and what its hook does with and without hookspan; tests/claude runs it in the client."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hookspan import __version__
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code.handlers import TIMEOUT
from tests.conformance.build import compile_relay

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "hooks"
EVENT = b'{"hook_event_name":"Stop","session_id":"s"}'
HOOKS = json.loads((PLUGIN / "hooks.json").read_text())["hooks"]


def test_every_event_has_the_same_hook():
    ((handler,),) = {tuple(json.dumps(one) for one in groups[0]["hooks"]) for groups in HOOKS.values()}
    assert {"type": "command", "timeout": TIMEOUT}.items() <= json.loads(handler).items()
    assert "${CLAUDE_PLUGIN_ROOT}" not in handler, "with it the client would not run them as managed settings"
    assert tuple(HOOKS) == CLAUDE_CODE.registered, "run `make generate`"
    assert all(len(groups) == 1 and groups[0].keys() == {"hooks"} for groups in HOOKS.values())


def test_the_plugin_has_our_version_and_the_marketplace_has_the_plugin():
    plugin = json.loads((PLUGIN / ".claude-plugin" / "plugin.json").read_text())
    (entry,) = json.loads((ROOT / ".claude-plugin" / "marketplace.json").read_text())["plugins"]
    assert plugin["version"] == __version__
    assert (PLUGIN / plugin["hooks"]).resolve() == PLUGIN / "hooks.json"
    assert (ROOT / entry["source"]).resolve() == PLUGIN
    assert entry["name"] == plugin["name"]
    assert "version" not in entry, "it would hide the plugin's own"


def run(home: Path, plugin: Path, path: str = "/usr/bin:/bin", **env: str) -> bytes:
    """Run the hook as the client does, in exec form; everything that it printed."""
    handler = HOOKS["Stop"][0]["hooks"][0]
    done = subprocess.run(
        [handler["command"], *handler["args"]],
        input=EVENT * 10_000,  # more than a pipe holds: whoever doesn't read it gives the client a broken pipe
        env={"HOME": str(home), "PATH": path, "CLAUDE_PLUGIN_ROOT": str(plugin)} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0
    return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "h o'm\"e"


@pytest.fixture
def state(home: Path) -> Path:
    folder = home / ".local" / "state" / "hookspan"
    folder.mkdir(parents=True, mode=0o700)
    return folder


def recorded(state: Path) -> int:
    journal = state / "journal" / "current.jsonl"
    return journal.read_bytes().count(b'"Stop"') // 10_000 if journal.exists() else 0


@pytest.mark.need_cc
def test_it_runs_the_installed_relay_though_the_plugin_is_gone(home: Path, state: Path, tmp_path: Path):
    folder = home / ".local" / "share" / "hookspan" / "bin"
    folder.mkdir(parents=True)
    shutil.copy(compile_relay(), folder / "hookspan-relay")
    assert run(home, tmp_path / "an old version's folder", path="/nowhere") == b""
    assert recorded(state) == 1


@pytest.mark.parametrize("installed", [True, False])
def test_without_a_compiled_relay_it_runs_the_one_in_python(installed: bool, home: Path, state: Path, tmp_path: Path):
    plugin = PLUGIN
    if installed:
        plugin = tmp_path / "gone"
        folder = home / ".local" / "share" / "hookspan" / "bin"
        folder.mkdir(parents=True)
        for name in ("main.py", "relay.py"):
            shutil.copy(PLUGIN / name, folder)
    assert run(home, plugin) == b""
    assert recorded(state) == 1


def test_it_finds_moved_folders(home: Path, tmp_path: Path):
    state = tmp_path / "state" / "hookspan"
    state.mkdir(parents=True, mode=0o700)
    assert run(home, PLUGIN, XDG_STATE_HOME=str(tmp_path / "state")) == b""
    assert recorded(state) == 1


@pytest.mark.parametrize("path", ["/usr/bin:/bin", "/nowhere"], ids=["python", "no python"])
def test_without_hookspan_it_is_silent_and_records_nothing(path: str, home: Path, tmp_path: Path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "cat").symlink_to(str(shutil.which("cat", path="/usr/bin:/bin")))
    home.mkdir()
    assert run(home, PLUGIN, path=f"{tools}:{path}") == b""
    assert os.listdir(home) == []
