"""Jaeger on badger and on the distributed stores that it can write to, side by side under the same spans.

Each store has a Jaeger of its own, with `collector/jaeger.yaml` but for the store. Spans come as ingesters send them, a
turn a request, over `CONNECTIONS` connections, at each of `OFFERED` spans a second, and at last as many as are taken.
Meanwhile somebody searches for sessions and opens traces.
"""

import http.client
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import requests
import yaml

from tests.gateway.fleet import Fleet, listens
from tests.gateway.traffic import SERVICE, Turn, turns
from tests.gateway.watch import PATIENCE, Watch, peak, size
from tests.stack import day, programs, stack
from tests.stack.stack import Backends, Program

CONNECTIONS = 12  # as many as a topic has partitions
OFFERED = (250, 500, 1_000, 2_000)  # spans/s
STEP = 6.0  # s of each
WARM = 15.0  # s before them, as much as it takes: Java compiles what is used
AS_MANY = 10_000  # spans/s that no store takes here
WRITTEN = 30.0  # s until the last that was accepted can be found
SEARCH_EVERY = 0.5  # s
CHECKED = 50  # traces of each step, of which all spans must be there at the end
HEAP = "-Xms1g -Xmx1g -XX:+UseSerialGC"
KEYSPACE = "jaeger"
LOGBACK = """<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%m%n%ex</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"""
OPENSEARCH_NODE = Path(__file__).with_name("OpenSearchNode.java")


@dataclass(frozen=True)
class Step:
    """What a store did with so many spans a second."""

    store: str
    offered: int  # spans/s; 0: as many as are taken
    accepted: int
    seconds: float
    jaeger_cpu: float  # s
    store_cpu: float  # s of the store's own process; badger has none
    search_seconds: list[float]  # for a session's traces by `session.id`
    trace_seconds: list[float]  # to open a trace
    unanswered: int  # of these questions, not in the lists: Jaeger said 5xx


@dataclass(frozen=True)
class Stored:
    """One store at the end."""

    store: str
    spans: int
    checked: int  # traces, at the end
    incomplete: int  # of these
    disk_bytes: int
    jaeger_peak: int
    store_peak: int


