"""Whatever the umask: what hookspan makes is its user's alone, down to the folders above."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.cli.stack import compose
from hookspan.paths import Paths
from tests.agent.machine import Machine, small_session
from tests.waiting import until


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """With its files where they are by default, below a home that has nothing yet."""
    machine = Machine(tmp_path / "machine")
    del machine.env["HOOKSPAN_HOME"]
    machine.paths = Paths.from_environment(machine.env)
    before = os.umask(0)
    try:
        yield machine
    finally:
        os.umask(before)
        machine.close()


def for_others(machine: Machine) -> dict[str, str]:
    """What others may do with files and folders below the home, by path."""
    found = {}
    for path in machine.home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the agent has taken it away
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & 0o077:
                found[str(path.relative_to(machine.home))] = stat.filemode(mode)
    return found


def test_nothing_of_ours_is_for_others(machine: Machine):
    assert machine.cli("install", "--yes").returncode == 0
    machine.relay = (str(machine.paths.relay), str(machine.paths.state))
    assert for_others(machine) == {}
    machine.hooks(*small_session())
    until(lambda: machine.pid)
    assert for_others(machine) == {}
    assert machine.cli("restart").returncode == 0
    machine.hooks(*(later := small_session()))
    for words in (
        ("flush", "--wait", "60s"),
        ("config", "set", "dashboard.port", "0"),
        ("doctor", "--report"),
        ("prune",),
        ("forget", later[0]["session_id"], "--yes"),
        ("rebuild",),
        ("open", "--print"),
        ("down",),
    ):
        done = machine.cli(*words)
        assert done.returncode in {0, 1}, done.stderr
        assert for_others(machine) == {}, words


def test_folders_that_others_may_write_to_are_mended(machine: Machine):
    """Such as an older hookspan, or another program, made."""
    data, above = machine.paths.data, machine.paths.data.parent
    machine.paths.bin.mkdir(parents=True)  # with this umask for all
    assert (data.stat().st_mode & 0o777, machine.paths.bin.stat().st_mode & 0o777) == (0o777, 0o777)
    assert machine.cli("install", "--yes").returncode == 0
    assert (data.stat().st_mode & 0o777, machine.paths.bin.stat().st_mode & 0o777) == (0o700, 0o700)

    machine.paths.bin.chmod(0o770 if os.getegid() else 0o707)
    said = [one for one in machine.json("doctor")["checks"] if one["check"] == "owners"]
    wanted = [machine.paths.bin, above, above.parent]  # what was there before the installation is its user's own
    assert {(one["status"], one["message"]) for one in said} == {
        ("critical", f"`{folder}` can be written by others") for folder in wanted
    }
    machine.cli("doctor", "--fix", "--yes")
    assert [folder.stat().st_mode & 0o022 for folder in wanted] == [0, 0, 0]


def test_the_stack_s_files_are_no_one_else_s_to_change(machine: Machine):
    """Programs in containers, which are other users, read them; what is above is ours alone."""
    compose.copy(machine.paths.data / "stack", [])
    assert machine.paths.data.stat().st_mode & 0o777 == 0o700
    assert [path for path in machine.paths.data.rglob("*") if path.stat().st_mode & 0o022] == []
