import os
from pathlib import Path

import pytest

from hookspan import atomic
from hookspan.errors import UserError
from hookspan.folders import file_system
from hookspan.paths import Paths


def test_one_folder_holds_everything():
    paths = Paths.from_environment({"HOOKSPAN_HOME": "/h", "XDG_STATE_HOME": "/x", "HOME": "/u"})
    assert paths == Paths(Path("/h/state"), Path("/h/config.toml"), Path("/h/data"))


def test_a_relative_home_does_not_move_with_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert Paths.from_environment({"HOOKSPAN_HOME": "h"}).state == tmp_path / "h" / "state"


def test_xdg_folders_and_their_defaults():
    env = {"HOME": "/u", "XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "relative", "XDG_DATA_HOME": ""}
    assert Paths.from_environment(env) == Paths(
        Path("/s/hookspan"), Path("/u/.config/hookspan/config.toml"), Path("/u/.local/share/hookspan")
    )


def test_create_makes_private_folders_whatever_the_umask(paths: Paths):
    old = os.umask(0o000)
    try:
        paths.create()
        paths.create()
    finally:
        os.umask(old)
    for folder in (paths.state, paths.journal, paths.quarantine, paths.run):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_create_takes_rights_of_others_away(paths: Paths):
    paths.journal.mkdir(parents=True)
    paths.state.chmod(0o755)
    paths.create()
    assert paths.state.stat().st_mode & 0o777 == 0o700


def test_what_is_in_the_way_is_named(paths: Paths):
    paths.state.parent.mkdir(exist_ok=True)
    paths.state.write_text("")
    with pytest.raises(UserError, match=f"`{paths.state}` is in the way"):
        paths.create()


@pytest.mark.need_root
def test_a_folder_of_somebody_else_is_refused(paths: Paths):
    paths.state.mkdir()
    os.chown(paths.state, 12345, 12345)
    with pytest.raises(UserError, match="belongs to user 12345"):
        paths.create()


MOUNTS = """/dev/sda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/me ext4 rw 0 0
tmp /mnt/a\\040b tmpfs rw 0 0
host /mnt/a\\040b/c fuse.sshfs rw 0 0
x /twice ext4 rw 0 0
y /twice nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/x", "ext4"),
        ("/home", "nfs4"),
        ("/home/you/.local/state", "nfs4"),
        ("/home/me/.local/state", "ext4"),
        ("/home/mean", "nfs4"),
        ("/mnt/a b/x", "tmpfs"),
        ("/mnt/a b/c", "fuse.sshfs"),
        ("/twice/x", "nfs"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str, tmp_path: Path):
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert file_system(Path(path), mounts) == kind
    assert file_system(Path(path), tmp_path / "none") is None


def test_state_on_a_network_file_system_is_refused(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hookspan.folders.file_system", lambda _: "nfs4")
    with pytest.raises(UserError, match=r"network file system \(nfs4\)") as caught:
        paths.create()
    assert "HOOKSPAN_HOME" in (caught.value.hint or "")
    assert not paths.state.exists()


def test_this_machine_says_its_file_system():
    assert file_system(Path("/proc/self")) == "proc"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "f"
    file.write_bytes(b"old")

    def no(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
            patch.setattr(os, call, no)
            atomic.write(file, b"new")
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.need_root
def test_a_write_by_root_keeps_the_owner(tmp_path: Path):
    file = tmp_path / "f"
    file.write_bytes(b"old")
    os.chown(file, 12345, 12346)
    atomic.write(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid, file.read_bytes()) == (12345, 12346, b"new")
