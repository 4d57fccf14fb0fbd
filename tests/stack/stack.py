"""The Collector, Jaeger, Prometheus and VictoriaLogs as real processes on loopback ports, and questions to ask them.

They run on the configuration files that users run (`collector/`); only addresses, folders and intervals differ.
"""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from hookspan.cli.stack import labels
from tests import otlp_decode
from tests.otlp_decode import Span
from tests.ports import Ports
from tests.stack import programs
from tests.waiting import PATIENCE, until

T = TypeVar("T")

COLLECTOR_FILES = programs.ROOT / "collector"
RUNBOOKS = programs.ROOT / "docs" / "runbooks"
START_TIMEOUT = 180.0  # s; a start takes 1 s alone and several beside a build
STOP_TIMEOUT = PATIENCE  # s until a program that ignores SIGTERM is killed
INTERVAL = "1s"  # of scrapes, rules and span metrics: a test shouldn't wait 15 s for its figure
SELDOM = "5s"  # of host metrics, and rules that read a week: each second they would be most of what idle programs do
RESOURCE_LABEL = "cost.centre"  # of `[resource]`, as `hookspan stack up` writes it
HTTP_TIMEOUT = PATIENCE  # s for one question
DELIVERY = 3 * PATIENCE  # s; a delivery takes 2 s, and up to 20 s more after an outage
LOG_TAIL = 3000  # characters of a program's log that an error shows


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector; time in Unix seconds."""

    labels: dict[str, str]
    value: float
    time: float


@dataclass(frozen=True, slots=True)
class Exemplar:
    """An exemplar as Prometheus keeps it; ids in hex, time in Unix seconds."""

    series: dict[str, str]
    labels: dict[str, str]
    value: float
    time: float

    @property
    def trace_id(self) -> str:
        """The trace that the exemplar points to."""
        return self.labels["trace_id"]


class Program:
    """One process that can be stopped, killed and started again with the same ports and folders."""

    def __init__(
        self,
        name: str,
        argv: list[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        url: str,
        ready: str | Callable[[], bool],  # an address that answers, or the question itself
        group: int,
        patience: float = START_TIMEOUT,
    ) -> None:
        self.name = name
        self.url = url  # where its users reach it over HTTP
        self.log = folder / f"{name}.log"
        self._argv = argv
        self._env = dict(env)
        self._folder = folder
        self._ready = (lambda: _answers(ready)) if isinstance(ready, str) else ready
        self._group = group
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, env: Mapping[str, str] | None = None) -> None:
        """Start it, with further environment if given, and wait until it says that it is ready."""
        if self.pid is not None:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                cwd=self._folder,
                env={**self._env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=self._group,
            )
        deadline = time.monotonic() + self._patience
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = self.log.read_text(errors="replace")[-LOG_TAIL:]
                raise RuntimeError(f"{self.name} did not become ready:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what a crash or a power cut looks like to the others."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: it is there, and does nothing until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(which)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(how)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Backends:
    """Questions to a Jaeger, a Prometheus and a VictoriaLogs, wherever they run."""

    def __init__(self, jaeger_url: str, prometheus_url: str, logs_url: str = "") -> None:
        self.jaeger_url = jaeger_url
        self.prometheus_url = prometheus_url
        self.logs_url = logs_url

    def trace(self, trace_id: str) -> list[Span]:
        """The spans that Jaeger has of a trace, by start; empty if it has none. Spans of a batch appear one by one."""
        try:
            answer = _get(f"{self.jaeger_url}/api/v3/traces/{trace_id}")
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return []
                raise
        message = otlp_decode.from_json(json.loads(answer)["result"], TracesData())
        return sorted(otlp_decode.spans(message), key=lambda span: span.start)

    def search(self, service: str, tags: Mapping[str, str] | None = None, **parameters: Any) -> list[str]:
        """The ids of the traces in Jaeger that match; also by `operation`, `minDuration`, `lookback` ..."""
        query = {"service": service, "limit": 1000, "lookback": "1h", **parameters}
        if tags:
            query["tags"] = json.dumps(tags)
        answer = json.loads(_get(f"{self.jaeger_url}/api/traces?{urllib.parse.urlencode(query)}"))
        return [trace["traceID"].rjust(32, "0") for trace in answer["data"]]

    def find(self, service: str, operation: str = "", slower: str = "", hours: int = 48) -> list[Span]:
        """All spans of the traces of the last hours that match, by Jaeger's newer API, which takes no tags."""
        now = time.time()
        query = {
            "query.service_name": service,
            "query.operation_name": operation,
            "query.duration_min": slower,
            "query.num_traces": 1000,
            "query.start_time_min": _rfc3339(now - hours * 3600),
            "query.start_time_max": _rfc3339(now + 60),
        }
        given = {key: value for key, value in query.items() if value}
        try:
            answer = _get(f"{self.jaeger_url}/api/v3/traces?{urllib.parse.urlencode(given)}")
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return []
                raise
        return list(otlp_decode.spans(otlp_decode.from_json(json.loads(answer)["result"], TracesData())))

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """An instant query to Prometheus, at a Unix time in seconds or now."""
        result = self.prometheus_api("query", query=promql, **({"time": at} if at is not None else {}))["result"]
        return [Sample(item["metric"], float(item["value"][1]), item["value"][0]) for item in result]

    def exemplars(self, promql: str, last: float = 3600.0) -> list[Exemplar]:
        """The exemplars in Prometheus of the series in an expression, of the `last` seconds."""
        now = time.time()
        result = self.prometheus_api("query_exemplars", query=promql, start=now - last, end=now + 60)
        return [
            Exemplar(series["seriesLabels"], item["labels"], float(item["value"]), item["timestamp"])
            for series in result
            for item in series["exemplars"]
        ]

    def logs(self, logsql: str) -> list[dict[str, str]]:
        """The log records that VictoriaLogs finds, each as its fields."""
        query = urllib.parse.urlencode({"query": logsql}).encode()
        with urllib.request.urlopen(f"{self.logs_url}/select/logsql/query", query, timeout=HTTP_TIMEOUT) as answer:
            return [json.loads(line) for line in answer]

    def wait(self, condition: Callable[[], T], timeout: float = DELIVERY) -> T:
        """`until`, asked less often: each question costs a server's time."""
        return until(condition, timeout=timeout, poll=0.1)

    def prometheus_api(self, name: str, **query: Any) -> Any:
        """What Prometheus' HTTP API answers; a question that it refuses fails with its reason."""
        try:
            return json.loads(_get(f"{self.prometheus_url}/api/v1/{name}?{urllib.parse.urlencode(query)}"))["data"]
        except urllib.error.HTTPError as error:
            with error:
                if error.code in {400, 422}:
                    raise RuntimeError(f"{error.read().decode()}: {query}") from error
                raise  # such as 503 while it starts


