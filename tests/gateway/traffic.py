"""What developers send, as load: the spans and sums that the recorded sessions of the real client become.

The recordings' model answers at once, a real one doesn't, so time is stretched until a model call takes `MODEL_CALL`
seconds.
"""

import itertools
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.clients import CLIENTS
from hookspan.catalogue.metrics import REPEATED
from hookspan.export.convert import Point, readable
from hookspan.model.rows import Span
from hookspan.model.sums import Sums
from tests.gateway.fleet import TOKEN, Fleet
from tests.stack import day

SECOND = 1_000_000_000
OTHERS = tuple(f"{client}_" for client in CLIENTS if client != CLAUDE_CODE.name)  # whose recordings are named so
SERVICE = "load"
SENDERS = 8  # connections
GAUGES = 41  # of sessions and quota, and what an agent says about itself: not recorded
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
    series_of_all: int  # of one who has done what was recorded of the other coding agents, too


def recorded(folder: Path) -> tuple[list[day.Recording], Density]:
    """The recordings of Claude Code, played, and what is in them for each hour."""
    everything = day.recordings(folder)
    found = [one for one in everything if not one.name.startswith(OTHERS)]
    seconds = sum(one.ended - one.began for one in found) / SECOND
    increments = [increment for one in found for increment in one.played.increments]
    events = int(sum(i.value for i in increments if i.instrument == "hookspan.hook.events"))
    calls = sum(i.instrument == "gen_ai.client.inference.duration" for i in increments)
    spans = sum(len(one.played.spans) for one in found)
    stretch, hours = MODEL_CALL * calls / seconds, MODEL_CALL * calls / 3600
    bodies = [body for one in found for body in agent_requests(one.played.spans, Resource({}), stretch)]
    points = _points(found)
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
        series=sum(map(series_of, points)) + GAUGES,
        native=len(points) + GAUGES,
        series_of_all=sum(map(series_of, _points(everything))) + GAUGES,
    )


def _points(found: list[day.Recording]) -> list[Point]:
    """What is exported of the sums of these."""
    sums = Sums()
    for increment in (increment for one in found for increment in one.played.increments):
        sums.find(increment, increment.at).add([increment])
    return [Point.of(one, None) for one in sums if one.instrument not in REPEATED]


def series_of(point: Point) -> int:
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
        resource = Resource({"service.name": SERVICE, "service.instance.id": uuid.uuid4().hex})
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


@dataclass(frozen=True)
class Turn:
    """The spans of one trace as a request."""

    body: bytes
    spans: int
    trace: str
    session: str


def turns(found: list[day.Recording]) -> Iterator[Turn]:
    """One trace after the other, without end; each has ids and times of its own, and so has each session."""
    resource = Resource({"service.name": SERVICE, "service.instance.id": uuid.uuid4().hex})
    for one in itertools.cycle(found):
        session, shift = str(uuid.uuid4()), time.time_ns() - one.ended
        traces = defaultdict(list)
        for span in one.played.spans:
            traces[span.trace_id].append(span)
        for spans in traces.values():
            trace = uuid.uuid4().hex
            moved = [
                msgspec.structs.replace(
                    span,
                    trace_id=trace,
                    start=span.start + shift,
                    end=span.end + shift,
                    attributes={**span.attributes, sc.SESSION_ID: session},
                )
                for span in spans
            ]
            body = encode_spans([readable(span, resource) for span in moved]).SerializeToString()
            yield Turn(body, len(moved), trace, session)


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
