"""What is expected to be installed is what `install` was asked for: an agent that it wasn't lacks nothing."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.clients.claude_code.handlers import EVENTS
from hookspan.clients.codex import handlers
from tests.cli.test_installed import User
from tests.cli.verdict import found, installed

pytestmark = pytest.mark.slow

CODEX = ("--agent", "codex")
COPILOT = ("--agent", "copilot")
CHOICES = {
    "claude-code": ([],),
    "codex": (CODEX,),
    "copilot": (COPILOT,),
    "codex and copilot": (CODEX, COPILOT),
    "all": ([], CODEX, COPILOT),
}


class Agents(User):
    """Somebody with all three agents, none of which is set up for hookspan yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.codex = self.home / ".codex" / "hooks.json"
        self.copilot = self.home / ".copilot" / "hooks" / "hookspan.json"
        for file in (self.settings, self.codex):
            file.parent.mkdir()
        self.copilot.parent.parent.mkdir()
        (self.home / ".codex" / "config.toml").write_text('model = "gpt-5.5"\n')

    def files(self, choice: str) -> list[Path]:
        known = {"claude-code": self.settings, "codex": self.codex, "copilot": self.copilot}
        return list(known.values()) if choice == "all" else [known[name] for name in choice.split(" and ")]

    def trust(self) -> None:
        """As a person does with `t`."""
        given = json.loads(self.codex.read_text())["hooks"]
        with (self.home / ".codex" / "config.toml").open("a") as file:
            for event, groups in given.items():
                for place, group in enumerate(groups):
                    key = handlers.trust_key(str(self.codex), event, place, 0)
                    file.write(f'[hooks.state."{key}"]\n')
                    file.write(f'trusted_hash = "{handlers.trust_hash(event, group["hooks"][0])}"\n')


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Agents]:
    user = Agents(tmp_path)
    yield user
    user.run("down")


@pytest.mark.parametrize("choice", CHOICES)
def test_each_agent_alone_and_together(choice: str, user: Agents) -> None:
    assert "next: hookspan install\n" in user.run().stdout
    for words in CHOICES[choice]:
        user.told("install", *words, "--yes")
    if user.codex.exists():
        assert "not reviewed" in user.run("status").stdout
        assert "not everything is recorded" in user.run().stdout
        user.trust()
    files = user.files(choice)
    assert installed(user.run, CHOICES[choice]) == ", ".join(f"`{file}`" for file in files)
    doctor = json.loads(user.run("doctor", "--json").stdout)
    assert [one for one in doctor["checks"] if one["status"] == "critical"] == []
    its_own = {one["check"] for one in doctor["checks"]} & {"policies", "native", "status line"}
    assert bool(its_own) == (user.settings in files)
    (transcripts,) = (one["message"] for one in doctor["checks"] if one["check"] == "transcripts")
    assert ("Claude Code" in transcripts) == (user.settings in files)

    # What is gone is missed, where it was wanted, and mended there alone.
    for file in files:
        kept = file.read_bytes()
        file.write_text("{}\n")
        assert installed(user.run, CHOICES[choice]) is None
        user.run("doctor", "--fix", "--yes")
        assert installed(user.run, CHOICES[choice]) is not None
        assert file.read_bytes() == kept
        assert [each for each in user.files("all") if each.exists()] == files

    # A relay of an older version is replaced without any agent's coming in addition.
    user.paths.relay_source.write_text("0" * 64)
    assert "another version's" in user.run("status").stdout
    user.run("doctor", "--fix", "--yes")
    assert "another version's" not in user.run("status").stdout
    assert [each for each in user.files("all") if each.exists()] == files


def test_one_of_several_is_taken_out(user: Agents) -> None:
    for words in CHOICES["all"]:
        user.told("install", *words, "--yes")
    user.trust()
    said = user.told("uninstall", "--agent", "claude-code", "--yes")
    assert "stays installed in" in said
    assert "purge" not in said
    assert installed(user.run, [CODEX, COPILOT]) == f"`{user.codex}`, `{user.copilot}`"
    user.told("uninstall", *CODEX, "--yes")
    assert installed(user.run, [COPILOT]) == f"`{user.copilot}`"
    assert "not installed for codex" in user.told("uninstall", *CODEX, "--yes")
    assert "uninstall --purge" in user.told("uninstall", "--yes")
    assert installed(user.run) is None
    assert [each for each in user.files("all") if each.exists()] == []


