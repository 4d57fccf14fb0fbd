"""Where hookspan keeps its files: every file name that another part or the relay relies on."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from hookspan.errors import UserError
from hookspan.folders import NO_HOME, absolute, home_folder, is_folder, make_folders, refuse_network
from hookspan.record import Record

SYSTEM_CONFIG: Final = Path("/etc/hookspan/config.toml")
RELAY_NAME: Final = "hookspan-relay"
SOCKET_PATH_MAX: Final = 104  # bytes with the final NUL: macOS has 104, Linux 108


class Paths(Record):
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
            if value.startswith("/"):  # the specification: a relative path is invalid and to be ignored
                return Path(value) / "hookspan"
            home = home_folder(env)
            if home.exists() and not is_folder(home):  # such as /dev/null, of services
                raise UserError(f"HOME is `{home}`, which is no folder", hint=NO_HOME)
            return home / default / "hookspan"

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
    def lines(self) -> Path:
        """Status lines of ours, a file for each session; there only where the relay prints them."""
        return self.state / "lines"

    @property
    def received(self) -> Path:
        """Requests of the receiver that are not dealt with yet, a folder for each signal."""
        return self.state / "received"

    @property
    def receive_port(self) -> Path:
        """The port that the receiver had last."""
        return self.state / "receive-port"

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
    def audit_key(self) -> Path:
        """The machine's key that log records are signed with (0600)."""
        return self.state / "audit-key"

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
    def content_db(self) -> Path:
        """The SQLite database of kept content: archived transcripts, and the index that searches messages."""
        return self.state / "content.db"

    @property
    def log(self) -> Path:
        """The agent's log, JSON lines."""
        return self.state / "agent.log"

    @property
    def bin(self) -> Path:
        """Folder of what coding agents run; outside any venv and plugin folder."""
        return self.data / "bin"

    @property
    def relay(self) -> Path:
        """The compiled relay."""
        return self.bin / RELAY_NAME

    @property
    def relay_script(self) -> Path:
        """What starts the relay in Python, where there is no compiler."""
        return self.bin / "main.py"

    @property
    def relay_module(self) -> Path:
        """The relay in Python itself."""
        return self.bin / "relay.py"

    @property
    def relay_source(self) -> Path:
        """What the relay was built from, whole: `status` compares it, and a digest would take 3 ms to import."""
        return self.data / "relay-source"

    @property
    def made(self) -> Path:
        """Which folders `make` made: a JSON string a line. `uninstall --purge` deletes no others."""
        return self.data / "made"

    def create(self) -> None:
        """Make the state folders, 0700 and the user's. UserError if that fails, or if the state would be shared."""
        refuse_network(self.state)
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
        folders: list[Path] = []
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):
                folders.append(Path(json.loads(line)))
        return sorted(dict.fromkeys(folders), key=lambda path: len(path.parts), reverse=True)

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
            status = folder.stat()
            if status.st_uid != os.geteuid():
                change = f"sudo chown -R {os.geteuid()} {shlex.quote(str(folder))}"
                raise UserError(
                    f"`{folder}` belongs to user {status.st_uid}, not to you",
                    hint=f"remove it, or change its owner with `{change}`",
                )
            if stat.S_IMODE(status.st_mode) & 0o077:
                folder.chmod(0o700)
        except FileExistsError as error:
            raise UserError(f"`{folder}` is in the way: it is not a folder", hint="move it aside") from error
        except OSError as error:
            raise UserError(
                f"can't make the folder `{folder}`: {error.strerror}",
                hint="set `HOOKSPAN_HOME` to a folder on a local disk that belongs to you",
            ) from error
