"""What the gateway takes and what a team needs: `python -m tests.gateway.load [--part PART] [--write docs/gateway.md]`.

What developers send is what the recorded sessions of the real client become ([traffic](traffic.py)): their spans, in
requests as an agent makes them, and their sums. What one core does is work by the CPU seconds that the program took,
from /proc, so that a busy machine changes it little; `wall_seconds` are this machine's. Memory is the most that was
resident (VmHWM) while that work was done. Two other parts compare [Jaeger's stores](stores.py) and [one ingester with
several](sharing.py). `--write` puts the figures into the page, between its markers.
"""

import argparse
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource

from hookspan.export.convert import Point, resource_metrics
from hookspan.model.sums import Sums
from tests.gateway import load_page, sharing, stores
from tests.gateway.fleet import Fleet
from tests.gateway.traffic import SECOND, Density, developers, recorded, send, series_of
from tests.gateway.watch import Rate, Watch, handed_on, peak, settle, size
from tests.stack import day
from tests.stack.stack import Program

PARTS = ("gateway", "stores", "ingesters")
EXPORTS = 20  # of each developer's sums
COPIES = 40  # of all recorded sessions, each a developer with ids of its own
WARM = 4  # copies sent before


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


@dataclass
class Figures:
    """Everything that was measured; what was not asked for is empty."""

    hardware: Hardware
    density: Density
    rates: list[Rate] = field(default_factory=list)
    outage: Outage | None = None
    steps: list[stores.Step] = field(default_factory=list)
    stored: list[stores.Stored] = field(default_factory=list)
    shared: list[sharing.Shared] = field(default_factory=list)
    moves: sharing.Moves | None = None


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
    ingester.start(sharing.AS_SHIPPED)
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
            sums.find(increment, increment.at).add([increment])
    points = [Point.of(one, None) for one in sums]
    series = sum(map(series_of, points))
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
    empty = size(fleet.folder / f"{gateway.name}-queue")
    Watch(gateway)
    spans = send(fleet, f"{gateway.url}/v1/traces", bodies)
    grown = size(fleet.folder / f"{gateway.name}-queue") - empty
    fleet.kafka.start()
    began = time.monotonic()
    handed_on(fleet, gateway)
    return Outage(spans, grown / spans, time.monotonic() - began, peak(gateway))


def hardware(copies: int) -> Hardware:
    """This one."""
    names = re.findall(r"^model name\s*: (.+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Hardware(names[0] if names else platform.machine(), os.cpu_count() or 1, os.getloadavg()[0], copies)


def gateway(folder: Path, figures: Figures, found: list[day.Recording], copies: int) -> None:
    """One of each program, by itself where that can be."""
    fleet = Fleet(folder, measured=True)
    try:
        fleet.start()
        for program in (fleet.ingesters[1], fleet.gateways[1], fleet.load_balancer):
            program.stop()
        figures.rates = spans_through(fleet, found, figures.density, copies)
        figures.rates += metrics_through(fleet, found, copies)
        figures.outage = outage_of_kafka(fleet, found, figures.density, copies)
    finally:
        fleet.close()


def measure(parts: Collection[str], copies: int) -> Iterator[Figures]:
    """These parts, with what has been measured after each; all of them take a quarter of an hour with `COPIES`."""
    here = hardware(copies)
    with tempfile.TemporaryDirectory() as folder:
        found, density = recorded(Path(folder, "recorded"))
        figures = Figures(here, density)
        for part in parts:
            work = Path(folder, part)
            work.mkdir()
            if part == "gateway":
                gateway(work, figures, found, copies)
            elif part == "stores":
                figures.steps, figures.stored = stores.measure(work, found)
            else:
                figures.shared, figures.moves = sharing.measure(work, found, density)
            yield figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be given again")
    parser.add_argument("--copies", type=int, default=COPIES, help="developers, each with all recorded sessions")
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="put the figures into this page, between its markers"
    )
    options = parser.parse_args()
    if options.write:
        load_page.filled(options.write.read_text(), {})  # that it has its markers
    sections = {}
    for figures in measure(options.part or PARTS, options.copies):
        sections = load_page.sections(figures)
        if options.json:
            options.json.write_text(json.dumps(asdict(figures), indent=1))
        if options.write:
            options.write.write_text(load_page.filled(options.write.read_text(), sections))
    print(*sections.values(), sep="\n\n")


if __name__ == "__main__":
    main()
