"""Log records to an endpoint that behaves, misbehaves and goes away: each is there, and can be counted once."""

from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.scopes import SCOPE
from hookspan.export.db import ExportDb
from hookspan.store import SpanKey
from tests.export.exporting import SpanExport
from tests.export.refused import refusals
from tests.otlp_sink import Received, Sink
from tests.store import made
from tests.waiting import PATIENCE


@pytest.fixture
def sink():
    with Sink() as listening:
        yield listening


def sent(sink: Sink) -> list[str]:
    return [log.attributes[sc.LOG_RECORD_UID] for log in sink.logs]


def of(request: Received) -> set[str]:
    """The uids of a request's records."""
    if request.signal != "logs":
        return set()
    return {
        attribute.value.string_value
        for resource in request.message.resource_logs
        for scope in resource.scope_logs
        for log in scope.log_records
        for attribute in log.attributes
        if attribute.key == sc.LOG_RECORD_UID
    }


def logs_of(stats: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(stats["logs"][name] for name in names)


def test_a_record_arrives_as_it_was_written(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url, logs=True, content_of={"shop": "labels"})
    log = made.log(1, label="the label", severity=13)
    span_export.log(label="the label", severity=13)
    span_export.log(label="never exported", session="", trace_id="", span_id="", attributes={"log.record.uid": "m"})
    span_export.log(label="rm -rf x", attributes={"log.record.uid": "c", sc.PROJECT: "shop"})
    assert exporter.drain(PATIENCE)
    one, machine, labelled = sink.logs
    assert (one.event_name, one.severity, one.body, one.time) == (log.event, "WARN", None, log.at)
    assert (one.trace_id, one.span_id, one.attributes) == (log.trace_id, log.span_id, log.attributes)
    assert (one.scope, one.resource["service.name"], one.resource["team"]) == (SCOPE, "claude-code-hooks", "blue")
    assert (machine.trace_id, machine.span_id, machine.attributes) == ("", "", {"log.record.uid": "m"})
    assert labelled.attributes[sc.LABEL] == "rm -rf x", "with `content.export` of its project"


def test_they_are_off_and_nothing_is_sent(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url)
    span_export.log(3)
    assert exporter.drain(PATIENCE)
    assert ({request.signal for request in sink.requests}, exporter.stats()["logs"]) == ({"metrics"}, None)
    own = span_export.start(None, logs=True, logs_endpoint=f"{sink.url}/v1/logs", logs_headers={"x-key": "own"})
    assert own.drain(PATIENCE)
    assert len(sink.logs) == 3, "they were written because they were wanted"
    assert sink.requests[-1].headers["x-key"] == "own"


def test_an_outage_and_a_restart_lose_and_repeat_nothing(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(status=503, signal="logs")
    span_export.start(sink.url, logs=True)
    wanted = span_export.log(600)
    span_export.until(lambda stats: logs_of(stats, "state") == ("holding",))
    assert span_export.exporter.drain(0.1) is False  # type: ignore[union-attr]
    assert span_export.exporter.protected_logs == 0, "the store keeps them"  # type: ignore[union-attr]
    exporter = span_export.start(sink.url, logs=True)
    wanted += span_export.log(600)
    sink.heal()
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted
    assert logs_of(span_export.stats(), "exported", "queue") == (1_200, 0)
    assert exporter.protected_logs == SpanKey(1_200, 0).pack()


def test_what_came_twice_is_counted_once_by_its_uid(span_export: SpanExport, sink: Sink) -> None:
    """The endpoint took it and died before it said so."""
    sink.fault(signal="logs", drop=True, store=True, times=1)
    exporter = span_export.start(sink.url, logs=True)
    wanted = span_export.log(10)
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted * 2
    assert logs_of(span_export.stats(), "exported") == (10,)


def test_bad_ones_among_many_are_found_and_the_rest_goes_on(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url, logs=True)
    wanted = span_export.log(300)
    bad = {wanted[0], wanted[137], wanted[299]}
    sink.fault(status=400, signal="logs", message="no good", when=lambda got: bool(bad & of(got)))
    assert exporter.drain(PATIENCE)
    assert sent(sink) == [one for one in wanted if one not in bad]
    assert logs_of(span_export.stats(), "exported", "refused", "failures", "queue") == (297, 3, 0, 0)
    refused = refusals(exporter.db, "refused_log")
    assert [one.key for one in refused] == [(300, 0), (138, 0), (1, 0)]
    assert (refused[0].status, "no good" in refused[0].reason) == (400, True)


def test_a_partial_success_is_told(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(signal="logs", partial=3, times=1)
    exporter = span_export.start(sink.url, logs=True)
    span_export.log(10)
    assert exporter.drain(PATIENCE)
    assert logs_of(span_export.stats(), "exported", "rejected", "queue") == (7, 3, 0)


def test_an_endpoint_without_logs_holds_up_nothing_else(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(status=404, signal="logs")
    span_export.start(sink.url, logs=True)
    wanted = span_export.commit(5)
    span_export.log(5)
    stats = span_export.until(lambda stats: logs_of(stats, "state") == ("holding",) and stats["queue"] == 0)
    assert ([span.span_id for span in sink.spans], stats["exported"]) == (wanted, 5)
    assert logs_of(stats, "queue", "not_taken") == (5, True)


def test_a_damaged_cursor_sends_a_day_again(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url, logs=True)
    span_export.log(1, at=made.START - 2 * 86_400 * 10**9)
    wanted = span_export.log(3)
    wanted += span_export.log(1, at=made.START - 2 * 86_400 * 10**9)  # what comes late is as new as its place
    assert exporter.drain(PATIENCE)
    span_export.stop()
    span_export.paths.export_db.write_bytes(b"no database")
    sink.clear()
    exporter = span_export.start(sink.url, logs=True)
    assert exporter.drain(PATIENCE)
    assert (sent(sink), exporter.stats()["cursor_lost"]) == (wanted, True)


def test_the_cursor_is_written_again_from_memory(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url, logs=True)
    span_export.log(3)
    assert exporter.drain(PATIENCE)
    exporter.db.look_after()
    span_export.paths.export_db.unlink()
    exporter.db.look_after()
    span_export.stop()
    db = ExportDb.open(span_export.paths)
    assert (db.cursor_of("logs"), db.total("exported", "logs")) == (SpanKey(3, 0), 3)
    db.close()
