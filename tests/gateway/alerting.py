"""What the gateway's compose file has for rules and alerts, beside a fleet: vmalert, Alertmanager, runbooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import yaml

from tests.gateway.fleet import FILES, Fleet
from tests.stack import programs, stack
from tests.stack.stack import Program


@contextmanager
def running(fleet: Fleet, recipients: str, replaced: Mapping[str, str]) -> Iterator[str]:
    """They run, with one of the files of Alertmanager, some words of it replaced; the address of what stands for
    Prometheus there.
    """
    alertmanager = stack.alertmanager(
        fleet.folder,
        fleet.ports["alertmanager"],
        recipients,
        replaced,
        env=fleet.environment(),
        group=fleet.group,
    )
    prometheus = _prometheus(fleet)
    started = (alertmanager, prometheus, _vmalert(fleet, alertmanager.url, prometheus.url))
    try:
        for program in started:
            fleet.other(program)
        yield prometheus.url
    finally:
        for program in started:
            program.kill()


def _vmalert(fleet: Fleet, alertmanager: str, prometheus: str) -> Program:
    service = yaml.safe_load((FILES / "docker-compose.yml").read_text())["services"]["vmalert"]
    flags = "\n".join(service["command"])
    rules = fleet.folder / "rules"
    stack.impatient_rules(rules)
    for old, new in {
        "/etc/vmalert/rules": str(rules),
        "evaluationInterval=15s": f"evaluationInterval={stack.INTERVAL}",
        "http://victoria-metrics:8428": fleet.metrics.url,
        "http://alertmanager:9093": alertmanager,
        "http://127.0.0.1:${PROMETHEUS_PORT:-9090}": prometheus,
    }.items():
        assert old in flags, old
        flags = flags.replace(old, new)
    url = f"http://127.0.0.1:{fleet.ports['vmalert']}"
    return Program(
        "vmalert",
        [
            str(programs.binary("vmalert")),
            *flags.splitlines(),
            f"--httpListenAddr={url.removeprefix('http://')}",
            "--rule.evalDelay=0s",  # by default it asks for what was 30 s ago
            "--remoteWrite.flushInterval=100ms",
        ],
        env=fleet.environment(),
        folder=fleet.folder,
        url=url,
        ready=f"{url}/health",
        group=fleet.group,
    )


def _prometheus(fleet: Fleet) -> Program:
    url = f"http://127.0.0.1:{fleet.ports['prometheus']}"
    return fleet.haproxy(
        "prometheus",
        url=url,
        ready=f"{url}/health",
        FOLDER=FILES,
        BIND=url.removeprefix("http://"),
        STORE=fleet.metrics.url.removeprefix("http://"),
        RUNBOOKS=stack.RUNBOOKS,
    )
