"""What the gateway takes and what a team needs: `python -m tests.gateway.load [--write docs/gateway.md]`.

What developers send is what the recorded sessions of the real client become: their spans, in requests as an agent
makes them (all that ended within a second), and their sums. The recordings' model answers at once, a real one doesn't,
so time is stretched until a model call takes `MODEL_CALL` seconds. What one core does is work by the CPU seconds that
the program took, from /proc, so that a busy machine changes it little; `wall_seconds` are this machine's. Memory is the
most that was resident (VmHWM) while that work was done. `--write` puts the figures into the page, between its markers.
"""

import argparse
import json
import os
import platform
import re
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import requests
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource

from hookspan.catalogue.metrics import REPEATED
from hookspan.export.convert import Point, readable, resource_metrics
from hookspan.model.rows import Span
from hookspan.model.sums import Sums
from tests.gateway import load_page
from tests.gateway.fleet import TOKEN, Fleet
from tests.stack import day
from tests.stack.stack import Program

SECOND = 1_000_000_000
SENDERS = 8  # connections
EXPORTS = 20  # of each developer's sums
COPIES = 40  # of all recorded sessions, each a developer with ids of its own
WARM = 4  # copies sent before
AS_SHIPPED = {"METRICS_INTERVAL": "15s"}  # the fleet of the tests is asked for its span metrics each second
GAUGES = 41  # of sessions and quota, and what an agent says about itself: not recorded
POLL = 0.5  # s
PATIENCE = 900  # s
PROTOBUF = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {TOKEN}"}
MODEL_CALL = 10.0  # s from one model call to the next while a client works, tools included: an assumption, not measured


@dataclass(frozen=True)
class Density:
    """What one client that is at work all the time makes, from the recorded sessions."""

    sessions: int
    seconds: float  # from each session's first event to its last, added up
    events_per_hour_at_most: float  # as recorded: neither a model nor a person is waited for
    events: int
    spans: int
    model_calls: int
    stretch: float  # of time, for a model call each MODEL_CALL
    events_per_hour: float  # with that
    spans_per_hour: float
    spans_per_request: float
    bytes_per_span: float  # OTLP, not compressed
    series: int  # of one developer who has done all of what was recorded, and of the agent, with classic buckets
    native: int  # the same where a histogram is one series


@dataclass(frozen=True)
class Rate:
    """Work of one program, its cost, and what it held in memory at most meanwhile."""

    program: str
    kind: str  # "spans" or "samples"
    what: str
    done: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    sized: bool = True  # whether it counts for the sizing

    @property
    def per_core_second(self) -> float:
        """So much for each second of one core."""
        return self.done / max(0.01, self.cpu_seconds)


@dataclass(frozen=True)
class Outage:
    """What a span takes on a gateway's disk while Kafka is away, and how soon it is gone afterwards."""

    spans: int
    queue_bytes_per_span: float
    drained_seconds: float
    peak_bytes: int  # of the gateway, until everything was gone


@dataclass(frozen=True)
class Hardware:
    """What it was measured on."""

    processor: str
    cores: int
    load: float  # other work included, over the last minute, when it began
    copies: int


@dataclass(frozen=True)
class Figures:
    """Everything that was measured."""

    hardware: Hardware
    density: Density
    rates: list[Rate]
    outage: Outage


def recorded(folder: Path) -> tuple[list[day.Recording], Density]:
    """The recordings, played, and what is in them for each hour."""
    found = day.recordings(folder)
    seconds = sum(one.ended - one.began for one in found) / SECOND
    increments = [increment for one in found for increment in one.played.increments]
    events = int(sum(i.value for i in increments if i.instrument == "hookspan.hook.events"))
    calls = sum(i.instrument == "gen_ai.client.inference.duration" for i in increments)
    spans = sum(len(one.played.spans) for one in found)
    stretch, hours = MODEL_CALL * calls / seconds, MODEL_CALL * calls / 3600
    bodies = [body for one in found for body in agent_requests(one.played.spans, Resource({}), stretch)]
    sums = Sums()
    for increment in increments:
        sums.find(increment, increment.at).add(increment)
    sent = [one for one in sums if one.instrument not in REPEATED]
    return found, Density(
        sessions=len(found),
        seconds=seconds,
        events_per_hour_at_most=events / seconds * 3600,
        events=events,
        spans=spans,
        model_calls=calls,
        stretch=stretch,
        events_per_hour=events / hours,
        spans_per_hour=spans / hours,
        spans_per_request=spans / len(bodies),
        bytes_per_span=sum(len(body) for body, _ in bodies) / spans,
        series=sum(map(_series, (Point.of(one, None) for one in sent))) + GAUGES,
        native=len(sent) + GAUGES,
    )


