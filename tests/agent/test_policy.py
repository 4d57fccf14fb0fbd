"""What the settings files say counts for a running agent: an administrator's policy first of all."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hookspan.agent.client import Client
from hookspan.agent.settings import LAST_GOOD, AgentSettings
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.scopes import SERVICE_NAME
from hookspan.paths import Paths
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

from .machine import Machine, launch, ready, small_session, with_etc

LOCKED = """locked = ["content.export", "resource.team", "identity"]
[content]
export = false
[resource]
team = "theirs"
[identity]
user = "pseudonym"
secret = "known-to-their-machines"
"""
OWN = '[export]\nendpoint = "{url}"\nmetric_interval = 1\n[content]\nexport = true\n[resource]\nteam = "own"\n'
OWN += '[identity]\nuser = "name"\n'


class Governed:
    """A machine whose agent finds an /etc of its own, which the test may change while the agent runs."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._etc, self._over = machine.folder / "etc", machine.folder / "over"
        self._etc.mkdir()
        self._over.mkdir()

    def up(self) -> int:
        self.run("up")
        return ready(self.machine)

    def run(self, *words: str) -> str:
        """A command of ours, with the /etc of the agent where one runs."""
        pid = self.machine.pid
        around = ("nsenter", f"--mount=/proc/{pid}/ns/mnt") if pid else with_etc(self._etc, self._over)
        done = subprocess.run(
            [*around, sys.executable, "-m", "hookspan", *words],
            env=self.machine.env,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        return done.stdout + done.stderr

    @property
    def policy(self) -> Path:
        """The administrator's file, as the running agent sees it."""
        file = Path(f"/proc/{self.machine.pid}/root/etc/hookspan/config.toml")
        file.parent.mkdir(exist_ok=True)
        return file

    def session(self) -> None:
        self.machine.hooks(*small_session())

    def exported(self, sink: Sink) -> tuple[set[bool], set[str]]:
        """Of all that is sent now: whether labels are among it, and the teams that it is from."""
        assert json.loads(self.run("flush", "--wait", "60s", "--json"))["exported"]
        resources = [span.resource for span in sink.spans] + [
            point.resource for point in sink.points if point.name.startswith("hookspan.hook")
        ]
        return {sc.LABEL in span.attributes for span in sink.spans}, {resource["team"] for resource in resources}


def waiting(machine: Machine) -> int:
    """How many spans wait to be exported; none where the store is not open yet."""
    return int(machine.status()["export"].get("queue", 0))


def in_force(machine: Machine) -> dict[str, Any]:
    """The agent's settings."""
    return dict(Client(machine.paths).request("settings", timeout=PATIENCE)["settings"]["settings"])


@pytest.fixture
def governed(make_machine: Callable[..., Machine], sink: Sink) -> Governed:
    return Governed(make_machine(settings=OWN.format(url=sink.url)))


@pytest.mark.need_root
def test_a_lock_holds_for_what_waits_to_be_exported(governed: Governed, sink: Sink):
    governed.up()
    governed.session()
    labels, teams = governed.exported(sink)
    assert (True in labels, teams) == (True, {"own"})
    own = sink.spans[0].resource
    assert own["user.name"]

    sink.fault(status=503)
    governed.session()
    until(lambda: waiting(governed.machine) > 5, "spans wait")
    sink.clear()
    governed.policy.write_text(LOCKED)
    # What was on its way by then is refused.
    until(lambda: not in_force(governed.machine)["content"]["export"], "the agent knows it")
    sink.heal()
    assert governed.exported(sink) == ({False}, {"theirs"})
    governed.session()
    assert governed.exported(sink) == ({False}, {"theirs"}), "and later"
    points = [point for point in sink.points if point.resource["service.name"] == SERVICE_NAME]
    assert points
    who = {(one.resource["user.id"] == own["user.id"], one.resource.get("user.name")) for one in [*sink.spans, *points]}
    assert who == {(False, None)}, "the pseudonym is the team's, and no name beside it"


def test_what_waits_of_a_project_that_is_no_longer_recorded_is_not_sent(
    make_machine: Callable[..., Machine], sink: Sink
):
    machine = make_machine(settings=OWN.format(url=sink.url))
    machine.up()
    sink.fault(status=503)
    machine.hooks(*small_session(), *({**event, "cwd": "/home/u/other"} for event in small_session()))
    until(lambda: waiting(machine) > 12, "spans of both wait")
    with machine.paths.config.open("a") as file:
        file.write("[projects.shop]\nrecord = false\n")
    until(
        lambda: "shop" in in_force(machine)["projects"], "the agent knows it"
    )  # what was on its way by then was refused
    sink.heal()
    assert machine.json("flush", "--wait", "60s")["exported"]
    assert {span.attributes[sc.PROJECT] for span in sink.spans} == {"other"}
    assert waiting(machine) == 0


@pytest.mark.need_root
def test_a_policy_that_cannot_be_read_is_said_and_lets_no_content_out(governed: Governed, sink: Sink):
    governed.up()
    governed.policy.write_text("[content\nexport = ")
    until(lambda: "is not exported: content" in (governed.machine.status()["settings_problem"] or ""))
    governed.session()
    assert governed.exported(sink) == ({False}, {"own"}), "all else goes on"
    governed.policy.unlink()
    until(lambda: governed.machine.status()["settings_problem"] is None)
    governed.session()
    assert True in governed.exported(sink)[0]


def test_an_edited_file_counts_for_an_agent_that_does_nothing(make_machine: Callable[..., Machine]):
    machine = make_machine(settings="[monitor]\ninterval = 7\n")
    machine.up()
    machine.paths.config.write_text("[monitor]\ninterval = 8\n")
    until(lambda: machine.status()["settings"]["monitor.interval"]["value"] == 8)
    assert "other settings" not in machine.cli("doctor").stdout


def test_doctor_names_what_the_agent_has_not_taken_in(make_machine: Callable[..., Machine]):
    machine = make_machine(settings="[content]\nexport = true\n")
    blind = "from hookspan.agent.settings import AgentSettings; AgentSettings.look = lambda self: True"
    launch(machine, "--stay", fault=blind)
    ready(machine)
    machine.paths.config.write_text('[content]\nexport = false\n[resource]\nteam = "a"\n')
    done = machine.cli("doctor")
    assert "settings differ from the files: `content.export`, `resource`" in done.stdout
    assert done.returncode == 1
    assert "other settings" not in machine.cli("doctor", "--fix", "--yes").stdout.partition("Once more:")[2]


# --- What counts, from one moment to the next


class Files:
    """An administrator's and a user's file, and an agent's view of them."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(folder / "state", folder / "own.toml", folder / "data", folder / "theirs.toml")
        self.paths.create()
        self.policy, self.own = self.paths.system_config, self.paths.config
        self.own.write_text('[export]\nendpoint = "http://127.0.0.1:1"\n[content]\nexport = true\n')
        self.live = AgentSettings(self.paths, None)
        until(self.live.look)

    def forbid(self) -> None:
        self.policy.write_text('locked = ["content.export"]\n')

    def settled(self) -> Any:
        """What counts once a change is known."""
        until(self.live.look)
        return self.live.now


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_nothing_leaves_while_a_file_is_being_written(files: Files):
    files.forbid()
    assert not files.live.look()
    assert not files.settled().content.export
    files.policy.write_text("")  # as an editor that writes in place begins
    assert not files.live.look()
    files.forbid()
    assert not files.settled().content.export


def test_every_way_to_change_a_file_is_seen(files: Files, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hookspan.agent.settings.REST", 0.05)
    now = files.own.stat().st_mtime_ns

    def write(interval: int) -> None:
        files.own.write_text(f"[monitor]\ninterval = {interval}\n")
        os.utime(files.own, ns=(now, now))

    def replace(interval: int) -> None:
        fresh = files.own.with_name("fresh")
        fresh.write_text(f"[monitor]\ninterval = {interval}\n")
        os.utime(fresh, ns=(now, now))
        fresh.rename(files.own)

    for interval, change in enumerate((write, write, replace, replace, write), start=2):
        change(interval)
        assert files.settled().monitor.interval == interval, f"{change.__name__}: same size, same time"
    files.own.unlink()
    assert files.settled().monitor.interval == 30


def test_two_changes_that_the_file_system_cannot_tell_apart(files: Files, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hookspan.agent.settings._identity", lambda _: ())
    files.own.write_text("[monitor]\ninterval = 2\n")
    assert files.live.reload()
    files.own.write_text("[monitor]\ninterval = 3\n")
    until(lambda: files.live.look() and files.live.now.monitor.interval == 3)


def test_a_broken_file_of_the_user_does_not_keep_a_policy_out(files: Files):
    files.own.write_text("[content\nexport = true\n")
    assert files.settled().export.on, "the last good one goes on"
    files.forbid()
    assert not files.settled().content.export
    assert "own.toml" in str(files.live.problem)
    again = AgentSettings(files.paths, None)
    assert (again.now.export.on, again.now.content.export) == (True, False), "for the next agent, too"


def test_a_policy_that_nobody_ever_could_read_lets_nothing_out(files: Files):
    files.policy.write_text("locked = [")
    assert AgentSettings(files.paths, None).now.export.on, "there was none when the last agent looked"
    (files.paths.run / LAST_GOOD).unlink()
    never = AgentSettings(files.paths, None)
    assert not never.now.export.on
    assert "nothing is exported" in str(never.problem)
