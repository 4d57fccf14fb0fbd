"""The real client with hookspan installed in its home, by the command line, as a user does it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookspan.model.rows import SessionRow
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.claude.drivers import PATIENCE, Home

HOOKSPAN = str(Path(sys.executable).with_name("hookspan"))


class InstalledHome(Home):
    """A `Home` with a hookspan of its own in it. Settings are given as `config set` takes them."""

    def __init__(self, base_url: str, *, settings: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(base_url, **options)
        self.paths = Paths.from_environment({"HOME": str(self.home), "HOOKSPAN_HOME": str(self.root / "hs")})
        for key, value in {"dashboard.enabled": "false", **(settings or {})}.items():
            self.hookspan("config", "set", key, value)
        self.hookspan("install", "--yes")

    def hookspan(self, *args: str, check: bool = True) -> str:
        """Run the command line; its standard output."""
        env = {**self.env, "HOOKSPAN_HOME": str(self.root / "hs")}
        done = subprocess.run(
            [HOOKSPAN, *args], env=env, capture_output=True, text=True, timeout=3 * PATIENCE, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"hookspan {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout

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