def test_install_without_a_name_is_for_those_that_it_was_run_for_else_for_those_that_are_here(user: Agents) -> None:
    user.told("install", *CODEX, "--yes")
    said = user.told("install", "--yes")
    assert "hookspan install --agent claude-code" in said
    assert [each for each in user.files("all") if each.exists()] == [user.codex]
    user.trust()
    user.told("install", "--check")
    user.codex.write_text("{}")
    assert str(user.codex) in user.run("install", "--check").stderr
    user.told("uninstall", "--yes")
    user.codex.unlink()

    said = user.told("install", "--yes")
    assert "hookspan install --agent codex" in said
    assert [each for each in user.files("all") if each.exists()] == [user.settings]
    user.told("install", *CODEX, "--yes")
    given = json.loads(user.codex.read_text())
    del given["hooks"]["Stop"]
    user.codex.write_text(json.dumps(given))
    user.told("install", "--yes")
    assert "Stop" in json.loads(user.codex.read_text())["hooks"]
    user.told("uninstall", "--yes")

    user.settings.parent.rmdir()
    said = user.told("install", "--yes")
    assert "Claude Code" not in said
    assert [each for each in user.files("all") if each.exists()] == [user.codex, user.copilot]


def test_what_somebody_took_out_by_hand_is_missed_until_uninstall_is_told(user: Agents) -> None:
    user.told("install", *CODEX, "--yes")
    user.codex.unlink()
    (lost,) = found(user.run, "other agents")
    assert lost["message"] == f"`{user.codex}` is gone"
    assert "next: hookspan install --agent codex" in user.run().stdout
    assert "has no hook of hookspan's any more" in user.told("uninstall", "--yes")
    assert found(user.run, "other agents") == []
    assert "next: hookspan install\n" in user.run().stdout


def test_codex_in_a_folder_of_another_name(user: Agents) -> None:
    """What is expected is where it was installed, whatever the variables of a later shell."""
    moved = user.home / "moved"
    shutil.move(user.codex.parent, moved)
    user.told("install", *CODEX, "--yes", CODEX_HOME=str(moved))
    (found_,) = found(user.run, "other agents")
    assert "not reviewed" in found_["message"]
    assert str(moved) in found_["message"]


def test_another_installations_hooks_stay(user: Agents) -> None:
    user.told("install", *CODEX, "--yes")
    before = user.codex.read_bytes()
    own = {"HOOKSPAN_HOME": str(user.home / "own")}
    user.told("install", "--yes", **own)
    status = json.loads(user.run("status", "--json", **own).stdout)
    assert not any(problem["broken"] for problem in status["installation"]["problems"])
    user.told("uninstall", "--yes", **own)
    assert user.codex.read_bytes() == before


@pytest.mark.parametrize(("name", "text"), [("hooks.json", "{,}"), ("config.toml", "model = \n")])
def test_a_file_that_codex_can_not_read(name: str, text: str, user: Agents) -> None:
    user.told("install", *CODEX, "--yes")
    file = user.codex.with_name(name)
    file.write_text(text)
    (one,) = found(user.run, "other agents")
    assert str(file) in one["message"]
    assert "line 1" in one["message"]
    assert "fix that file" in one["todo"]


def test_an_installation_of_before_there_were_agents(user: Agents) -> None:
    """Its receipts name no agent: they are Claude Code's."""
    user.told("install", "--yes")
    assert "agent" not in user.paths.installed.read_text()
    assert installed(user.run) == f"`{user.settings}`"
    user.settings.write_text("{}")
    user.told("install", *COPILOT, "--yes")
    lost = found(user.run, "hooks")
    assert [one["message"] for one in lost] == [f"`{user.settings}` no longer has hookspan's hooks"]
    user.told("install", "--yes")
    assert sum(map(len, json.loads(user.settings.read_text())["hooks"].values())) == len(EVENTS)
