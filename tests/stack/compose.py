"""docker-compose.yml, run by the real compose on ports of its own, from a copy of the files that a clone has."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.ports import Ports
from tests.stack import programs
from tests.stack.docker import Docker
from tests.stack.stack import DELIVERY, Backends
from tests.waiting import until

FILES = ("docker-compose.yml", "collector", "dashboards/grafana", "docs/runbooks")
RUNNABLE = ("otel-collector", "jaeger", "prometheus", "victoria-logs")  # Grafana's image can't be made here
BESIDE = ("collector-health", "vmalert-logs")  # what says how they are
PORTS = (
    "OTLP_GRPC_PORT",
    "OTLP_HTTP_PORT",
    "COLLECTOR_HEALTH_PORT",
    "COLLECTOR_METRICS_PORT",
    "JAEGER_PORT",
    "PROMETHEUS_PORT",
    "LOGS_PORT",
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


class Project(Backends):
    """`docker-compose` in a folder with a docker-compose.yml; `ports` are the variables that it takes them from."""

    flags: tuple[str, ...] = ()  # for every command that starts or ends something

    def __init__(
        self, docker: Docker, name: str, folder: Path, ports: Sequence[str], metrics: str, **variables: str
    ) -> None:
        self.docker, self.name, self.folder = docker, name, folder
        free = Ports()
        self.ports = {port: str(free[port]) for port in ports}
        self.env = docker.environment() | self.ports | variables
        super().__init__(*(f"http://127.0.0.1:{self.ports[port]}" for port in ("JAEGER_PORT", metrics, "LOGS_PORT")))

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
        """Start services and wait until compose says that those that others wait for are well.

        It gives up after three health checks: a busy machine is asked again.
        """
        until(lambda: self.run(*self.flags, "up", "-d", "--pull", "never", *names) or True, "not up", DELIVERY)

    def down(self, *flags: str) -> None:
        """Stop and remove everything but volumes."""
        self.run(*self.flags, "down", *flags)

    def inspect(self, service: str) -> dict[str, Any]:
        """What the daemon says of the container of a service, such as its `State`, `Config` and `RestartCount`."""
        return self.docker.inspect(f"{self.name}-{service}-1")

    def health(self, service: str) -> str:
        """What the daemon says of a service: `starting`, `healthy`, `unhealthy`."""
        return str(self.inspect(service)["State"]["Health"]["Status"])

    def crash(self, service: str) -> None:
        """Kill a service's process from outside, as the kernel does, and wait until the daemon has started another."""
        pid = self.inspect(service)["State"]["Pid"]
        os.kill(pid, signal.SIGKILL)
        until(
            lambda: self.inspect(service)["State"]["Pid"] not in {pid, 0}, f"{service} was not started again", DELIVERY
        )


class Compose(Project):
    """A clone of the repository, and its docker-compose.yml."""

    flags = ("--profile", "alerts")

    def __init__(self, docker: Docker, folder: Path, **variables: str) -> None:
        super().__init__(docker, "hookspan", folder, PORTS, "PROMETHEUS_PORT", HOST_NAME="compose-host", **variables)
        self.otlp = f"http://127.0.0.1:{self.ports['OTLP_HTTP_PORT']}"
        clone(folder)

    def up(self, *names: str) -> None:
        """Start services, by default all that can run here."""
        super().up(*(names or RUNNABLE + BESIDE))
