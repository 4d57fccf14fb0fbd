"""What `hookspan stack` runs: the files of the stack, copied to where containers use them, and docker compose there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from hookspan import assets, atomic
from hookspan.cli.stack.labels import PROMETHEUS, for_prometheus
from hookspan.errors import UserError
from hookspan.folders import make_folders

FILES: Final = (
    "docker-compose.yml",
    "collector",
    "dashboards/grafana/dashboards",
    "dashboards/grafana/kustomization.yaml",
    "dashboards/grafana/provisioning",
    "docs/runbooks",
)
OPERATORS: Final = frozenset({"secrets", ".env", "docker-compose.override.yml"})
"""What the gateway's operator makes beside them in a clone, which is nobody else's."""
COPIED: Final = ".hookspan.json"
"""In the folder: the digest of every file as it was copied."""
DAEMON_HINT: Final = "is the daemon running, and may you use it? `docker info` says so"


def copy(target: Path, labels: Sequence[str]) -> bool:
    """Bring the files in `target` up to date; True if that changed any that was there.

    `labels` are the resource attributes that Prometheus is to make labels of.

    A file that is neither as it was copied nor as it would be is somebody's own, and stays.
    """
    root = assets.root()
    before = read_json(target / COPIED)
    copied: dict[str, str] = {}
    changed = False
    for source in _sources(root):
        name = source.relative_to(root).as_posix()
        data, file = source.read_bytes(), target / name
        if name == PROMETHEUS:
            data = for_prometheus(data.decode(), labels).encode()
        there = file.read_bytes() if file.is_file() else None
        copied[name] = _digest(data)
        if there == data:
            continue
        if there is not None and name in before and _digest(there) != before[name]:
            copied[name] = before[name]
            click.echo(f"warning: `{file}` stays as you changed it", err=True)
            continue
        changed |= there is not None
        make_folders(target.parent)
        make_folders(file.parent, 0o755)
        atomic.write(file, data, mode=0o644)  # the programs in the containers are other users
    for name in before.keys() - copied.keys():
        if (target / name).is_file() and _digest((target / name).read_bytes()) == before[name]:
            (target / name).unlink()
            changed = True
    atomic.write(target / COPIED, json.dumps(copied, indent=2).encode() + b"\n", mode=0o644)
    return changed


def _sources(root: Path) -> list[Path]:
    files: list[Path] = []
    for name in FILES:
        source = root / name
        if not source.exists():
            raise UserError(f"`{source}` is missing", hint="install hookspan again")
        files += [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    return [file for file in files if OPERATORS.isdisjoint(file.relative_to(root).parts)]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_json(file: Path) -> dict[str, Any]:
    """An object from a file of our own; empty where there is none that can be read."""
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def environment(discord_webhook: Path | None) -> dict[str, str]:
    """That of the shell, with this machine's name for its metrics."""
    env = {"HOST_NAME": socket.gethostname(), **os.environ}
    if discord_webhook is not None:
        env["DISCORD_WEBHOOK_FILE"] = str(discord_webhook)
    return env


@dataclass(frozen=True, slots=True)
class Compose:
    """`docker compose` in a folder."""

    folder: Path
    command: tuple[str, ...]
    env: Mapping[str, str]
    quiet: bool = False

    @classmethod
    def find(cls, folder: Path, env: Mapping[str, str], *, quiet: bool = False) -> Compose:
        """The plugin, or the program of its own; UserError without either."""
        for command in (("docker", "compose"), ("docker-compose",)):
            if shutil.which(command[0], path=env.get("PATH")) is None:
                continue
            done = subprocess.run([*command, "version"], env=dict(env), capture_output=True, check=False)
            if done.returncode == 0:
                return cls(folder, command, env, quiet)
        raise UserError(
            "Docker Compose is not installed", hint="https://docs.docker.com/compose/install says how to get it"
        )

    def run(self, *arguments: str) -> None:
        """Run it in view of the user, who sees its progress; UserError if it fails."""
        done = subprocess.run(
            [*self.command, *arguments], cwd=self.folder, env=dict(self.env), capture_output=self.quiet, check=False
        )
        if done.returncode:
            output = (done.stderr or b"").decode(errors="replace").strip()
            raise UserError(
                f"`{' '.join([*self.command, *arguments])}` failed" + (f": {output}" if output else ""),
                hint=DAEMON_HINT,
            )

    def ask(self, *arguments: str) -> str:
        """What it prints; UserError with its words if it fails."""
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            env=dict(self.env),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UserError(
                f"`{' '.join([*self.command, *arguments])}` failed: {done.stderr.strip()}",
                hint=DAEMON_HINT,
            )
        return done.stdout

    def states(self) -> dict[str, str]:
        """`running`, `exited` ... by service."""
        told = [json.loads(line) for line in self.ask("ps", "-a", "--format", "json").splitlines() if line.strip()]
        rows = told[0] if told and isinstance(told[0], list) else told  # Compose before 2.21 prints one list
        return {row["Service"]: row["State"] for row in rows}

    def running(self) -> bool:
        """Whether anything of it runs."""
        return "running" in self.states().values()

    def ports(self) -> dict[int, int]:
        """The published port of each port in a container, as the files and variables have them."""
        services = json.loads(self.ask("--profile", "alerts", "config", "--format", "json"))["services"]
        return {
            int(port["target"]): int(port["published"])
            for service in services.values()
            for port in service.get("ports", ())
            if str(port.get("published", "")).isdecimal()  # a copy of your own may leave it to Docker
        }
