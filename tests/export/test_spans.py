"""Spans to a real endpoint that behaves, misbehaves and goes away."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hookspan.catalogue.scopes import HOOK_SCOPE, SCHEMA_URL, SCOPE
from hookspan.export import ExportSettings, answer, queue
from hookspan.export.answer import Answer, delay
from hookspan.store import SpanKey, Store
from tests.export.exporting import PAUSE, SpanExport
from tests.export.refused import refusals
from tests.otlp_sink import Received, Sink
from tests.store import made
from tests.waiting import PATIENCE, until

DAY = 86_400 * 10**9  # nanoseconds
ANSWER = 60.0  # seconds that an exporter gives an endpoint that hangs


@pytest.fixture
def sink():
    with Sink() as listening:
        yield listening


def sent(sink: Sink) -> list[str]:
    return [span.span_id for span in sink.spans]


def test_a_span_arrives_as_it_was_written(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url, headers={"x-key": "secret"}, compression="gzip")
    span_export.store.commit(made.commit(1, 1))
    exporter.committed()
    assert exporter.drain(PATIENCE)
    hook, tool = sink.spans
    wanted_hook, wanted = made.rows(1).spans
    assert (hook.name, hook.scope, tool.scope) == ("hook PostToolUse", HOOK_SCOPE, SCOPE)
    assert (tool.trace_id, tool.span_id, tool.parent_id) == (wanted.trace_id, wanted.span_id, "")
    assert (tool.start, tool.end, tool.status, tool.status_message) == (wanted.start, wanted.end, "error", "")
    assert tool.attributes == wanted.attributes
    assert [(link.trace_id, link.span_id, link.attributes) for link in hook.links] == [
        (one.trace_id, one.span_id, one.attributes) for one in wanted_hook.links
    ]
    assert tool.schema_url == SCHEMA_URL
    assert tool.resource["service.name"] == "claude-code-hooks"
    assert tool.resource["team"] == "blue"
    assert {"service.instance.id", "host.name", "os.type"} <= tool.resource.keys()
    headers = sink.requests[0].headers
    assert (headers["x-key"], headers["content-encoding"]) == ("secret", "gzip")
    assert b"never exported" not in sink.requests[0].message.SerializeToString()


def test_gaps_are_passed_and_order_is_kept_over_many_batches(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url, hook_spans=False)
    wanted = span_export.commit(1_000)
    span_export.commit(700, local=True)
    span_export.commit(700, hook=True)
    wanted += span_export.commit(100)
    span_export.commit(600, local=True)
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted
    assert exporter.db.cursor == SpanKey(span_export.next - 1, 0)  # what is not for export isn't looked at again
    assert span_export.until(lambda stats: stats["state"] == "idle")["exported"] == 1_100
    assert (span_export.stats()["queue"], span_export.stats()["oldest_age"]) == (0, 0.0)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 503},
        {"status": 500},
        {"status": 401},
        {"status": 404},
        {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
        {"status": 200, "body": b"<html>log in</html>", "headers": {"Content-Type": "text/html"}},
        {"drop": True},
        {"hang": True},
    ],
    ids=str,
)
def test_what_says_nothing_about_the_spans_holds_all_of_them(
    span_export: SpanExport, sink: Sink, fault: dict[str, Any]
) -> None:
    sink.fault(signal="traces", store=False, **fault)
    exporter = span_export.start(sink.url, timeout=0.3 if "hang" in fault else PATIENCE)
    wanted = span_export.commit(600)
    stats = span_export.until(lambda stats: stats["failures"] >= 2)
    assert (stats["exported"], stats["refused"], stats["queue"]) == (0, 0, 600)
    assert stats["last_error"]
    assert stats["oldest_age"] > 50
    assert exporter.db.cursor == SpanKey(0, 0)
    if "hang" in fault:  # so short a patience may be over before an answer is there
        exporter.apply(ExportSettings(endpoint=sink.url, timeout=PATIENCE, metric_interval=3600))
        span_export.until(lambda _: exporter.spans._settings.timeout == PATIENCE)
    sink.heal()
    assert exporter.drain(PATIENCE)
    # One that hung may be read only now, after its sender gave it up.
    assert (list(dict.fromkeys(sent(sink))) if "hang" in fault else sent(sink)) == wanted
    assert span_export.stats()["queue"] == 0


def test_one_bad_span_among_many_is_found_and_the_rest_goes_on(span_export: SpanExport, sink: Sink) -> None:
    wanted = span_export.commit(0)
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(300)
    bad = {wanted[0], wanted[137], wanted[138], wanted[299]}
    sink.fault(
        status=400, signal="traces", message="span 137 is no good", when=lambda got: bool(bad & set(got.span_ids))
    )
    assert exporter.drain(PATIENCE)
    assert sent(sink) == [one for one in wanted if one not in bad]
    stats = span_export.stats()
    assert (stats["exported"], stats["refused"], stats["failures"], stats["queue"]) == (296, 4, 0, 0)
    refused = refusals(exporter.db)
    assert [one.key for one in refused] == [(300, 0), (139, 0), (138, 0), (1, 0)]
    assert (refused[0].status, "span 137 is no good" in refused[0].reason) == (400, True)


@pytest.mark.parametrize("bad", [[*range(40)], [*range(60), 511]], ids=["first", "first and last"])
def test_however_many_are_bad_in_a_row_the_rest_goes_on(span_export: SpanExport, sink: Sink, bad: list[int]) -> None:
    span_export.commit(0)
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(512)
    refused = {wanted[place] for place in bad}
    sink.fault(status=400, signal="traces", when=lambda got: bool(refused & set(got.span_ids)))
    assert exporter.drain(PATIENCE)
    assert set(sent(sink)) == set(wanted) - refused
    stats = span_export.stats()
    assert (stats["exported"], stats["refused"], stats["queue"]) == (512 - len(refused), len(refused), 0)


def test_too_large_a_request_is_sent_in_parts(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(status=413, signal="traces", when=lambda got: len(got.span_ids) > 20)
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(512)
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted
    assert span_export.stats()["refused"] == 0


def test_an_endpoint_that_refuses_everything_loses_nothing(span_export: SpanExport, sink: Sink) -> None:
    """nginx answers plain HTTP on a TLS port with 400, whatever is sent."""
    sink.fault(status=400, signal="traces", body=b"The plain HTTP request was sent to HTTPS port")
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(100)
    stats = span_export.until(lambda stats: stats["failures"] >= 2)
    assert (stats["refused"], stats["queue"]) == (0, 100)
    assert "refuses every span" in stats["last_error"]
    assert "HTTPS port" in stats["last_error"]
    sink.heal()
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted


def test_a_single_bad_span_does_not_block_an_endpoint_that_works(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url)
    span_export.commit()
    assert exporter.drain(PATIENCE)
    sink.fault(status=400, signal="traces", times=1)
    span_export.commit()
    assert exporter.drain(PATIENCE)
    assert (span_export.stats()["exported"], span_export.stats()["refused"]) == (1, 1)


def test_a_span_that_cannot_be_encoded_is_refused_without_being_sent(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(3)
    span_export.commit(1, start=-5)  # OTLP's times are unsigned
    wanted += span_export.commit(3)
    assert exporter.drain(PATIENCE)
    assert sorted(sent(sink)) == sorted(wanted)
    assert [(one.key, one.status) for one in refusals(exporter.db)] == [((4, 0), 0)]


def test_a_partial_success_is_counted(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(signal="traces", partial=3, times=1)
    exporter = span_export.start(sink.url)
    span_export.commit(10)
    assert exporter.drain(PATIENCE)
    assert (span_export.stats()["exported"], span_export.stats()["rejected"], span_export.stats()["queue"]) == (7, 3, 0)


def test_a_damaged_cursor_sends_what_came_within_a_day_again(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url)
    old = {"start": made.START - 2 * DAY - 1, "end": made.START - 2 * DAY}
    span_export.commit(1, **old)
    wanted = span_export.commit(3) + span_export.commit(1, **old)  # what comes late is as new as its place
    assert exporter.drain(PATIENCE)
    span_export.stop()
    span_export.paths.export_db.write_bytes(b"no database")
    sink.clear()
    exporter = span_export.start(sink.url)
    assert exporter.drain(PATIENCE)
    assert (sent(sink), exporter.stats()["cursor_lost"]) == (wanted, True)


@pytest.mark.parametrize("body", [b"\xff\xfe garbage", b"x" * 1_000_000], ids=["garbage", "huge"])
def test_an_answer_that_makes_no_sense_is_still_a_success(span_export: SpanExport, sink: Sink, body: bytes) -> None:
    sink.fault(signal="traces", body=body, store=True)
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(10)
    assert exporter.drain(PATIENCE)
    wanted += span_export.commit(10)
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted


def test_retry_after_is_honoured(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(status=503, signal="traces", headers={"Retry-After": "277"})
    span_export.start(sink.url)
    span_export.commit()
    stats = span_export.until(lambda stats: stats["state"] == "holding")
    assert 277 - PATIENCE < stats["retry_in"] <= 277
    assert not span_export.exporter.drain(10 * PAUSE)  # type: ignore[union-attr]
    assert len(sink.requests) == 1  # not even then is it asked sooner


def test_a_failure_is_seen_with_its_reason_and_its_pause(
    span_export: SpanExport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks in the middle of it finds all of it, or nothing."""
    seen: list[dict[str, Any]] = []

    def in_the_middle(failures: int, failed: Answer) -> float:
        seen.append(span_export.stats())
        return delay(failures, failed)

    monkeypatch.setattr(answer, "delay", in_the_middle)
    sink.fault(status=503, signal="traces", headers={"Retry-After": "277"})
    span_export.start(sink.url)
    span_export.commit()
    stats = span_export.until(lambda stats: stats["state"] == "holding")
    assert (stats["failures"], bool(stats["last_error"]), stats["retry_in"] > 0) == (1, True, True)
    assert [(one["state"], one["failures"], one["retry_in"]) for one in seen] == [("sending", 0, 0.0)]


