"""What only a variable says, and an agent that a hook started never hears, is told; and what `flush` finds to do."""

import fcntl
import json

import pytest

from tests.agent.machine import Machine, append, ready, small_session
from tests.otlp_sink import Sink
from tests.waiting import until

SESSION = small_session()
SECRET = "hunter2-the-key"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.paths.config.write_text("[dashboard]\nport = 0\n")
    return machine


def by_a_hook(machine: Machine) -> None:
    machine.hooks(*SESSION)
    ready(machine)
    until(lambda: machine.counts().events == len(SESSION))


@pytest.mark.parametrize("remedy", ["config set", "up"])
def test_an_endpoint_that_only_a_variable_names(machine: Machine, remedy: str):
    by_a_hook(machine)
    with Sink() as sink:
        env = {"HOOKSPAN_EXPORT_ENDPOINT": sink.url}
        flushed, doctor, status = (machine.cli(verb, env=env) for verb in ("flush", "doctor", "status"))
        assert flushed.returncode == 1
        command = f"hookspan config set export.endpoint {sink.url}"
        for said in (flushed.stderr, doctor.stdout, status.stdout):
            assert "`HOOKSPAN_EXPORT_ENDPOINT` has no effect" in said
            assert f"`{command}`, or `hookspan up`" in said
        assert "test span" not in doctor.stdout
        assert not sink.requests

        machine.cli(*(command.split()[1:] if remedy == "config set" else ["up"]), env=env)
        machine.hooks(*small_session())
        flushed, doctor, status = (
            machine.cli(*verb, env=env) for verb in (("flush", "--wait", "60s"), ("doctor",), ("status",))
        )
        assert (flushed.returncode, flushed.stderr) == (0, "")
        assert "are exported" in flushed.stdout
        assert "took a test span" in doctor.stdout
        assert "no effect" not in doctor.stdout + status.stdout


@pytest.mark.parametrize("length", [len(SECRET), 100_000], ids=["short", "longer than a request"])
@pytest.mark.parametrize("agent", ["no agent", "an agent"])
def test_a_secret_that_only_a_variable_has_is_told_of_and_not_shown(machine: Machine, agent: str, length: int):
    if agent == "an agent":
        by_a_hook(machine)
    env = {"HOOKSPAN_EXPORT_HEADERS": f"authorization={SECRET.ljust(length, 'y')}"}
    for verb in ("doctor", "status"):
        said = machine.cli(verb, env=env)
        assert "`hookspan config set export.headers -`" in said.stdout
        assert SECRET not in said.stdout + said.stderr
        assert "does not answer" not in said.stdout
    assert not machine.paths.log.exists() or SECRET not in machine.paths.log.read_text()


def test_a_variable_that_says_what_the_file_says_is_no_matter(machine: Machine):
    assert "no effect" not in machine.cli("status", env={"HOOKSPAN_DASHBOARD_PORT": "0"}).stdout


def test_flush_with_nothing_to_do_is_a_success(machine: Machine):
    done = machine.cli("flush", env={"HOOKSPAN_EXPORT_ENDPOINT": "http://127.0.0.1:1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing has been recorded" in done.stdout
    assert machine.json("flush")["exported"]
    machine.cli("down")
    assert machine.cli("flush").returncode == 0
    assert machine.pid == 0


def test_flush_says_that_lines_are_left_while_the_journal_is_locked(machine: Machine):
    by_a_hook(machine)
    with machine.paths.current.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        machine.hooks(*small_session()[:2])
        assert len(list(machine.paths.journal.glob("stray-*"))) >= 2  # and what the agent itself had to say
        done = machine.cli("flush", "--wait", "3s", "--json")
        assert (done.returncode, json.loads(done.stdout)["drained"]) == (1, False)
    assert machine.json("flush", "--wait", "60s")["drained"]
    assert machine.counts().events == len(SESSION) + 2


def test_flush_after_down_says_what_waits(machine: Machine):
    machine.cli("down")
    append(machine, *SESSION)
    done = machine.cli("flush")
    assert done.returncode == 1
    assert "was stopped with `hookspan down`; what was recorded waits" in done.stderr
    machine.paths.down.unlink()
    assert machine.json("flush", "--wait", "60s")["drained"]
    assert machine.counts().events == len(SESSION)
