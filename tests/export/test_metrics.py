"""Metrics to a real endpoint: what a backend that computes increases from samples makes of them is the truth."""

import threading
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.export import Exporter, ExportSettings, Reading
from hookspan.model.rows import Increment, Rows
from hookspan.paths import Paths
from hookspan.store import Commit, Store
from tests.otlp_decode import Point
from tests.otlp_sink import Sink
from tests.store import made
from tests.waiting import PATIENCE

EVENTS = "hookspan.hook.events"
TOOL = "hookspan.tool.duration"
STOP = ((sc.HOOK_EVENT, "Stop"),)


class MetricExport:
    """A store whose metrics are exported when the test says so."""

    def __init__(self, paths: Paths, sink: Sink | str) -> None:
        paths.create()
        self.paths = paths
        if isinstance(sink, Sink):
            self.sink = sink
        self.url = sink.url if isinstance(sink, Sink) else sink
        self.store = Store.open(paths)
        self.record = 1
        self.readings: list[Reading] = []
        self.temporality: Literal["cumulative", "delta"] = "cumulative"
        self.ahead = 0  # nanoseconds that the exporter's clock is ahead
        self.exporter: Exporter | None = None

    def start(self, *, on: bool = True, **others: Any) -> Exporter:
        self.stop()
        settings = ExportSettings(
            endpoint=self.url if on else None,
            timeout=PATIENCE,
            metric_interval=3600,
            temporality=self.temporality,
            resource={"team": "blue"},
            **others,
        )
        self.exporter = Exporter(self.paths, settings, gauges=self.gauges, clock=lambda: time.time_ns() + self.ahead)
        self.exporter.start()
        return self.exporter

    def gauges(self) -> Iterable[Reading]:
        return self.readings

    def count(self, number: int = 1, instrument: str = EVENTS, attributes: Any = STOP, value: float = 1) -> None:
        now = time.time_ns()
        increments = [Increment(instrument, attributes, value, now, made.TRACE, "00000000000000cd")] * number
        self.record += 1
        self.store.commit(Commit(position=made.position(self.record), rows=[Rows(increments=increments)]))
        if self.exporter is not None:
            self.exporter.committed()

    def tick(self) -> None:
        """One interval is over."""
        assert self.exporter is not None
        time.sleep(0.002)  # samples have milliseconds
        self.exporter.metrics._provider.force_flush(PATIENCE * 1000)

    def values(self, instrument: str = EVENTS) -> list[float]:
        return [point.value for point in self.points(instrument) if point.value is not None]

    def points(self, instrument: str = EVENTS) -> list[Point]:
        return [point for point in self.sink.points if point.name == instrument]

    def rebuild(self) -> None:
        self.store.close()
        self.paths.store.unlink()
        self.store, self.record = Store.open(self.paths), 1

    def stop(self) -> None:
        if self.exporter is not None:
            self.exporter.stop(5)
            self.exporter = None


@pytest.fixture
def sink():
    with Sink() as listening:
        yield listening


@pytest.fixture
def metric_export(paths: Paths, sink: Sink):
    exporting = MetricExport(paths, sink)
    yield exporting
    exporting.stop()
    exporting.store.close()


def increase(values: list[float]) -> float:
    """As Prometheus computes it: a value below the one before is a counter that began anew at 0."""
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def test_a_new_series_is_zero_first_and_then_what_it_counted(metric_export: MetricExport) -> None:
    metric_export.start()
    metric_export.count(5)
    metric_export.count(3, TOOL, ((sc.GEN_AI_TOOL_NAME, "Bash"),), 0.3)
    metric_export.count(2, "hookspan.cost", ((sc.PROJECT, "shop"),), 1.5)
    metric_export.tick()
    metric_export.count(2)
    metric_export.tick()
    metric_export.tick()
    assert metric_export.values() == [0, 7, 7]
    assert metric_export.values("hookspan.cost") == [0, 3.0, 3.0]
    zero, counted, _ = metric_export.points()
    assert 0 < zero.start == counted.start <= zero.time < counted.time
    assert (counted.type, counted.monotonic, counted.temporality, counted.unit) == (
        "sum",
        True,
        "cumulative",
        "{event}",
    )
    assert counted.attributes == {sc.HOOK_EVENT: "Stop"}
    assert (zero.exemplars, [one.span_id for one in counted.exemplars]) == ((), ["00000000000000cd"])
    empty, full, _ = metric_export.points(TOOL)
    assert (empty.count, empty.sum, sum(empty.buckets)) == (0, 0.0, 0)
    assert (full.count, full.temporality) == (3, "cumulative")
    assert full.sum == pytest.approx(0.9)
    assert [full.bounds[index] for index, number in enumerate(full.buckets) if number] == [1]
    assert full.exemplars[0].trace_id == made.TRACE
    assert full.exemplars[0].value == 0.3


