"""What the gateway takes and what a team needs: `python -m tests.gateway.load`, the figures of docs/gateway.md.

What developers send is what the recorded sessions of the real client become: their spans, in requests as an agent
makes them (all that ended within a second), and their sums. The recordings' model answers at once, a real one doesn't,
so time is stretched until a model call takes `MODEL_CALL` seconds. What one core does is work by the CPU seconds that
the program took, from /proc, so that a busy machine changes it little; `wall_seconds` are this machine's.
"""

import argparse
import json
import os
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import requests
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource

from hookspan.config import Export
from hookspan.export.convert import Point, readable, resource_metrics
from hookspan.model.rows import Span
from hookspan.model.sums import Sums
from tests.gateway.fleet import TOKEN, Fleet
from tests.stack import day
from tests.stack.stack import Program

SECOND = 1_000_000_000
SENDERS = 8  # connections
EXPORTS = 20  # of each developer's sums
COPIES = 40  # of all recorded sessions, each a developer with ids of its own
PROTOBUF = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {TOKEN}"}
MODEL_CALL = 10.0  # s from one model call to the next while a client works, tools included: an assumption, not measured
HEADROOM = 2  # cores and disks are planned for twice the load
OUTAGE_HOURS = 4  # of Kafka, that a gateway's disk lasts for
DEVELOPERS = (100, 1_000, 10_000)


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
    series: int  # of one developer who has done all of what was recorded


@dataclass(frozen=True)
class Rate:
    """Work of one program: so much for each second of one core."""

    program: str
    what: str
    per_core_second: float
    done: int
    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class Outage:
    """What a span takes on a gateway's disk while Kafka is away, and how soon it is gone afterwards."""

    spans: int
    queue_bytes_per_span: float
    drained_seconds: float


def recorded(folder: Path) -> tuple[list[day.Recording], Density]:
    """The recordings, played, and what is in them for each hour."""
    found = day.recordings(folder)
    seconds = sum(one.ended - one.began for one in found) / SECOND
    increments = [increment for one in found for increment in one.played.increments]
    events = int(sum(i.value for i in increments if i.instrument == "hookspan.hook.events"))
    calls = sum(i.instrument == "gen_ai.client.operation.duration" for i in increments)
    spans = sum(len(one.played.spans) for one in found)
    stretch, hours = MODEL_CALL * calls / seconds, MODEL_CALL * calls / 3600
    bodies = [body for one in found for body in agent_requests(one.played.spans, Resource({}), stretch)]
    sums = Sums()
    for increment in increments:
        sums.apply(increment, increment.at)
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
        series=sum(_series(Point.of(one, None)) for one in sums),
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


class Watch:
    """CPU and time of some programs while something is done."""

    def __init__(self, *programs: Program) -> None:
        self._began, self._before = time.monotonic(), {program: cpu(program) for program in programs}

    def rates(self, what: str, done: int) -> list[Rate]:
        """One rate for each program."""
        wall = time.monotonic() - self._began
        took = {program: cpu(program) - before for program, before in self._before.items()}
        return [Rate(one.name, what, done / max(0.01, spent), done, spent, wall) for one, spent in took.items()]


def caught_up(fleet: Fleet, group: str) -> None:
    """Wait until a group has read everything."""
    fleet.wait(lambda: fleet.lag(group) == 0, 900)