def test_pauses_grow_to_thirty_seconds_and_vary() -> None:
    failed = Answer(503, "no")
    assert all(0.5 <= delay(1, failed) <= 1 for _ in range(100))
    assert all(15 <= delay(30, failed) <= 30 for _ in range(100))
    assert len({delay(9, failed) for _ in range(10)}) > 1
    assert delay(1, Answer(429, "no", retry_after=1e6)) == 300


def test_an_outage_and_a_restart_lose_and_repeat_nothing(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(50)
    assert exporter.drain(PATIENCE)
    sink.stop()
    wanted += span_export.commit(1_500)
    assert not exporter.drain(0.5)
    span_export.start(sink.url)
    span_export.until(lambda stats: stats["failures"] > 0)
    assert span_export.stats()["queue"] == 1_500
    sink.start()
    assert span_export.exporter.drain(PATIENCE)  # type: ignore[union-attr]
    assert sent(sink) == wanted


def test_drain_keeps_its_deadline_whatever_the_endpoint_does(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(hang=True)
    exporter = span_export.start(sink.url, timeout=ANSWER)
    span_export.commit(5)
    began = time.monotonic()
    assert not exporter.drain(0.5)
    assert not exporter.drain(0.5)
    exporter.stop(0.3)
    assert time.monotonic() - began < ANSWER
    span_export.exporter = None
    sink.heal()


@pytest.mark.slow
def test_who_has_drained_leaves_no_deadline_behind(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url)
    until(lambda: exporter.drain(2))
    sink.fault(signal="traces", times=1, delay=2)
    span_export.commit(1)
    span_export.until(lambda stats: stats["exported"] == 1)
    assert span_export.stats()["failures"] == 0


def test_it_ends_at_once_though_it_waits_for_more(
    span_export: SpanExport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or what it reads the store with stays open, and the store's log is there after the agent's end."""
    monkeypatch.setattr(queue, "LINGER", 2 * PATIENCE)
    exporter = span_export.start(sink.url)
    span_export.commit(1)
    assert exporter.drain(PATIENCE)
    assert exporter.spans.stop(PATIENCE)


def test_who_drains_waits_for_no_exporter_that_ends(span_export: SpanExport, sink: Sink) -> None:
    sink.fault(status=503)
    exporter = span_export.start(sink.url)
    span_export.commit(1)
    with ThreadPoolExecutor(1) as pool:
        drained = pool.submit(exporter.drain, 2 * PATIENCE)
        span_export.until(lambda stats: stats["failures"] > 1)
        span_export.stop()
        assert drained.result(PATIENCE) is False


def test_an_exporter_that_hangs_does_not_move_the_cursor_of_its_successor(span_export: SpanExport, sink: Sink) -> None:
    arrived = threading.Event()
    sink.fault(signal="traces", times=1, when=lambda _: arrived.set() or True, delay=2 * ANSWER, store=False)
    first = span_export.start(sink.url, timeout=2 * ANSWER)
    wanted = span_export.commit(5)
    assert arrived.wait(PATIENCE)
    first.stop(0.1)
    span_export.exporter = None
    second = span_export.start(sink.url)
    wanted += span_export.commit(5)
    assert second.drain(PATIENCE)
    sink.heal()  # it is answered now
    first.spans._thread.join(PATIENCE)
    assert not first.spans._thread.is_alive()
    assert second.db.cursor == SpanKey(10, 0)
    third = span_export.start(sink.url)
    wanted += span_export.commit(1)
    assert third.drain(PATIENCE)
    assert sent(sink) == wanted


def test_off_is_a_normal_state_and_on_begins_with_what_comes_then(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(None)
    span_export.commit(10)
    assert exporter.drain(PATIENCE)
    assert (span_export.stats()["state"], span_export.stats()["queue"], exporter.protected) == ("off", 0, None)
    exporter.apply(ExportSettings(endpoint=sink.url, metric_interval=3600))
    wanted = span_export.commit(5)
    assert exporter.protected is not None
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted
    exporter.apply(ExportSettings())
    span_export.until(lambda stats: stats["state"] == "off")
    span_export.commit(5)
    span_export.start(sink.url)  # switched on again by a restart with other settings
    wanted += span_export.commit(5)
    assert span_export.exporter.drain(PATIENCE)  # type: ignore[union-attr]
    assert sent(sink) == wanted


def test_another_endpoint_goes_on_where_the_first_stopped(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start("http://127.0.0.1:1")
    wanted = span_export.commit(5)
    assert "refused" in span_export.until(lambda stats: stats["failures"] > 0)["last_error"].lower()
    exporter.apply(
        ExportSettings(endpoint=f"{sink.url}/v1/traces", metric_interval=3600)
    )  # with its path: people copy it so
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted


def test_spans_expire_only_while_nothing_gets_through(span_export: SpanExport, sink: Sink) -> None:
    day = 86_400_000_000_000
    old = time.time_ns() - 10 * day
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(3, start=old, end=old)
    assert exporter.drain(PATIENCE)
    sink.fault(status=503, signal="traces")
    span_export.commit(700, start=old, end=old)
    wanted += span_export.commit(2)
    span_export.until(lambda stats: (stats["expired"], stats["queue"]) == (700, 2))
    sink.heal()
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted


def test_a_rebuilt_store_is_not_sent_again(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url)
    wanted = span_export.commit(20)
    assert exporter.drain(PATIENCE)
    span_export.stop()
    span_export.store.close()
    span_export.paths.store.unlink()
    span_export.store, span_export.next = Store.open(span_export.paths), 1
    exporter = span_export.start(sink.url)
    assert span_export.commit(20) == wanted
    wanted += span_export.commit(3)
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted


def test_a_damaged_export_db_is_set_aside_and_the_last_day_is_sent_again(span_export: SpanExport, sink: Sink) -> None:
    span_export.commit(20, start=time.time_ns() - 3 * DAY, end=time.time_ns() - 2 * DAY)
    wanted = span_export.commit(20, end=time.time_ns())
    span_export.paths.export_db.write_bytes(b"nonsense" * 1000)
    exporter = span_export.start(sink.url)
    wanted += span_export.commit(2)
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted
    assert len(list(span_export.paths.state.glob("export.db.damaged-*"))) == 1


def test_the_environment_is_not_obeyed(span_export: SpanExport, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sink() as theirs:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=theirs")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", theirs.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=theirs,deployment.environment=theirs")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("HTTP_PROXY", theirs.url)
        monkeypatch.setenv("http_proxy", theirs.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        exporter = span_export.start(sink.url)
        span_export.commit()
        assert exporter.drain(PATIENCE)
        assert theirs.requests == []
    for request in sink.requests:
        assert not {"authorization", "content-encoding"} & request.headers.keys()
    assert "theirs" not in sink.spans[0].resource.values()


def test_a_redirect_takes_no_header_elsewhere(span_export: SpanExport, sink: Sink) -> None:
    with Sink() as elsewhere:
        sink.fault(status=307, headers={"Location": f"{elsewhere.url}/v1/traces"}, store=False)
        span_export.start(sink.url, headers={"authorization": "Bearer secret"})
        span_export.commit()
        stats = span_export.until(lambda stats: stats["failures"] > 0)
        assert "307" in stats["last_error"]
        assert elsewhere.requests == []


def test_one_line_a_minute_in_the_log(span_export: SpanExport, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    sink.fault(status=503)
    span_export.start(sink.url)
    span_export.commit(3)
    span_export.until(lambda stats: stats["failures"] >= 3)
    assert len([one for one in caplog.records if "spans can't be exported" in one.message]) == 1
    assert [one.name for one in caplog.records if one.name.startswith("opentelemetry")] == []


def test_a_clock_that_is_set_back_silences_no_complaint(
    span_export: SpanExport, sink: Sink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "COMPLAINT_PAUSE", 0.0)
    sink.fault(status=503)
    exporter = span_export.start(sink.url)
    span_export.commit()
    before = span_export.until(lambda stats: stats["failures"] >= 1)["failures"]
    exporter.spans._clock = lambda: time.time_ns() - DAY
    span_export.until(lambda stats: stats["failures"] >= before + 3)
    assert len([one for one in caplog.records if "spans can't be exported" in one.message]) > before + 1


def test_certificates_are_checked(span_export: SpanExport, tmp_path, tls: tuple[Any, Any]) -> None:
    certificate, key = tls
    with Sink(tls=(certificate, key)) as secure:
        exporter = span_export.start(secure.url)
        wanted = span_export.commit()
        assert "certificate" in span_export.until(lambda stats: stats["failures"] > 0)["last_error"].lower()
        exporter.apply(ExportSettings(endpoint=secure.url, certificate=str(certificate), metric_interval=3600))
        assert exporter.drain(PATIENCE)
        assert sent(secure) == wanted


def test_a_token_is_read_from_its_file_for_every_request(span_export: SpanExport, sink: Sink, tmp_path) -> None:
    token = tmp_path / "token"
    exporter = span_export.start(sink.url, token_file=str(token), headers={"X-Team": "blue"})
    span_export.commit()
    why = span_export.until(lambda stats: stats["failures"] > 0)["last_error"]
    assert why == "`export.token_file` can't be read: No such file or directory"
    for text in ("first\n", "second what it is for\n"):
        token.write_text(text)
        span_export.commit()
        assert exporter.drain(PATIENCE)
        headers = sink.requests[-1].headers
        assert headers["authorization"] == f"Bearer {text.split()[0]}"
        assert headers["x-team"] == "blue"


def test_who_stays_out_sends_nothing_and_begins_with_what_comes_after(span_export: SpanExport, sink: Sink) -> None:
    exporter = span_export.start(sink.url, enabled=False)
    span_export.commit(3)
    assert exporter.protected is None, "the store keeps nothing for an export that is off"
    exporter.apply(ExportSettings(endpoint=sink.url, metric_interval=3600))
    span_export.until(lambda stats: stats["state"] != "off")
    wanted = span_export.commit()
    assert exporter.drain(PATIENCE)
    assert sent(sink) == wanted


def test_commits_while_it_sends_are_not_forgotten(span_export: SpanExport, sink: Sink) -> None:
    """A commit between the last look and the wait must still be seen, without another commit to wake the thread."""
    span_export.start(sink.url)
    for _ in range(3):
        arrived = threading.Event()
        received: list[Received] = []

        def hold(got: Received, arrived: threading.Event = arrived, received: list[Received] = received) -> bool:
            received.append(got)
            arrived.set()
            return True

        sink.fault(signal="traces", times=1, when=hold, delay=0.2)
        span_export.commit()
        assert arrived.wait(PATIENCE)
        span_export.commit()
        sink.wait(lambda: sink.distinct_spans == span_export.next - 1)
