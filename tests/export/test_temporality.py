"""What points say, and when none is sent: sums since a start or since the point before, and series that are idle."""

import sqlite3
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.metrics import BY_NAME
from hookspan.export import series
from hookspan.export.db import ExportDb
from hookspan.paths import Paths
from hookspan.store import Store
from tests.export.test_metrics import TOOL, MetricExport, increase
from tests.otlp_sink import Sink

TWO_DAYS = 2 * 86_400 * 10**9
HOUR = 3600 * 10**9


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as listening:
        yield listening


@pytest.fixture
def metric_export(paths: Paths, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[MetricExport]:
    monkeypatch.setattr(series, "LOOK_PAUSE", 0.0)
    exporting = MetricExport(paths, sink)
    yield exporting
    exporting.stop()
    exporting.store.close()


def test_a_series_that_a_day_has_not_changed_is_not_sent_and_goes_on_where_it_was(metric_export: MetricExport) -> None:
    metric_export.start()
    metric_export.count(5)
    metric_export.count(2, TOOL, ((sc.GEN_AI_TOOL_NAME, "Bash"),), 0.3)
    metric_export.tick()
    metric_export.sink.fault(status=503, times=1)
    metric_export.tick()
    metric_export.ahead = TWO_DAYS
    metric_export.start()
    metric_export.tick()  # what nobody has seen yet is sent, however old
    metric_export.tick()
    assert metric_export.values() == [0, 5]
    metric_export.start()
    metric_export.tick()
    assert metric_export.values() == [0, 5], "nor does another agent send it"

    metric_export.count(3)
    metric_export.count(1, TOOL, ((sc.GEN_AI_TOOL_NAME, "Bash"),), 7.0)
    metric_export.tick()
    metric_export.start()
    metric_export.tick()
    assert metric_export.values() == [0, 5, 5, 8], "first as it was, or a backend would miss the three"
    assert increase(metric_export.values()) == 8
    assert len({point.start for point in metric_export.points()}) == 1
    _, before, again, now = metric_export.points(TOOL)
    assert (before.buckets, before.sum) == (again.buckets, again.sum)
    assert again.exemplars == ()
    assert (now.count, now.sum) == (3, 7.6)


def test_deltas_add_up_over_failures_and_restarts(metric_export: MetricExport) -> None:
    metric_export.temporality = "delta"
    metric_export.count(1000)  # before export began
    exporter = metric_export.start()
    own = exporter.meter.create_counter("hookspan.agent.things")
    for number in (5, 0, 2, 1):
        own.add(number)
        if number:
            metric_export.count(number)
            metric_export.count(number, TOOL, (), 0.5)
        if number == 2:
            metric_export.sink.fault(status=503, times=1)
        metric_export.tick()
    metric_export.start()
    metric_export.count(4)
    metric_export.tick()
    assert metric_export.values() == [5, 3, 4], "a point for what has changed, no zero, nothing twice"
    assert metric_export.values("hookspan.agent.things") == [5, 0, 3]
    points = metric_export.points()
    assert {point.temporality for point in metric_export.sink.points if point.type != "gauge"} == {"delta"}
    assert all(before.time == after.start for before, after in pairwise(points))
    first, second = metric_export.points(TOOL)
    assert (first.count, second.count, second.sum, sum(second.buckets)) == (5, 3, 1.5, 3)


def test_deltas_that_can_not_be_noted_are_sent_once(
    metric_export: MetricExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    metric_export.temporality = "delta"
    exporter = metric_export.start()
    metric_export.count(5)
    metric_export.tick()
    with monkeypatch.context() as patched:
        patched.setattr(ExportDb, "sent", full)
        for _ in range(3):
            metric_export.count(3)
            metric_export.tick()
        stats = exporter.stats()["metrics"]
        assert (stats["state"], stats["failures"]) == ("holding", 3)
        assert "disk is full" in stats["last_error"]
    metric_export.start()  # noted as the other one stops
    metric_export.tick()
    assert metric_export.values() == [5, 3, 6]


def test_another_temporality_counts_nothing_twice(metric_export: MetricExport) -> None:
    for temporality in ("cumulative", "delta", "cumulative"):
        metric_export.temporality = temporality
        metric_export.start()
        metric_export.tick()
        metric_export.count(5)
        metric_export.tick()
        metric_export.tick()
    assert metric_export.values() == [0, 5, 5, 0, 5, 5]
    assert [point.temporality[0] for point in metric_export.points()] == ["c", "c", "d", "c", "c", "c"]


def test_a_clock_that_is_set_back_counts_nothing_twice(metric_export: MetricExport) -> None:
    metric_export.temporality = "delta"
    metric_export.start()
    metric_export.count(10)
    metric_export.tick()
    metric_export.ahead = -HOUR
    metric_export.count(1)
    for _ in range(3):
        metric_export.tick()
    assert metric_export.values() == [10, 1]


def test_a_clock_that_was_set_back_before_export_began_counts_nothing_of_before(metric_export: MetricExport) -> None:
    metric_export.count(10)
    metric_export.ahead = -HOUR
    metric_export.start()
    metric_export.tick()
    metric_export.count(1)
    metric_export.tick()
    assert metric_export.values() == [0, 1]


@pytest.mark.parametrize(("temporality", "values"), [("cumulative", [0, 5, 0, 3]), ("delta", [5, 3])])
def test_a_histogram_with_other_buckets_is_another_series(
    metric_export: MetricExport, monkeypatch: pytest.MonkeyPatch, temporality: str, values: list[int]
) -> None:
    def counted(number: int) -> None:
        metric_export.start()
        metric_export.count(number, TOOL, (), 0.5)
        metric_export.tick()
        metric_export.tick()

    monkeypatch.setattr(metric_export, "temporality", temporality)
    counted(5)
    metric_export.stop()
    metric_export.store.close()
    other = msgspec.structs.replace(BY_NAME[TOOL], bounds=(1.0, 2.0))  # as another version may have it
    monkeypatch.setitem(BY_NAME, TOOL, other)
    metric_export.store = Store.open(metric_export.paths)
    counted(3)
    assert [point.count for point in metric_export.points(TOOL)] == values
