"""The whole gateway as real processes on loopback ports: HAProxy, two gateways, Kafka, two ingesters, and the stores.

They run on the configuration files that teams run (`collector/gateway/`); only addresses, folders and intervals differ.
"""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hookspan.cli.stack import owners
from tests.gateway.classes import Classes
from tests.ports import Ports
from tests.stack import programs, stack
from tests.stack.stack import Backends, Program

FILES = programs.ROOT / "collector" / "gateway"
COMPONENTS = FILES / "components"
SPAN_METRICS = COMPONENTS / "span-metrics" / "span-metrics.yaml"
TOPICS = ("hookspan_traces", "hookspan_metrics", "hookspan_logs")
GROUPS = ("hookspan-traces", "hookspan-metrics", "hookspan-logs")
PARTITIONS = 12
KAFKA_USER, KAFKA_PASSWORD = "hookspan", "a-password-of-this-test-alone"
TOKEN = "a-token-of-this-test-alone"
ANOTHER_TOKEN = "another-token"
ONE_COMPILER = "-XX:TieredStopAtLevel=1"
"""For a Java that is gone in a minute: the second compiler takes a third of its processor, and pays later."""
LEAST_SESSION = {"SESSION_TIMEOUT": "6s"}
"""For an ingester that is to be missed soon: the least that Kafka allows."""
WAITS = ("--timeout", "60000")  # ms that Kafka's tool for groups waits for an answer, by default 5 s
RETRY_ON_429 = "--feature-gates=exporter.prometheusremotewritexporter.RetryOn429"  # as the manifests have it

SERVER_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{kafka},SASL_SSL://127.0.0.1:{kafka_sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{kafka},SASL_SSL://127.0.0.1:{kafka_sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}
num.partitions=1
offsets.topic.num.partitions=2
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class Certificates:
    """A certificate authority in a folder, with a server's certificate for loopback and a client's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.ca, self._ca_key = folder / "ca.crt", folder / "ca.key"
        _openssl("req", "-x509", *_KEY, "-keyout", self._ca_key, "-out", self.ca, "-days", "2", "-subj", "/CN=test CA")
        self.server, self.server_key = self._issue(folder / "server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.client, self.client_key = self._issue(folder / "client", "extendedKeyUsage=clientAuth")

    def context(self) -> ssl.SSLContext:
        """Trusts the authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.ca))

    def _issue(self, stem: Path, extension: str) -> tuple[Path, Path]:
        certificate, key = stem.with_suffix(".crt"), stem.with_suffix(".key")
        authority = ("-CA", self.ca, "-CAkey", self._ca_key)
        subject = ("-subj", f"/CN={stem.name}", "-addext", extension)
        _openssl("req", "-x509", *_KEY, *authority, "-keyout", key, "-out", certificate, "-days", "2", *subject)
        return certificate, key


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True)


