"""docker-compose.yml, run by the real compose on ports of its own, from a copy of the files that a clone has."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from tests.stack import programs
from tests.stack.docker import Docker
from tests.stack.stack import Backends, Ports

FILES = ("docker-compose.yml", "collector", "dashboards/grafana", "docs/runbooks")
RUNNABLE = ("otel-collector", "jaeger", "prometheus")  # Grafana's image can't be made here
PORTS = (
    "OTLP_GRPC_PORT",
    "OTLP_HTTP_PORT",
    "COLLECTOR_HEALTH_PORT",
    "COLLECTOR_METRICS_PORT",
    "JAEGER_PORT",
    "PROMETHEUS_PORT",
    "GRAFANA_PORT",
    "ALERTMANAGER_PORT",
)


def services() -> dict[str, Any]:
    """The services as the file has them."""
    found: dict[str, Any] = yaml.safe_load((programs.ROOT / "docker-compose.yml").read_text())["services"]
    return found


def clone(folder: Path) -> None:
    """Copy what compose needs out of the repository."""
    for name in FILES:
        source, target = programs.ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)


class Compose(Backends):
    """A clone, and `docker-compose` in it."""

    def __init__(self, docker: Docker, folder: Path, **variables: str) -> None:
        self.docker = docker
        self.folder = folder
        ports = Ports()
        self.ports = {name: str(ports[name]) for name in PORTS}
        self.env = docker.environment() | self.ports | {"HOST_NAME": "compose-host"} | variables
        self.otlp = f"http://127.0.0.1:{self.ports['OTLP_HTTP_PORT']}"
        super().__init__(*(f"http://127.0.0.1:{self.ports[name]}" for name in ("JAEGER_PORT", "PROMETHEUS_PORT")))
        clone(folder)

    def run(self, *arguments: str) -> str:
        """`docker-compose` with these arguments; what it printed."""
        done = subprocess.run(
            [str(programs.binary("docker-compose")), *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *names: str) -> None:
        """Start services and wait until compose says that those with a health check are well."""
        self.run("--profile", "alerts", "up", "-d", "--pull", "never", *(names or RUNNABLE))

    def down(self, *flags: str) -> None:
        """Stop and remove everything but volumes."""
        self.run("--profile", "alerts", "down", *flags)

    def inspect(self, service: str, what: str) -> str:
        """A value of the container of a service, by a template such as `.State.Pid`."""
        name = f"hookspan-{service}-1"
        return self.docker.run("inspect", "--format", f"{{{{{what}}}}}", name).stdout.strip()

    def crash(self, service: str) -> None:
        """Kill a service's process from outside, as the kernel does, and wait until the daemon has started another."""
        pid = int(self.inspect(service, ".State.Pid"))
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while self.inspect(service, ".State.Pid") in {str(pid), "0"}:
            assert time.monotonic() < deadline, f"{service} was not started again"
            time.sleep(0.05)
