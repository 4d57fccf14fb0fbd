"""Are our hooks installed? Every command and the agent give the same answer, whoever brings the hooks, wherever to."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan.clients.claude_code.handlers import EVENTS
from hookspan.paths import Paths
from tests.cli.test_homeless import ARGUMENTS, VERBS
from tests.cli.verdict import found, installed
from tests.command import call

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "hooks" / "hooks.json"
PLUGIN = "hookspan@somewhere"


class User:
    """Somebody's home, with a project in it, on a machine whose /etc may have files of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.etc, self.over = folder / "home", folder / "etc", folder / "over"
        self.project = self.home / "shop"
        for made in (self.project, self.etc, self.over):
            made.mkdir(parents=True)
        self.settings = self.home / ".claude" / "settings.json"
        self.paths = Paths.from_environment({"HOME": str(self.home)})
        self.env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "HOOKSPAN_DASHBOARD_PORT": "0"}

    def run(self, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        env = self.env | env
        etc = (self.etc, self.over) if any(self.etc.iterdir()) else None
        return call(*words, env=env, cwd=self.project, etc=etc)

    def told(self, *words: str, **env: str) -> str:
        done = self.run(*words, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def change(self, file: Path, **values: Any) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        old = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(old | values))

    def managed(self, name: str = "managed-settings.json", **values: Any) -> None:
        self.change(self.etc / "claude-code" / name, **values)

    def plugin(self, *, project: bool = False) -> None:
        """The plugin as `claude plugin install` leaves it."""
        top = self.home / ".claude" / "plugins"
        folder = top / "cache" / "somewhere" / "hookspan" / "0.1.0"
        shutil.copytree(ROOT / "hooks", folder)
        entry = {"scope": "user", "installPath": str(folder), "version": "0.1.0"}
        if project:
            entry |= {"scope": "local", "projectPath": str(self.project)}
        self.change(top / "installed_plugins.json", version=2, plugins={PLUGIN: [entry]})
        file = self.project / ".claude" / "settings.local.json" if project else self.settings
        self.change(file, enabledPlugins={PLUGIN: True})

    def entries(self) -> int:
        hooks = json.loads(self.settings.read_text()).get("hooks", {}) if self.settings.exists() else {}
        return sum(len(groups) for groups in hooks.values())


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    user = User(tmp_path)
    yield user
    user.run("down")


@pytest.mark.parametrize("project", [False, True], ids=["for the user", "for a project"])
def test_by_the_plugin(project: bool, user: User):
    assert installed(user.run) is None
    user.plugin(project=project)
    assert installed(user.run) is None, "there is no relay yet"
    said = user.told("install", "--yes")
    assert f"The hooks come from the plugin `{PLUGIN}`" in said
    assert user.entries() == 0
    assert installed(user.run) == f"the plugin `{PLUGIN}`"
    assert user.told("config", "set", "journal.bytes", "300 MiB")
    assert "cap_bytes 314572800" in user.paths.relay_conf.read_text()
    where = user.project / ".claude" / "settings.local.json" if project else user.settings
    user.change(where, enabledPlugins={PLUGIN: False})
    assert installed(user.run) is None
    user.told("install", "--yes")
    assert user.entries() == len(EVENTS)
    assert installed(user.run) == f"`{user.settings}`"
    assert found(user.run, "twice") == []
    user.change(where, enabledPlugins={PLUGIN: True})
    (twice,) = found(user.run, "twice")
    assert PLUGIN in twice["message"]
    assert installed(user.run) == f"`{user.settings}`, the plugin `{PLUGIN}`"
    assert f"claude plugin uninstall {PLUGIN}" in user.told("uninstall", "--yes")


def test_a_plugin_that_lacks_events(user: User):
    user.plugin()
    user.told("install", "--no-hooks")
    (file,) = user.home.rglob("hooks.json")
    hooks = json.loads(file.read_text())["hooks"]
    user.change(file, hooks={event: groups for event, groups in hooks.items() if event != "Stop"})
    assert installed(user.run) is None
    (one,) = found(user.run, "hooks")
    assert "Stop" in one["message"]
    assert one["todo"] == f"`claude plugin update {PLUGIN}`"


FORMS: dict[str, Callable[[User], Any]] = {
    "the plugin's hooks": lambda _: json.loads(HOOKS.read_text()),
    "--print": lambda user: json.loads(user.told("install", "--print")),
}


@pytest.mark.need_root
@pytest.mark.parametrize("name", ["managed-settings.json", "managed-settings.d/10-hooks.json"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_by_managed_settings(form: Callable[[User], Any], name: str, user: User):
    user.managed(name, allowManagedHooksOnly=True, **form(user))
    assert installed(user.run) is None, "there is no relay yet"
    assert "The hooks come from" in user.told("install", "--yes")
    assert user.entries() == 0
    assert installed(user.run) == f"`/etc/claude-code/{name}`"
    user.change(user.settings, disableAllHooks=True)
    assert installed(user.run) == f"`/etc/claude-code/{name}`", "a user can't switch managed hooks off"
    user.managed("managed-settings.d/20-off.json", disableAllHooks=True)
    assert installed(user.run) is None


SWITCHES = [{"disableAllHooks": True}, {"allowManagedHooksOnly": True}, {"strictPluginOnlyCustomization": ["hooks"]}]


@pytest.mark.need_root
@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: next(iter(switch)))
def test_policies_that_switch_the_users_hooks_off(switch: dict[str, Any], user: User):
    user.told("install", "--yes")
    assert installed(user.run) == f"`{user.settings}`"
    user.managed("managed-settings.d/10-policy.json", **switch)
    assert installed(user.run) is None
    (policy,) = found(user.run, "policies")
    assert next(iter(switch)) in policy["message"]
    assert "/etc/claude-code/managed-settings.d/10-policy.json" in policy["message"]
    assert "install --print" in policy["todo"]
    user.told("uninstall", "--yes")
    user.plugin()
    user.managed("managed-settings.json", enabledPlugins={PLUGIN: True})  # forced, so the administrator's own
    runs = "disableAllHooks" not in switch
    assert installed(user.run) == (f"the plugin `{PLUGIN}`" if runs else None)


@pytest.mark.parametrize("path", ["/usr/bin:/bin", "/nowhere"], ids=["compiled", "in Python"])
def test_a_relay_of_another_version_is_told_and_replaced(path: str, user: User):
    user.told("install", "--yes", PATH=path)
    assert found(user.run, "hooks") == []
    for older in (user.paths.relay_source.unlink, lambda: user.paths.relay_source.write_text("an older one's")):
        older()
        (old,) = found(user.run, "hooks")
        assert "another version's" in old["message"]
        assert old["status"] == "warning"
        user.told("install", "--yes", PATH=path)
        assert found(user.run, "hooks") == []


@pytest.mark.parametrize("scope", ["project", "local"])
def test_in_a_projects_settings(scope: str, user: User):
    file = user.project / ".claude" / ("settings.json" if scope == "project" else "settings.local.json")
    if scope == "local":
        user.told("install", "--yes", "--scope", "local")
    else:
        user.told("install", "--no-hooks")
        user.change(file, **json.loads(user.told("install", "--print")))
    checked = user.run("install", "--check")
    assert checked.returncode == 0, checked.stderr
    assert str(file) in checked.stdout
    assert found(user.run, "hooks") == []
    assert json.loads(user.told("status", "--json"))["installed"]


def test_a_project_s_hooks_do_not_become_those_of_all_projects(user: User):
    """Where `install` wrote into a project alone, what is advised and mended stays there."""
    file = user.project / ".claude" / "settings.local.json"
    user.told("install", "--yes", "--scope", "local")
    user.paths.relay_source.write_bytes(b"another version")
    (old,) = found(user.run, "hooks")
    assert old["todo"] == "`hookspan install --scope local`"
    user.told("doctor", "--fix", "--yes")
    assert found(user.run, "hooks") == []
    before = file.read_text()
    file.write_text("{}")
    (lost,) = found(user.run, "hooks")
    assert "--scope local" in lost["todo"]
    away = user.home / "tools"
    away.mkdir()
    (seen,) = found(lambda *words: call(*words, env=user.env, cwd=away), "hooks")
    assert f"`hookspan install --scope local` in `{user.project}`" in seen["todo"]
    call("doctor", "--fix", "--yes", env=user.env, cwd=away)
    assert file.read_text() == "{}"
    user.run("doctor", "--fix", "--yes")
    assert json.loads(file.read_text()) == json.loads(before)
    assert not user.settings.exists()


MOVES = {
    "HOOKSPAN_HOME": ("HOOKSPAN_HOME",),
    "XDG": ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"),
    "XDG_STATE_HOME alone": ("XDG_STATE_HOME",),
}


@pytest.mark.parametrize("names", MOVES.values(), ids=MOVES.keys())
@pytest.mark.parametrize("path", ["/usr/bin:/bin", "/nowhere"], ids=["compiled", "in Python"])
def test_what_was_put_elsewhere_is_found_again(names: tuple[str, ...], path: str, user: User, tmp_path: Path):
    moved = {name: str(tmp_path / "el se" / name) for name in names}
    before = sorted(user.home.rglob("*"))
    user.told("config", "set", "store.days", "7", **moved)
    user.told("install", "--yes", PATH=path, **moved)
    call = " ".join(f"{name}='{value}'" for name, value in moved.items()) + " hookspan"
    assert f"next: {call}\n" in user.told()
    (one,) = found(user.run, "hooks")
    assert f"`{call} doctor`" in one["todo"]
    assert found(user.run, "stale") == []
    assert installed(lambda *words: user.run(*words, **moved)) == f"`{user.settings}`"
    assert "record to" in user.run("uninstall", "--yes", HOOKSPAN_HOME=str(tmp_path / "third")).stdout
    assert user.entries() == len(EVENTS), "whoever names a place means that one"
    assert "To be deleted" in user.told("uninstall", "--purge", "--dry-run")
    assert "Only the command itself is left" in user.told("uninstall", "--purge", "--yes")
    assert sorted(user.home.rglob("*")) == before
    assert not (tmp_path / "el se").exists()


def test_hooks_that_move_keep_the_way_back(user: User, tmp_path: Path):
    """Another installation takes the hooks over, with what the first one knows of the file."""
    first = {"HOOKSPAN_HOME": str(tmp_path / "first")}
    user.change(user.settings, model="opus")
    before = user.settings.read_bytes()
    user.told("install", "--yes", **first)
    said = user.told("install", "--yes")
    assert f"HOOKSPAN_HOME={tmp_path / 'first'} hookspan uninstall --purge" in said
    assert installed(user.run) == f"`{user.settings}`"
    user.told("uninstall", "--yes", "--purge", **first)
    assert not (tmp_path / "first").exists()
    assert installed(user.run) == f"`{user.settings}`", "the hooks are the second's"
    user.told("uninstall", "--yes")
    assert user.settings.read_bytes() == before


def test_what_a_project_brings_deletes_nothing(user: User, tmp_path: Path):
    """A repository can have our entries in it, with any folder in them."""
    theirs = tmp_path / "theirs"
    (theirs / "state").mkdir(parents=True)
    relay = theirs / "data" / "bin" / "hookspan-relay"
    relay.parent.mkdir(parents=True)
    shutil.copy("/bin/true", relay)
    handler = {"type": "command", "command": str(relay), "args": [str(theirs / "state")], "timeout": 5}
    for name in ("settings.json", "settings.local.json"):
        user.change(user.project / ".claude" / name, hooks={"Stop": [{"hooks": [handler]}]})
    user.told("install", "--yes")
    user.told("uninstall", "--purge", "--yes")
    assert relay.exists()
    assert (theirs / "state").exists()


# --- In a folder that is gone

COMMANDS = [[verb, *ARGUMENTS.get(verb, [])] if verb else [] for verb in ["", *VERBS]]
COMMANDS += [["install", "--yes", "--scope", "local"], ["doctor", "--end-to-end", "--report"]]
COMMANDS += [["uninstall", "--yes", "--purge"]]


@pytest.mark.parametrize("moved", [{}, {"HOOKSPAN_HOME": "hs"}, {"CLAUDE_CONFIG_DIR": "c"}], ids=["", "hs", "config"])
def test_no_command_breaks_in_a_folder_that_is_gone(moved: dict[str, str], user: User):
    broken = []
    for words in COMMANDS:
        gone = user.home / "gone"
        gone.mkdir()
        folder = os.open(gone, os.O_RDONLY)
        gone.rmdir()
        done = call(
            *words,
            env={"HOME": str(user.home), "PATH": "/usr/bin:/bin", "HOOKSPAN_DASHBOARD_PORT": "0"} | moved,
            cwd=Path(f"/proc/{os.getpid()}/fd/{folder}"),
        )
        os.close(folder)
        if done.returncode not in {0, 1} or "Traceback" in done.stderr:
            broken.append((words, done.returncode, done.stderr))
    assert broken == []


def test_a_start_in_a_folder_that_is_gone(user: User):
    done = subprocess.run(
        ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh", sys.executable, "-m", "hookspan"],
        env={"HOME": str(user.home), "PATH": "/usr/bin:/bin"},
        cwd=user.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_settings_that_nobody_can_read_are_a_reason_to_look(user: User):
    user.told("install", "--yes")
    text = user.settings.read_text()
    user.settings.write_text(text + "}")
    done = user.run("status")
    assert done.returncode == 1
    assert "next: hookspan doctor" in done.stdout
    user.settings.write_text(text)
    assert user.run("status").returncode == 0
