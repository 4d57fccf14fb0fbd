"""What is installed, from npm and PyPI, into the cache of what tests install."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import npm
from tests.cache import cache

UV = Path(sys.executable).with_name("uv")
INSTALL_TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Package:
    """A tool: where it is, in which version, under which licence, and what it is in a few words."""

    name: str
    registry: str
    version: str
    licence: str
    what: str
    python: tuple[int, int] = (3, 11)
    """The oldest Python that it runs with."""
    extra: str = ""
    program: str = ""

    @property
    def folder(self) -> Path:
        return cache() / "peers" / f"{self.name}-{self.version}"

    def installed(self) -> Path:
        """Its program. RuntimeError with the installer's words if it can't be installed."""
        if self.registry == "npm":
            return npm.installed(self.name, self.version, f".bin/{self.program or self.name}")
        made = self.folder / "made"
        if not made.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            python = self.folder / "bin" / "python"
            _run(str(UV), "venv", "-q", "--python", _python(self.python), str(self.folder))
            _run(str(UV), "pip", "install", "-q", "-p", str(python), f"{self.name}{self.extra}=={self.version}")
            made.touch()
        return self.folder / "bin" / (self.program or self.name)


CCUSAGE = Package("ccusage", "npm", "20.0.24", "MIT", "tokens and cost of transcripts, on the command line")
AIBURN = Package("aiburn", "PyPI", "0.4.5", "MIT", "the same, in Rust")
CCTRACK = Package("cctrack", "PyPI", "0.11.0", "MIT", "the same, in Python")
SNEAKOSCOPE = Package(
    "sneakoscope",
    "PyPI",
    "0.4.1",
    "MIT",
    "a hook that writes tool calls to a file, and blocks those outside of some folders",
    program="agentguard",
)
CLAUDEHUB_HOOKS = Package("claudehub-hooks", "PyPI", "0.1.3", "MIT", "hooks that post events to a desktop program")
CLAUDEHUB = Package(
    "claudehub-monitor", "PyPI", "0.4.0", "MIT", "that program: a card, sounds and a page", program="claudehub-monitor"
)
OTEL_HOOKS = Package(
    "opentelemetry-hooks", "PyPI", "0.15.0", "MIT", "hooks that send spans over OTLP", (3, 12), program="otel-hook"
)
OBSERVATORY = Package(
    "cc-observatory",
    "PyPI",
    "0.5.0",
    "MIT, OFL-1.1, 0BSD",
    "hooks of type `http` to a service with a page; its Prometheus, Loki and Grafana are not run here",
    (3, 12),
    "[server]",
    "ccobs",
)
ALL = (CCUSAGE, AIBURN, CCTRACK, SNEAKOSCOPE, CLAUDEHUB_HOOKS, CLAUDEHUB, OTEL_HOOKS, OBSERVATORY)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def environment(home: Path, *programs: Path, **more: str) -> dict[str, str]:
    """Of a home of its own, with these programs' folders on PATH."""
    path = os.pathsep.join([*(str(program.parent) for program in programs), "/usr/bin", "/bin"])
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TZ": "UTC", **more}


def node(home: Path) -> dict[str, str]:
    """The same for a program of npm."""
    found = shutil.which("node")
    if found is None:
        raise RuntimeError("node is needed to run what npm installs")
    return environment(home, Path(found))


def hook(settings: Path, event: dict[str, object], env: dict[str, str], project: Path) -> list[str] | None:
    """The command that settings have for an event, as Claude Code starts it; None if they have none."""
    for entry in json.loads(settings.read_text())["hooks"].get(event["hook_event_name"], []):
        matcher = entry.get("matcher") or "*"
        if matcher == "*" or event.get("tool_name") in matcher.split("|"):
            (one,) = entry["hooks"]
            if "args" not in one:
                return ["/bin/sh", "-c", one["command"]]
            given = [word.replace("${CLAUDE_PROJECT_DIR}", str(project)) for word in one["args"]]
            return [shutil.which(one["command"], path=env["PATH"]) or one["command"], *given]
    return None


def _pythons() -> Iterator[tuple[tuple[int, int], str]]:
    yield sys.version_info[:2], sys.executable
    for minor in (12, 13, 14):
        for found in sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")):
            yield (3, minor), str(found)
        if found_on_path := shutil.which(f"python3.{minor}"):
            yield (3, minor), found_on_path


def _python(oldest: tuple[int, int]) -> str:
    for version, program in _pythons():
        if version >= oldest:
            return program
    raise RuntimeError(f"no Python {oldest[0]}.{oldest[1]} or later is here, in ~/.pyenv or on PATH")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-2000:]}")