class Fleet(Backends):
    """All programs. `folder` holds their configuration, data and logs; `close` ends them all.

    `measured`: Kafka with all of Java's compilers, as teams run it.
    """

    def __init__(self, folder: Path, partitions: int = PARTITIONS, *, measured: bool = False) -> None:
        self.folder = folder
        self.partitions = partitions
        self.certificates = Certificates(folder / "certificates")
        self._reaper = subprocess.Popen(
            ["sh", "-c", "cat >/dev/null; kill -9 0"], stdin=subprocess.PIPE, process_group=0
        )
        self.ports = Ports()
        self.tokens = folder / "tokens"
        self.tokens.write_text(f"{ANOTHER_TOKEN} team=rivals user.id=4f2a of another team\n{TOKEN} team=cart\n")
        self.owners = folder / "owners.yaml"
        self.owners.write_text(owners.for_gateway(owners.read(self.tokens.read_text())))
        self._classes = Classes(folder / "classes")
        self.kafka = self._kafka("" if measured else f"{ONE_COMPILER} {self._classes.option()}")
        self.jaeger = self._jaeger()
        self.metrics = self._victoria_metrics()
        self.log_store = stack.victoria_logs(folder, self.ports["logs"], env=self.environment(), group=self.group)
        self.gateways = [self.gateway(f"gateway-{number}") for number in range(2)]
        self.ingesters = [self.ingester(f"ingester-{number}", SPAN_METRICS) for number in range(2)]
        self.load_balancer = self._load_balancer()
        super().__init__(self.jaeger.url, self.metrics.url, self.log_store.url)
        self._others: list[Program] = []
        self._has_topics = False

    @property
    def group(self) -> int:
        """The process group of all programs, which ends when this process is gone."""
        return self._reaper.pid

    @property
    def endpoint(self) -> str:
        """Where agents send to."""
        return f"https://127.0.0.1:{self.ports['balanced_http']}"

    @property
    def programs(self) -> list[Program]:
        """All that a fleet is, in the order of starting."""
        return [
            self.jaeger,
            self.metrics,
            self.log_store,
            self.kafka,
            *self.gateways,
            *self.ingesters,
            self.load_balancer,
        ]

    def start(self) -> None:
        """Start whatever isn't running."""
        for program in (self.jaeger, self.metrics, self.log_store, self.kafka):
            program.start()
        self._make_topics()
        for program in (*self.gateways, *self.ingesters, self.load_balancer):
            program.start()

    def close(self) -> None:
        """End all programs at once; nobody needs their data any more."""
        new = self._classes.is_missing and self._has_topics  # all that it runs was run
        if new:
            self.kafka.stop()
        for program in [*self.programs, *self._others]:
            program.kill()
        if self._reaper.stdin:
            self._reaper.stdin.close()
        self._reaper.wait()
        if new:
            self._classes.keep()

    def other(self, program: Program) -> Program:
        """A further program, started, that ends with the fleet."""
        self._others.append(program)
        program.start()
        return program

    def _make_topics(self) -> None:
        """The topics, once: they are on Kafka's disk, and to ask it takes more than to start a gateway."""
        if self._has_topics:
            return
        for topic in TOPICS:
            more = ("--create", "--if-not-exists", "--topic", topic, "--partitions", str(self.partitions))
            self.kafka_tool("TopicCommand", *more, "--replication-factor", "1")
        self._has_topics = True

    def lag(self, group: str = GROUPS[0]) -> int:
        """Messages of a topic that a group hasn't committed yet; what was never committed counts from the start."""
        rows = self.kafka_tool(
            "consumer.group.ConsumerGroupCommand", "--describe", "--group", group, *WAITS, "--offsets"
        )
        words = [line.split() for line in rows.splitlines() if line.startswith(group + " ")]
        return sum(int(row[4]) - (int(row[3]) if row[3] != "-" else 0) for row in words)

    def kafka_tool(self, name: str, *arguments: str) -> str:
        """What one of Kafka's command-line tools printed."""
        broker = f"127.0.0.1:{self.ports['kafka']}"
        done = subprocess.run(
            [str(programs.binary("kafka")), f"org.apache.kafka.tools.{name}", "--bootstrap-server", broker, *arguments],
            env=self.environment(
                KAFKA_JAVA=f"{ONE_COMPILER} {self._classes.option()} -Dorg.slf4j.simpleLogger.defaultLogLevel=error"
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def environment(self, **variables: object) -> dict[str, str]:
        """Nothing of the developer's own, and these."""
        # An OTEL_* or a proxy variable would change what the programs do.
        found = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return found | {key: str(value) for key, value in variables.items()}

    def gateway(self, name: str, *overlays: Path, **variables: object) -> Program:
        """A gateway with queues of its own."""
        return self._collector(
            name,
            FILES / "base" / "gateway.yaml",
            self.owners,
            *overlays,
            OTLP_HTTP_PORT=self.ports[f"{name}_http"],
            OTLP_GRPC_PORT=self.ports[f"{name}_grpc"],
            TOKENS_FILE=self.tokens,
            TLS_CERT=self.certificates.server,
            TLS_KEY=self.certificates.server_key,
            CLIENT_CA=self.certificates.ca,
            QUEUE_DIR=self.folder / f"{name}-queue",
            **variables,
        )

    def ingester(self, name: str, *overlays: Path, **variables: object) -> Program:
        """An ingester."""
        return self._collector(
            name,
            FILES / "base" / "ingester.yaml",
            FILES / "base" / "labels.yaml",
            *overlays,
            options=(RETRY_ON_429,),
            JAEGER_ENDPOINT=f"http://127.0.0.1:{self.ports['jaeger_otlp']}",
            REMOTE_WRITE_ENDPOINT=f"{self.metrics.url}/api/v1/write",
            LOGS_ENDPOINT=f"{self.log_store.url}/insert/opentelemetry",
            METRICS_INTERVAL=stack.INTERVAL,
            **{"SESSION_TIMEOUT": "15s", **variables},  # one that has no processor for a while keeps its partitions
        )

    def partitions_of(self, ingester: Program) -> float:
        """How many an ingester has, of all topics together."""
        started, ended = (self.own(ingester, f"otelcol_kafka_receiver_partition_{name}") for name in ("start", "close"))
        return started - ended

    def own(self, program: Program, name: str) -> float:
        """The sum of a program's own metric, by the start of its name; 0 if it has none."""
        text = stack.text(f"http://127.0.0.1:{self.ports[f'{program.name}_metrics']}/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def _collector(
        self, name: str, *configurations: Path, options: tuple[str, ...] = (), **variables: object
    ) -> Program:
        return Program(
            name,
            [str(programs.binary("otelcol")), *(f"--config={path}" for path in configurations), *options],
            env=self.environment(
                INSTANCE=name,
                HEALTH_PORT=self.ports[f"{name}_health"],
                METRICS_PORT=self.ports[f"{name}_metrics"],
                KAFKA_BROKERS=f"127.0.0.1:{self.ports['kafka']}",
                **variables,
            ),
            folder=self.folder,
            url=f"https://127.0.0.1:{self.ports[f'{name}_http']}",
            ready=f"http://127.0.0.1:{self.ports[f'{name}_health']}",
            group=self.group,
        )

    def _kafka(self, options: str) -> Program:
        properties, data = self.folder / "server.properties", self.folder / "kafka"
        port = self.ports["kafka"]
        keystore = self.folder / "kafka.pem"
        keystore.write_text(self.certificates.server_key.read_text() + self.certificates.server.read_text())
        listening = {name: self.ports[name] for name in ("kafka", "kafka_sasl", "controller")}
        properties.write_text(SERVER_PROPERTIES.format(folder=data, keystore=keystore, **listening))
        kafka = str(programs.binary("kafka"))
        form = [kafka, "kafka.tools.StorageTool", "format", "-t", "aG9va3NwYW4tZ2F0ZXdheQ", "-c", str(properties)]
        form += ["--add-scram", f"SCRAM-SHA-512=[name={KAFKA_USER},password={KAFKA_PASSWORD}]"]
        subprocess.run(
            form,
            env=self.environment(KAFKA_JAVA=f"{ONE_COMPILER} {self._classes.option()}"),
            capture_output=True,
            check=True,
        )
        return Program(
            "kafka",
            [kafka, "kafka.Kafka", str(properties)],
            env=self.environment(
                KAFKA_JAVA=f"-Xmx512m -XX:+UseSerialGC {options} -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
            ),
            folder=self.folder,
            url=f"127.0.0.1:{port}",
            ready=lambda: listens(port),
            group=self.group,
        )

    def _jaeger(self) -> Program:
        ports = self.ports
        return Program(
            "jaeger",
            [str(programs.binary("jaeger")), "--config", str(stack.COLLECTOR_FILES / "jaeger.yaml")],
            env=self.environment(
                OTLP_GRPC_PORT=ports["jaeger_grpc"],
                OTLP_HTTP_PORT=ports["jaeger_otlp"],
                QUERY_PORT=ports["jaeger"],
                QUERY_GRPC_PORT=ports["jaeger_query_grpc"],
                HEALTH_PORT=ports["jaeger_health"],
                METRICS_PORT=ports["jaeger_metrics"],
                JAEGER_DATA=self.folder / "badger",
                JAEGER_UI=stack.COLLECTOR_FILES / "jaeger-ui.json",
                PROMETHEUS_URL=f"http://127.0.0.1:{ports['victoria_metrics']}",
            ),
            folder=self.folder,
            url=f"http://127.0.0.1:{ports['jaeger']}",
            ready=f"http://127.0.0.1:{ports['jaeger_health']}/status",
            group=self.group,
        )

    def _victoria_metrics(self) -> Program:
        url = f"http://127.0.0.1:{self.ports['victoria_metrics']}"
        return Program(
            "victoria-metrics",
            [
                str(programs.binary("victoria-metrics")),
                f"--storageDataPath={self.folder / 'victoria-metrics'}",
                f"--httpListenAddr=127.0.0.1:{self.ports['victoria_metrics']}",
                "--search.latencyOffset=0s",  # by default a sample is found after 30 s
                "--search.disableCache",
                f"--vmalert.proxyURL=http://127.0.0.1:{self.ports['vmalert']}",
            ],
            env=self.environment(),
            folder=self.folder,
            url=url,
            ready=f"{url}/health",
            group=self.group,
        )

    def _load_balancer(self) -> Program:
        ports = self.ports
        addresses: Mapping[str, object] = {
            name: value
            for number in range(2)
            for name, value in {
                f"GATEWAY_{number}": "127.0.0.1",
                f"GATEWAY_{number}_HTTP": ports[f"gateway-{number}_http"],
                f"GATEWAY_{number}_GRPC": ports[f"gateway-{number}_grpc"],
                f"GATEWAY_{number}_HEALTH": ports[f"gateway-{number}_health"],
            }.items()
        }
        return self.haproxy(
            "haproxy",
            url=f"https://127.0.0.1:{ports['balanced_http']}",
            ready=f"http://127.0.0.1:{ports['balanced_health']}",
            OTLP_HTTP_BIND=f"127.0.0.1:{ports['balanced_http']}",
            OTLP_GRPC_BIND=f"127.0.0.1:{ports['balanced_grpc']}",
            HEALTH_BIND=f"127.0.0.1:{ports['balanced_health']}",
            **addresses,
        )

    def haproxy(self, name: str, *, url: str, ready: str, **variables: object) -> Program:
        """HAProxy with the configuration of this name."""
        binary = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") or "haproxy"
        return Program(
            name,
            [binary, "-db", "-f", str(FILES / f"{name}.cfg")],
            env=self.environment(**variables),
            folder=self.folder,
            url=url,
            ready=ready,
            group=self.group,
        )


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