def test_of_an_interval_the_slowest_is_the_exemplar_and_is_sent_once(metric_export: MetricExport) -> None:
    def sent() -> list[float]:
        return [one.value for point in metric_export.points(TOOL) for one in point.exemplars]

    def ran(*seconds: float) -> None:
        for value in seconds:
            metric_export.count(1, TOOL, (), value)
        metric_export.tick()

    metric_export.start()
    ran(0.2)  # its zero
    ran(0.3, 7.0, 0.1)
    ran()
    assert sent() == [7.0]
    metric_export.sink.fault(status=503, times=1)
    ran(0.4, 0.2)
    ran(0.1)
    assert sent() == [7.0, 0.4], "what was not taken is sent with what came since"
    ran(*[1 - n / 100 for n in range(20)], 0.05)
    assert sent() == [7.0, 0.4, 1.0]
    metric_export.start()
    ran(0.06)
    assert sent() == [7.0, 0.4, 1.0, 0.06], "another agent sends none again"


@pytest.mark.parametrize(
    ("settings", "with_exemplars"),
    [({}, {EVENTS, TOOL}), ({"hook_spans": False}, {TOOL}), ({"traces": False}, set())],
)
def test_exemplars_lead_to_spans_that_are_sent(
    metric_export: MetricExport, settings: dict[str, bool], with_exemplars: set[str]
) -> None:
    metric_export.start(**settings)
    metric_export.count()
    metric_export.count(1, TOOL, (), 0.3)
    metric_export.tick()
    metric_export.tick()
    assert {point.name for point in metric_export.sink.points if point.exemplars} == with_exemplars


def test_each_coding_agent_is_a_service(metric_export: MetricExport) -> None:
    metric_export.start()
    metric_export.count()
    metric_export.count(attributes=(*STOP, (sc.SERVICE_NAME, "codex-hooks")))
    metric_export.tick()
    points = metric_export.points()
    assert sorted(point.resource["service.name"] for point in points) == ["claude-code-hooks", "codex-hooks"]
    assert all(sc.SERVICE_NAME not in point.attributes for point in points)
    assert len({point.resource["service.instance.id"] for point in points}) == 1


def test_both_resources_come_in_one_request(metric_export: MetricExport) -> None:
    exporter = metric_export.start()
    exporter.meter.create_counter("hookspan.agent.things").add(4)
    metric_export.readings = [
        Reading("hookspan.session.active", 2, {sc.STATE: "waiting"}),
        Reading("hookspan.session.active", 1, {sc.STATE: "working"}),
        Reading("hookspan.wait.oldest", 12.5),
    ]
    metric_export.count()
    metric_export.tick()
    (request,) = metric_export.sink.requests
    assert len(request.message.resource_metrics) == 2
    services = {point.name: point.resource["service.name"] for point in metric_export.sink.points}
    assert services == {
        EVENTS: "claude-code-hooks",
        "hookspan.session.active": "claude-code-hooks",
        "hookspan.wait.oldest": "claude-code-hooks",
        "hookspan.agent.things": "hookspan",
        "hookspan.agent.series": "hookspan",
    }
    active = {point.attributes[sc.STATE]: point.value for point in metric_export.points("hookspan.session.active")}
    assert active == {"waiting": 2, "working": 1}
    assert metric_export.points()[0].resource["team"] == "blue"


