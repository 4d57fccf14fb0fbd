"""Where hookspan keeps its files: every file name that another part or the relay relies on."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from hookspan.errors import UserError

SYSTEM_CONFIG: Final = Path("/etc/hookspan/config.toml")
RELAY_NAME: Final = "hookspan-relay"
SOCKET_PATH_MAX: Final = 104  # bytes with the final NUL: macOS has 104, Linux 108

# File systems on which another machine can write the same file: flock and O_APPEND are not reliable there.
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
            f"HOME is not set, and the system knows no home of user {os.getuid()}",
            hint="set HOME to a folder that belongs to you",
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
            folder = absolute("HOOKSPAN_HOME", os.path.expanduser(top))  # noqa: PTH111 - `~` alone, and no error
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
        """Datagram socket on which relays wake the agent."""
        return self.run / "poke.sock"

    @property
    def control_socket(self) -> Path:
        """Stream socket on which the command line talks to the agent."""
        return self.run / "control.sock"

    @property
    def drops(self) -> Path:
        """Counts of what the relay could not write; see `hookspan.setup.relay`."""
        return self.state / "drops"

    @property
    def down(self) -> Path:
        """Marker left by `hookspan down`: nothing starts the agent."""
        return self.state / "down"

    @property
    def heartbeat(self) -> Path:
        """Its modification time is the last sign of life of an agent."""
        return self.state / "heartbeat"

    @property
    def relay_conf(self) -> Path:
        """The relay's settings; see `hookspan.setup.relay`."""
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
    def store_before_rebuild(self) -> Path:
        """The old store while `hookspan rebuild` makes the new one."""
        return self.store.with_name(self.store.name + ".before-rebuild")

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
        return self.bin / RELAY_NAME

    @property
    def relay_script(self) -> Path:
        """The relay in Python, where there is no compiler."""
        return self.bin / "main.py"

    @property
    def relay_source(self) -> Path:
        """SHA-256 of what the relay was built from, in hexadecimal."""
        return self.data / "relay-source"

    @property
    def made(self) -> Path:
        """Which folders `make` made: a JSON string a line. `uninstall --purge` deletes no others."""
        return self.data / "made"

    def create(self) -> None:
        """Make the state folders, 0700 and the user's. UserError if that fails, or if the state would be shared."""
        _refuse_network(self.state)
        for folder in (self.state, self.journal, self.quarantine, self.run, self.backups):
            self.private(folder)

    def make(self, folder: Path, mode: int = 0o700) -> None:
        """Make a folder and any missing ones above it, and record that hookspan made them; raises OSError."""
        made = [path for path in make_folders(folder, mode) if not {self.state, self.data} & set(path.parents)]
        if made:
            with contextlib.suppress(OSError):  # then they stay when everything else goes
                self._note([*make_folders(self.data, 0o700), *made])

    def folders_made(self) -> list[Path]:
        """What `make` made outside of `state` and `data`, and these two, deepest first."""
        try:
            lines = self.made.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        found: list[Path] = []
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):
                found.append(Path(json.loads(line)))
        return sorted(dict.fromkeys(found), key=lambda path: len(path.parts), reverse=True)

    def unmake(self) -> None:
        """Remove the folders that `make` made, if they are empty, and record which are left."""
        folders = self.folders_made()
        for folder in folders:
            with contextlib.suppress(OSError):  # there is something in it, or it is gone
                folder.rmdir()
        left = [folder for folder in folders if folder.is_dir()]
        if left != folders:
            self.made.unlink()
            self._note(left)

    def _note(self, folders: list[Path]) -> None:
        descriptor = os.open(self.made, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("".join(f"{json.dumps(str(folder))}\n" for folder in folders))

    def private(self, folder: Path) -> None:
        """Make a folder, or correct it, so that it is 0700 and the user's. UserError if that fails."""
        try:
            self.make(folder)
            found = folder.stat()
            if found.st_uid != os.geteuid():
                raise UserError(
                    f"`{folder}` belongs to user {found.st_uid}, not to you",
                    hint=f"remove it, or change its owner with `sudo chown -R {os.geteuid()} {folder}`",
                )
            if stat.S_IMODE(found.st_mode) & 0o077:
                folder.chmod(0o700)
        except FileExistsError as error:
            raise UserError(f"`{folder}` is in the way: it is not a folder", hint="move it aside") from error
        except OSError as error:
            raise UserError(
                f"can't make the folder `{folder}`: {error.strerror}",
                hint="set `HOOKSPAN_HOME` to a folder on a local disk that belongs to you",
            ) from error


def make_folders(folder: Path, mode: int = 0o700) -> list[Path]:
    """Make a folder and any missing ones above it, all with this mode; those that were missing, from the top.

    `Path.mkdir` with `parents` gives those above what the umask leaves of 0777: others could put another folder in
    the place of ours. What is there already stays as it is.
    """
    missing = [folder] if not os.path.lexists(folder) else []
    while missing and not os.path.lexists(above := missing[-1].parent):
        missing.append(above)
    made: list[Path] = []
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster
            each.mkdir(mode=mode)
            made.append(each)
    folder.mkdir(mode=mode, exist_ok=True)  # raises if something else has its name
    return made


def absolute(name: str, text: str) -> Path:
    """The full path that a variable's text means. UserError if it is relative to a folder that is gone."""
    try:
        return Path(os.path.abspath(text))  # noqa: PTH100 - without a look at links
    except FileNotFoundError as error:
        raise UserError(
            f"`{name}` is `{text}`, and the folder that you are in is gone",
            hint="give the whole path, or `cd` elsewhere",
        ) from error


def working_folder() -> Path | None:
    """The working folder; None if it has been deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _refuse_network(folder: Path) -> None:
    kind = file_system(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        raise UserError(
            f"`{folder}` lies on a network file system ({kind}), where two machines could write the same journal",
            hint="set `HOOKSPAN_HOME` to a folder on a local disk",
        )


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The type of the file system that `path` is or would be on; None if the system doesn't report it (macOS)."""
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
