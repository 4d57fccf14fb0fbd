"""The plugin in the real client: from the marketplace in, through a session and an update, and out again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.paths import Paths
from hookspan.store import Reader
from tests import recorded
from tests.claude import client
from tests.claude.drivers import Home, InteractiveSession, PrintSession
from tests.claude.model import Model, Tool, says
from tests.claude.stage import ALLOW
from tests.cli.verdict import found, installed
from tests.command import call
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
ADDRESS = "https://git.example.invalid/hookspan.git"  # git takes it from the folder
PLUGIN = "hookspan@hookspan"
LS, PWD = Tool("Bash", {"command": "ls"}), Tool("Bash", {"command": "pwd"})
IDENTITY = ["-c", "user.name=u", "-c", "user.email=u@example.invalid"]

pytestmark = [pytest.mark.need_npm, pytest.mark.need_tmux, pytest.mark.need_cc]


class Site:
    """A home without hookspan's hooks, with a model, a marketplace in a git repository, and an agent."""

    def __init__(self, model: Model, home: Home) -> None:
        self.model, self.home = model, home
        self.paths = Paths.from_environment({"HOME": str(home.home)})
        self.repository = home.root / "repository"
        for name in (".claude-plugin", "hooks"):
            shutil.copytree(ROOT / name, self.repository / name)
        self.git("init", "-q", "-b", "main")
        self.git("config", "--global", f"url.file://{self.repository}.insteadOf", ADDRESS)
        self.commit()

    def git(self, *args: str) -> None:
        subprocess.run(["git", "-C", str(self.repository), *args], env=self.home.env, check=True, timeout=PATIENCE)

    def commit(self) -> None:
        self.git("add", ".")
        self.git(*IDENTITY, "commit", "-q", "-m", "A version")

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env=self.home.env,
            cwd=self.home.project,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def claude(self, *args: str) -> str:
        return self.run(str(client.executable()), *args)

    def hookspan(self, *args: str) -> str:
        done = self.any(*args)
        assert done.returncode == 0, f"hookspan {' '.join(args)}: {done.stdout}{done.stderr}"
        return done.stdout

    def any(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Our command, whatever its exit code."""
        return call(*args, env=self.home.env, cwd=self.home.project, timeout=3 * PATIENCE)

    def heard(self) -> list[str]:
        return [event["hook_event_name"] for event in recorded.events(self.paths.journal)]

    def session(self, prompt: str) -> Counter[str]:
        """What a print-mode session of three commands left in the store: its spans by name, hook spans too."""
        before = set(self.sessions())
        self.model.play({prompt: [says(LS, PWD), says(LS), says("Done.")]})
        assert PrintSession(self.home, prompt, *ALLOW).wait().code == 0
        self.hookspan("flush", "--wait", "60s")
        reader = Reader(self.paths)
        names: Counter[str] = Counter()

        def ended() -> bool:
            nonlocal names
            new = [session for session in self.sessions() if session not in before]
            names = Counter(span.name for session in new for span in reader.spans_of_session(session))
            return names["session"] == names["invoke_agent claude-code"] == 1

        try:
            until(ended, "the turn's and the session's spans", 2 * PATIENCE)
        finally:
            reader.close()
        return names

    def sessions(self) -> list[str]:
        if not self.paths.store.exists():
            return []
        reader = Reader(self.paths)
        try:
            return [session.id for session in reader.sessions()]
        finally:
            reader.close()


@pytest.fixture
def site() -> Iterator[Site]:
    with Model("plugin") as model, Home(model.url) as home:
        yield Site(model, home)


def test_the_client_finds_nothing_to_say_about_plugin_and_marketplace() -> None:
    with Model("plugin") as model, Home(model.url) as home:
        for folder in (ROOT, ROOT / "hooks"):
            done = subprocess.run(
                [str(client.executable()), "plugin", "validate", "--strict", str(folder)],
                env=home.env,
                cwd=home.project,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


def test_from_the_marketplace_to_a_session_and_out_again(site: Site) -> None:
    site.claude("plugin", "marketplace", "add", ADDRESS)
    site.claude("plugin", "install", PLUGIN)
    site.hookspan("config", "set", "dashboard.enabled", "false")
    site.hookspan("install", "--no-hooks")
    by_plugin = site.session("Look around.")
    assert by_plugin["execute_tool Bash"] == 3
    heard = Counter(site.heard())
    assert heard["PreToolUse"] == heard["PostToolUse"] == 3

    assert installed(site.any) == f"the plugin `{PLUGIN}`"
    site.hookspan("install", "--yes")
    assert "hooks" not in json.loads((site.home.claude / "settings.json").read_text()), "they are not doubled"
    assert installed(site.any) == f"the plugin `{PLUGIN}`"

    # Settings as well: each event comes twice, and counts once.
    site.home.settings(**json.loads(site.hookspan("install", "--print")))
    (twice,) = found(site.any, "twice")
    assert f"`claude plugin disable {PLUGIN}`" in twice["todo"]
    site.hookspan("up")
    assert site.session("Look again.") == by_plugin
    assert Counter(site.heard())["PreToolUse"] == 3 + 2 * 3
    site.hookspan("uninstall", "--yes")

    site.claude("plugin", "uninstall", PLUGIN)
    site.claude("plugin", "marketplace", "remove", "hookspan")
    silent = len(site.heard())
    site.model.play({"Once more.": [says("Done.")]})
    assert PrintSession(site.home, "Once more.").wait().code == 0
    assert len(site.heard()) == silent
    site.hookspan("uninstall", "--purge", "--yes")
    assert not site.paths.state.exists()


def test_a_session_outlives_an_update_of_the_plugin(site: Site) -> None:
    site.claude("plugin", "marketplace", "add", ADDRESS)
    site.claude("plugin", "install", PLUGIN)
    site.hookspan("config", "set", "dashboard.enabled", "false")
    site.hookspan("install", "--no-hooks")
    site.model.play({"First.": [says(LS), says("One.")], "Second.": [says(LS), says("Two.")]})
    with InteractiveSession(site.home, *ALLOW) as session:
        session.wait_for("accept edits on")
        session.submit("First.")
        session.wait_for("One.")
        until(lambda: "Stop" in site.heard(), "the first turn's end")
        manifest = site.repository / "hooks" / ".claude-plugin" / "plugin.json"
        manifest.write_text(manifest.read_text().replace('"version": "', '"version": "9.'))
        site.commit()
        site.claude("plugin", "marketplace", "update", "hookspan")
        assert "9." in site.claude("plugin", "update", PLUGIN)
        # The client keeps the old version's folder for sessions that are open; without it, it runs none of its hooks.
        assert len(list((site.home.claude / "plugins" / "cache").glob("*/*/*"))) == 2
        before = Counter(site.heard())
        session.submit("Second.")
        session.wait_for("Two.")
        until(lambda: Counter(site.heard())["Stop"] == before["Stop"] + 1, "the second turn's end")
        assert "hook failed" not in session.screen()
        assert Counter(site.heard())["PreToolUse"] == before["PreToolUse"] + 1
        session.exit()
    site.hookspan("down")