def test_gauges_that_fail_do_not_stop_the_rest(metric_export: MetricExport, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterable[Reading]:
        raise RuntimeError

    monkeypatch.setattr(metric_export, "gauges", broken)
    metric_export.start()
    metric_export.count()
    metric_export.tick()
    assert metric_export.values() == [0]


def test_drain_sends_zero_and_value_with_times_of_their_own(metric_export: MetricExport) -> None:
    exporter = metric_export.start()
    metric_export.count(5)
    assert exporter.drain(PATIENCE)
    zero, counted = metric_export.points()
    assert (zero.value, counted.value) == (0, 5)
    assert counted.time - zero.time >= 1_000_000
    metric_export.count(1)
    assert exporter.drain(PATIENCE)
    assert metric_export.values() == [0, 5, 6]


def test_a_restart_announces_nothing_twice(metric_export: MetricExport) -> None:
    for _ in range(3):
        metric_export.start()
        metric_export.count(2)
        metric_export.tick()
        metric_export.tick()
    assert metric_export.values() == [0, 2, 4, 4, 6, 6]
    assert len({point.start for point in metric_export.points()}) == 1


def test_a_zero_that_did_not_arrive_is_sent_again(metric_export: MetricExport) -> None:
    metric_export.sink.fault(status=503, times=2)
    metric_export.start()
    metric_export.count(5)
    metric_export.tick()
    exporter = metric_export.start()
    metric_export.tick()
    metric_export.count(5)
    metric_export.tick()
    metric_export.tick()
    assert metric_export.values() == [0, 10]
    assert exporter.stats()["metrics"]["failures"] == 1


def test_an_outage_adds_up(metric_export: MetricExport) -> None:
    exporter = metric_export.start()
    metric_export.count(1)
    assert exporter.drain(PATIENCE)
    metric_export.sink.stop()
    for _ in range(3):
        metric_export.count(10)
        metric_export.tick()
    assert exporter.stats()["metrics"]["failures"] == 3
    assert not exporter.metrics.drain(0.3)
    for thread in threading.enumerate():
        if thread.name == "export-drain":  # else it may have an export of its own on the way
            thread.join(PATIENCE)
    metric_export.sink.start()
    metric_export.tick()
    assert metric_export.values() == [0, 1, 31]


def test_what_was_counted_before_export_was_switched_on_is_not_exported(metric_export: MetricExport) -> None:
    metric_export.count(1_000)
    metric_export.count(50, TOOL, (), 2.0)
    exporter = metric_export.start(on=False)
    metric_export.count(1_000)
    metric_export.tick()
    assert metric_export.sink.requests == []
    exporter.apply(ExportSettings(endpoint=metric_export.sink.url, metric_interval=3600))
    metric_export.tick()
    metric_export.count(7)
    metric_export.count(3, TOOL, (), 2.0)
    metric_export.tick()
    metric_export.start()
    metric_export.tick()
    assert metric_export.values() == [0, 7, 7]
    last = metric_export.points(TOOL)[-1]
    assert (last.count, last.sum, sum(last.buckets)) == (3, 6.0, 3)
    assert all(point.start > 0 for point in metric_export.points())


def test_a_rebuilt_store_counts_nothing_twice(metric_export: MetricExport) -> None:
    metric_export.start()
    for _ in range(10):
        metric_export.count(10)
    metric_export.tick()
    metric_export.tick()
    first_start = metric_export.points()[0].start
    metric_export.rebuild()
    metric_export.tick()  # of the exporter that nobody has told
    metric_export.start()
    for _ in range(5):
        metric_export.count(10)
        metric_export.tick()  # half way: nothing of the store goes out
    assert metric_export.values() == [0, 100]
    for _ in range(5):
        metric_export.count(10)
    metric_export.tick()
    metric_export.count(4)
    metric_export.tick()
    metric_export.start()
    metric_export.count(3)
    metric_export.tick()
    assert metric_export.values() == [0, 100, 0, 4, 7]
    assert increase(metric_export.values()) == 107
    assert metric_export.points()[-1].start > first_start


def test_a_store_that_lost_its_last_moments_waits_until_it_has_caught_up(metric_export: MetricExport) -> None:
    exporter = metric_export.start()
    metric_export.count(10)
    metric_export.tick()
    metric_export.tick()
    exporter.db.sent(
        metric_export.record + 2, {}
    )  # the commits of two more records were exported, but not on disk at the crash
    metric_export.count(5)
    metric_export.tick()
    metric_export.tick()
    assert metric_export.values() == [0, 10]
    metric_export.count(5)
    metric_export.tick()
    assert metric_export.values() == [0, 10, 20]


def test_the_overflow_attribute_is_a_boolean(metric_export: MetricExport) -> None:
    metric_export.start()
    metric_export.count(1, attributes=(("otel.metric.overflow", "true"),))
    metric_export.tick()
    assert metric_export.points()[0].attributes == {"otel.metric.overflow": True}


def test_rejected_points_and_retry_after(metric_export: MetricExport) -> None:
    exporter = metric_export.start()
    metric_export.count()
    metric_export.sink.fault(partial=2, times=1)
    metric_export.sink.fault(status=429, headers={"Retry-After": "300"}, times=1)
    for _ in range(4):
        metric_export.tick()
    assert exporter.stats()["metrics"]["rejected"] == 2
    assert len(metric_export.sink.requests) == 2  # asked not to come back, it stays away