@dataclass
class Questions:
    """What somebody asked while spans came."""

    searches: list[float] = field(default_factory=list)  # s
    traces: list[float] = field(default_factory=list)
    unanswered: int = 0

    def ask(self, backends: Backends, done: Sequence[Turn]) -> None:
        """As somebody who follows a link from the page: a session's traces, then one of them."""
        if not done:
            return
        one = random.choice(done)
        self._answered(self.searches, lambda: backends.search(SERVICE, {"session.id": one.session}, limit=20))
        self._answered(self.traces, lambda: backends.trace(one.trace))

    def _answered(self, seconds: list[float], question: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            question()
        except HTTPError:  # as OpenSearch's, of a trace that it has not written yet
            self.unanswered += 1
        else:
            seconds.append(time.monotonic() - began)


@dataclass
class Store:
    """A store and the Jaeger that writes to it."""

    name: str
    jaeger: Program
    otlp: int  # port
    process: Program | None  # of the store
    written: Callable[[], None]  # brings all of it onto the disk
    folder: Path
    spans: int = 0
    checked: list[Turn] = field(default_factory=list)

    @property
    def programs(self) -> tuple[Program, ...]:
        """Those that work when spans come."""
        return (self.jaeger, self.process) if self.process else (self.jaeger,)


def measure(folder: Path, found: list[day.Recording]) -> tuple[list[Step], list[Stored]]:
    """All of them."""
    fleet = Fleet(folder)  # of which only Jaeger is started
    try:
        stores = [make(fleet) for make in (_badger, _cassandra, _opensearch)]
        steps = []
        Watch(*(program for store in stores for program in store.programs))
        turn = turns(found)
        warming = list(_worth(turn, WARM * 1_000))
        for store in stores:
            _warm(store, warming)
        for offered in (*OFFERED, 0):
            bodies = list(_worth(turn, STEP * (offered or AS_MANY)))
            steps += [_step(store, bodies, offered) for store in stores]
        return steps, [_stored(store) for store in stores]
    finally:
        fleet.close()


def _warm(store: Store, warming: Sequence[Turn]) -> None:
    """Send one turn and wait until it is found, since a store may make its tables and indices now; then others."""
    backends = Backends(store.jaeger.url, "")
    done: list[Turn] = []
    _send(store, warming[:1], 0, done, lambda: None)
    backends.wait(lambda: backends.search(SERVICE, {"session.id": warming[0].session}), WRITTEN)
    _send(store, warming[1:], 0, done, lambda: None, WARM)
    store.spans += sum(one.spans for one in done)


def _worth(turn: Iterator[Turn], spans: float) -> Iterator[Turn]:
    while spans > 0:
        yield (one := next(turn))
        spans -= one.spans


def _step(store: Store, bodies: Sequence[Turn], offered: int) -> Step:
    backends = Backends(store.jaeger.url, "")
    asked = Questions()
    done: list[Turn] = []
    watch = Watch(*store.programs)
    began = time.monotonic()
    _send(store, bodies, offered, done, lambda: asked.ask(backends, done))
    with suppress(TimeoutError):  # Jaeger answers before OpenSearch has it
        backends.wait(lambda: _whole(backends, done[-CONNECTIONS:]), WRITTEN)
    seconds = time.monotonic() - began
    cost = [watch.cpu(program) for program in store.programs]
    store.spans += (accepted := sum(one.spans for one in done))
    store.checked += random.sample(done, min(CHECKED, len(done)))
    return Step(
        store.name, offered, accepted, seconds, cost[0], sum(cost[1:]), asked.searches, asked.traces, asked.unanswered
    )


def _whole(backends: Backends, some: Sequence[Turn]) -> bool:
    try:
        return all(len(backends.trace(one.trace)) == one.spans for one in some)
    except HTTPError:  # Jaeger answers 500 of a trace that its store doesn't have
        return False


def _send(
    store: Store,
    bodies: Sequence[Turn],
    offered: int,
    done: list[Turn],
    search: Callable[[], None],
    seconds: float = STEP,
) -> None:
    """Send until the bodies or the time are over."""
    todo, lock = iter(bodies), threading.Lock()
    began = time.monotonic()
    sent = 0

    def take() -> Turn | None:
        nonlocal sent
        with lock:
            if time.monotonic() - began > seconds:
                return None
            if (body := next(todo, None)) is None:
                return None
            due = began + sent / offered if offered else 0.0
            sent += body.spans
        time.sleep(max(0.0, due - time.monotonic()))
        return body

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", store.otlp, timeout=60)
        while (body := take()) is not None:
            connection.request("POST", "/v1/traces", body.body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{store.name}: {answer.status} {said!r}")
            done.append(body)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(SEARCH_EVERY)
        search()
    for thread in threads:
        thread.join()


def _stored(store: Store) -> Stored:
    backends = Backends(store.jaeger.url, "")
    incomplete = sum(not _whole(backends, [one]) for one in store.checked)
    peaks = [peak(program) for program in store.programs]
    store.written()
    return Stored(store.name, store.spans, len(store.checked), incomplete, size(store.folder), peaks[0], sum(peaks[1:]))


def _jaeger(fleet: Fleet, store: str, backend: dict[str, Any]) -> tuple[Program, int]:
    """A Jaeger whose store is this one, and its port."""
    configuration = yaml.safe_load((stack.COLLECTOR_FILES / "jaeger.yaml").read_text())
    configuration["extensions"]["jaeger_storage"]["backends"]["traces"] = backend
    file = fleet.folder / f"jaeger-{store}.yaml"
    file.write_text(yaml.safe_dump(configuration))
    port = {name: fleet.ports[f"{store}_{name}"] for name in ("otlp", "grpc", "query", "query_grpc", "health", "own")}
    program = Program(
        f"jaeger-{store}",
        [str(programs.binary("jaeger")), "--config", str(file)],
        env=fleet.environment(
            OTLP_HTTP_PORT=port["otlp"],
            OTLP_GRPC_PORT=port["grpc"],
            QUERY_PORT=port["query"],
            QUERY_GRPC_PORT=port["query_grpc"],
            HEALTH_PORT=port["health"],
            METRICS_PORT=port["own"],
            JAEGER_UI=stack.COLLECTOR_FILES / "jaeger-ui.json",
        ),
        folder=fleet.folder,
        url=f"http://127.0.0.1:{port['query']}",
        ready=f"http://127.0.0.1:{port['health']}/status",
        group=fleet.group,
        patience=PATIENCE,
    )
    fleet.other(program)
    return program, port["otlp"]


def _badger(fleet: Fleet) -> Store:
    folder = fleet.folder / "badger"
    folders = {"keys": f"{folder}/keys", "values": f"{folder}/values"}
    jaeger, port = _jaeger(fleet, "badger", {"badger": {"directories": folders, "ephemeral": False}})
    return Store("badger", jaeger, port, None, jaeger.stop, folder)


def _cassandra(fleet: Fleet) -> Store:
    folder = fleet.folder / "cassandra"
    folder.mkdir()
    ports = {name: fleet.ports[f"cassandra_{name}"] for name in ("storage", "native", "jmx")}
    file = folder / "cassandra.yaml"
    file.write_text(Path(__file__).with_name("cassandra.yaml").read_text().format_map({"folder": folder, **ports}))
    logging = folder / "logback.xml"
    logging.write_text(LOGBACK)
    binary = str(programs.binary("cassandra"))
    properties = {
        "java.security.manager": "allow",
        "cassandra.config": file.as_uri(),
        "cassandra.storagedir": folder,
        "cassandra-foreground": "yes",
        "logback.configurationFile": logging,
        "cassandra.ring_delay_ms": 100,
        "cassandra.skip_wait_for_gossip_to_settle": 0,
        "cassandra.jmx.local.port": ports["jmx"],
    }
    program = Program(
        "cassandra",
        [binary, "org.apache.cassandra.service.CassandraDaemon"],
        env=fleet.environment(
            CASSANDRA_JAVA=" ".join([HEAP, *(f"-D{name}={value}" for name, value in properties.items())])
        ),
        folder=fleet.folder,
        url=f"127.0.0.1:{ports['native']}",
        ready=lambda: listens(ports["native"]),
        group=fleet.group,
        patience=PATIENCE,
    )
    fleet.other(program)
    backend = {
        "cassandra": {
            "schema": {"keyspace": KEYSPACE, "create": True, "datacenter": "datacenter1", "trace_ttl": "336h"},
            "connection": {
                "servers": [program.url],
                "auth": {"basic": {"username": "cassandra", "password": "cassandra"}},
                "tls": {"insecure": True},
                "timeout": "60s",
            },
            "query": {"timeout": "60s"},
        }
    }
    jaeger, port = _jaeger(fleet, "cassandra", backend)

    def flush() -> None:
        tool = [binary, "org.apache.cassandra.tools.NodeTool", "-p", str(ports["jmx"]), "flush", KEYSPACE]
        subprocess.run(tool, env=fleet.environment(), cwd=fleet.folder, capture_output=True, check=True)

    return Store("Cassandra", jaeger, port, program, flush, folder / "data" / KEYSPACE)


def _opensearch(fleet: Fleet) -> Store:
    folder = fleet.folder / "opensearch"
    (folder / "config").mkdir(parents=True)
    http_port, transport = fleet.ports["opensearch_http"], fleet.ports["opensearch_transport"]
    program = Program(
        "opensearch",
        [str(programs.binary("opensearch")), str(OPENSEARCH_NODE), str(folder), str(http_port), str(transport)],
        env=fleet.environment(OPENSEARCH_JAVA=HEAP),
        folder=fleet.folder,
        url=f"http://127.0.0.1:{http_port}",
        ready=f"http://127.0.0.1:{http_port}",
        group=fleet.group,
        patience=PATIENCE,
    )
    fleet.other(program)
    one = {"shards": 1, "replicas": 0}
    indices = {"index_prefix": KEYSPACE, "spans": one, "services": one}
    jaeger, port = _jaeger(fleet, "opensearch", {"opensearch": {"server_urls": [program.url], "indices": indices}})

    def flush() -> None:
        requests.post(f"{program.url}/_flush?wait_if_ongoing=true", timeout=60).raise_for_status()

    return Store("OpenSearch", jaeger, port, program, flush, folder / "data")
