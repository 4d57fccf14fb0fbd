"""Commands that stop the agent leave it as they found it, and those that need one start it."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dirty_equals import IsPartialDict

from hookspan.errors import EXIT_INTERRUPTED
from tests.agent.machine import Machine, append, ready, small_session
from tests.ports import as_before
from tests.waiting import PATIENCE, until

SESSION = small_session()
ID = SESSION[0]["session_id"]
PAUSING = (["forget", ID, "--yes"], ["prune"], ["rebuild", "--yes"])

# A command that says when it is at work, and stays at it until it is told to end.
AT_WORK = """
import sys, time
from hookspan.agent import client, launch
from hookspan.cli.verbs import prune
client.READY_TIMEOUT = launch.READY_TIMEOUT = launch.STOP_TIMEOUT = 60.0
client.Client.request.__kwdefaults__["timeout"] = 60.0
prune.run = lambda *_, **__: (print("at work", flush=True), time.sleep(60))
from hookspan.cli.main import main
sys.argv[1:] = ["prune"]
main()
"""


def found(machine: Machine) -> dict[str, Any]:
    """What somebody notices of the agent that runs."""
    status = machine.status()
    about = status["agent"]
    return {"stay": about["stay"], "url": about["url"], "interval": status["settings"]["monitor.interval"]}


@pytest.fixture(params=["by a hook", "by up"])
def running(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Machine]:
    ports = as_before(machine.paths)
    machine.paths.config.write_text("[dashboard]\nport = 0\n")
    if request.param == "by up":
        machine.up(HOOKSPAN_MONITOR_INTERVAL="7")
    machine.hooks(*SESSION)
    ready(machine)
    until(lambda: machine.counts().sessions)
    yield machine
    ports.clear()  # so long they are kept


@pytest.mark.parametrize("command", [*PAUSING, ["restart"]], ids=lambda command: command[0])
def test_the_agent_is_there_again_as_it_was(running: Machine, command: list[str]):
    before, pid = found(running), running.pid
    done = running.cli(*command)
    assert done.returncode == 0, done.stderr
    assert running.pid not in {0, pid}
    assert found(running) == before


def test_the_page_does_not_move_to_a_port_that_has_become_free(machine: Machine):
    ports = as_before(machine.paths)
    wished = ports["wished"]
    with socket.create_server(("127.0.0.1", wished)):
        machine.paths.config.write_text(f"[dashboard]\nport = {wished}\n")
        machine.hooks(*SESSION)
        ready(machine)
        before = found(machine)["url"]
    assert not before.endswith(f":{wished}")
    machine.cli("prune")
    assert found(machine)["url"] == before, "pages are open there"
    machine.cli("restart")
    assert found(machine)["url"].endswith(f":{wished}")


def test_also_when_the_command_fails(running: Machine):
    before = found(running)
    running.paths.store.with_name("store.db.before-rebuild").touch()
    done = running.cli("forget", ID, "--yes")
    assert "a rebuild was interrupted" in done.stderr
    assert found(running) == before


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_also_when_it_is_interrupted(running: Machine, ends: signal.Signals):
    before = found(running)
    with subprocess.Popen([sys.executable, "-c", AT_WORK], env=running.env, stdout=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"at work\n"
        assert not running.paths.control_socket.exists(), "the agent is stopped"
        command.send_signal(ends)
        assert command.wait(PATIENCE) == EXIT_INTERRUPTED
    assert found(running) == before


@pytest.mark.parametrize("command", PAUSING, ids=lambda command: command[0])
def test_none_is_started_where_none_ran(machine: Machine, command: list[str]):
    machine.cli("down")
    append(machine, *SESSION)
    machine.paths.down.unlink()
    assert machine.cli(*command).returncode == 0
    assert machine.status()["agent"]["state"] == "not running"


def test_restart_starts_one_that_stays_where_none_ran(machine: Machine):
    machine.cli("down")
    assert machine.json("restart", env={"HOOKSPAN_MONITOR_INTERVAL": "7"})["pid"] == machine.pid
    assert found(machine) == IsPartialDict(stay=True, interval=IsPartialDict(value=7))


def test_open_starts_an_agent_that_leaves_as_one_of_a_hook_does(machine: Machine):
    done = machine.cli("open", "--print")
    assert "/login?ticket=" in done.stdout, done.stderr
    assert machine.status()["agent"]["stay"] is False


def test_after_down_open_says_so(machine: Machine):
    machine.cli("down")
    done = machine.cli("open", "--print")
    assert (done.returncode, done.stdout) == (1, "")
    assert "was stopped with `hookspan down`" in done.stderr
    assert "`hookspan up`" in done.stderr
    assert machine.pid == 0


# --- The service


def systemctl(folder: Path, **answers: str) -> str:
    """A folder with a systemctl that fails at some verbs, with these words; PATH with it."""
    folder.mkdir()
    program = folder / "systemctl"
    cases = "".join(f"{verb.replace('_', '-')}) echo '{words}' >&2; exit 1;;\n" for verb, words in answers.items())
    program.write_text(f'#!/bin/sh\nshift\ncase "$1" in\n{cases}esac\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:{os.environ['PATH']}"


def test_a_service_that_cannot_be_reached_leaves_all_as_it_is(running: Machine):
    before, pid = found(running), running.pid
    path = systemctl(running.folder / "bin", show_environment="Failed to connect to bus")
    done = running.cli("service", "install", env={"PATH": path})
    assert done.returncode == 1
    assert "Failed to connect to bus" in done.stderr
    assert (found(running), running.pid) == (before, pid)
    assert not (running.home / ".config").exists()


def test_a_service_that_does_not_start_leaves_the_agent_and_the_file_as_they_were(running: Machine):
    before = found(running)
    path = systemctl(running.folder / "bin", restart="Job failed", is_active="")
    done = running.cli("service", "install", env={"PATH": path})
    assert "Job failed" in done.stderr
    assert found(running) == before
    unit = running.home / ".config/systemd/user/hookspan.service"
    assert not (running.home / ".config").exists()
    unit.parent.mkdir(parents=True)
    unit.write_text("another")
    running.cli("service", "install", env={"PATH": path})
    assert unit.read_text() == "another"
    assert found(running) == before
