"""`hookspan service`: files that the managers accept, and a real systemd that runs the agent."""

import json
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hookspan.cli.lifecycle import manager
from hookspan.paths import Paths

HOOKSPAN = str(Path(sys.executable).with_name("hookspan"))

# A systemd of the user's own needs a machine that systemd has booted. In namespaces of its own it believes in one, and
# sees, and at its end kills, nobody else's processes.
BOOT = r"""
mount -t tmpfs none /run && mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR" && chmod 700 "$XDG_RUNTIME_DIR"
/lib/systemd/systemd --user --log-target=console &
for _ in $(seq 600); do systemctl --user is-system-running --quiet && break; sleep 0.1; done
patiently() { "$@" || "$@" || "$@"; }  # a command may give up on an agent before it is ready
set -ex
"""
STORY = (
    BOOT
    + r"""
hookspan service status && exit 10
patiently hookspan service install >&2
hookspan service status --json
agent() { systemctl --user show --property MainPID --value hookspan.service; }
for _ in $(seq 600); do
    hookspan status --json > status.json && jq -e '.agent.state == "running"' status.json >&2 && break
    sleep 0.1
done
cat status.json
first=$(agent)
kill -9 "$first"
for _ in $(seq 600); do next=$(agent); [ "$next" != 0 ] && [ "$next" != "$first" ] && break; sleep 0.1; done
[ "$next" != 0 ] && [ "$next" != "$first" ]
patiently hookspan service install >&2
patiently hookspan prune >&2
systemctl --user is-active --quiet hookspan.service
before=$(agent)
patiently hookspan restart >&2
[ "$(agent)" != "$before" ] && [ "$(agent)" = "$(hookspan status --json | jq .agent.pid)" ]
patiently hookspan service uninstall >&2
hookspan service uninstall
systemctl --user is-active --quiet hookspan.service && exit 11
ls -A
"""
)


@pytest.fixture
def odd(tmp_path: Path) -> Paths:
    """Paths that need every kind of quoting."""
    folder = tmp_path / 'it\'s 100% "odd" $HOME \\ ;'
    return Paths(state=folder / "state", config=folder / "config.toml", data=folder / "data")


@pytest.mark.need_systemd
def test_systemd_accepts_the_unit(odd: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    unit = tmp_path / manager.UNIT
    unit.write_bytes(manager.systemd(odd).text)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_launchd_gets_a_property_list_with_the_agents_command(odd: Paths):
    value = plistlib.loads(manager.launchd(odd).text)
    assert value["ProgramArguments"][1:4] == ["-I", "-m", "hookspan.agent"]
    assert str(odd.state) in value["ProgramArguments"]


@pytest.mark.parametrize("made", [manager.systemd, manager.launchd])
def test_a_service_is_that_of_the_state_folder_which_its_file_names(
    made: Callable[[Paths], manager.Manager], odd: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    ours, other = made(odd), made(Paths.from_environment({"HOOKSPAN_HOME": str(odd.state)}))
    assert not ours.is_ours()
    ours.file.parent.mkdir(parents=True)
    for text, whose in ((ours.text, [ours]), (other.text, [other]), (b"broken", []), (b'ExecStart="', [])):
        ours.file.write_bytes(text)
        assert [one for one in (ours, other) if one.is_ours()] == whose


@pytest.mark.need_systemd
@pytest.mark.need_root
def test_a_real_systemd_starts_the_agent_and_starts_it_again(tmp_path: Path):
    home = tmp_path / "h o%m$e"
    home.mkdir()
    env = {"HOME": str(home), "PATH": f"{Path(HOOKSPAN).parent}:/usr/bin:/bin", "XDG_RUNTIME_DIR": "/run/user/0"}
    namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--cgroup"]
    done = subprocess.run(
        ["unshare", *namespaces, "sh", "-c", STORY],
        env=env | {"HOOKSPAN_DASHBOARD_ENABLED": "false"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    none, installed, status, gone, *left = done.stdout.splitlines()
    assert none == "There is no service. `hookspan service install` installs one."
    unit = home / ".config" / "systemd" / "user" / manager.UNIT
    assert json.loads(installed) == {"file": str(unit), "current": True, "runs": True}
    assert json.loads(status)["agent"]["state"] == "running"
    assert gone == "There is no service."
    assert left == [".local", "status.json"]


def test_without_a_manager_nothing_is_written(tmp_path: Path):
    (tmp_path / "python").symlink_to(sys.executable)
    done = subprocess.run(
        [sys.executable, "-m", "hookspan", "service", "install"],
        env={"HOME": str(tmp_path), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no `systemctl` on this machine" in done.stderr
    assert "first hook" in done.stderr
    assert not (tmp_path / ".config").exists()
    assert shutil.which("systemctl", path=str(tmp_path)) is None
