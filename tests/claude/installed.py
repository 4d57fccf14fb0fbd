"""The real client with hookspan installed in its home, by the command line, as a user does it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookspan.agent.client import Client, Ready
from hookspan.catalogue.session_fields import SessionRow
from hookspan.clients.claude_code import programs
from hookspan.clients.claude_code.programs import Program
from hookspan.config.edit import change
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.agent.machine import stop
from tests.claude import client
from tests.claude.drivers import Home
from tests.command import call
from tests.recorded import events
from tests.waiting import PATIENCE, until

TOP = "hs"  # short: a socket's path holds 104 bytes


def hookspan(home: Home, *args: str, check: bool = True, top: str = TOP, cwd: Path | None = None) -> str:
    """Run the command line as the home's user would; its standard output. `top` has all that hookspan keeps."""
    env = {key: home.env[key] for key in ("HOME", "LANG")} | {
        "PATH": f"{client.executable().parent}:{home.env['PATH']}",
        "HOOKSPAN_HOME": str(home.root / top),
    }
    done = call(*args, env=env, cwd=cwd or home.home, timeout=3 * PATIENCE)
    if check and done.returncode:
        raise AssertionError(f"hookspan {' '.join(args)}: {done.stdout}{done.stderr}")
    return done.stdout


def registered() -> tuple[str, ...]:
    """The events that `install` registers where the tests' client is the only one."""
    return programs.events([Program(client.executable(), client.version())])


def paths_of(home: Home, top: str = TOP) -> Paths:
    """Where hookspan keeps what it has in the home."""
    return Paths.from_environment({"HOME": str(home.home), "HOOKSPAN_HOME": str(home.root / top)})


def configure(home: Home, settings: Mapping[str, str], *, top: str = TOP) -> None:
    """As `config set` before an agent runs, without a process for each. There is no page unless they ask for it."""
    for key, value in {"dashboard.enabled": "false", **settings}.items():
        change(paths_of(home, top), key, value)


def flush(home: Home) -> None:
    """As `flush`, without a process. A hook that starts the agent does not wait for it."""
    agent = Client(paths_of(home))
    until(lambda: isinstance(agent.probe(), Ready), "no agent has started")
    answer = agent.request("flush", timeout=3 * PATIENCE, wait=2 * PATIENCE)
    assert answer["drained"], answer
    assert answer["exported"], answer
    assert not answer["unwritten"], answer


def down(home: Home, *, top: str = TOP) -> None:
    """As `down`, without a process."""
    stop(paths_of(home, top))


def install(home: Home, settings: Mapping[str, str]) -> None:
    """Put hookspan into the home. Settings are given as `config set` takes them."""
    configure(home, settings)
    hookspan(home, "install", "--yes")


class InstalledHome(Home):
    """A `Home` with a hookspan of its own in it."""

    def __init__(self, base_url: str, *, settings: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(base_url, **options)
        self.paths = paths_of(self)
        install(self, settings or {})

    def hookspan(self, *args: str, check: bool = True, cwd: Path | None = None) -> str:
        """Run the command line; its standard output."""
        return hookspan(self, *args, check=check, cwd=cwd)

    def events(self) -> list[dict[str, Any]]:
        """Payloads of all hook events in the journal."""
        return events(self.paths.journal)

    def sessions(self) -> list[SessionRow]:
        """The store's session rows now."""
        if not self.paths.store.exists():
            return []
        with contextlib.closing(Reader(self.paths)) as reader:
            return reader.sessions()

    def close(self) -> None:
        """Stop the agent and remove everything."""
        with contextlib.suppress(UserError):  # it is ended with all that is left over
            down(self)
        super().close()
