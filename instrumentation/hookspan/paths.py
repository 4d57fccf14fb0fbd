"""Where hookspan keeps its files. Every name that another part or the relay relies on is here and nowhere else."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from hookspan.errors import UserError

SYSTEM_CONFIG: Final = Path("/etc/hookspan/config.toml")
SOCKET_PATH_MAX: Final = 104  # bytes with the final NUL: macOS has 104, Linux 108

# File systems on which another machine can write the same file: flock and O_APPEND promise nothing there.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "afs",
        "afpfs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.davfs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
    }
)


def home_folder(env: Mapping[str, str] | None = None) -> Path:
    """The user's home: HOME, else as the system knows it. UserError for a user without one, as in many containers."""
    if found := (os.environ if env is None else env).get("HOME"):
        return Path(found)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        raise UserError(
            f"HOME is not set, and the system knows no home of user {os.getuid()}", hint="set HOME to a folder of yours"
        ) from error


@dataclass(frozen=True, slots=True)
class Paths:
    """One user's files on one machine.

    `state` holds what hookspan records, `data` what it installs, `config` is the user's settings file and
    `system_config` the administrator's.
    """

    state: Path
    config: Path
    data: Path
    system_config: Path = SYSTEM_CONFIG

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> Self:
        """`HOOKSPAN_HOME` holds everything if set; else the XDG folders (on macOS too, as other terminal tools do)."""
        env = os.environ if env is None else env
        if top := env.get("HOOKSPAN_HOME"):
            folder = Path(os.path.abspath(os.path.expanduser(top)))  # noqa: PTH100, PTH111 - a relative home must not move
            return cls(state=folder / "state", config=folder / "config.toml", data=folder / "data")

        def xdg(name: str, default: str) -> Path:
            value = env.get(name, "")
            # The specification: a relative path is invalid and to be ignored.
            return (Path(value) if value.startswith("/") else home_folder(env) / default) / "hookspan"

        return cls(
            state=xdg("XDG_STATE_HOME", ".local/state"),
            config=xdg("XDG_CONFIG_HOME", ".config") / "config.toml",
            data=xdg("XDG_DATA_HOME", ".local/share"),
        )

    @property
    def journal(self) -> Path:
        """Folder of the journal's segments: `<first record, 20 digits>.jsonl[.gz]`."""
        return self.state / "journal"

    @property
    def current(self) -> Path:
        """The segment that relays append to."""
        return self.journal / "current.jsonl"

    @property
    def quarantine(self) -> Path:
        """Folder of lines that could not be parsed."""
        return self.journal / "quarantine"

    @property
    def run(self) -> Path:
        """Folder of locks and sockets."""
        return self.state / "run"

    @property
    def agent_lock(self) -> Path:
        """Held by the agent for its life."""
        return self.run / "agent.lock"

    @property
    def start_lock(self) -> Path:
        """Held while an agent is being started."""
        return self.run / "start.lock"

    @property
    def poke_socket(self) -> Path:
        """Datagram socket on which a relay says that there is something new."""
        return self.run / "poke.sock"

    @property
    def control_socket(self) -> Path:
        """Stream socket on which the command line talks to the agent."""
        return self.run / "control.sock"

    @property
    def drops(self) -> Path:
        """Counts of what the relay could not write; see `hookspan.relay`."""
        return self.state / "drops"

    @property
    def down(self) -> Path:
        """Marker: `hookspan down` was said, nothing starts the agent."""
        return self.state / "down"

    @property
    def heartbeat(self) -> Path:
        """Its modification time is the last sign of life of an agent."""
        return self.state / "heartbeat"

    @property
    def relay_conf(self) -> Path:
        """The relay's settings; see `hookspan.relay`."""
        return self.state / "relay.conf"

    @property
    def installed(self) -> Path:
        """What `install` added to which settings file."""
        return self.state / "installed.json"

    @property
    def backups(self) -> Path:
        """Folder of settings files as they were before `install`."""
        return self.state / "backups"

    @property
    def token(self) -> Path:
        """The bearer token of scripts (0600)."""
        return self.state / "token"

    @property
    def key(self) -> Path:
        """The install's own secret of 32 bytes, for digests (0600)."""
        return self.state / "key"

    @property
    def store(self) -> Path:
        """The SQLite database that the page reads and the exporter drains."""
        return self.state / "store.db"

    @property
    def export_db(self) -> Path:
        """The SQLite database of export cursors, refusals and health history."""
        return self.state / "export.db"

    @property
    def log(self) -> Path:
        """The agent's log, JSON lines."""
        return self.state / "agent.log"

    @property
    def bin(self) -> Path:
        """Folder of what Claude Code runs; outside any venv and plugin folder."""
        return self.data / "bin"

    @property
    def relay(self) -> Path:
        """The compiled relay."""
        return self.bin / "hookspan-relay"

    @property
    def relay_script(self) -> Path:
        """The relay in Python, where there is no compiler."""
        return self.bin / "main.py"

    def create(self) -> None:
        """Make the state folders, 0700 and ours. UserError where that can't be, or where state would be shared."""
        _refuse_network(self.state)
        for folder in (self.state, self.journal, self.quarantine, self.run, self.backups):
            _private(folder)


def _private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise UserError(
                f"`{folder}` belongs to user {found.st_uid}, not to you",
                hint=f"remove it, or give it back with `sudo chown -R {os.geteuid()} {folder}`",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except FileExistsError as error:
        raise UserError(f"`{folder}` is in the way: it is not a folder", hint="move it aside") from error
    except OSError as error:
        raise UserError(
            f"can't make the folder `{folder}`: {error.strerror}",
            hint="set `HOOKSPAN_HOME` to a folder of yours on a local disk",
        ) from error


def _refuse_network(folder: Path) -> None:
    kind = file_system(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        raise UserError(
            f"`{folder}` lies on a network file system ({kind}), where two machines could write the same journal",
            hint="set `HOOKSPAN_HOME` to a folder on a local disk",
        )


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The type of the file system that `path` is or would be on; None where the system doesn't say (macOS)."""
    try:
        table = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    target = os.path.realpath(path)
    best, kind = -1, None
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004 - device, mount point, type
            continue
        point = _unescape(fields[1])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # the later of two equal ones hides the earlier
            best, kind = len(point), fields[2]
    return kind


def _unescape(field: str) -> str:
    """Blank, tab, newline and backslash stand in /proc/mounts as three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
