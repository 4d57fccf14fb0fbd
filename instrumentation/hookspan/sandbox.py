"""A temporary home in which the agents of the demo and of the benchmarks run, and which is deleted with them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hookspan.config import load
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.setup import relay


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A temporary home: the user's folder, hookspan's folders, and the relay's command."""

    folder: Path
    paths: Paths
    relay: tuple[str, ...]
    env: dict[str, str]

    def cli(self, *arguments: str, tells: bool = False) -> str:
        """The output of a hookspan command that runs in this home. UserError if it fails.

        One that `tells` what is wrong, as `status` does of slow hooks on a busy machine, has not failed.
        """
        command = [sys.executable, "-m", "hookspan", *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode and not (tells and done.stdout):
            raise UserError(f"`hookspan {arguments[0]}` failed: {done.stderr.strip()}")
        return done.stdout


@contextlib.contextmanager
def sandbox(name: str, settings: Mapping[str, str] | None = None) -> Iterator[Sandbox]:
    """A home with a relay and no agent yet; `settings` are HOOKSPAN_* variables without that prefix."""
    folder = Path(tempfile.mkdtemp(prefix=f"hookspan-{name}-"))
    inherited = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH")
    env = {variable: os.environ[variable] for variable in inherited if variable in os.environ}
    env |= {"HOME": str(folder), "HOOKSPAN_HOME": str(folder / "hookspan")}
    env |= {f"HOOKSPAN_{key}": value for key, value in (settings or {}).items()}
    paths = Paths.from_environment(env)
    try:
        made = relay.prepare(paths)
        relay.create_state(paths, load(paths))
        made.install(paths)
        home = Sandbox(folder, paths, made.command, env)
        try:
            yield home
        finally:
            home.cli("down")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