class Stack(Backends):
    """The four programs. `folder` holds their configuration, data and logs; `close` ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # All programs share a process group with a shell that ends the group when this process is gone, killed or not.
        self._reaper = subprocess.Popen(
            ["sh", "-c", "cat >/dev/null; kill -9 0"], stdin=subprocess.PIPE, process_group=0
        )
        ports = Ports()
        self.otlp_http = f"http://127.0.0.1:{ports['otlp_http']}"
        self.otlp_grpc = f"http://127.0.0.1:{ports['otlp_grpc']}"
        self.health = f"http://127.0.0.1:{ports['health']}"
        self.collector = self._collector(ports)
        self.jaeger = self._jaeger(ports)
        self.prometheus = self._prometheus(ports)
        self.log_store = victoria_logs(self.folder, ports["logs"], env=self._environment(), group=self._reaper.pid)
        super().__init__(self.jaeger.url, self.prometheus.url, self.log_store.url)
        self.programs = (self.prometheus, self.jaeger, self.log_store, self.collector)
        self.ports = ports
        self.alertmanager: Program | None = None

    def start(self) -> None:
        """Start whatever isn't running."""
        for program in self.programs:
            program.start()

    def start_alertmanager(self, name: str, replaced: Mapping[str, str], port: str = "alertmanager") -> Program:
        """Alertmanager with one of the files, in the place of another, if there is one.

        At another port than this Prometheus tells it nothing.
        """
        if self.alertmanager is not None:
            self.alertmanager.kill()
        env = self._environment()
        self.alertmanager = alertmanager(self.folder, self.ports[port], name, replaced, env=env, group=self._reaper.pid)
        self.alertmanager.start()
        return self.alertmanager

    def close(self) -> None:
        """End all programs at once; nobody needs their data any more."""
        for program in (*self.programs, self.alertmanager):
            if program is not None:
                program.kill()
        if self._reaper.stdin:
            self._reaper.stdin.close()
        self._reaper.wait()

    def _environment(self, **variables: object) -> dict[str, str]:
        # Nothing of the developer's own: an OTEL_* or a proxy variable would change what the programs do.
        return {"PATH": os.defpath, "HOME": str(self.folder), **{key: str(value) for key, value in variables.items()}}

    def another_collector(self, overlay: Path) -> Program:
        """A Collector with a file that is merged over the configuration, to be ended by `kill`."""
        ports = Ports({name: self.ports[name] for name in ("jaeger_otlp", "prometheus", "logs")})
        return self._collector(ports, f"collector-{overlay.stem}", "--config", str(overlay), interval=INTERVAL)

    def _collector(self, ports: Ports, name: str = "collector", *more: str, interval: str = SELDOM) -> Program:
        return Program(
            name,
            [str(programs.binary("otelcol")), "--config", str(COLLECTOR_FILES / "otel-collector.yaml"), *more],
            env=self._environment(
                OTLP_GRPC_PORT=ports["otlp_grpc"],
                OTLP_HTTP_PORT=ports["otlp_http"],
                HEALTH_PORT=ports["health"],
                METRICS_PORT=ports["collector_metrics"],
                JAEGER_ENDPOINT=f"http://127.0.0.1:{ports['jaeger_otlp']}",
                PROMETHEUS_ENDPOINT=f"http://127.0.0.1:{ports['prometheus']}/api/v1/otlp",
                LOGS_ENDPOINT=f"http://127.0.0.1:{ports['logs']}/insert/opentelemetry",
                QUEUE_DIR=self.folder / f"{name}-queue",
                METRICS_INTERVAL=interval,
                OTEL_RESOURCE_ATTRIBUTES="host.name=test-host",
            ),
            folder=self.folder,
            url=f"http://127.0.0.1:{ports['otlp_http']}",
            ready=f"http://127.0.0.1:{ports['health']}",
            group=self._reaper.pid,
        )

    def _jaeger(self, ports: Ports) -> Program:
        return Program(
            "jaeger",
            [str(programs.binary("jaeger")), "--config", str(COLLECTOR_FILES / "jaeger.yaml")],
            env=self._environment(
                OTLP_GRPC_PORT=ports["jaeger_grpc"],
                OTLP_HTTP_PORT=ports["jaeger_otlp"],
                QUERY_PORT=ports["jaeger"],
                QUERY_GRPC_PORT=ports["jaeger_query_grpc"],
                HEALTH_PORT=ports["jaeger_health"],
                METRICS_PORT=ports["jaeger_metrics"],
                JAEGER_DATA=self.folder / "badger",
                JAEGER_UI=COLLECTOR_FILES / "jaeger-ui.json",
                PROMETHEUS_URL=f"http://127.0.0.1:{ports['prometheus']}",
            ),
            folder=self.folder,
            url=f"http://127.0.0.1:{ports['jaeger']}",
            ready=f"http://127.0.0.1:{ports['jaeger_health']}/status",
            group=self._reaper.pid,
        )

    def _prometheus(self, ports: Ports) -> Program:
        url = f"http://127.0.0.1:{ports['prometheus']}"
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(prometheus_configuration(ports))
        impatient_rules(self.folder / "rules")
        return Program(
            "prometheus",
            [
                str(programs.binary("prometheus")),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={self.folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
                "--web.enable-otlp-receiver",
                "--web.enable-remote-write-receiver",
                "--enable-feature=exemplar-storage,created-timestamp-zero-ingestion",
                "--web.external-url=http://127.0.0.1:9090/",
                "--web.route-prefix=/",
                f"--web.user-assets={RUNBOOKS}",
            ],
            env=self._environment(),
            folder=self.folder,
            url=url,
            ready=f"{url}/-/ready",
            group=self._reaper.pid,
        )


def victoria_logs(folder: Path, port: int, *more: str, env: Mapping[str, str], group: int) -> Program:
    """VictoriaLogs, with what docker-compose.yml gives it."""
    url = f"http://127.0.0.1:{port}"
    services = yaml.safe_load((programs.ROOT / "docker-compose.yml").read_text())["services"]
    flags = [flag.replace("${LOGS_KEEP:-365d}", "365d") for flag in services["victoria-logs"]["command"]]
    flags.remove("--storageDataPath=/victoria-logs")
    return Program(
        "victoria-logs",
        [
            str(programs.binary("victoria-logs")),
            *flags,
            *more,
            f"--storageDataPath={folder / 'victoria-logs'}",
            f"--httpListenAddr={url.removeprefix('http://')}",
        ],
        env=env,
        folder=folder,
        url=url,
        ready=f"{url}/health",
        group=group,
    )


def impatient_rules(folder: Path) -> None:
    """Write the rules there; a group that is evaluated every five minutes would be waited for."""
    folder.mkdir()
    for file in (COLLECTOR_FILES / "rules").glob("*.yml"):
        (folder / file.name).write_text(file.read_text().replace("interval: 5m", f"interval: {SELDOM}"))


def alertmanager(
    folder: Path, port: int, name: str, replaced: Mapping[str, str], *, env: Mapping[str, str], group: int
) -> Program:
    """Alertmanager with one of the files, some words of it replaced, without the half minute that it waits."""
    configuration = folder / "alertmanager.yml"
    text = (COLLECTOR_FILES / "alertmanager" / name).read_text()
    for old, new in {"group_wait: 30s": "group_wait: 0s", **replaced}.items():
        text = text.replace(old, new)
    configuration.write_text(text)
    url = f"http://127.0.0.1:{port}"
    return Program(
        "alertmanager",
        [
            str(programs.binary("alertmanager")),
            f"--config.file={configuration}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        env=env,
        folder=folder,
        url=url,
        ready=f"{url}/-/ready",
        group=group,
    )


def prometheus_configuration(ports: Mapping[str, int]) -> str:
    """`collector/prometheus.yml` with this stack's addresses and shorter intervals; it knows no variables itself."""
    text = labels.for_prometheus((COLLECTOR_FILES / "prometheus.yml").read_text(), [*labels.ALWAYS, RESOURCE_LABEL])
    for old, new in {
        "_interval: 15s": f"_interval: {INTERVAL}",
        "otel-collector:8888": f"127.0.0.1:{ports['collector_metrics']}",
        "jaeger:8888": f"127.0.0.1:{ports['jaeger_metrics']}",
        "victoria-logs:9428": f"127.0.0.1:{ports['logs']}",
        "localhost:9090": f"127.0.0.1:{ports['prometheus']}",
        "alertmanager:9093": f"127.0.0.1:{ports['alertmanager']}",
    }.items():
        if old not in text:
            raise ValueError(f"`{old}` is no longer in collector/prometheus.yml")
        text = text.replace(old, new)
    return text


def get(url: str) -> Any:
    """The JSON behind an address."""
    return json.loads(_get(url))


def text(url: str) -> str:
    """The text behind an address."""
    return _get(url).decode()


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT) as answer:
        return bytes(answer.read())


def _answers(url: str) -> bool:
    try:
        _get(url)
    except OSError:
        return False
    return True
