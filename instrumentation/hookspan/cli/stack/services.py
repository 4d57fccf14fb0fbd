"""The services of the stack: where each listens, and whether it answers."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hookspan.errors import UserError

READY_TIMEOUT: Final = 90.0  # seconds; seven here with images at hand, and a slow disk may need more
PROBE_TIMEOUT: Final = 2.0
POLL: Final = 0.2

OTLP_HTTP: Final = 4318
OTLP_GRPC: Final = 4317
HEALTH: Final = 13133
METRICS: Final = 8888
JAEGER: Final = 16686
GRAFANA: Final = 3000


@dataclass(frozen=True, slots=True)
class Service:
    """A service of docker-compose.yml: the port within the container and the path that tells that it is well."""

    name: str
    port: int
    ready: str
    page: bool = True  # somebody may want to open it
    optional: bool = False


COLLECTOR: Final = Service("otel-collector", HEALTH, "/", page=False)
SERVICES: Final = (
    COLLECTOR,
    Service("jaeger", JAEGER, "/api/services"),
    Service("prometheus", 9090, "/-/ready"),
    Service("victoria-logs", 9428, "/health"),
    Service("grafana", GRAFANA, "/api/health"),
    Service("alertmanager", 9093, "/-/ready", optional=True),
)


def check_names(services: Sequence[str]) -> None:
    """UserError for a name that is none of theirs."""
    names = [service.name for service in SERVICES]
    for name in services:
        if name not in names:
            raise UserError(f"there is no service `{name}`", hint=f"there are {', '.join(names)}")


def url(service: Service, ports: Mapping[int, int]) -> str:
    """Its address on this machine; `ports` are the published ones by those in the containers."""
    return f"http://127.0.0.1:{ports[service.port]}"


def await_ready(services: Sequence[Service], ports: Mapping[int, int]) -> None:
    """Wait until all of them answer. UserError for one that does not in READY_TIMEOUT."""
    deadline = time.monotonic() + READY_TIMEOUT
    for service in services:
        while not answers(service, ports):
            if time.monotonic() > deadline:
                raise UserError(
                    f"{service.name} does not answer at {url(service, ports)}",
                    hint=f"`docker compose logs {service.name}` in the stack's folder says why",
                )
            time.sleep(POLL)


def answers(service: Service, ports: Mapping[int, int]) -> bool:
    """Whether it says that it is healthy; where its port is not published, it can't be asked."""
    if service.port not in ports:
        return False
    # No proxy: it is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url(service, ports) + service.ready, timeout=PROBE_TIMEOUT) as answer:
            return int(answer.status) < 400  # noqa: PLR2004 - HTTP's errors begin there
    except (OSError, ValueError):
        return False
