"""`uninstall --purge` deletes what hookspan made, and nothing that somebody else did."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hookspan.paths import Paths
from tests.command import call
from tests.upgrades.make import HERE

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def hookspan(home: Path) -> Run:
    """The command in a process of its own, with nothing of ours around it."""

    def run(*words: str, status: int = 0, folder: Path = home, **env: str) -> subprocess.CompletedProcess[str]:
        variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "HOOKSPAN_DASHBOARD_PORT": "0"} | env
        done = call(*words, env=variables, cwd=folder)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file, folder and link, with its mode and what it holds."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


def in_state(paths: Paths) -> list[Path]:
    """Every file and folder that has a name in the state folder."""
    named = [getattr(paths, name) for name in dir(Paths) if isinstance(getattr(Paths, name), property)]
    return [path for path in named if paths.state in path.parents]


def used(hookspan: Run, **env: str) -> None:
    """Everything that leaves files: settings, an agent with its page, a session, a report."""
    hookspan("config", "set", "store.days", "7", **env)
    hookspan("install", "--yes", **env)
    hookspan("up", **env)
    hookspan("doctor", "--end-to-end", "--report", **env)


EMPTY = ["deep/newproject", ".claude", ".config/systemd/user", ".local/share", ".local/state"]


@pytest.mark.parametrize("there", [EMPTY, []], ids=["empty folders of the user's", "none"])
def test_folders_that_were_there_stay(there: list[str], home: Path, hookspan: Run):
    for name in there:
        (home / name).mkdir(parents=True)
    project = home / "deep" / "newproject"
    project.mkdir(parents=True, exist_ok=True)
    before = everything(home)
    hookspan("install", "--scope", "local", "--yes", folder=project)
    used(hookspan)
    assert "Only the command itself is left" in hookspan("uninstall", "--yes", "--purge").stdout
    assert everything(home) == before


def test_folders_that_others_use_meanwhile_stay(home: Path, hookspan: Run):
    hookspan("install", "--yes")
    theirs = [home / ".claude" / "CLAUDE.md", home / ".local" / "share" / "other"]
    for file in theirs:
        file.write_text("theirs")
    hookspan("uninstall", "--yes", "--purge")
    assert sorted(path for path in home.rglob("*") if path.is_file()) == sorted(theirs)


@pytest.mark.parametrize("link", [False, True], ids=["a folder", "a link"])
def test_in_somebody_elses_folder_only_what_is_ours_goes(link: bool, home: Path, hookspan: Run, tmp_path: Path):
    """HOOKSPAN_HOME may be a folder in use, whose `state`, `data` and `bin` are somebody's own."""
    top = home / "work"
    for name in ("state", "data"):
        real = tmp_path / "disk" / name if link else top / name
        (real / "bin").mkdir(parents=True, mode=0o700)
        real.chmod(0o700)
        for file in (real / "notes.txt", real / "bin" / "main.py", real / "bin" / "relay.py"):
            file.write_text("theirs")
        if link:
            top.mkdir(exist_ok=True)
            (top / name).symlink_to(real)
    before = everything(tmp_path)
    used(hookspan, HOOKSPAN_HOME=str(top))
    hookspan("down", HOOKSPAN_HOME=str(top))
    for path in in_state(Paths.from_environment({"HOOKSPAN_HOME": str(top)})):
        if not path.exists():
            path.write_text("ours")
    done = hookspan("uninstall", "--yes", "--purge", HOOKSPAN_HOME=str(top))
    assert everything(tmp_path) == before
    assert f"{top / 'state'}".replace(str(home), "~") in done.stdout.splitlines()[-1]
    assert "stays" in done.stdout


@pytest.mark.need_root
def test_a_mount_point_is_emptied_and_the_rest_goes(home: Path, hookspan: Run):
    """As in a container, whose state is a volume."""
    paths = Paths.from_environment({"HOME": str(home)})
    for folder in (paths.state, paths.journal):
        folder.mkdir(parents=True, mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)], check=True)
    try:
        used(hookspan)
        said = hookspan("uninstall", "--yes", "--purge").stdout
        left = sorted(path for path in home.rglob("*") if "hookspan" in str(path.relative_to(home)))
    finally:
        for folder in (paths.journal, paths.state):
            subprocess.run(["umount", str(folder)], check=True)
    assert left == [paths.state, paths.journal]
    assert "state/hookspan was there before hookspan, and stays" in said


