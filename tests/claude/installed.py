"""The real client with hookspan installed in its home, by the command line, as a user does it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookspan.catalogue.session_fields import SessionRow
from hookspan.clients.claude_code import programs
from hookspan.clients.claude_code.programs import Program
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.claude import client
from tests.claude.drivers import PATIENCE, Home

HOOKSPAN = str(Path(sys.executable).with_name("hookspan"))


TOP = "hs"  # short: a socket's path holds 104 bytes


def hookspan(home: Home, *args: str, check: bool = True, top: str = TOP) -> str:
    """Run the command line as the home's user would; its standard output. `top` has all that hookspan keeps."""
    env = {key: home.env[key] for key in ("HOME", "LANG")} | {
        "PATH": f"{client.executable().parent}:{home.env['PATH']}",
        "HOOKSPAN_HOME": str(home.root / top),
    }
    done = subprocess.run(
        [HOOKSPAN, *args], env=env, cwd=home.home, capture_output=True, text=True, timeout=3 * PATIENCE, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"hookspan {' '.join(args)}: {done.stdout}{done.stderr}")
    return done.stdout


def registered() -> tuple[str, ...]:
    """The events that `install` registers where the tests' client is the only one."""
    return programs.events([Program(client.executable(), client.version())])


def install(home: Home, settings: Mapping[str, str]) -> None:
    """Put hookspan into the home. Settings are given as `config set` takes them."""
    for key, value in {"dashboard.enabled": "false", **settings}.items():
        hookspan(home, "config", "set", key, value)
    hookspan(home, "install", "--yes")


class InstalledHome(Home):
    """A `Home` with a hookspan of its own in it."""

    def __init__(self, base_url: str, *, settings: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(base_url, **options)
        self.paths = Paths.from_environment({"HOME": str(self.home), "HOOKSPAN_HOME": str(self.root / TOP)})
        install(self, settings or {})

    def hookspan(self, *args: str, check: bool = True) -> str:
        """Run the command line; its standard output."""
        return hookspan(self, *args, check=check)

    def events(self) -> list[dict[str, Any]]:
        """Payloads of all hook events in the journal."""
        records = (json.loads(line) for line in self.paths.current.read_bytes().splitlines())
        return [record["event"] for record in records if record.get("kind", "event") == "event"]

    def sessions(self) -> list[SessionRow]:
        """The store's session rows now."""
        return Reader(self.paths).sessions() if self.paths.store.exists() else []

    def close(self) -> None:
        """Stop the agent and remove everything."""
        self.hookspan("down", check=False)
        super().close()