def spans_through(fleet: Fleet, found: list[day.Recording], density: Density, copies: int) -> tuple[list[Rate], Outage]:
    """Gateways alone, then an ingester alone; and in between an outage of Kafka."""
    gateway, ingester = fleet.gateways[0], fleet.ingesters[0]
    for program in (*fleet.ingesters, fleet.gateways[1]):
        program.stop()
    url = f"{gateway.url}/v1/traces"
    send(fleet, url, list(developers(found, density, 2)))  # connections, caches
    rates = []
    for fsync in (True, False):
        gateway.stop()
        gateway.start({"QUEUE_FSYNC": str(fsync).lower()})
        bodies = list(developers(found, density, copies))
        watch = Watch(gateway, fleet.kafka)
        sent = send(fleet, url, bodies)
        fleet.wait(lambda: fleet.own(gateway, "otelcol_exporter_queue_size") == 0, 600)
        how = "spans" if fsync else "spans, QUEUE_FSYNC=false"
        rates += watch.rates(how, sent)[: 2 if fsync else 1]

    fleet.kafka.stop()
    bodies = list(developers(found, density, copies))
    empty = _size(fleet.folder / f"{gateway.name}-queue")
    outage_spans = send(fleet, url, bodies)
    grown = _size(fleet.folder / f"{gateway.name}-queue") - empty
    fleet.kafka.start()
    began = time.monotonic()
    fleet.wait(lambda: fleet.own(gateway, "otelcol_exporter_queue_size") == 0, 600)
    outage = Outage(outage_spans, grown / outage_spans, time.monotonic() - began)

    total = sum(len(one.played.spans) for one in found) * (2 + 3 * copies)
    ingester.start()
    watch = Watch(ingester, fleet.jaeger)
    caught_up(fleet, "hookspan-traces")
    rates += watch.rates("spans", total)
    return rates, outage


def metrics_through(fleet: Fleet, found: list[day.Recording], copies: int) -> list[Rate]:
    """Exports of sums, as every agent makes one each `export.metric_interval`."""
    gateway, ingester = fleet.gateways[0], fleet.ingesters[0]
    sums = Sums()
    for one in found:
        for increment in one.played.increments:
            sums.apply(increment, increment.at)
    points = [Point.of(one, None) for one in sums]
    series = sum(map(_series, points))
    bodies = []
    for number in range(copies):
        resource = Resource({"service.name": "load", "service.instance.id": f"developer-{number}"})
        for interval in range(EXPORTS):
            at = time.time_ns() - (EXPORTS - interval) * 10 * SECOND
            data = MetricsData([resource_metrics(points, [], resource, at)])
            bodies.append((encode_metrics(data).SerializeToString(), series))
    watch = Watch(gateway, ingester, fleet.metrics)
    sent = send(fleet, f"{gateway.url}/v1/metrics", bodies)
    fleet.wait(lambda: fleet.own(gateway, "otelcol_exporter_queue_size") == 0, 600)
    caught_up(fleet, "hookspan-metrics")
    return watch.rates("samples", sent)


def _size(folder: Path) -> int:
    """Bytes of a folder's files on disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir())


def sizing(density: Density, rates: list[Rate], outage: Outage) -> list[dict[str, Any]]:
    """What each tier needs when so many developers work at the same time."""
    speed = {(rate.program, rate.what): rate.per_core_second for rate in rates}
    interval = Export().metric_interval
    rows = []
    for number in DEVELOPERS:
        spans = number * density.spans_per_hour / 3600
        samples = number * density.series / interval

        def cores(program: str, spans: float = spans, samples: float = samples) -> float:
            def need(what: str, load: float) -> float:
                return load / speed[program, what] if (program, what) in speed else 0.0

            return HEADROOM * (need("spans", spans) + need("samples", samples))

        rows.append(
            {
                "developers": number,
                "events/s": number * density.events_per_hour / 3600,
                "spans/s": spans,
                "samples/s": samples,
                "series": number * density.series,
                "gateway cores": cores("gateway-0"),
                "ingester cores": cores("ingester-0"),
                "kafka cores": cores("kafka"),
                "jaeger cores": cores("jaeger"),
                "store cores": cores("victoria-metrics"),
                "gateway queues GB": OUTAGE_HOURS * 3600 * spans * outage.queue_bytes_per_span * HEADROOM / 1e9,
                "OTLP MB/s": spans * density.bytes_per_span / 1e6,
            }
        )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As Markdown."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_shown(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=COPIES, help="developers, each with all recorded sessions")
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, density = recorded(Path(folder, "recorded"))
        print(table([asdict(density)]))
        fleet = Fleet(Path(folder))
        try:
            fleet.start()
            rates, outage = spans_through(fleet, found, density, options.copies)
            rates += metrics_through(fleet, found, options.copies)
        finally:
            fleet.close()
    rows = sizing(density, rates, outage)
    print(table([asdict(rate) for rate in rates]), table([asdict(outage)]), table(rows), sep="\n")
    if options.json:
        figures = {
            "density": asdict(density),
            "rates": [asdict(rate) for rate in rates],
            "outage": asdict(outage),
            "sizing": rows,
        }
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