def _series(point: Point) -> int:
    """Series in Prometheus: a histogram has one for each bucket, its sum and its count."""
    return len(point.series.buckets) + 2 if point.series.buckets else 1


def agent_requests(spans: Sequence[Span], resource: Resource, stretch: float) -> Iterator[tuple[bytes, int]]:
    """Request bodies with how many spans each has: what ended within one second of stretched time goes together."""
    seconds = defaultdict(list)
    for span in spans:
        seconds[int(span.end * stretch) // SECOND].append(span)
    for _, group in sorted(seconds.items()):
        yield encode_spans([readable(span, resource) for span in group]).SerializeToString(), len(group)


def developers(found: list[day.Recording], density: Density, copies: int) -> Iterator[tuple[bytes, int]]:
    """The requests of so many developers; every copy has ids and times of its own."""
    now = time.time_ns()
    for _ in range(copies):
        resource = Resource({"service.name": "load", "service.instance.id": uuid.uuid4().hex})
        for one in found:
            ids: dict[str, str] = defaultdict(lambda: uuid.uuid4().hex)
            shift = now - one.ended
            yield from agent_requests(
                [
                    msgspec.structs.replace(
                        span, trace_id=ids[span.trace_id], start=span.start + shift, end=span.end + shift
                    )
                    for span in one.played.spans
                ],
                resource,
                density.stretch,
            )


def send(fleet: Fleet, url: str, bodies: Sequence[tuple[bytes, int]]) -> int:
    """Send all bodies over several connections, each until it is taken; how many spans they had."""
    shares = [bodies[number::SENDERS] for number in range(SENDERS)]

    def work(share: Sequence[tuple[bytes, int]]) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(fleet.certificates.ca)
            for body, _ in share:
                while session.post(url, data=body, headers=PROTOBUF, timeout=30).status_code != 200:
                    time.sleep(0.1)

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(count for _, count in bodies)


def cpu(program: Program) -> float:
    """Seconds of CPU that a program has taken so far, all its threads together."""
    fields = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(program: Program) -> int:
    """Bytes that were resident at most since its start, or since `Watch` began."""
    (line,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{program.pid}/status").read_text(), re.MULTILINE)
    return int(line) * 1024


class Watch:
    """CPU, time and memory of some programs while something is done."""

    def __init__(self, *programs: Program) -> None:
        for program in programs:
            Path(f"/proc/{program.pid}/clear_refs").write_text("5")  # the peak is what it has now, man 5 proc
        self._began, self._before = time.monotonic(), {program: cpu(program) for program in programs}

    def rate(self, program: Program, kind: str, what: str, done: int, *, sized: bool = True) -> Rate:
        """What one of them did."""
        took = cpu(program) - self._before[program]
        return Rate(program.name, kind, what, done, took, time.monotonic() - self._began, peak(program), sized)


def settle(condition: Callable[[], bool]) -> None:
    """Wait for it without asking so often that the answers cost something."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE} s")
        time.sleep(POLL)


def handed_on(fleet: Fleet, gateway: Program) -> None:
    """Wait until a gateway's queue is empty."""
    settle(lambda: fleet.own(gateway, "otelcol_exporter_queue_size") == 0)


def delivered(fleet: Fleet, ingester: Program, name: str, number: int) -> None:
    """Wait until an ingester that was just started has got so many through, by its own count."""
    settle(lambda: fleet.own(ingester, f"otelcol_receiver_accepted_{name}") >= number)


def spans_through(fleet: Fleet, found: list[day.Recording], density: Density, copies: int) -> list[Rate]:
    """A gateway alone, with and without its syncs; then an ingester alone."""
    gateway, ingester = fleet.gateways[0], fleet.ingesters[0]
    url, warm = f"{gateway.url}/v1/traces", list(developers(found, density, WARM))
    send(fleet, url, warm)  # connections, caches, and Kafka's compiler
    delivered(fleet, ingester, "spans", density.spans * WARM)
    ingester.stop()
    rates = []
    request = f"in requests of {density.spans_per_request:.1f} as agents send them"
    for fsync in (True, False):
        gateway.stop()
        gateway.start({"QUEUE_FSYNC": str(fsync).lower()})
        bodies = list(developers(found, density, copies))
        watch = Watch(gateway, fleet.kafka)
        sent = send(fleet, url, bodies)
        handed_on(fleet, gateway)
        if fsync:
            what = f"spans, {request}, over TLS, onto a synced disk and into Kafka"
            rates += [
                watch.rate(gateway, "spans", what, sent),
                watch.rate(fleet.kafka, "spans", "spans received", sent),
            ]
        else:
            rates.append(watch.rate(gateway, "spans", "the same with `QUEUE_FSYNC=false`", sent, sized=False))
    total = 2 * copies * density.spans
    ingester.start(AS_SHIPPED)
    watch = Watch(ingester, fleet.jaeger, fleet.kafka)
    delivered(fleet, ingester, "spans", total)
    return [
        *rates,
        watch.rate(fleet.kafka, "spans", "spans delivered", total),
        watch.rate(ingester, "spans", "spans from Kafka, counted and into Jaeger", total),
        watch.rate(fleet.jaeger, "spans", "spans written", total),
    ]


def metrics_through(fleet: Fleet, found: list[day.Recording], copies: int) -> list[Rate]:
    """Exports of sums, as every agent makes one each `export.metric_interval`."""
    gateway, ingester = fleet.gateways[0], fleet.ingesters[0]
    sums = Sums()
    for one in found:
        for increment in one.played.increments:
            sums.find(increment, increment.at).add(increment)
    points = [Point.of(one, None) for one in sums]
    series = sum(map(_series, points))
    bodies = []
    for number in range(copies):
        resource = Resource({"service.name": "load", "service.instance.id": f"developer-{number}"})
        for interval in range(EXPORTS):
            at = time.time_ns() - (EXPORTS - interval) * 10 * SECOND
            data = MetricsData([resource_metrics(points, [], resource, at)])
            bodies.append((encode_metrics(data).SerializeToString(), series))
    watch = Watch(gateway, fleet.kafka, ingester, fleet.metrics)
    sent = send(fleet, f"{gateway.url}/v1/metrics", bodies)
    delivered(fleet, ingester, "metric_points", len(bodies) * len(points))
    return [
        watch.rate(gateway, "samples", "samples of metrics", sent),
        watch.rate(fleet.kafka, "samples", "samples received and delivered", sent),
        watch.rate(ingester, "samples", "samples from Kafka, by remote write", sent),
        watch.rate(fleet.metrics, "samples", f"samples written, of {copies * series:,} series", sent),
    ]


def outage_of_kafka(fleet: Fleet, found: list[day.Recording], density: Density, copies: int) -> Outage:
    """A gateway, with its syncs again, while Kafka is stopped and after it."""
    gateway = fleet.gateways[0]
    gateway.stop()
    gateway.start()
    fleet.kafka.stop()
    bodies = list(developers(found, density, copies))
    empty = _size(fleet.folder / f"{gateway.name}-queue")
    Watch(gateway)
    spans = send(fleet, f"{gateway.url}/v1/traces", bodies)
    grown = _size(fleet.folder / f"{gateway.name}-queue") - empty
    fleet.kafka.start()
    began = time.monotonic()
    handed_on(fleet, gateway)
    return Outage(spans, grown / spans, time.monotonic() - began, peak(gateway))


def _size(folder: Path) -> int:
    """Bytes of a folder's files on disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir())


def hardware(copies: int) -> Hardware:
    """This one."""
    names = re.findall(r"^model name\s*: (.+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Hardware(names[0] if names else platform.machine(), os.cpu_count() or 1, os.getloadavg()[0], copies)


def measure(copies: int) -> Figures:
    """All of it; about ten minutes with `COPIES`."""
    here = hardware(copies)
    with tempfile.TemporaryDirectory() as folder:
        found, density = recorded(Path(folder, "recorded"))
        fleet = Fleet(Path(folder))
        try:
            fleet.start()
            for program in (fleet.ingesters[1], fleet.gateways[1], fleet.load_balancer):
                program.stop()
            rates = spans_through(fleet, found, density, copies)
            rates += metrics_through(fleet, found, copies)
            outage = outage_of_kafka(fleet, found, density, copies)
        finally:
            fleet.close()
    return Figures(here, density, rates, outage)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=COPIES, help="developers, each with all recorded sessions")
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="put the figures into this page, between its markers"
    )
    options = parser.parse_args()
    if options.write:
        load_page.filled(options.write.read_text(), {})  # that it has its markers
    figures = measure(options.copies)
    sections = load_page.sections(figures)
    print(*sections.values(), sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps(asdict(figures), indent=1))
    if options.write:
        options.write.write_text(load_page.filled(options.write.read_text(), sections))


if __name__ == "__main__":
    main()