@pytest.mark.need_root
def test_what_cannot_be_deleted_is_named_and_keeps_nothing_else(home: Path, hookspan: Run):
    paths = Paths.from_environment({"HOME": str(home)})
    hookspan("install", "--yes")
    subprocess.run(["mount", "--bind", str(paths.relay_conf), str(paths.relay_conf)], check=True)
    try:
        said = hookspan("uninstall", "--yes", "--purge", status=1).stderr
    finally:
        subprocess.run(["umount", str(paths.relay_conf)], check=True)
    assert f"can't delete `{paths.relay_conf}`: Device or resource busy\n" in said
    assert [path for path in home.rglob("*") if path.is_file()] == [paths.relay_conf]


def test_an_older_versions_record_says_of_no_folder_that_it_is_ours(home: Path, hookspan: Run):
    """It goes all the same, but the folders around it stay."""
    shutil.copytree(HERE / "install-1", home, dirs_exist_ok=True)
    state = Paths.from_environment({"HOME": str(home)}).state
    for file in (home / ".claude" / "settings.json", state / "installed.json"):
        file.write_bytes(file.read_bytes().replace(b"@HOME@", str(home).encode()))
    hookspan("uninstall", "--yes", "--purge")
    left = {str(path.relative_to(home)) for path in home.rglob("*")}
    assert left == {".claude", ".claude/settings.json", ".local", ".local/state"}
    assert "hookspan" not in (home / ".claude" / "settings.json").read_text()


def test_a_broken_file_in_which_nothing_is_ours_is_no_obstacle(home: Path, hookspan: Run):
    project = home / "shop"
    local = project / ".claude" / "settings.local.json"
    local.parent.mkdir(parents=True)
    hookspan("install", "--yes", folder=project)
    local.write_text('{"model": "opus"} // mine')
    hookspan("uninstall", "--yes", folder=project)
    assert not (home / ".claude" / "settings.json").exists()
    local.write_text('{"hooks": "hookspan"} // perhaps ours')
    assert "is not JSON" in hookspan("uninstall", "--yes", folder=project, status=1).stderr


def test_it_spares_a_home_and_a_running_stack(home: Path, hookspan: Run):
    state = home / ".local" / "state" / "hookspan"
    state.mkdir(parents=True)
    (state / "stack.json").write_text("{}")
    assert "`hookspan stack down --volumes`" in hookspan("uninstall", "--purge", "--yes", status=1).stderr
    (state / "stack.json").unlink()
    user = state / "user"
    user.mkdir()
    said = hookspan("uninstall", "--purge", "--yes", status=1, HOME=str(user), XDG_STATE_HOME=str(state.parent)).stderr
    assert "is your home or contains it" in said
    assert user.is_dir()


def test_what_others_put_into_a_file_that_we_made_goes_with_them_and_the_file_with_us(home: Path, hookspan: Run):
    hookspan("install", "--yes")
    file = home / ".claude" / "settings.json"
    file.write_text(json.dumps(json.loads(file.read_text()), indent=8))  # the client writes it anew
    hookspan("uninstall", "--yes")
    assert not file.exists()


@pytest.fixture
def path_with_systemd(tmp_path: Path) -> str:
    """PATH with a systemctl to which all is well, and that notes what it is told."""
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text('#!/bin/sh\necho "$2" >> "${0%/*}/told"\n')
    systemctl.chmod(0o755)
    return f"{systemctl.parent}:/usr/bin:/bin"


def test_a_services_folders_go_if_they_were_made_for_it(home: Path, hookspan: Run, path_with_systemd: str):
    path = path_with_systemd
    for there in (False, True):
        if there:
            (home / ".config" / "systemd" / "user").mkdir(parents=True)
        before = everything(home)
        hookspan("install", "--yes", PATH=path)
        hookspan("service", "install", PATH=path)
        hookspan("uninstall", "--yes", "--purge", PATH=path)
        assert everything(home) == before


def test_another_homes_service_is_left_alone(home: Path, hookspan: Run, path_with_systemd: str):
    told = Path(path_with_systemd.partition(":")[0]) / "told"
    hookspan("install", "--yes", PATH=path_with_systemd)
    hookspan("service", "install", PATH=path_with_systemd)
    unit = home / ".config" / "systemd" / "user" / "hookspan.service"
    before = unit.read_bytes()
    told.unlink()
    here = {"PATH": path_with_systemd, "HOOKSPAN_HOME": str(home / "a")}
    hookspan("up", **here)
    hookspan("prune", **here)
    assert "is of another hookspan" in hookspan("service", "uninstall", status=1, **here).stderr
    hookspan("uninstall", "--yes", "--purge", **here)
    assert not told.exists()
    assert unit.read_bytes() == before
    hookspan("uninstall", "--yes", "--purge", PATH=path_with_systemd)
    assert "disable" in told.read_text()
    assert not unit.exists()
